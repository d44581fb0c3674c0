"""The page that shows what is linked, and how it is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.contrib import messages
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from providers import registry
from providers.contracts import (
    HistoryCounter,
    HistoryFetcher,
    LibraryLister,
    PlaylistManager,
    PlaylistSyncer,
)
from providers.models import Connection, HistoryGap, HistorySync, ServicePause
from providers.registry import ProviderSpec
from providers.views.access import SeeOther, personal

CAPABILITY_NAMES: Mapping[type, str] = {
    HistoryFetcher: "Reads what you listened to",
    PlaylistManager: "Reads and creates playlists",
    PlaylistSyncer: "Keeps playlists up to date",
    HistoryCounter: "Checks that no listen was missed",
    LibraryLister: "Knows the songs in your library",
}


class State(StrEnum):
    """What there is to say about a service, before any detail."""

    NOT_SET_UP = "not_set_up"
    NOT_LINKED = "not_linked"
    DISCONNECTED = "disconnected"
    NEEDS_REAUTH = "needs_reauth"
    PAUSED = "paused"
    CONNECTED = "connected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One service, as one person sees it."""

    spec: ProviderSpec
    connection: Connection | None
    history_sync: HistorySync | None
    paused_until: datetime | None

    @property
    def can_be_fetched(self) -> bool:
        """Whether there is a link that a fetch could use now."""
        return self.state is State.CONNECTED and HistoryFetcher in self.spec.capabilities

    @property
    def next_fetch_at(self) -> datetime | None:
        """When the next fetch is due; None where none is planned, or it is due already."""
        due_at = self.history_sync.due_at if self.history_sync else None
        return due_at if due_at is not None and due_at > timezone.now() else None

    @property
    def gaps(self) -> list[HistoryGap]:
        """What the service could not tell, as far as nothing has filled it."""
        return list(self.connection.history_gaps.all()) if self.connection else []

    @property
    def state(self) -> State:
        """The one state that matters most."""
        if self.spec.missing_settings:
            return State.NOT_SET_UP
        if self.connection is None:
            return State.NOT_LINKED
        if self.connection.status != Connection.Status.OK:
            return State(self.connection.status)
        return State.PAUSED if self.paused_until else State.CONNECTED

    @property
    def is_linked_by_person(self) -> bool:
        """Whether people link this service themselves; others they sign in with."""
        return self.spec.authenticator_factory is not None

    @property
    def history_limit(self) -> int | None:
        """How many of the latest plays the service keeps, None for all."""
        return getattr(self.spec.provider_class, "history_limit", None)

    @property
    def capability_names(self) -> list[str]:
        """What the service can do here, in words."""
        return [CAPABILITY_NAMES[capability] for capability in self.spec.capabilities if capability in CAPABILITY_NAMES]


@personal
@require_safe
def connections(request: HttpRequest) -> HttpResponse:
    """Show every service there is, linked or not."""
    open_gaps = Prefetch("history_gaps", HistoryGap.objects.filter(closed_at__isnull=True))
    mine = Connection.objects.filter(user=request.user.pk).select_related("history_sync").prefetch_related(open_gaps)
    return render(request, "providers/connections.html", {"cards": _cards(registry.specs(), mine)})


@personal
@require_POST
def fetch(request: HttpRequest, provider_type: str) -> HttpResponse:
    """Have a service fetched as soon as a worker is free."""
    try:
        spec = registry.get(provider_type)
    except registry.UnknownProviderError:
        raise Http404 from None
    connection = get_object_or_404(
        Connection.objects.exclude(status=Connection.Status.DISCONNECTED), user=request.user.pk, provider_type=spec.type
    )
    HistorySync.request(connection)
    messages.success(request, f"{spec.label} is fetched next. What is new appears in your history.")
    return SeeOther(reverse("providers:connections"))


def _cards(specs: Iterable[ProviderSpec], connections: Iterable[Connection]) -> list[Card]:
    by_type = {connection.provider_type: connection for connection in connections}
    pauses: dict[str, datetime] = dict(
        ServicePause.objects.filter(until__gt=timezone.now()).order_by("until").values_list("provider_type", "until")
    )
    return [
        Card(
            spec=spec,
            connection=by_type.get(spec.type),
            history_sync=getattr(by_type.get(spec.type), "history_sync", None),
            paused_until=pauses.get(spec.type),
        )
        for spec in specs
    ]
