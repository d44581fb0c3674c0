"""What came home, how far it reaches, where it does not, and the work that brings it."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet
from django.db.models.expressions import Combinable
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from providers.admin import display
from providers.admin.actions import Outcome, confirmed
from providers.admin.connections import request_fetch
from providers.admin.drilldown import PlayedFilter
from providers.admin.filters import ServiceFilter, StandingFilter, UnparkedStandingFilter
from providers.admin.rows import USERNAME, BoundedChangeList, GoesWithItsPersonAdmin, WorkAdmin
from providers.history.imports import Counts
from providers.models import Alert, HistoryGap, HistoryImport, HistorySync, Listen

CLOSED_BY_HAND = "administrator"
"""What closed a gap that nothing filled."""


# --- histories ----------------------------------------------------------------------------------------------


def _will_be_fetched(count: int) -> str:
    return ngettext(
        "%(count)d history becomes due: whoever watches fetches it next. Nothing is fetched while you wait.",
        "%(count)d histories become due: whoever watches fetches them next. Nothing is fetched while you wait.",
        count,
    ) % {"count": count}


@admin.register(HistorySync)
class HistorySyncAdmin(WorkAdmin):
    """Shows how far each connection's history came home, and when it is fetched next."""

    read_only_because = gettext_lazy(
        "Workers write this. A mark that is moved by hand leaves out listens, or fetches all of them again."
    )
    list_display = ("person", "service", "last_fetched_at", "complete_until", "due_at", "failures", "shown_error")
    list_display_links = ("person", "service")
    list_filter = (("provider_type", ServiceFilter), StandingFilter, "last_fetched_at")
    list_select_related = ("connection__user",)
    search_fields = (f"connection__{USERNAME}",)
    search_help_text = gettext_lazy("A part of a person's name.")
    ordering = ("pk",)
    fields = (
        "connection",
        "service",
        "last_fetched_at",
        "complete_until",
        "window_since",
        "window_began_at",
        "window_newest",
        "window_oldest",
        "window_done",
        "window_total",
        "poll_interval",
        "due_at",
        "failures",
        "shown_error",
        "count_differences",
    )
    actions = ("fetch_now",)

    @admin.display(description=gettext_lazy("person"))
    def person(self, sync: HistorySync) -> str:
        """Show whose it is."""
        return sync.connection.user.get_username()

    @admin.display(description=gettext_lazy("service"), ordering="provider_type")
    def service(self, sync: HistorySync) -> str:
        """Show the service's name."""
        return display.label_of(sync.provider_type)

    @admin.display(description=gettext_lazy("last error"))
    def shown_error(self, sync: HistorySync) -> str:
        """Show what went wrong last, or what the service asked for."""
        return display.told(sync.last_error)

    @confirmed(
        description=gettext_lazy("Fetch now"),
        announcement=_will_be_fetched,
        is_harmless=True,
        name_of=lambda sync: display.name_of(sync.connection),
    )
    def fetch_now(self, request: HttpRequest, sync: HistorySync) -> Outcome:
        """Make it due: whoever watches fetches it next."""
        return request_fetch(sync.connection)


# --- gaps ---------------------------------------------------------------------------------------------------


def _gaps_will_be_closed(count: int) -> str:
    return ngettext(
        "%(count)d gap is closed although nothing has filled it: nobody is told of it any more. "
        "A file that covers it can still be brought.",
        "%(count)d gaps are closed although nothing has filled them: nobody is told of them any more. "
        "Files that cover them can still be brought.",
        count,
    ) % {"count": count}


def _name_of_gap(gap: HistoryGap) -> str:
    return f"{display.name_of(gap.connection)}, {gap}"


@admin.register(HistoryGap)
class HistoryGapAdmin(GoesWithItsPersonAdmin):
    """Shows what services could not tell, and what has filled it since."""

    read_only_because = gettext_lazy(
        "A gap is found, not made, and shows what is missing from a history. One that nothing will fill can be closed "
        "in the list; a deleted one would be forgotten."
    )
    list_display = (
        "person",
        "service",
        "since",
        "until",
        "reason",
        "missing_plays",
        "found_at",
        "closed_at",
        "closed_by",
    )
    list_display_links = ("person", "service")
    list_filter = (("closed_at", admin.EmptyFieldListFilter), "reason", ("connection__provider_type", ServiceFilter))
    list_select_related = ("connection__user",)
    date_hierarchy = "until"
    search_fields = (f"connection__{USERNAME}",)
    search_help_text = gettext_lazy("A part of a person's name.")
    fields = ("connection", "since", "until", "reason", "missing_plays", "found_at", "closed_at", "closed_by")
    actions = ("close",)

    @admin.display(description=gettext_lazy("person"))
    def person(self, gap: HistoryGap) -> str:
        """Show whose history it is in."""
        return gap.connection.user.get_username()

    @admin.display(description=gettext_lazy("service"))
    def service(self, gap: HistoryGap) -> str:
        """Show the name of the service that could not tell."""
        return display.label_of(gap.connection.provider_type)

    @confirmed(description=gettext_lazy("Close the gap"), announcement=_gaps_will_be_closed, name_of=_name_of_gap)
    def close(self, request: HttpRequest, gap: HistoryGap) -> Outcome:
        """Leave it unfilled for good."""
        still_open = HistoryGap.objects.open().filter(pk=gap.pk)
        if not still_open.update(closed_at=timezone.now(), closed_by=CLOSED_BY_HAND):
            return Outcome(_("was closed before."), messages.WARNING, was_done=False)
        Alert.settle(gap.connection.user_id, [gap.matter])
        return Outcome(_("closed."))


# --- imports ------------------------------------------------------------------------------------------------


