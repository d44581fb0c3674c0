"""A service as one person sees it: linked or not, alive or not, and what there is to do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import Prefetch
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from providers.contracts import (
    HistoryCounter,
    HistoryFetcher,
    LibraryLister,
    PlaylistManager,
    PlaylistSyncer,
    TrackFinder,
)
from providers.linking import client_id_in_use, missing_settings, own_client_ids, takes_own_application
from providers.models import Connection, HistoryGap, HistorySync, ServicePause
from providers.registry import ProviderSpec
from providers.views.progress import Progress
from providers.waiting import is_held, is_neglected, is_waiting

CAPABILITY_NAMES: Mapping[type, Promise] = {
    HistoryFetcher: _("Reads what you listened to"),
    PlaylistManager: _("Reads and creates playlists"),
    PlaylistSyncer: _("Keeps playlists up to date"),
    HistoryCounter: _("Checks that no listen was missed"),
    LibraryLister: _("Knows the songs in your library"),
    TrackFinder: _("Looks for songs one by one"),
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
    own_client_id: str
    client_id: str
    """Of the application that the link was made through, as far as that has to be known here; else empty."""

    @property
    def state(self) -> State:
        """The one state that matters most."""
        if missing_settings(self.spec, self.own_client_id or self.client_id):
            return State.NOT_SET_UP
        if self.connection is None:
            return State.NOT_LINKED
        if self.connection.status != Connection.Status.OK:
            return State(self.connection.status)
        return State.PAUSED if self.paused_until else State.CONNECTED

    @property
    def is_linked(self) -> bool:
        """Whether there is a link, working or not, to a service that is set up."""
        return self.connection is not None and self.connection.is_linked and self.state is not State.NOT_SET_UP

    @property
    def is_linked_by_person(self) -> bool:
        """Whether people link this service themselves; others they sign in with."""
        return self.spec.authenticator_factory is not None

    @property
    def can_be_linked(self) -> bool:
        """Whether the person can link it now, or link it again."""
        return self.is_linked_by_person and not missing_settings(self.spec, self.own_client_id)

    @property
    def takes_own_application(self) -> bool:
        """Whether the person may bring an application of their own to link it through."""
        return takes_own_application(self.spec)

    @property
    def wants_linking(self) -> bool:
        """Whether linking it, or linking it again, is what there is to do."""
        is_alive = self.is_linked and self.state is not State.NEEDS_REAUTH
        return self.can_be_linked and not (is_alive and self.connection and not self.connection.expires_soon)

    @property
    def can_be_fetched(self) -> bool:
        """Whether there is a link that a fetch could use now."""
        return self.state is State.CONNECTED and HistoryFetcher in self.spec.capabilities

    @property
    def is_under_way(self) -> bool:
        """Whether its history is being fetched now, or will be in a moment: what is shown changes by itself."""
        sync = self.history_sync
        return self.can_be_fetched and sync is not None and (is_held(sync) or is_waiting(sync))

    @property
    def is_neglected(self) -> bool:
        """Whether a fetch is due for so long that there may be nobody to do it."""
        return self.can_be_fetched and self.history_sync is not None and is_neglected(self.history_sync)

    @property
    def progress(self) -> Progress | None:
        """How far the fetch is that has begun, whether or not it goes on now."""
        sync = self.history_sync
        if sync is None or sync.window_since is None or not sync.window_done or sync.window_taken_up_at is None:
            return None
        return Progress(
            done=sync.window_done,
            total=sync.window_total,
            began_at=sync.window_taken_up_at,
            done_before=sync.window_done_before,
        )

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
    def capability_names(self) -> list[Promise]:
        """What the service can do here, in words."""
        return [CAPABILITY_NAMES[capability] for capability in self.spec.capabilities if capability in CAPABILITY_NAMES]


def cards_of(user: Any, specs: Iterable[ProviderSpec]) -> list[Card]:
    """Return a card per service, in five queries, and another for each that pauses or lacks a setting."""
    open_gaps = Prefetch("history_gaps", HistoryGap.objects.open())
    mine = Connection.objects.filter(user=user.pk).select_related("history_sync").prefetch_related(open_gaps)
    by_type = {connection.provider_type: connection for connection in mine}
    pauses = list(ServicePause.objects.filter(until__gt=timezone.now()))
    own = own_client_ids(user)
    return [_card(user, spec, by_type.get(spec.type), pauses, own.get(spec.type, "")) for spec in specs]


def _card(
    user: Any, spec: ProviderSpec, connection: Connection | None, pauses: Iterable[ServicePause], own_client_id: str
) -> Card:
    paused = [pause for pause in pauses if pause.provider_type == spec.type]
    client_id = client_id_in_use(user, spec) if connection and (paused or spec.missing_settings) else ""
    if client_id:
        # A pause is one application's: that of one's own works on while the site's may not, and the reverse.
        paused = [pause for pause in paused if pause.client_id in ("", client_id)]
    return Card(
        spec=spec,
        connection=connection,
        history_sync=getattr(connection, "history_sync", None),
        paused_until=max((pause.until for pause in paused), default=None),
        own_client_id=own_client_id,
        client_id=client_id,
    )
