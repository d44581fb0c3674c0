"""What is still to be done with listens that are home: compared, counted, deleted."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from providers.admin import display
from providers.admin.actions import Outcome, confirmed
from providers.admin.filters import ServiceFilter, UnparkedStandingFilter
from providers.admin.rows import USERNAME, WorkAdmin
from providers.models import DuplicateScan, HistoryDeletion, Listen, StatisticsScan


class ScanAdmin(WorkAdmin):
    """Shows which stretches of whose histories are noted, and how far the work on them is."""

    list_display = ("user", "due_at", "since", "until", "begun_since", "begun_until", "failures")
    list_filter = (UnparkedStandingFilter,)
    list_select_related = ("user",)
    search_fields = (USERNAME,)
    search_help_text = gettext_lazy("A part of a person's name.")
    ordering = ("pk",)
    fields = list_display


def _will_be_compared(count: int) -> str:
    return ngettext(
        "All listens of %(count)d person are compared again, in the background. What the person said stays true.",
        "All listens of %(count)d people are compared again, in the background. What they said stays true.",
        count,
    ) % {"count": count}


@admin.register(DuplicateScan)
class DuplicateScanAdmin(ScanAdmin):
    """Shows whose listens are still to be compared, and has them compared anew."""

    read_only_because = gettext_lazy("Workers write this: it says which listens are still to be compared.")
    actions = ("compare_again",)

    @confirmed(
        description=gettext_lazy("Compare all listens again"),
        announcement=_will_be_compared,
        is_harmless=True,
        name_of=lambda scan: scan.user.get_username(),
    )
    def compare_again(self, request: HttpRequest, scan: DuplicateScan) -> Outcome:
        """Note the whole history of the person, from the first listen to the last."""
        times = Listen.objects.filter(user=scan.user_id).values_list("played_at", flat=True)
        first, last = times.order_by("played_at").first(), times.order_by("-played_at").first()
        if first is None or last is None:
            return Outcome(_("has no listens."), messages.WARNING, was_done=False)
        DuplicateScan.note(scan.user_id, first, last)
        return Outcome(_("will be compared again."))


@admin.register(StatisticsScan)
class StatisticsScanAdmin(ScanAdmin):
    """Shows whose listens are still to be counted. What they come to is the person's own."""

    read_only_because = gettext_lazy("Workers write this: it says which listens are still to be counted.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[StatisticsScan]:
        """Leave out what was counted: it is long, and not shown."""
        return super().get_queryset(request).defer("all_time")


@admin.register(HistoryDeletion)
class HistoryDeletionAdmin(WorkAdmin):
    """Shows whose listens are still to be deleted."""

    read_only_because = gettext_lazy(
        "A person wished this. Listens that are not deleted yet would stay if the row was deleted."
    )
    list_display = ("user", "service", "due_at", "failures")
    list_display_links = ("user", "service")
    list_filter = (UnparkedStandingFilter, ("provider_type", ServiceFilter))
    list_select_related = ("user",)
    search_fields = (USERNAME,)
    search_help_text = gettext_lazy("A part of a person's name.")
    ordering = ("pk",)
    fields = list_display

    @admin.display(description=gettext_lazy("service"), ordering="provider_type")
    def service(self, row: HistoryDeletion) -> str:
        """Show the name of the service whose listens they are."""
        return display.label_of(row.provider_type)
