"""Who has an account at the simulated Last.fm, what they listened to, and which keys open it."""

import bisect
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import NamedTuple

from providers.testing.simulators.catalogue import CatalogueTrack

TOKEN_LIFETIME = timedelta(minutes=60)


class RefusedError(Exception):
    """Last.fm says no: one of the error codes of its API, with the words and the HTTP status that go with it."""

    def __init__(self, code: int, message: str, *, status: int = 403) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class Listen(NamedTuple):
    """A track at a time, as whole Unix seconds."""

    uts: int
    track: CatalogueTrack


@dataclass(eq=False)
class Person:
    """Someone with an account. ``now_playing`` is what their player reports at this moment."""

    name: str
    hides_recent: bool = False
    now_playing: CatalogueTrack | None = None
    _listens: list[Listen] = field(default_factory=list, repr=False)

    def listen(self, track: CatalogueTrack, at: datetime) -> None:
        """Record that ``track`` was started ``at`` (aware; kept in whole seconds)."""
        bisect.insort(self._listens, Listen(int(at.timestamp()), track), key=lambda listen: listen.uts)

    def forget(self, at: datetime) -> None:
        """Delete what was started ``at`` (aware), as a person can on the website."""
        self._listens = [listen for listen in self._listens if listen.uts != int(at.timestamp())]

    def listens(self, since: int | None, before: int | None) -> list[Listen]:
        """The listens from ``since`` (inclusive) until ``before`` (exclusive), newest first, in Unix seconds."""
        first = 0 if since is None else bisect.bisect_left(self._listens, since, key=lambda listen: listen.uts)
        end = None if before is None else bisect.bisect_left(self._listens, before, key=lambda listen: listen.uts)
        return self._listens[first:end][::-1]


@dataclass(slots=True)
class _Token:
    issued_at: datetime
    granted_by: Person | None


class Accounts:
    """People, the request tokens they granted and the sessions those were exchanged for."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._people: dict[str, Person] = {}
        self._tokens: dict[str, _Token] = {}
        self._sessions: dict[str, Person] = {}

    @property
    def people(self) -> list[Person]:
        """Everyone, in the order they joined."""
        return list(self._people.values())

    def add(self, person: Person) -> None:
        """Open an account; names are unique whatever their case."""
        if person.name.casefold() in self._people:
            raise ValueError(f"{person.name} has an account already")
        self._people[person.name.casefold()] = person

    def find(self, name: str) -> Person | None:
        """The person of that name, whatever its case."""
        return self._people.get(name.casefold())

    def issue_token(self, granted_by: Person | None = None) -> str:
        """A fresh request token of 32 hex digits, granted by a person or by nobody yet."""
        token = secrets.token_hex(16)
        self._tokens[token] = _Token(self._clock(), granted_by)
        return token

    def exchange(self, token: str) -> tuple[str, Person]:
        """Turn a granted token into a session key, once.

        Raises `RefusedError` with code 4 (never issued, or used), 15 (older than an hour) or 14 (not granted).
        """
        with self._lock:
            issued = self._tokens.get(token)
            if issued is None:
                raise RefusedError(4, "Unauthorized Token - This token has not been issued")
            if self._clock() - issued.issued_at >= TOKEN_LIFETIME:
                raise RefusedError(15, "Unauthorized Token - This token has expired")
            if issued.granted_by is None:
                raise RefusedError(14, "Unauthorized Token - This token has not been authorized")
            del self._tokens[token]
        return self.open_session(issued.granted_by), issued.granted_by

    def open_session(self, person: Person) -> str:
        """A session key of 32 characters, valid until the person revokes it."""
        key = secrets.token_hex(16)
        self._sessions[key] = person
        return key

    def session_of(self, key: str) -> Person:
        """Whose session it is. Raises `RefusedError` with code 9 when it is nobody's (any more)."""
        person = self._sessions.get(key)
        if person is None:
            raise RefusedError(9, "Invalid session key - Please re-authenticate")
        return person

    def revoke(self, person: Person) -> None:
        """Close every session of a person, as their settings page does."""
        with self._lock:
            self._sessions = {key: owner for key, owner in self._sessions.items() if owner is not person}
