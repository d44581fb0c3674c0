"""A service whose history is a list, for tests of what is done with histories."""

from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta

from providers.contracts import BatchedHistory, require_aware
from providers.datatypes import HistoryEnd, Track

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def listen_at(minutes: float, name: str = "") -> Track:
    return Track(id="", name=name or f"Track {minutes}", artist="Ana", played_at=START + timedelta(minutes=minutes))


class ListHistory(BatchedHistory):
    """Serves `listens`, newest first, in pages; `before_page` may raise what a service would."""

    def __init__(self, listens: list[Track], *, page_size: int = 2, limit: int | None = None) -> None:
        self.listens = listens
        self.page_size = page_size
        self.limit = limit
        self.before_page: Callable[[int], None] = lambda number: None
        self.asked: list[tuple[datetime, datetime | None]] = []

    def type(self) -> str:
        return "lastfm"

    def iter_recent_listens(
        self, since: datetime, until: datetime | None = None
    ) -> Generator[list[Track], None, HistoryEnd]:
        require_aware(since=since, until=until)
        self.asked.append((since, until))
        kept = sorted(self.listens, key=lambda track: track.played_at, reverse=True)[: self.limit]
        offered = [track for track in kept if since < track.played_at and (until is None or track.played_at <= until)]
        for number, start in enumerate(range(0, len(offered), self.page_size)):
            self.before_page(number)
            yield offered[start : start + self.page_size]
        return HistoryEnd.REACHED_SINCE if any(track.played_at <= since for track in kept) else HistoryEnd.EXHAUSTED
