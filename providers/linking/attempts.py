"""One attempt at linking: begun in one request, kept in a row, popped once, exchanged, stored.

Nothing of an attempt lives in a session, so that it works across tabs, processes and commands. State,
verifier and code are never logged.
"""

import hashlib
import json
import logging
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, cast

from django.contrib.auth import get_user_model
from django.core.exceptions import SuspiciousOperation
from django.core.serializers.json import DjangoJSONEncoder
from django.core.signing import BadSignature, SignatureExpired, TimestampSigner
from django.db import transaction
from django.db.models import Q
from django.http import QueryDict
from django.utils import timezone

from providers import conf, registry, signals
from providers.datatypes import AuthAttempt, AuthResult
from providers.exceptions import AuthenticationError, InvalidResponseError, ServiceUnavailableError
from providers.fields import secret_names
from providers.linking.applications import missing_settings, own_client_id
from providers.models import Connection, HistorySync, LinkAttempt, OAuthTokens, PlaylistMirror, credential_model
from providers.pauses import client_id_of
from providers.registry import ProviderSpec
from providers.scheduling import make_due

logger = logging.getLogger(__name__)

LIFETIME = timedelta(minutes=10)
"""How long a person may take at the service, and to answer whether another account is meant."""

GRANT_PARAMETERS = ("code", "token")
"""What services call what they hand to the browser: `code` in OAuth 2, `token` in older web authentication."""

MAX_PARAMETER_LENGTH = 2048
"""No service's state or code is nearly as long."""

# What a token is for: one made for the one is worthless for the other.
_STATE = "state"
_QUESTION = "question"

# RFC 6749, section 4.1.2.1
_DENIED = "access_denied"
_PASSING_ERRORS = ("server_error", "temporarily_unavailable")
_LASTING_ERRORS = ("invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope")


class Problem(StrEnum):
    """Why what came back was not accepted."""

    EXPIRED = "expired"
    """The person took longer than `LIFETIME`."""

    REPEATED = "repeated"
    """It was accepted before, in another tab or by a reload."""

    FOREIGN = "foreign"
    """It belongs to somebody else's attempt, or to one at another service."""

    MANGLED = "mangled"
    """It is not what this site sent out and the service sends back."""


class InvalidStateError(SuspiciousOperation):
    """What came back fits no attempt that this person has open at this service. Nothing was linked."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"The answer to an attempt at linking is {problem}.")
        self.problem = problem


class LinkDeniedError(Exception):
    """The person told the service not to let us in. Nothing was linked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """The account is linked. `next_url` is where the person wanted to go from there, or empty."""

    connection: Connection
    next_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnotherAccount:
    """The service let us into another account than before. Nothing is linked until `confirm(token)`."""

    token: str
    old_account: str
    new_account: str


Outcome = Linked | AnotherAccount


def begin(user: Any, provider_type: str, *, callback_url: str, next_url: str = "") -> str:
    """Note an attempt at linking and return the address at the service to send the browser to.

    A person's own application is used before the site's. `next_url` must have been found safe. Raises
    `UnknownProviderError`, also for a service that people do not link themselves, and `ProviderConfigurationError`
    where the service is not set up.
    """
    spec = registry.get(provider_type)
    client_id = own_client_id(user, spec)
    missing = missing_settings(spec, client_id)
    if missing:
        raise conf.ProviderConfigurationError(f"{spec.label} needs {' and '.join(missing)} to be set.")
    attempt = AuthAttempt(
        type=provider_type,
        callback_url=callback_url,
        client_id=client_id,
        state=_new_token(_STATE),
        code_verifier=secrets.token_urlsafe(48),  # 64 of the 43 to 128 characters that RFC 7636 allows
    )
    authenticator = registry.build_authenticator(provider_type, attempt)
    address = authenticator.get_auth_url(attempt.state)
    now = timezone.now()
    LinkAttempt.objects.filter(expires_at__lte=now).delete()
    # Not by create(), whose arguments, the verifier among them, a traceback that shows variables would show.
    LinkAttempt(
        state_hash=_hash(attempt.state),
        user=user,
        provider_type=provider_type,
        code_verifier=attempt.code_verifier,
        client_id=client_id_of(authenticator),
        callback_url=callback_url,
        next_url=next_url,
        expires_at=now + LIFETIME,
    ).save()
    return address


def complete(user: Any, provider_type: str, params: QueryDict) -> Outcome:
    """Take what the service sent the browser back with, and link the account.

    The state is checked, and used up, before anything else is looked at. Raises `InvalidStateError`,
    `LinkDeniedError`, `ProviderError` where the service refuses or cannot answer, and
    `UnknownProviderError`. Whatever is raised, nothing is linked.
    """
    spec = registry.get(provider_type)
    pending = _pop(_STATE, user, provider_type, _sole(params, ("state",)))
    _raise_refusal(spec, params)
    authenticator = registry.build_authenticator(
        provider_type,
        AuthAttempt(
            type=provider_type,
            callback_url=pending.callback_url,
            client_id=pending.client_id,
            code_verifier=pending.code_verifier,
        ),
    )
    result = authenticator.exchange_code(_sole(params, GRANT_PARAMETERS))
    _check(spec, result)
    connection = Connection.objects.filter(user=user, provider_type=provider_type).first()
    if connection is not None and connection.is_of_another_account(result.account_id):
        return AnotherAccount(
            token=_keep_for_later(pending, result),
            old_account=connection.account_name or connection.account_id,
            new_account=result.account_name or result.account_id,
        )
    connection = _store(user, spec, result, client_id=pending.client_id, granted_at=timezone.now())
    return Linked(connection=connection, next_url=pending.next_url)


