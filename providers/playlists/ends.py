"""The two ends of a mirror: a person's services, asked with due respect for dead links and for pauses."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from providers import registry
from providers.contracts import LibraryLister, PlaylistManager, PlaylistSyncer, TrackFinder
from providers.link_health import speaking_for
from providers.models import Connection
from providers.pauses import client_id_of, respecting_pauses


class NotAnEndError(Exception):
    """The service cannot be an end of a mirror, or is not linked. Says why, in plain words."""


class End:
    """One service of one person.

    Raises `NotAnEndError` where it is not linked, or cannot do what this end needs, and what `registry.build` raises.
    """

    def __init__(self, connection: Connection, *needs: type) -> None:
        self.connection = connection
        self.label = registry.get(connection.provider_type).label
        with speaking_for(connection):
            self._provider: Any = registry.build(connection.provider_type, connection.user)
        if self._provider is None:
            raise NotAnEndError(f"{self.label} is not linked.")
        if not all(isinstance(self._provider, need) for need in needs):
            raise NotAnEndError(f"{self.label} cannot be used for this.")

    @contextmanager
    def asked(self) -> Iterator[Any]:
        """Let the provider be asked. Whatever its service wants of us is noted for everybody whom it concerns."""
        with (
            speaking_for(self.connection),
            respecting_pauses(self._provider.type(), client_id_of(self._provider)),
        ):
            yield self._provider


def can_be_source(spec: registry.ProviderSpec) -> bool:
    """Tell whether playlists can be carried from a service."""
    return PlaylistManager in spec.capabilities


def can_be_target(spec: registry.ProviderSpec) -> bool:
    """Tell whether playlists can be carried to a service: it is written to, and its songs can be found."""
    needed = {PlaylistManager, PlaylistSyncer}
    return needed <= set(spec.capabilities) and not {LibraryLister, TrackFinder}.isdisjoint(spec.capabilities)
