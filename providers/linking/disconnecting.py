"""The end of a link."""

import logging
from typing import Any

from django.db import transaction

from providers import registry, signals
from providers.contracts import Authenticator
from providers.exceptions import ProviderError
from providers.history import deletion
from providers.models import Connection, credential_model
from providers.registry import ProviderSpec

logger = logging.getLogger(__name__)


def disconnect(user: Any, provider_type: str, *, deletes_history: bool = False) -> None:
    """Forget the credentials, whether or not the service can be told. Its history and its cursor stay, unless told.

    With `deletes_history` its listens are deleted in the background. A service that was never linked is no error.
    Raises `UnknownProviderError`.
    """
    spec = registry.get(provider_type)
    _clean_up_at_service(user, spec)
    with transaction.atomic():
        credential_model(spec.credential_model)._default_manager.filter(user=user).delete()
        connection = Connection.objects.filter(user=user, provider_type=provider_type).first()
        if connection is not None:
            connection.mark_disconnected()
            signals.announce(signals.connection_disconnected, Connection, connection=connection)
        if deletes_history:
            deletion.request(user.pk, provider_type)
    logger.info("Person %s disconnected %s", user.pk, provider_type)


def _clean_up_at_service(user: Any, spec: ProviderSpec) -> None:
    try:
        provider = registry.build(spec.type, user)
        if isinstance(provider, Authenticator):
            provider.disconnect()
    except ProviderError as error:
        logger.warning("%s was not told that person %s disconnects: %s", spec.label, user.pk, error)
    except Exception as error:  # noqa: BLE001, whatever goes wrong there, the person gets rid of the link
        # Only its kind: nobody vouches for the text of any other error.
        logger.warning("%s was not told that person %s disconnects: %s", spec.label, user.pk, type(error).__name__)
