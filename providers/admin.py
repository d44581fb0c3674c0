"""The admin: one list of connections for all services, whoever brought them. It never reads a secret."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import display_for_value
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import truncatechars

from providers import linking, registry
from providers.conf import ProviderConfigurationError
from providers.exceptions import ProviderError
from providers.history import gaps
from providers.link_health import check
from providers.models import (
    Connection,
    HistoryGap,
    HistorySync,
    LibraryIndex,
    ManualMatch,
    PlaylistMirror,
    ServicePause,
    credential_model,
)

if TYPE_CHECKING:  # generic in the stubs only
    _ConnectionAdmin = admin.ModelAdmin[Connection]
    _ServicePauseAdmin = admin.ModelAdmin[ServicePause]
    _HistoryGapAdmin = admin.ModelAdmin[HistoryGap]
    _PlaylistMirrorAdmin = admin.ModelAdmin[PlaylistMirror]
    _ManualMatchAdmin = admin.ModelAdmin[ManualMatch]
    _LibraryIndexAdmin = admin.ModelAdmin[LibraryIndex]
    _AnyAdmin = admin.ModelAdmin[Any]
else:
    _ConnectionAdmin = _ServicePauseAdmin = _HistoryGapAdmin = admin.ModelAdmin
    _PlaylistMirrorAdmin = _ManualMatchAdmin = _LibraryIndexAdmin = admin.ModelAdmin
    _AnyAdmin = object

_SHOWN_MISSING = 50
"""How many of a mirror's missing tracks its page names."""

_USERNAME = f"user__{get_user_model().USERNAME_FIELD}"


def _with_unreadable_secrets(connections: Iterable[Connection]) -> set[tuple[str, int]]:
    """Return service and person of those connections whose secrets no key decrypts, with one query per service."""
    user_ids: dict[str, list[int]] = defaultdict(list)
    for connection in connections:
        user_ids[connection.provider_type].append(connection.user_id)
    return {
        (spec.type, user_id)
        for spec in registry.specs()
        if spec.type in user_ids
        for user_id in credential_model(spec.credential_model).undecryptable_user_ids(user_ids[spec.type])
    }


def _label_of(provider_type: str) -> str:
    """Return a service's name, or its bare type where its package is no longer installed."""
    try:
        return registry.get(provider_type).label
    except registry.UnknownProviderError:
        return f"{provider_type} (not installed)"


class GoesWithItsPersonAdmin(_AnyAdmin):
    """Rows that nobody adds or deletes by hand; with the person, or what they hang on, all goes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They are made by what the person does, not by the administrator."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let them go with what they hang on only, so on the pages of others."""
        pages_of_its_own = f"{self.opts.app_label}_{self.opts.model_name}_"
        page = request.resolver_match.url_name if request.resolver_match else None
        return (
            page is not None and not page.startswith(pages_of_its_own) and super().has_delete_permission(request, obj)
        )