def confirm(user: Any, provider_type: str, token: str) -> Linked:
    """Link the other account after all. Its history starts anew; the listens of the old one stay.

    Raises `InvalidStateError` and `UnknownProviderError`.
    """
    spec = registry.get(provider_type)
    pending = _pop(_QUESTION, user, provider_type, token)
    connection = _store(
        user,
        spec,
        _result_from_json(pending.pending_result),
        client_id=pending.client_id,
        granted_at=pending.expires_at - LIFETIME,
    )
    return Linked(connection=connection, next_url=pending.next_url)


def decline(user: Any, provider_type: str, token: str) -> None:
    """Forget what the service granted for the other account. Raises `InvalidStateError`."""
    _pop(_QUESTION, user, provider_type, token)


def _signer(purpose: str) -> TimestampSigner:
    return TimestampSigner(salt=f"providers.linking.{purpose}", sep=".")


def _new_token(purpose: str) -> str:
    """Return a random text. It is signed to tell one that was used up from one that never was ours."""
    return _signer(purpose).sign(secrets.token_urlsafe(32))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _sole(params: QueryDict, names: Sequence[str]) -> str:
    """Return the one value there is under any of the names."""
    values = [value for name in names for value in params.getlist(name)]
    if len(values) != 1 or not 0 < len(values[0]) <= MAX_PARAMETER_LENGTH or not values[0].isprintable():
        raise InvalidStateError(Problem.MANGLED)
    return values[0]


def _pop(purpose: str, user: Any, provider_type: str, token: str) -> LinkAttempt:
    try:
        _signer(purpose).unsign(token, max_age=LIFETIME)
    except SignatureExpired:
        raise InvalidStateError(Problem.EXPIRED) from None
    except BadSignature:
        raise InvalidStateError(Problem.MANGLED) from None
    attempts = LinkAttempt.objects.filter(state_hash=_hash(token))
    mine = attempts.filter(user=user, provider_type=provider_type, expires_at__gt=timezone.now())
    attempt = mine.first()
    # Of two that read the row, the database lets one delete it.
    if attempt is None or mine.delete()[0] != 1:
        raise InvalidStateError(Problem.FOREIGN if attempts.exists() else Problem.REPEATED)
    return attempt


def _raise_refusal(spec: ProviderSpec, params: QueryDict) -> None:
    if "error" not in params:
        return
    error = _sole(params, ("error",))
    if error == _DENIED:
        raise LinkDeniedError
    if error in _PASSING_ERRORS:
        raise ServiceUnavailableError(f"{spec.label} answered {error}.", provider=spec.type)
    known = error if error in _LASTING_ERRORS else "an error it did not explain"
    raise AuthenticationError(f"{spec.label} answered {known}.", provider=spec.type)


def _check(spec: ProviderSpec, result: AuthResult) -> None:
    longest = cast(int, Connection._meta.get_field("account_id").max_length)
    for text in (result.account_id, result.account_name):
        if len(text) > longest or "\0" in text:
            raise InvalidResponseError(f"{spec.label} named an account that cannot be.", provider=spec.type)


def _keep_for_later(pending: LinkAttempt, result: AuthResult) -> str:
    token = _new_token(_QUESTION)
    LinkAttempt(
        state_hash=_hash(token),
        user_id=pending.user_id,
        provider_type=pending.provider_type,
        client_id=pending.client_id,
        callback_url=pending.callback_url,
        next_url=pending.next_url,
        pending_result=json.dumps(asdict(result), cls=DjangoJSONEncoder),
        expires_at=timezone.now() + LIFETIME,
    ).save()
    return token


def _result_from_json(text: str) -> AuthResult:
    fields = json.loads(text)
    expires_at = fields.pop("expires_at")
    return AuthResult(
        expires_at=datetime.fromisoformat(expires_at) if expires_at else None,
        scopes=tuple(fields.pop("scopes")),
        **fields,
    )


def _store(user: Any, spec: ProviderSpec, result: AuthResult, *, client_id: str, granted_at: datetime) -> Connection:
    model = credential_model(spec.credential_model)
    with transaction.atomic():
        # Of two tabs that link a service for the first time, one waits here: there is no row yet to wait for.
        # No lock that a new listen of theirs would wait for: its fetch holds what is wanted further down.
        get_user_model()._default_manager.select_for_update(no_key=True).get(pk=user.pk)
        # Old secrets are not read: linking again is the way out when no key decrypts them.
        rows = model._default_manager.select_for_update().defer(*secret_names(model))
        row = rows.filter(user=user).first() or model(user=user)
        if isinstance(row, OAuthTokens):
            row.client_id = client_id
        row.store(result)
        connection = Connection.objects.select_for_update(no_key=True).get(user=user, provider_type=spec.type)
        if connection.is_of_another_account(result.account_id):
            HistorySync.forget(connection)
        else:
            # It was told through the old link, and would be read as a fault of the new one.
            HistorySync.objects.filter(connection=connection).update(last_error="")
        connection.mark_authorized(
            account_id=result.account_id,
            account_name=result.account_name,
            authorized_at=granted_at,
            link_expires_at=granted_at + spec.link_lifetime if spec.link_lifetime else None,
        )
        HistorySync.request(connection)
        _resume_mirrors(connection)
        signals.announce(signals.connection_linked, Connection, connection=connection)
    logger.info("Person %s linked %s", user.pk, spec.type)
    return connection


def _resume_mirrors(connection: Connection) -> None:
    """Have what was kept carried again at once where the dead link kept it from that."""
    make_due(
        PlaylistMirror.objects.filter(
            Q(source=connection) | Q(target=connection), is_automatic=True, state=PlaylistMirror.State.FAILED
        )
    )
