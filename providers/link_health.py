"""What talking to a service shows about a link, noted where people see it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils import timezone

from providers import registry
from providers.contracts import HistoryFetcher, PlaylistManager
from providers.datatypes import Track
from providers.exceptions import ReauthorizationRequiredError
from providers.models import Connection
from providers.pauses import client_id_of, respecting_pauses


@contextmanager
def noting_dead_link(connection: Connection) -> Iterator[None]:
    """Note on the connection when only the person can make it work again. The error goes on to the caller."""
    try:
        yield
    except ReauthorizationRequiredError as error:
        connection.mark_needs_reauth(str(error))
        raise


def check(connection: Connection) -> bool:
    """Ask the service for a trifle, to see whether the link works, and note that it does; False where none is linked.

    Raises `ProviderError`, or `ProviderConfigurationError` where the site lacks a setting or a key.
    """
    with noting_dead_link(connection):
        provider = registry.build(connection.provider_type, connection.user)
        if provider is None:
            return False
        with respecting_pauses(provider.type(), client_id_of(provider)):
            if isinstance(provider, HistoryFetcher):
                provider.get_recent_listens(timezone.now(), _ignore)
            elif isinstance(provider, PlaylistManager):
                provider.get_playlists()
    connection.mark_ok()
    return True


def _ignore(batch: list[Track]) -> None:
    """Take a batch and leave it: only whether the service answers matters."""
