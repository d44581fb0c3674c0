"""Pauses that services ask for: whoever is told of one notes it, and everybody linked the same way keeps to it."""

from collections.abc import Iterator
from contextlib import contextmanager

from providers.exceptions import RateLimitedError, RateLimitScope
from providers.models import ServicePause


def client_id_of(actor: object) -> str:
    """Return the client id or API key that a provider or an authenticator acts under; empty where it has none."""
    client_id: str = getattr(actor, "client_id", "")
    return client_id


@contextmanager
def respecting_pauses(provider_type: str, client_id: str) -> Iterator[None]:
    """Keep away from a service while it wants a pause, and note a pause it asks for.

    Raises `RateLimitedError` with the time to come back. A limit of the whole application becomes a
    `ServicePause`, which holds for everybody linked through it.
    """
    until = ServicePause.until_for(provider_type, client_id)
    if until is not None:
        raise RateLimitedError("The service asked for a pause.", provider=provider_type, retry_at=until)
    try:
        yield
    except RateLimitedError as error:
        if error.retry_at is not None and error.scope is RateLimitScope.APPLICATION:
            ServicePause.begin(provider_type, client_id, error.retry_at)
        raise
