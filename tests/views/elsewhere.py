"""The addresses of a site that has our pages below a prefix, and hardly anything else."""

from django.contrib.auth.views import LoginView
from django.urls import include, path

urlpatterns = [
    path("music/", include("providers.urls")),
    path("login/", LoginView.as_view()),
]
