"""A valid access token, refreshed once, whoever asks and from however many processes.

No lock and no transaction is held while a service is called. A refresh is claimed by a conditional UPDATE on
the credential row, which counts its grants in `token_version`; whoever does not get the claim uses the old
token while it lives, or waits for the version to move on.
"""

import random
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import models, transaction
from django.utils import timezone

from providers.counters import count
from providers.datatypes import AuthResult
from providers.exceptions import (
    AuthenticationError,
    ReauthorizationRequiredError,
    ServiceUnavailableError,
    TransientError,
)
from providers.models import Connection, OAuthTokens
from providers.pauses import respecting_pauses
from providers.transport import AccessToken

LEEWAY = timedelta(minutes=5)
"""A token is refreshed this long before it expires, so that none expires on its way."""

LEASE = timedelta(seconds=30)
"""How long one process may take to refresh. Longer than any call to a service is given for it."""

COOL_DOWN = timedelta(seconds=5)
"""How long nobody tries again after a refresh failed, so that a service in trouble is not stormed."""

WAIT = timedelta(seconds=45)
"""How long others wait for it: one lease that ran out, and another's refresh."""


class StoredTokenSource:
    """The `TokenSource` over one person's credential row.

    `refresh` calls the service and raises `ReauthorizationRequiredError` when the refresh token is dead.
    Every method raises that, `TransientError` while the service cannot refresh, or a plain `AuthenticationError`
    where the person disconnected the service meanwhile. A refresh never runs inside a caller's transaction
    (`RuntimeError`): its rollback would lose a rotated token.
    """

    def __init__(self, row: OAuthTokens, refresh: Callable[[str], AuthResult]) -> None:
        self._row = row
        self._refresh = refresh

    def get_access_token(self) -> AccessToken:
        """Return a token that is valid now, refreshing it first where it is about to expire."""
        if _lives(self._row, LEEWAY):
            return self._token()
        return self._refreshed(self._row.token_version, may_use_old=True)

    def renew(self, rejected_token: str) -> AccessToken:
        """Return another token than the one the service refused."""
        if self._row.access_token != rejected_token:
            return self._token()
        return self._refreshed(self._row.token_version, may_use_old=False)

    def _token(self) -> AccessToken:
        return AccessToken(self._row.access_token, self._row.token_version)

    def _refreshed(self, seen_version: int, *, may_use_old: bool) -> AccessToken:
        give_up_at = timezone.now() + WAIT
        while True:
            self._reload()
            if self._row.token_version != seen_version:
                return self._token()
            if self._row.refresh_lease_until <= timezone.now() and self._claim():
                return self._refreshed_as_claimed(may_use_old=may_use_old)
            if may_use_old and _lives(self._row, timedelta(0)):
                return self._token()
            if timezone.now() > give_up_at:
                raise ServiceUnavailableError(
                    "Another process is refreshing the link and does not finish.", provider=self._row.provider_type
                )
            time.sleep(random.uniform(0.05, 0.25))  # noqa: S311, jitter is no secret

    def _reload(self) -> None:
        row = type(self._row).of(self._row.user_id)
        if row is None:
            raise AuthenticationError("The service was disconnected.", provider=self._row.provider_type)
        self._row = row

    def _claim(self) -> bool:
        now = timezone.now()
        with transaction.atomic(durable=True):
            return bool(self._unchanged().filter(refresh_lease_until__lte=now).update(refresh_lease_until=now + LEASE))

    def _refreshed_as_claimed(self, *, may_use_old: bool) -> AccessToken:
        try:
            if not self._row.refresh_token:
                raise ReauthorizationRequiredError(
                    "The link has run out and nothing was given to renew it with.", provider=self._row.provider_type
                )
            with respecting_pauses(self._row.provider_type, self._row.client_id):
                result = self._refresh(self._row.refresh_token)
        except ReauthorizationRequiredError as error:
            if self._note_dead(str(error)):
                self._count("refused")
                raise
            self._reload()
            return self._token()
        except BaseException as error:
            self._unchanged().update(refresh_lease_until=timezone.now() + COOL_DOWN)
            self._count("failed")
            if may_use_old and isinstance(error, TransientError) and _lives(self._row, timedelta(0)):
                return self._token()
            raise
        changes: dict[str, object] = {"access_token": result.access_token, "expires_at": result.expires_at}
        if result.refresh_token:
            changes["refresh_token"] = result.refresh_token
        if result.scopes:
            changes["scopes"] = " ".join(result.scopes)
        with transaction.atomic(durable=True):
            is_stored = self._unchanged().update(
                token_version=self._row.token_version + 1, refresh_lease_until=timezone.now(), **changes
            )
            if is_stored:
                # Where this took longer than its lease, another may have found the rotated token dead: it is not.
                taken_for_dead = Connection.objects.filter(
                    user_id=self._row.user_id,
                    provider_type=self._row.provider_type,
                    status=Connection.Status.NEEDS_REAUTH,
                ).first()
                if taken_for_dead is not None:
                    taken_for_dead.mark_alive_after_all()
        self._count("renewed")
        self._reload()
        return self._token()

    def _count(self, outcome: str) -> None:
        count("token_refreshes", service=self._row.provider_type, outcome=outcome)

    def _note_dead(self, detail: str) -> bool:
        """Mark the link as dead, unless somebody linked again meanwhile: then nothing is wrong."""
        with transaction.atomic(durable=True):
            # The update takes the row's lock, so that linking again comes wholly before or wholly after.
            if not self._unchanged().update(refresh_lease_until=timezone.now()):
                return False
            connection, _ = Connection.objects.get_or_create(
                user_id=self._row.user_id, provider_type=self._row.provider_type
            )
            connection.mark_needs_reauth(detail)
        return True

    def _unchanged(self) -> "models.QuerySet[OAuthTokens]":
        """Return the row for as long as its tokens are those that were read."""
        return type(self._row)._default_manager.filter(pk=self._row.pk, token_version=self._row.token_version)


def _lives(row: OAuthTokens, leeway: timedelta) -> bool:
    return row.expires_at is None or row.expires_at - leeway > timezone.now()