@admin.register(HistoryImport)
class HistoryImportAdmin(WorkAdmin):
    """Shows the files that people brought and how far they are read. Of a file itself nothing is shown."""

    read_only_because = gettext_lazy(
        "Workers write this. A deleted row would take a file along that is not read yet. It goes when the person is "
        "deleted."
    )
    list_display = ("user", "shown_name", "status", "rows_read", "stored", "created_at", "finished_at", "shown_detail")
    list_display_links = ("user", "shown_name")
    list_filter = ("status", UnparkedStandingFilter)
    list_select_related = ("user",)
    date_hierarchy = "created_at"
    search_fields = (USERNAME, "name")
    search_help_text = gettext_lazy("A part of a person's or of a file's name.")
    ordering = ("-created_at", "-pk")
    fields = (
        "user",
        "shown_name",
        "size",
        "format",
        "status",
        "shown_detail",
        "rows_read",
        "stored",
        "known",
        "left_out",
        "refused_rows",
        "bytes_read",
        "bytes_total",
        "created_at",
        "finished_at",
        "due_at",
        "failures",
    )

    @admin.display(description=gettext_lazy("file"), ordering="name")
    def shown_name(self, row: HistoryImport) -> str:
        """Show what the person called the file."""
        return display.foreign(row.name, 80)

    @admin.display(description=gettext_lazy("detail"))
    def shown_detail(self, row: HistoryImport) -> str:
        """Show why it was not read, or not further."""
        return display.told(row.detail)

    @admin.display(description=gettext_lazy("stored"))
    def stored(self, row: HistoryImport) -> int:
        """Show how many listens were new."""
        return Counts.of(row).stored

    @admin.display(description=gettext_lazy("known"))
    def known(self, row: HistoryImport) -> int:
        """Show how many listens were home already."""
        return Counts.of(row).known

    @admin.display(description=gettext_lazy("left out"))
    def left_out(self, row: HistoryImport) -> int:
        """Show how many rows were no listens to keep."""
        return Counts.of(row).left_out.total()

    @admin.display(description=gettext_lazy("not understood"))
    def refused_rows(self, row: HistoryImport) -> int:
        """Show how many rows were not understood."""
        return Counts.of(row).refused.total()


# --- listens ------------------------------------------------------------------------------------------------


class ListenChangeList(BoundedChangeList):
    """Keeps to the two orders that an index has."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str | Combinable]:
        """Return the order of the list, whatever the address asks for."""
        return list(self.model_admin.get_ordering(request))


@admin.register(Listen)
class ListenAdmin(GoesWithItsPersonAdmin):
    """Shows the listens that were stored last; of one person, those that were played last, and any time before.

    There may be hundreds of millions. So a list is a stretch of an index, whatever is asked for: it is about one person
    or about everybody, and its order cannot be chosen.
    """

    read_only_because = gettext_lazy(
        "This is what a service or a file told. A service would not tell it again once it is deleted, and what tells "
        "listens apart would no longer fit if it was edited. It goes when the person is deleted."
    )
    list_display = ("user", "service", "played_at", "shown_artist", "shown_song", "source", "is_duplicate")
    list_display_links = ("shown_song",)
    list_filter = (("provider_type", ServiceFilter), PlayedFilter)
    list_select_related = ("user",)
    search_fields = (USERNAME,)
    search_help_text = gettext_lazy(
        "The whole name of a person, for their listens in the order in which they were played."
    )
    sortable_by = ()
    fields = (
        "user",
        "service",
        "source",
        "played_at",
        "shown_artist",
        "shown_song",
        "shown_album",
        "duration_ms",
        "isrc",
        "shown_id",
        "duplicate_of",
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Use the list whose order cannot be chosen."""
        return ListenChangeList

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Order one person's by when they were played, everybody's by when they were stored."""
        return ("-played_at", "-pk") if request.GET.get("q") else ("-pk",)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allow the filters and no other lookup: it would read them all."""
        return lookup in ("provider_type__exact", PlayedFilter.parameter_name)

    def person_of(self, request: HttpRequest) -> AbstractBaseUser | None:
        """Return the person whom the list is about."""
        people = get_user_model()
        return people._default_manager.filter(**{people.USERNAME_FIELD: request.GET.get("q", "")}).first()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Listen], search_term: str
    ) -> tuple[QuerySet[Listen], bool]:
        """Leave one person's: looked up first, so that the database need not guess how many people there are."""
        if not search_term:
            return queryset, False
        person = self.person_of(request)
        return (queryset.none() if person is None else queryset.filter(user=person.pk)), False

    @admin.display(description=gettext_lazy("service"))
    def service(self, listen: Listen) -> str:
        """Show the service's name."""
        return display.label_of(listen.provider_type)

    @admin.display(description=gettext_lazy("artist"))
    def shown_artist(self, listen: Listen) -> str:
        """Show whom the service named."""
        return display.foreign(listen.artist, 120)

    @admin.display(description=gettext_lazy("song"))
    def shown_song(self, listen: Listen) -> str:
        """Show the song's name."""
        return display.foreign(listen.name, 120)

    @admin.display(description=gettext_lazy("album"))
    def shown_album(self, listen: Listen) -> str:
        """Show the album's name."""
        return display.foreign(listen.album)

    @admin.display(description=gettext_lazy("id at the service"))
    def shown_id(self, listen: Listen) -> str:
        """Show what the service calls it."""
        return display.foreign(listen.remote_track_id)

    @admin.display(description=gettext_lazy("duplicate"))
    def is_duplicate(self, listen: Listen) -> str:
        """Show whether another listen tells of the same play. No mark of the admin's, which shows a no as a fault."""
        return display.NOTHING if listen.duplicate_of_id is None else _("Yes")
