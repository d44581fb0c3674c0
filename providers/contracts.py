"""The capability protocols (REQ-PROV-001 to 005, 010). Having the method **is** the capability.

`isinstance(provider, HistoryFetcher)` and `issubclass(SpotifyProvider, HistoryFetcher)` both work, and the
capability tables of the pages, the admin and the commands are computed from the classes.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol, runtime_checkable

from providers.datatypes import AuthAttempt, AuthResult, HistoryEnd, Playlist, SyncPlaylistRequest, Track


class Type(StrEnum):
    """The built-in services. The registry is keyed by plain `str`, so that others register their own."""

    SPOTIFY = "spotify"
    LASTFM = "lastfm"
    NAVIDROME = "navidrome"


@runtime_checkable
class Provider(Protocol):
    """One person's access to one music service (REQ-PROV-001)."""

    def type(self) -> str:
        """Return the stable identifier of the service."""
        ...


@runtime_checkable
class HistoryFetcher(Protocol):
    """Can tell what the person listened to (REQ-PROV-002). `BatchedHistory` states the rules."""

    def get_recent_listens(self, since: datetime, callback: Callable[[list[Track]], None]) -> HistoryEnd:
        """Hand every listen after `since` to `callback`, batch by batch, and return how the history ended."""
        ...


@runtime_checkable
class PlaylistManager(Protocol):
    """Can read and make playlists (REQ-PROV-003)."""

    def get_playlists(self) -> list[Playlist]:
        """Return all of the person's playlists, their tracks not loaded."""
        ...

    def create_playlist(self, name: str, description: str, tracks: Sequence[Track]) -> Playlist:
        """Make a new playlist of these tracks, in this order, and return it."""
        ...


@runtime_checkable
class PlaylistSyncer(Protocol):
    """Can be written back to (REQ-PROV-004)."""

    def sync_playlist(self, request: SyncPlaylistRequest) -> str:
        """Make the playlist look as requested, creating it where it has no id yet; return its remote id."""
        ...

    def delete_playlist(self, remote_playlist_id: str) -> None:
        """Remove a playlist. One that is gone already is no error."""
        ...

    def update_playlist_tracks(self, remote_playlist_id: str, tracks: Sequence[Track]) -> None:
        """Replace all tracks of a playlist. No tracks empty it."""
        ...


@runtime_checkable
class Authenticator(Protocol):
    """Can link a person's account through their browser (REQ-PROV-005)."""

    def supports_auth(self) -> bool:
        """Tell whether people link this service themselves."""
        ...

    def get_auth_url(self, state: str) -> str:
        """Return the address to send the person's browser to."""
        ...

    def exchange_code(self, code: str) -> AuthResult:
        """Exchange what the service gave the browser for credentials. Raises `AuthenticationError`."""
        ...

    def refresh_token(self, refresh_token: str) -> AuthResult:
        """Get a fresh access token. Raises `ReauthorizationRequiredError` when the link is dead."""
        ...

    def disconnect(self) -> None:
        """Clean up on the service's side, where it has anything to clean up."""
        ...


@runtime_checkable
class HistoryCounter(Protocol):
    """Optional: can count listens without reading them."""

    def count_listens(self, since: datetime, until: datetime) -> int:
        """Return how many listens there are after `since`, up to and including `until`.

        Raises `NotFoundError` where the service turns out not to count for this person.
        """
        ...


@runtime_checkable
class LibraryLister(Protocol):
    """Optional: can list all the songs the person could put on a playlist."""

    def iter_library(self) -> Iterator[list[Track]]:
        """Yield the whole library, page by page."""
        ...


@runtime_checkable
class TrackFinder(Protocol):
    """Optional: can look a track up, where there are too many to list them all."""

    def find_tracks(self, track: Track) -> list[Track]:
        """Return what the service finds for a track of another service, by its ISRC or by its names; a few at most."""
        ...


# The user is typed Any because this module knows no Django: any user model will do.
Factory = Callable[[Any], Provider | None]
"""Builds one person's provider from the database; None means not configured, never an error (REQ-PROV-011)."""

AuthenticatorFactory = Callable[[AuthAttempt | None], Authenticator]
"""Builds an authenticator from the application's settings, bound to the attempt it serves, if there is one."""


class BatchedHistory(ABC):
    """Derives `HistoryFetcher` from one generator, `iter_recent_listens`.

    The rules, which the conformance kit proves:

    * `since` is exclusive, `until` inclusive; a naive `since` or `until` is a `ValueError`.
    * One non-empty batch per remote page. The next page is not delivered before the callback returned
      (pages may be *fetched* a few ahead, within bounds).
    * Newest first, within and across batches; where `history_is_resumable` is False, within a batch only.
    * Every `played_at` is aware UTC.
    * An exception in the callback stops everything and propagates.
    """

    # How many of the latest plays does the service keep? None: all of them.
    history_limit: ClassVar[int | None] = None
    # Does the service tell only the last play of each track? A provider that finds out at run time sets it anew.
    history_is_last_play_only: bool = False
    # Can a walk that breaks off now go on from the oldest listen it saw? Asked at each batch.
    history_is_resumable: bool = True
    # How many listens does the service say the last walk's window holds? None: it does not tell, or not yet.
    # It may count a few that are not offered, such as those of the very second of `since`.
    expected_listens: int | None = None
    # How far back has the last walk seen anything, listens that could not be offered included? None: nothing yet.
    oldest_seen: datetime | None = None

    @abstractmethod
    def iter_recent_listens(
        self, since: datetime, until: datetime | None = None
    ) -> Generator[list[Track], None, HistoryEnd]:
        """Yield the listens after `since`, up to and including `until`, and return how the history ended."""

    def get_recent_listens(self, since: datetime, callback: Callable[[list[Track]], None]) -> HistoryEnd:
        """Hand every listen after `since` to `callback`, batch by batch (REQ-PROV-002)."""
        require_aware(since=since)
        return hand_over(self.iter_recent_listens(since), callback)

    def _begin_walk(self) -> None:
        """Forget what the last walk learned. The first thing a walk does."""
        self.expected_listens = self.oldest_seen = None

    def _note_seen(self, moments: Iterable[datetime | None]) -> None:
        """Move `oldest_seen` back to the oldest of these moments, where it is older. None among them say nothing."""
        self.oldest_seen = min(filter(None, [self.oldest_seen, *moments]), default=None)


def hand_over(batches: Generator[list[Track], None, HistoryEnd], callback: Callable[[list[Track]], None]) -> HistoryEnd:
    """Give every batch to `callback`, one after the other, and return how the history ended."""
    with closing(batches):
        while True:
            try:
                batch = next(batches)
            except StopIteration as stop:
                end: HistoryEnd = stop.value
                return end
            callback(batch)


def require_aware(**moments: datetime | None) -> None:
    """Raise `ValueError` naming the first of the given moments that has no time zone."""
    for name, moment in moments.items():
        if moment is not None and moment.utcoffset() is None:
            raise ValueError(f"{name} must be an aware datetime")


def is_within(moment: datetime | None, since: datetime, until: datetime | None) -> bool:
    """Tell whether a listen of this moment belongs to a window: after `since`, up to and including `until`."""
    return moment is not None and since < moment and (until is None or moment <= until)