class ConnectionChangeList(ChangeList):
    """Finds out, for all rows of a page at once, whose secrets cannot be decrypted."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, then look at its credential rows."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        unreadable = _with_unreadable_secrets(self.result_list)
        for connection in self.result_list:
            connection.has_unreadable_secret = (connection.provider_type, connection.user_id) in unreadable


@admin.register(Connection)
class ConnectionAdmin(GoesWithItsPersonAdmin, _ConnectionAdmin):
    """Shows the links and acts on them; what a link is made of is nothing to edit by hand.

    Disconnecting is the way to end one: a deleted row would leave its secrets behind.
    """

    list_display = (
        "user",
        "service",
        "account_name",
        "state",
        "link_expires_at",
        "last_fetch",
        "next_fetch",
        "last_error",
    )
    list_display_links = ("user", "service")
    list_filter = ("provider_type", "status")
    list_select_related = ("user", "history_sync")
    search_fields = (_USERNAME, "account_name", "account_id")
    ordering = (_USERNAME, "provider_type")
    fields = (
        "user",
        "service",
        "account_name",
        "account_id",
        "state",
        "status_detail",
        "authorized_at",
        "link_expires_at",
        "last_checked_at",
        "last_fetch",
        "complete_until",
        "next_fetch",
        "open_gaps",
        "last_error",
        "history_is_last_play_only",
    )
    readonly_fields = fields
    actions = ("fetch_now", "check_now", "disconnect")
    show_full_result_count = False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Use the list that knows which secrets cannot be decrypted."""
        return ConnectionChangeList

    @admin.display(description="service", ordering="provider_type")
    def service(self, connection: Connection) -> str:
        """Show the service's name, or its bare type where its package is no longer installed."""
        return _label_of(connection.provider_type)

    @admin.display(description="state", ordering="status")
    def state(self, connection: Connection) -> str:
        """Show the state in words, and an unreadable secret before all else."""
        is_unreadable = getattr(connection, "has_unreadable_secret", None)
        if is_unreadable is None:
            is_unreadable = bool(_with_unreadable_secrets([connection]))
        return "Cannot be decrypted" if is_unreadable else connection.get_status_display()

    @admin.display(description="last fetch", ordering="history_sync__last_fetched_at")
    def last_fetch(self, connection: Connection) -> str:
        """Show when listens last came home."""
        sync = _sync(connection)
        return _shown(sync.last_fetched_at if sync else None)

    @admin.display(description="history complete until")
    def complete_until(self, connection: Connection) -> str:
        """Show up to when every listen is stored."""
        sync = _sync(connection)
        return _shown(sync.complete_until if sync else None)

    @admin.display(description="next fetch", ordering="history_sync__due_at")
    def next_fetch(self, connection: Connection) -> str:
        """Show when the connection is due, or was due if no worker came."""
        sync = _sync(connection)
        return _shown(sync.due_at if sync else None)

    @admin.display(description="gaps")
    def open_gaps(self, connection: Connection) -> str:
        """Show what the service could not tell, as far as nothing has filled it."""
        return "; ".join(map(str, gaps.open_gaps(connection))) or "-"

    @admin.display(description="last error")
    def last_error(self, connection: Connection) -> str:
        """Show what went wrong last."""
        sync = _sync(connection)
        return truncatechars(connection.status_detail or (sync.last_error if sync else ""), 200)

    def _name(self, connection: Connection) -> str:
        return f"{self.service(connection)} of {connection.user.get_username()}"

    @admin.action(description="Fetch now", permissions=["change"])
    def fetch_now(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        """Make the connections due: whoever watches (`fetch_history --watch`, or Celery) fetches them next."""
        for connection in queryset.select_related("user"):
            try:
                registry.get(connection.provider_type)
            except registry.UnknownProviderError as error:
                self.message_user(request, f"{self._name(connection)}: {error}", messages.ERROR)
                continue
            if connection.is_linked:
                HistorySync.request(connection)
                self.message_user(request, f"{self._name(connection)}: will be fetched next.", messages.SUCCESS)
            else:
                self.message_user(request, f"{self._name(connection)}: is not linked.", messages.WARNING)

    @admin.action(description="Check", permissions=["change"])
    def check_now(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        """See whether the services still accept the links."""
        for connection in queryset.select_related("user"):
            try:
                works = check(connection)
            except (ProviderError, ProviderConfigurationError, registry.UnknownProviderError) as error:
                self.message_user(request, f"{self._name(connection)}: {error}", messages.ERROR)
            else:
                text, level = ("works", messages.SUCCESS) if works else ("is not linked", messages.WARNING)
                self.message_user(request, f"{self._name(connection)}: {text}.", level)

    @admin.action(description="Disconnect", permissions=["change"])
    def disconnect(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        """Forget the secrets; connection, history and how far it reaches stay."""
        for connection in queryset.select_related("user"):
            try:
                linking.disconnect(connection.user, connection.provider_type)
            except registry.UnknownProviderError as error:
                self.message_user(request, f"{self._name(connection)}: {error}", messages.ERROR)
            else:
                self.message_user(request, f"{self._name(connection)}: disconnected.", messages.SUCCESS)


def _shown(moment: datetime | None) -> str:
    """Write a time as the admin writes those of fields; on a row's own page it would print ours as Python does."""
    return display_for_value(moment, "-")


def _sync(connection: Connection) -> HistorySync | None:
    return getattr(connection, "history_sync", None)


@admin.register(ServicePause)
class ServicePauseAdmin(_ServicePauseAdmin):
    """Shows the pauses that services asked for. Deleting one lifts it."""

    list_display = ("provider_type", "until")
    fields = ("provider_type", "client_id", "until")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Pauses are made by services."""
        return False


@admin.register(HistoryGap)
class HistoryGapAdmin(_HistoryGapAdmin):
    """Shows what services could not tell, and what has filled it since."""

    list_display = ("connection", "since", "until", "reason", "missing_plays", "found_at", "closed_at", "closed_by")
    list_filter = (("closed_at", admin.EmptyFieldListFilter), "reason", "connection__provider_type")
    list_select_related = ("connection__user",)
    fields = list_display
    readonly_fields = list_display

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Gaps are found, not made."""
        return False


@admin.register(PlaylistMirror)
class PlaylistMirrorAdmin(GoesWithItsPersonAdmin, _PlaylistMirrorAdmin):
    """Shows the playlists that are carried, and has them carried. What a run left behind is nothing to edit by hand."""

    list_display = (
        "user",
        "shown_name",
        "source_service",
        "target_service",
        "state",
        "is_automatic",
        "found",
        "last_run_at",
        "due_at",
        "shown_detail",
    )
    list_display_links = ("user", "shown_name")
    list_filter = ("state", "is_automatic", "source__provider_type", "target__provider_type")
    list_select_related = ("user", "source", "target")
    search_fields = (_USERNAME, "name")
    ordering = (_USERNAME, "name", "id")
    fields = (
        "user",
        "name",
        "source_service",
        "source_playlist_id",
        "target_service",
        "target_playlist_id",
        "state",
        "detail",
        "is_automatic",
        "found",
        "found_by",
        "missing_tracks",
        "last_run_at",
        "due_at",
        "failures",
    )
    readonly_fields = fields
    actions = ("carry_now",)
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[PlaylistMirror]:
        """Leave out what only runs need: it is as long as the lists are."""
        return super().get_queryset(request).defer("last_plan", "written", "writing", "known_ids")

    @admin.display(description="name", ordering="name")
    def shown_name(self, mirror: PlaylistMirror) -> str:
        """Show the list's name, as far as there is room."""
        return truncatechars(mirror.name or mirror.source_playlist_id, 80)

    @admin.display(description="from", ordering="source__provider_type")
    def source_service(self, mirror: PlaylistMirror) -> str:
        """Show where it is carried from."""
        return _label_of(mirror.source.provider_type)

    @admin.display(description="to", ordering="target__provider_type")
    def target_service(self, mirror: PlaylistMirror) -> str:
        """Show where it is carried to."""
        return _label_of(mirror.target.provider_type)

    @admin.display(description="found")
    def found(self, mirror: PlaylistMirror) -> str:
        """Show how many tracks there are, how many were found, and how many are no tracks."""
        figures = mirror.figures
        if not figures:
            return "-"
        left_out = f", {figures['left_out']} left out" if figures["left_out"] else ""
        return f"{figures['matched']} of {figures['total']}, {figures['missing']} missing{left_out}"

    @admin.display(description="found by")
    def found_by(self, mirror: PlaylistMirror) -> str:
        """Show by which methods the tracks were found."""
        return ", ".join(f"{method}: {count}" for method, count in mirror.figures.get("by_method", {}).items()) or "-"

    @admin.display(description="missing")
    def missing_tracks(self, mirror: PlaylistMirror) -> str:
        """Show what was not found, the first of it."""
        first = list(mirror.missing.filter(position__isnull=False)[: _SHOWN_MISSING + 1])
        names = [f"{row.place}. {truncatechars(str(row), 120)}" for row in first[:_SHOWN_MISSING]]
        return "; ".join([*names, "and more"] if len(first) > _SHOWN_MISSING else names) or "-"

    @admin.display(description="detail")
    def shown_detail(self, mirror: PlaylistMirror) -> str:
        """Show what the last run said of itself."""
        return truncatechars(mirror.detail, 200)

    @admin.action(description="Carry now", permissions=["change"])
    def carry_now(self, request: HttpRequest, queryset: QuerySet[PlaylistMirror]) -> None:
        """Make the mirrors due: whoever watches carries them next. What a person stopped stays stopped."""
        for mirror in queryset.select_related("user"):
            name = f"{self.shown_name(mirror)} of {mirror.user.get_username()}"
            if mirror.state == PlaylistMirror.State.STOPPED:
                self.message_user(request, f"{name}: was stopped by the person.", messages.WARNING)
            else:
                mirror.request()
                self.message_user(request, f"{name}: will be carried next.", messages.SUCCESS)


@admin.register(ManualMatch)
class ManualMatchAdmin(_ManualMatchAdmin):
    """Shows what people chose by hand. Deleting one leaves the track to matching again."""

    list_display = ("user", "source_type", "chosen_for", "target_type", "chosen_song", "decided_at")
    list_filter = ("source_type", "target_type")
    list_select_related = ("user",)
    search_fields = (_USERNAME,)
    ordering = ("-decided_at", "-id")
    fields = ("user", "source_type", "chosen_for", "source_key", "target_type", "chosen_song", "decided_at")
    readonly_fields = fields
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A person chooses, not the administrator."""
        return False

    @admin.display(description="track")
    def chosen_for(self, match: ManualMatch) -> str:
        """Show the track."""
        return _names_of(match.track)

    @admin.display(description="song")
    def chosen_song(self, match: ManualMatch) -> str:
        """Show the song that it is."""
        return _names_of(match.song)


@admin.register(LibraryIndex)
class LibraryIndexAdmin(GoesWithItsPersonAdmin, _LibraryIndexAdmin):
    """Shows how much of which library is known, and since when."""

    list_display = ("connection", "song_count", "refreshed_at", "walk")
    list_filter = ("connection__provider_type",)
    list_select_related = ("connection__user",)
    fields = list_display
    readonly_fields = list_display
    show_full_result_count = False


def _names_of(song: dict[str, Any]) -> str:
    return truncatechars(f"{song.get('artist', '')}: {song.get('name', '')}", 120)
