"""A person's Last.fm: linking and listening history (REQ-PROV-040)."""

import math
from collections.abc import Generator
from datetime import UTC, datetime

from providers.contracts import BatchedHistory, Type, is_within, require_aware
from providers.datatypes import HistoryEnd, Track
from providers.exceptions import InvalidResponseError
from providers.lastfm.auth import LastFMAuthenticator
from providers.lastfm.client import LastFMApplication, LastFMClient
from providers.lastfm.parse import parse_recent_tracks


class LastFMProvider(LastFMAuthenticator, BatchedHistory):
    """One person's Last.fm. Every read carries their own session, so that a hidden history is theirs to read.

    Last.fm keeps every listen for ever: walking a window to its last page has offered all that was ever in it.
    So a walk always ends in `REACHED_SINCE`, also where nothing older exists: `EXHAUSTED` would hint at listens
    that the service may have dropped.
    """

    def __init__(self, application: LastFMApplication, *, username: str, session_key: str) -> None:
        super().__init__(application)
        self._username = username
        self._client = LastFMClient(application, session_key)

    def type(self) -> str:
        """Return "lastfm" (REQ-PROV-001)."""
        return Type.LASTFM.value

    def iter_recent_listens(
        self, since: datetime, until: datetime | None = None
    ) -> Generator[list[Track], None, HistoryEnd]:
        """Yield the listens after `since`, up to and including `until`, a page at a time (REQ-PROV-042).

        The window is closed before the first page is asked for, at `until` or now, so that what is played
        meanwhile does not push listens from page to page.
        """
        require_aware(since=since, until=until)
        now = datetime.now(UTC)
        return self._walk(since, now if until is None else min(until, now))

    def count_listens(self, since: datetime, until: datetime) -> int:
        """Return how many listens there are after `since`, up to and including `until`, from one small answer."""
        require_aware(since=since, until=until)
        first, before = max(0, _unix_seconds(since) + 1), _unix_seconds(until) + 1
        if first >= before:
            return 0
        page = parse_recent_tracks(self._client.get_recent_tracks(self._username, first=first, before=before, limit=1))
        if page.total is None:
            raise InvalidResponseError("Last.fm did not say how many listens there are.", provider=Type.LASTFM)
        return page.total

    def _walk(self, since: datetime, until: datetime) -> Generator[list[Track], None, HistoryEnd]:
        self._begin_walk()
        # Last.fm counts in whole seconds, `from` inclusive, `to` exclusive; `since` and `until` are the reverse.
        first, before = max(0, _unix_seconds(since)), _unix_seconds(until) + 1
        if first >= before:
            return HistoryEnd.REACHED_SINCE
        number = 1
        offered: set[Track] = set()
        while True:
            page = parse_recent_tracks(
                self._client.get_recent_tracks(self._username, first=first, before=before, page=number)
            )
            if not page.tracks and number < page.total_pages:
                raise InvalidResponseError(
                    f"Page {number} of {page.total_pages} came without listens.", provider=Type.LASTFM
                )
            if number == 1:
                self.expected_listens = page.total
            self._note_seen(track.played_at for track in page.tracks[-1:])
            # A listen that arrives late, into the window, pushes the end of each page to the top of the next.
            batch = [
                track for track in page.tracks if is_within(track.played_at, since, until) and track not in offered
            ]
            if batch:
                yield batch
            if number >= page.total_pages or any(track.played_at and track.played_at <= since for track in page.tracks):
                return HistoryEnd.REACHED_SINCE
            offered = set(page.tracks)
            number += 1


def _unix_seconds(moment: datetime) -> int:
    return math.floor(moment.timestamp())
