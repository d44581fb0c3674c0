"""A person's Last.fm: linking and listening history (REQ-PROV-040)."""

import math
from collections.abc import Generator
from contextlib import closing
from datetime import UTC, datetime

from providers.contracts import BatchedHistory, Type, is_within, require_aware
from providers.datatypes import HistoryEnd, Track
from providers.exceptions import InvalidResponseError
from providers.lastfm.auth import LastFMAuthenticator
from providers.lastfm.client import LastFMApplication, LastFMClient
from providers.lastfm.parse import parse_recent_tracks
from providers.paging import HistoryPage, join_pages


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

        def read(number: int) -> HistoryPage:
            answer = self._client.get_recent_tracks(self._username, first=first, before=before, page=number)
            return parse_recent_tracks(answer)

        with closing(join_pages(read, lambda: self._client.latency, provider=self.type())) as pages:
            for page in pages:
                if self.expected_listens is None:
                    self.expected_listens = page.total
                oldest = page.tracks[-1].played_at if page.tracks else None
                self._note_seen([oldest])
                if batch := _within(page.tracks, since, until):
                    yield batch
                if oldest is not None and oldest <= since:
                    break
        return HistoryEnd.REACHED_SINCE


def _within(tracks: list[Track], since: datetime, until: datetime) -> list[Track]:
    """Return those of the tracks, newest first, that belong to a window: nearly always all of them."""
    if tracks and is_within(tracks[0].played_at, since, until) and is_within(tracks[-1].played_at, since, until):
        return tracks
    return [track for track in tracks if is_within(track.played_at, since, until)]


def _unix_seconds(moment: datetime) -> int:
    return math.floor(moment.timestamp())
