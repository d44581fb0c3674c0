"""Numbered pages of a history, joined without a gap although the history changes between two answers.

A page is a stretch of a list counted from its newest listen, as the list is when the page is answered. Pages that are
read ahead may be answered in any order. Between the answers of two neighbours a listen that arrives late may push the
list down, and one that is deleted may pull it up: seen from the later page that is the same, the other way round. So
either the later page repeats the end of the earlier one, or something fell between them and was on neither.

The total that each page tells gives it away. As long as it stays the same, the next page joins. Where it has changed, a
page joins if it begins with, or before, the end of what was shown; otherwise the page before it is read once more, and
what is new on that is shown. What arrives late among listens that were shown already is left to the next walk.
"""

from collections.abc import Callable, Generator, Iterator, Set
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile

from providers.datatypes import Track
from providers.exceptions import InvalidResponseError, ServiceUnavailableError
from providers.readahead import read_ahead

MAX_TURNS_BACK = 8
"""How many times in a row pages may fail to join, before the history is called too restless to be read now."""


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """One page of a history, newest first, all of it with `played_at`.

    `total_pages` and `total` are how many pages and listens there are; `total` is None where that is not told.
    """

    tracks: list[Track]
    total_pages: int
    total: int | None


def join_pages(
    read: Callable[[int], HistoryPage], latency: Callable[[], float], *, provider: str
) -> Generator[HistoryPage, None, None]:
    """Yield the pages from 1 on, each without what was shown before, until the last one.

    `read` and `latency` are those of `read_ahead`. Raises what `read` raises, `InvalidResponseError` for a page that
    is empty in the middle, and `ServiceUnavailableError` where too much is deleted meanwhile.
    """
    edge: _Edge | None = None
    number = last = 1
    shown = furthest = turns_back = 0

    def numbers_from(first: int) -> Iterator[int]:
        # Asked again for each number: where the end is, is known from the first page on and may change.
        number = first
        while number <= last:
            yield number
            number += 1

    while number <= last:
        with closing(read_ahead(read, numbers_from(number), latency)) as pages:
            for page in pages:
                if not page.tracks and number < page.total_pages:
                    raise InvalidResponseError(
                        f"Page {number} of {page.total_pages} came without listens.", provider=provider
                    )
                is_next = number == shown + 1
                if edge and number > 1 and not (edge.is_reached_by(page) or (is_next and edge.is_as_it_was(page))):
                    turns_back += 1
                    if turns_back > MAX_TURNS_BACK:
                        raise ServiceUnavailableError("The history changes too fast to be read now.", provider=provider)
                    number -= 1
                    break
                fresh = page.tracks if edge is None else edge.below(page.tracks)
                if edge is not None:
                    edge = edge.moved(page, fresh)
                elif fresh:
                    edge = _edge_of(fresh, page.total)
                shown, last = number, page.total_pages
                if number > furthest:
                    furthest, turns_back = number, 0
                number += 1
                yield replace(page, tracks=fresh)


@dataclass(frozen=True, slots=True)
class _Edge:
    """Where what was shown ends: the oldest moment and all listens shown of it, and the total that went with them."""

    moment: datetime
    tracks: Set[Track]
    total: int | None

    def is_as_it_was(self, page: HistoryPage) -> bool:
        """Tell whether the list is no longer and no shorter on this page; where no total is told it is taken to be."""
        return None in (page.total, self.total) or page.total == self.total

    def is_reached_by(self, page: HistoryPage) -> bool:
        """Tell whether a page begins before this edge, or at it."""
        return bool(page.tracks) and not self._is_below(page.tracks[0])

    def below(self, tracks: list[Track]) -> list[Track]:
        """Return those of the tracks, newest first, that were not shown yet."""
        if tracks and _moment(tracks[0]) < self.moment:
            return tracks
        return [track for track in tracks if self._is_below(track)]

    def moved(self, page: HistoryPage, fresh: list[Track]) -> "_Edge":
        """Return the edge after the fresh tracks of a page were shown."""
        if not fresh:
            return replace(self, total=page.total)
        return _edge_of(fresh, page.total, self.tracks if fresh[-1].played_at == self.moment else frozenset())

    def _is_below(self, track: Track) -> bool:
        moment = _moment(track)
        return moment < self.moment or (moment == self.moment and track not in self.tracks)


def _edge_of(shown: list[Track], total: int | None, shown_before: Set[Track] = frozenset()) -> _Edge:
    moment = _moment(shown[-1])
    oldest = takewhile(lambda track: track.played_at == moment, reversed(shown))
    return _Edge(moment, shown_before | frozenset(oldest), total)


def _moment(track: Track) -> datetime:
    assert track.played_at is not None  # noqa: S101, a page of a history is of listens
    return track.played_at
