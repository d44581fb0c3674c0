"""The addresses of the pages. Include them wherever they fit: `path("", include("providers.urls"))`."""

from django.urls import path
from django.views.generic import RedirectView

from providers.views import connections, history, imports, linking, listens

app_name = "providers"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="providers:connections")),
    path("connections/", connections.connections, name="connections"),
    path("connections/<str:provider_type>/connect/", linking.connect, name="connect"),
    path("connections/<str:provider_type>/callback/", linking.callback, name="callback"),
    path("connections/<str:provider_type>/confirm/", linking.confirm, name="confirm"),
    path("connections/<str:provider_type>/disconnect/", linking.disconnect, name="disconnect"),
    path("connections/<str:provider_type>/fetch/", connections.fetch, name="fetch"),
    path("history/", history.history, name="history"),
    path("history/<int:listen_id>/", listens.listen, name="listen"),
    path("history/<int:listen_id>/verdict/", listens.verdict, name="verdict"),
    path("history/import/", imports.import_history, name="import_history"),
    path("history/export/<str:export_format>/", imports.export_history, name="export_history"),
]
