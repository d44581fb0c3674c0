"""What talking to a service shows about a link, noted where people see it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils import timezone

from providers import registry
from providers.contracts import HistoryFetcher, PlaylistManager
from providers.counters import count
from providers.datatypes import Track
from providers.exceptions import ProviderError, ReauthorizationRequiredError
from providers.logcontext import logging_about
from providers.models import Connection
from providers.pauses import client_id_of, respecting_pauses


@contextmanager
def speaking_for(connection: Connection) -> Iterator[None]:
    """Talk to a service for a connection: what is logged meanwhile names it, and what goes wrong is counted.

    It is noted on the connection when only the person can make it work again. The error goes on to the caller.
    """
    with logging_about(connection=connection.pk):
        try:
            yield
        except ProviderError as error:
            count("service_errors", service=connection.provider_type, kind=type(error).__name__)
            if isinstance(error, ReauthorizationRequiredError):
                connection.mark_needs_reauth(str(error))
            raise


def check(connection: Connection) -> bool:
    """Ask the service for a trifle, to see whether the link works, and note that it does; False where none is linked.

    Raises `ProviderError`, or `ProviderConfigurationError` where the site lacks a setting or a key.
    """
    with speaking_for(connection):
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
