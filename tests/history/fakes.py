"""A service whose history is a list, for tests of what is done with histories."""

from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta

from providers.contracts import BatchedHistory, require_aware
from providers.datatypes import HistoryEnd, Track

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def listen_at(minutes: float, name: str = "") -> Track:
    return Track(id="", name=name or f"Track {minutes}", artist="Ana", played_at=START + timedelta(minutes=minutes))


class ListHistory(BatchedHistory):
    """Serves `listens`, newest first, in pages; `before_page` may raise what a service would.

    Of what it has, it keeps the newest `limit`. What it has but does not tell is named in `untold`: it is seen, takes
    up room on pages and within the limit, and is never offered.
    """

    def __init__(self, listens: list[Track], *, page_size: int = 2, limit: int | None = None) -> None:
        self.listens = listens
        self.untold: set[str] = set()
        self.page_size = page_size
        self.limit = self.history_limit = limit
        self.before_page: Callable[[int], None] = lambda number: None
        self.asked: list[tuple[datetime, datetime | None]] = []

    def type(self) -> str:
        return "lastfm"

    def kept(self) -> list[Track]:
        """Return what the service has just now, newest first."""
        return sorted(self.listens, key=_moment, reverse=True)[: self.limit]

    def iter_recent_listens(
        self, since: datetime, until: datetime | None = None
    ) -> Generator[list[Track], None, HistoryEnd]:
        require_aware(since=since, until=until)
        self._begin_walk()
        self.asked.append((since, until))
        passed: set[Track] = set()
        number = 0
        while True:
            self.before_page(number)
            # What happens during a walk shows on the pages that are still to come.
            left = [track for track in self.kept() if until is None or _moment(track) <= until]
            page = [track for track in left if track not in passed][: self.page_size]
            self._note_seen(track.played_at for track in page)
            if offered := [track for track in page if since < _moment(track) and track.name not in self.untold]:
                yield offered
            if any(_moment(track) <= since for track in page):
                return HistoryEnd.REACHED_SINCE
            if len(page) < self.page_size:
                return HistoryEnd.EXHAUSTED
            # A cursor: what arrives late above it is not told by this walk.
            until = _moment(page[-1])
            passed.update(page)
            number += 1


class CountingHistory(ListHistory):
    """Can count as well. What it does not tell it counts all the same."""

    def __init__(self, listens: list[Track], *, page_size: int = 2) -> None:
        super().__init__(listens, page_size=page_size)
        self.counted: list[tuple[datetime, datetime]] = []

    def count_listens(self, since: datetime, until: datetime) -> int:
        require_aware(since=since, until=until)
        self.counted.append((since, until))
        return sum(since < _moment(track) <= until for track in self.listens)


def _moment(track: Track) -> datetime:
    assert track.played_at is not None
    return track.played_at
