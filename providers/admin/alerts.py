"""Where people have themselves told of what needs them."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from providers.admin.filters import UnparkedStandingFilter
from providers.admin.rows import USERNAME, WorkAdmin
from providers.models import AlertTarget


@admin.register(AlertTarget)
class AlertTargetAdmin(WorkAdmin):
    """Shows where people are told. It never reads an address."""

    read_only_because = gettext_lazy("People set this up themselves. The address is shown to nobody.")
    list_display = ("user", "label", "service", "is_enabled", "tried_at", "problem", "failures", "due_at")
    list_filter = ("is_enabled", UnparkedStandingFilter)
    list_select_related = ("user",)
    search_fields = (USERNAME,)
    search_help_text = gettext_lazy("A part of a person's name.")
    fields = (*list_display, "kinds", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertTarget]:
        """Leave the addresses where they are."""
        return super().get_queryset(request).defer("url")
