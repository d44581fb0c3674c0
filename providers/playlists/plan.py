"""What has to change on a playlist so that it becomes another: the fewest additions, removals and moves. Pure."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from providers.datatypes import LeftOut, Track
from providers.playlists.matching import Verdict

MOST_PAIRS = 2_000_000
"""With more pairs of equal songs than this, a list is one song over and over: then any will do for any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One song that is added, removed or moved.

    `before` is its place in the list as it is, `after` its place in the list as it shall be, both from 0; None where
    it has none.
    """

    kind: Literal["add", "remove", "move"]
    song: Track
    before: int | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What carrying a playlist comes to, before anything of it is done.

    `verdicts` are of the source's tracks, in its order; `left_out` are its entries that are no tracks. `wanted` is the
    target's list as it shall be, `changes` lead there from what it is now, and `was` is how many songs it has now.
    `is_renamed` says that its name or description has to change as well.
    """

    name: str
    description: str
    verdicts: tuple[Verdict, ...]
    left_out: tuple[LeftOut, ...]
    wanted: tuple[Track, ...]
    changes: tuple[Change, ...]
    was: int
    is_new: bool
    is_renamed: bool

    @property
    def is_empty(self) -> bool:
        """Whether nothing has to be written."""
        return not (self.changes or self.is_new or self.is_renamed)

    @property
    def missing(self) -> list[tuple[int, Verdict]]:
        """The tracks that were not found, and their places in the source."""
        return [(place, verdict) for place, verdict in enumerate(self.verdicts) if verdict.match is None]

    @property
    def removed(self) -> int:
        """How many songs leave the list for good."""
        return sum(change.kind == "remove" for change in self.changes)

    @property
    def figures(self) -> dict[str, Any]:
        """How many tracks there are, how many were found and by which method, and what is left out."""
        methods = Counter(verdict.match.method.value for verdict in self.verdicts if verdict.match)
        return {
            "total": len(self.verdicts) + len(self.left_out),
            "matched": methods.total(),
            "missing": len(self.missing),
            "left_out": len(self.left_out),
            "by_method": dict(sorted(methods.items())),
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as JSON has it, songs by id and name."""
        return {
            "name": self.name,
            "is_new": self.is_new,
            "is_renamed": self.is_renamed,
            **self.figures,
            "changes": [
                {
                    "kind": change.kind,
                    "id": change.song.id,
                    "name": change.song.name,
                    "artist": change.song.artist,
                    "before": change.before,
                    "after": change.after,
                }
                for change in self.changes
            ],
        }


def changes_between(now: Sequence[Track], wanted: Sequence[Track]) -> tuple[Change, ...]:
    """Return the fewest changes that make one list of the other, songs told apart by their ids.

    Removals come first, by their place now, then additions and moves, by their place in the end. Whoever takes out all
    that are removed or moved, and puts in all that are added or moved in this order, has the list wanted.
    """
    kept = dict(longest_common([song.id for song in now], [song.id for song in wanted]))
    stay = set(kept.values())
    leaving: dict[str, list[int]] = defaultdict(list)
    for place in range(len(now) - 1, -1, -1):
        if place not in kept:
            leaving[now[place].id].append(place)
    put_in = []
    for place, song in enumerate(wanted):
        if place in stay:
            continue
        if leaving[song.id]:
            put_in.append(Change(kind="move", song=song, before=leaving[song.id].pop(), after=place))
        else:
            put_in.append(Change(kind="add", song=song, after=place))
    removed = sorted(place for places in leaving.values() for place in places)
    return (*(Change(kind="remove", song=now[place], before=place) for place in removed), *put_in)


def longest_common(now: Sequence[Hashable], wanted: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Return the places of a longest common subsequence in both lists, by Hunt and Szymanski.

    Its time grows with the pairs of equal entries, of which lists of songs have hardly more than songs.
    """
    head = 0
    while head < min(len(now), len(wanted)) and now[head] == wanted[head]:
        head += 1
    tail = 0
    while tail < min(len(now), len(wanted)) - head and now[-1 - tail] == wanted[-1 - tail]:
        tail += 1
    places: dict[Hashable, list[int]] = defaultdict(list)
    for place in range(head, len(now) - tail):
        places[now[place]].append(place)
    pairs = _pairs(places, wanted, head, len(wanted) - tail)
    common = [(place, place) for place in range(head)]
    common += _longest_increasing(pairs)
    common += [(len(now) - place, len(wanted) - place) for place in range(tail, 0, -1)]
    return common


def _pairs(
    places: dict[Hashable, list[int]], wanted: Sequence[Hashable], first: int, last: int
) -> list[tuple[int, int]]:
    """Return which places hold equal entries: by place in the list wanted, and of each the later place now first."""
    count = sum(len(places.get(wanted[place], ())) for place in range(first, last))
    if count <= MOST_PAIRS:
        return [(now, place) for place in range(first, last) for now in reversed(places.get(wanted[place], ()))]
    # The first of them for the first, and so on: no longer sure to be the most that could stay.
    unused = {entry: iter(found) for entry, found in places.items()}
    in_turn = ((next(unused.get(wanted[place], iter(())), None), place) for place in range(first, last))
    return [(now, place) for now, place in in_turn if now is not None]


def _longest_increasing(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the most pairs whose places now rise as well, of pairs in the order of their places in the list wanted."""
    ends: list[int] = []
    at_end: list[int] = []
    before: list[int] = []
    for number, (now, _) in enumerate(pairs):
        length = bisect_left(ends, now)
        before.append(at_end[length - 1] if length else -1)
        if length == len(ends):
            ends.append(now)
            at_end.append(number)
        else:
            ends[length] = now
            at_end[length] = number
    chosen = []
    number = at_end[-1] if at_end else -1
    while number >= 0:
        chosen.append(pairs[number])
        number = before[number]
    return chosen[::-1]
