"""One list of connections for all services, whoever brought them, and the pauses that services asked for."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import DELETION
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from providers import linking, registry
from providers.admin import display
from providers.admin.actions import Outcome, confirmed
from providers.admin.filters import ExpiryFilter, ServiceFilter
from providers.admin.rows import USERNAME, BoundedChangeList, GoesWithItsPersonAdmin
from providers.conf import ProviderConfigurationError
from providers.exceptions import ProviderError
from providers.history import gaps
from providers.link_health import check
from providers.models import Connection, HistorySync, Listen, ServicePause, credential_model

MAX_ASKED = 20
"""How many services are asked something while the administrator waits."""


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


class ConnectionChangeList(BoundedChangeList):
    """Finds out, for all rows of a page at once, whose secrets cannot be decrypted."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, then look at its credential rows."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        unreadable = _with_unreadable_secrets(self.result_list)
        for connection in self.result_list:
            connection.has_unreadable_secret = (connection.provider_type, connection.user_id) in unreadable


def _will_be_fetched(count: int) -> str:
    return ngettext(
        "%(count)d connection becomes due: whoever watches fetches it next. Nothing is fetched while you wait.",
        "%(count)d connections become due: whoever watches fetches them next. Nothing is fetched while you wait.",
        count,
    ) % {"count": count}


def _will_be_checked(count: int) -> str:
    return ngettext(
        "The service is asked for a trifle, to see whether the link works. What it answers is noted on the connection.",
        "The services are asked for a trifle each, to see whether the %(count)d links work. "
        "What they answer is noted on the connections.",
        count,
    ) % {"count": count}


def _will_be_disconnected(count: int) -> str:
    return ngettext(
        "The secrets of %(count)d connection are deleted, and nothing is fetched or carried through it "
        "until the person links the service again. Its history stays, and how far that reaches.",
        "The secrets of %(count)d connections are deleted, and nothing is fetched or carried through them "
        "until the person links the service again. Their histories stay, and how far those reach.",
        count,
    ) % {"count": count}


@admin.register(Connection)
class ConnectionAdmin(GoesWithItsPersonAdmin):
    """Shows the links and acts on them; what a link is made of is nothing to edit by hand.

    Disconnecting is the way to end one: a deleted row would leave its secrets behind.
    """

    read_only_because = gettext_lazy(
        "Services and workers write this. To end a link, disconnect it in the list: a deleted row would leave its "
        "secrets behind, and forget how far the history reaches. It goes when the person is deleted."
    )
    list_display = (
        "user",
        "service",
        "account",
        "state",
        "link_expires_at",
        "last_fetch",
        "next_fetch",
        "last_error",
    )
    list_display_links = ("user", "service")
    list_filter = (
        ("provider_type", ServiceFilter),
        "status",
        ExpiryFilter,
        "authorized_at",
    )
    list_select_related = ("user", "history_sync")
    search_fields = (USERNAME, "account_name", "account_id")
    search_help_text = gettext_lazy("A part of a person's name, or of an account's name or id.")
    ordering = (USERNAME, "provider_type")
    fields = (
        "user",
        "service",
        "account",
        "account_id",
        "state",
        "shown_detail",
        "authorized_at",
        "link_expires_at",
        "last_checked_at",
        "last_fetch",
        "complete_until",
        "next_fetch",
        "open_gaps",
        "last_error",
        "history_is_last_play_only",
        "listens",
    )
    actions = ("fetch_now", "check_now", "disconnect")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Use the list that knows which secrets cannot be decrypted."""
        return ConnectionChangeList

    def get_fields(self, request: HttpRequest, obj: Connection | None = None) -> Any:
        """Lead to the listens where the site has a list of them and the administrator may see it."""
        site = self.admin_site
        leads_to_listens = site.is_registered(Listen) and site.get_model_admin(Listen).has_view_permission(request)
        return [field for field in self.fields if field != "listens" or leads_to_listens]

    @admin.display(description=gettext_lazy("service"), ordering="provider_type")
    def service(self, connection: Connection) -> str:
        """Show the service's name, or its bare type where its package is no longer installed."""
        return display.label_of(connection.provider_type)

    @admin.display(description=gettext_lazy("account"), ordering="account_name")
    def account(self, connection: Connection) -> str:
        """Show what the service calls the account."""
        return display.foreign(connection.account_name)

    @admin.display(description=gettext_lazy("state"), ordering="status")
    def state(self, connection: Connection) -> str:
        """Show the state in words, and an unreadable secret before all else."""
        is_unreadable = getattr(connection, "has_unreadable_secret", None)
        if is_unreadable is None:
            is_unreadable = bool(_with_unreadable_secrets([connection]))
        return _("Cannot be decrypted") if is_unreadable else connection.get_status_display()

    @admin.display(description=gettext_lazy("detail"))
    def shown_detail(self, connection: Connection) -> str:
        """Show why the link is in that state."""
        return display.told(connection.status_detail)

    @admin.display(description=gettext_lazy("last fetch"), ordering="history_sync__last_fetched_at")
    def last_fetch(self, connection: Connection) -> str:
        """Show when listens last came home."""
        sync = _sync(connection)
        return display.moment(sync.last_fetched_at if sync else None)

    @admin.display(description=gettext_lazy("history complete until"))
    def complete_until(self, connection: Connection) -> str:
        """Show up to when every listen is stored."""
        sync = _sync(connection)
        return display.moment(sync.complete_until if sync else None)

    @admin.display(description=gettext_lazy("next fetch"), ordering="history_sync__due_at")
    def next_fetch(self, connection: Connection) -> str:
        """Show when the connection is due, or was due if no worker came."""
        sync = _sync(connection)
        return display.moment(sync.due_at if sync else None)

    @admin.display(description=gettext_lazy("gaps"))
    def open_gaps(self, connection: Connection) -> str:
        """Show what the service could not tell, as far as nothing has filled it."""
        return "; ".join(map(str, gaps.open_gaps(connection))) or display.NOTHING

    @admin.display(description=gettext_lazy("last error"))
    def last_error(self, connection: Connection) -> str:
        """Show what went wrong last."""
        sync = _sync(connection)
        return display.told(connection.status_detail or (sync.last_error if sync else ""))

    @admin.display(description=gettext_lazy("listens"))
    def listens(self, connection: Connection) -> str:
        """Lead to what came home, of this service."""
        query = {"q": connection.user.get_username(), "provider_type__exact": connection.provider_type}
        address = reverse("admin:providers_listen_changelist", query=query, current_app=self.admin_site.name)
        return format_html('<a href="{}">{}</a>', address, _("Look at them"))

    @confirmed(
        description=gettext_lazy("Fetch now"), announcement=_will_be_fetched, is_harmless=True, name_of=display.name_of
    )
    def fetch_now(self, request: HttpRequest, connection: Connection) -> Outcome:
        """Make the connection due: whoever watches (`fetch_history --watch`, or Celery) fetches it next."""
        return request_fetch(connection)

    @confirmed(
        description=gettext_lazy("Check now"),
        announcement=_will_be_checked,
        is_harmless=True,
        name_of=display.name_of,
        at_most=MAX_ASKED,
    )
    def check_now(self, request: HttpRequest, connection: Connection) -> Outcome:
        """See whether the service still accepts the link."""
        try:
            works = check(connection)
        except registry.UnknownProviderError as error:
            return Outcome(str(error), messages.ERROR, was_done=False)
        except (ProviderError, ProviderConfigurationError) as error:
            return Outcome(str(error), messages.ERROR)
        return Outcome(_("works.")) if works else _not_linked()

    @confirmed(
        description=gettext_lazy("Disconnect"),
        announcement=_will_be_disconnected,
        name_of=display.name_of,
        at_most=MAX_ASKED,
    )
    def disconnect(self, request: HttpRequest, connection: Connection) -> Outcome:
        """Forget the secrets; connection, history and how far it reaches stay."""
        try:
            linking.disconnect(connection.user, connection.provider_type)
        except registry.UnknownProviderError as error:
            return Outcome(str(error), messages.ERROR, was_done=False)
        return Outcome(_("disconnected."))


