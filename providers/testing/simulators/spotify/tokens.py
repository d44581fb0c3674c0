"""The tokens of the simulated Spotify: what they allow, how long they live and how they die."""

import calendar
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock

from providers.testing.simulators.spotify.people import Person

ACCESS_TOKEN_SECONDS = 3600
REFRESH_TOKEN_MONTHS = 6


class TokenRefusedError(Exception):
    """The token is no good; the message is what Spotify would say about it."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person allowed, and when they allowed it: refreshing never moves that moment."""

    person: Person
    scopes: frozenset[str]
    authorized_at: datetime

    @property
    def ends_at(self) -> datetime:
        """Six calendar months after the person agreed (Spotify blog, 2026-06-18)."""
        years, month = divmod(self.authorized_at.month - 1 + REFRESH_TOKEN_MONTHS, 12)
        year, month = self.authorized_at.year + years, month + 1
        day = min(self.authorized_at.day, calendar.monthrange(year, month)[1])
        return self.authorized_at.replace(year=year, month=month, day=day)


@dataclass(frozen=True, slots=True)
class _Access:
    grant: Grant
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Issued:
    """A token answer. ``refresh_token`` is ``None`` when the one used stays valid."""

    grant: Grant
    access_token: str
    refresh_token: str | None
    expires_in: int


class Tokens:
    """Every token handed out. With ``rotates`` a refresh token dies when used, else it stays and no new one comes."""

    def __init__(self, clock: Callable[[], datetime], *, rotates: bool) -> None:
        self._clock = clock
        self._rotates = rotates
        self._lock = Lock()
        self._access: dict[str, _Access] = {}
        self._refresh: dict[str, Grant] = {}
        self._dead: set[str] = set()

    def issue(self, grant: Grant, expires_in: int = ACCESS_TOKEN_SECONDS) -> Issued:
        """A first pair of tokens for what a person has just allowed."""
        with self._lock:
            return Issued(grant, self._new_access(grant, expires_in), self._new_refresh(grant), expires_in)

    def refresh(self, refresh_token: str) -> Issued:
        """A new access token. Raises :class:`TokenRefusedError` for a token unknown, used, revoked or too old."""
        with self._lock:
            if refresh_token in self._dead:
                raise TokenRefusedError("Refresh token revoked")
            grant = self._refresh.get(refresh_token)
            if grant is None:
                raise TokenRefusedError("Invalid refresh token")
            if self._clock() >= grant.ends_at:
                raise TokenRefusedError("Refresh token expired")
            rotated = None
            if self._rotates:
                self._bury(refresh_token)
                rotated = self._new_refresh(grant)
            return Issued(grant, self._new_access(grant, ACCESS_TOKEN_SECONDS), rotated, ACCESS_TOKEN_SECONDS)

    def check(self, access_token: str) -> Grant:
        """What the token allows. Raises :class:`TokenRefusedError` when it is unknown, revoked or expired."""
        access = self._access.get(access_token)
        if access is None:
            raise TokenRefusedError("Invalid access token")
        if self._clock() >= access.expires_at:
            raise TokenRefusedError("The access token expired")
        return access.grant

    def expire_access_tokens(self) -> None:
        """Let every access token have expired just now."""
        with self._lock:
            now = self._clock()
            self._access = {token: replace(access, expires_at=now) for token, access in self._access.items()}

    def revoke(self, person: Person) -> None:
        """Withdraw everything the person allowed, as they can on their account page."""
        with self._lock:
            self._access = {
                token: access for token, access in self._access.items() if access.grant.person is not person
            }
            for token in [token for token, grant in self._refresh.items() if grant.person is person]:
                self._bury(token)

    def _bury(self, refresh_token: str) -> None:
        del self._refresh[refresh_token]
        self._dead.add(refresh_token)

    def _new_access(self, grant: Grant, expires_in: int) -> str:
        token = f"BQ{secrets.token_urlsafe(120)}"
        self._access[token] = _Access(grant, self._clock() + timedelta(seconds=expires_in))
        return token

    def _new_refresh(self, grant: Grant) -> str:
        token = f"AQ{secrets.token_urlsafe(96)}"
        self._refresh[token] = grant
        return token
