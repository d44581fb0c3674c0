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
from providers.models import Connection, HistoryGap, HistorySync, ServicePause, credential_model

if TYPE_CHECKING:  # generic in the stubs only
    _ConnectionAdmin = admin.ModelAdmin[Connection]
    _ServicePauseAdmin = admin.ModelAdmin[ServicePause]
    _HistoryGapAdmin = admin.ModelAdmin[HistoryGap]
else:
    _ConnectionAdmin = _ServicePauseAdmin = _HistoryGapAdmin = admin.ModelAdmin

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
class ConnectionAdmin(_ConnectionAdmin):
    """Shows the links and acts on them; what a link is made of is nothing to edit by hand."""

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

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Links are made by the person, not by the administrator."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Connection | None = None) -> bool:
        """Disconnecting is the way: a deleted row would leave its secrets behind. With the person, all goes."""
        pages_of_its_own = f"{self.opts.app_label}_{self.opts.model_name}_"
        page = request.resolver_match.url_name if request.resolver_match else None
        return (
            page is not None and not page.startswith(pages_of_its_own) and super().has_delete_permission(request, obj)
        )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Use the list that knows which secrets cannot be decrypted."""
        return ConnectionChangeList

    @admin.display(description="service", ordering="provider_type")
    def service(self, connection: Connection) -> str:
        """Show the service's name, or its bare type where its package is no longer installed."""
        try:
            return registry.get(connection.provider_type).label
        except registry.UnknownProviderError:
            return f"{connection.provider_type} (not installed)"

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