def request_fetch(connection: Connection) -> Outcome:
    """Make a connection due, if there is anything to fetch it through."""
    try:
        registry.get(connection.provider_type)
    except registry.UnknownProviderError as error:
        return Outcome(str(error), messages.ERROR, was_done=False)
    if not connection.is_linked:
        return _not_linked()
    HistorySync.request(connection)
    return Outcome(_("will be fetched next."))


def _not_linked() -> Outcome:
    return Outcome(_("is not linked."), messages.WARNING, was_done=False)


def _sync(connection: Connection) -> HistorySync | None:
    return getattr(connection, "history_sync", None)


def _pauses_will_be_forgotten(count: int) -> str:
    return ngettext(
        "%(count)d pause is forgotten. The service asked for it: who calls it sooner may be shut out for longer. "
        "What waits for the pause stays due when it would have ended, unless it is made due in its own list.",
        "%(count)d pauses are forgotten. The services asked for them: who calls them sooner may be shut out for "
        "longer. What waits for the pauses stays due when they would have ended, unless it is made due in its own "
        "list.",
        count,
    ) % {"count": count}


def _name_of_pause(pause: ServicePause) -> str:
    return _("Pause of %(service)s") % {"service": display.label_of(pause.provider_type)}


@admin.register(ServicePause)
class ServicePauseAdmin(GoesWithItsPersonAdmin):
    """Shows the pauses that services asked for, those that are over included."""

    read_only_because = gettext_lazy(
        "The service asked for this pause. To lift it all the same, forget it in the list."
    )
    list_display = ("service", "until", "client_id")
    list_filter = (("provider_type", ServiceFilter), "until")
    ordering = ("-until", "pk")
    fields = ("service", "client_id", "until")
    actions = ("forget",)

    @admin.display(description=gettext_lazy("service"), ordering="provider_type")
    def service(self, pause: ServicePause) -> str:
        """Show the service's name."""
        return display.label_of(pause.provider_type)

    @confirmed(
        description=gettext_lazy("Forget the pause"),
        announcement=_pauses_will_be_forgotten,
        name_of=_name_of_pause,
    )
    def forget(self, request: HttpRequest, pause: ServicePause) -> Outcome:
        """Let the service be called again at once."""
        # Not by the row itself, which would be without a name afterwards.
        ServicePause.objects.filter(pk=pause.pk).delete()
        return Outcome(_("forgotten."), flag=DELETION)
