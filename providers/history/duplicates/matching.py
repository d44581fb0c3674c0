"""Which plays are one, among many of one person: pairs, then the best assignment, then groups. Pure.

Whatever is decided about a play depends only on the plays it hangs together with, through pairs that compare as
duplicates and through what the person said. So it comes out the same, whichever stretch of a history is looked at.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median_low
from typing import NamedTuple

from providers.history.duplicates.comparison import Play, compare
from providers.history.duplicates.moments import REACH_MS, USUAL_LENGTH_MS

MOST_AT_ONCE = 2_000
"""A play of a song that was played more often than this within hours is compared with nothing: no person did that."""

MOST_TOGETHER = 20_000
"""A song that was played on and on, more often than this without a break, is compared with nothing either."""

Pairs = Mapping[int, Mapping[int, int]]
"""By the id of a play, the ids of those it may be one with, and how well they fit. Each pair is in it both ways."""


@dataclass(frozen=True)
class Verdicts:
    """What the person said: pairs of ids that are the same, and pairs that are two, the smaller id first."""

    same: Sequence[tuple[int, int]] = ()
    two: frozenset[tuple[int, int]] = frozenset()
    partners: Mapping[int, Sequence[int]] = field(init=False)

    def __post_init__(self) -> None:
        partners = defaultdict(list)
        for first, second in self.same:
            partners[first].append(second)
            partners[second].append(first)
        object.__setattr__(self, "partners", partners)

    def forbid(self, some: Iterable[int], others: Iterable[int]) -> bool:
        """Tell whether any of these was said to be another play than any of those."""
        return bool(self.two) and any((min(a, b), max(a, b)) in self.two for a in some for b in others)


def find_pairs(plays: Mapping[int, Play]) -> Pairs:
    """Return all pairs that compare as duplicates."""
    pairs: dict[int, dict[int, int]] = defaultdict(dict)
    if len({(play.provider_type, play.source) for play in plays.values()}) < 2:
        return pairs
    recent: dict[str, list[int]] = defaultdict(list)
    for later in sorted(plays, key=lambda id: (plays[id].moment.at_ms, id)):
        play = plays[later]
        for key in play.keys:
            earlier_ones = recent[key]
            _forget(earlier_ones, plays, play.moment.at_ms - REACH_MS)
            if len(earlier_ones) <= MOST_AT_ONCE:
                for earlier in earlier_ones:
                    if earlier not in pairs[later] and (closeness := compare(play, plays[earlier]).closeness):
                        pairs[later][earlier] = pairs[earlier][later] = closeness
            earlier_ones.append(later)
    return pairs


def _forget(ids: list[int], plays: Mapping[int, Play], before_ms: int) -> None:
    gone = 0
    while gone < len(ids) and plays[ids[gone]].moment.at_ms < before_ms:
        gone += 1
    del ids[:gone]


def hanging_together(ids: Iterable[int], pairs: Pairs) -> dict[int, list[int]]:
    """Return for each play all that it hangs together with through pairs, itself included."""
    together: dict[int, list[int]] = {}
    for start in ids:
        if start not in together:
            found = together[start] = [start]
            for id in found:
                for other in pairs.get(id, ()):
                    if other not in together:
                        together[other] = found
                        found.append(other)
    return {id: found if len(found) <= MOST_TOGETHER else [id] for id, found in together.items()}


def link_to_canonical(
    ids: Sequence[int], plays: Mapping[int, Play], pairs: Pairs, verdicts: Verdicts
) -> dict[int, int]:
    """Return by id the play that it duplicates, for plays that hang together; those that duplicate none are missing."""
    links: dict[int, int] = {}
    for group in _groups(ids, plays, pairs, verdicts):
        if len(group) > 1:
            canonical = min(group, key=lambda id: _rank(id, plays[id]))
            links.update((id, canonical) for id in group if id != canonical)
    return links


def _rank(id: int, play: Play) -> tuple[bool, bool, int, bool, int]:
    """Return how a play ranks among those it is one with; the lowest is the one that stays, the canonical one.

    It is the one that tells most: with an ISRC, with a duration, to the exacter time, from the service itself rather
    than from a file. Among equals it is the one stored first, which never changes.
    """
    return not play.isrc, not play.duration_ms, play.moment.precision_ms, play.source != "api", id


def _groups(ids: Sequence[int], plays: Mapping[int, Play], pairs: Pairs, verdicts: Verdicts) -> list[list[int]]:
    """Return which of the plays are one. What the person said comes first, then one source after the other.

    The plays of each source are given to the groups there are, one to one: the best assignment over all of them that
    keeps the order in time. So repeats stay apart, and one that another source missed shifts none of the others.
    """
    if len(ids) == 2 and not verdicts.same and not verdicts.two:
        return [list(ids)]
    known = [plays[id].duration_ms for id in ids if plays[id].duration_ms]
    usual_ms = median_low(known) if known else USUAL_LENGTH_MS

    def begin(id: int) -> tuple[int, int, int]:
        play = plays[id]
        lasted_ms = (play.duration_ms or usual_ms) if play.marks == "end" else 0
        return play.moment.at_ms - lasted_ms, play.moment.at_ms, id

    said, by_source = _as_said(ids, plays, verdicts)
    groups = [sorted(group, key=begin) for group in said]
    for source in sorted(by_source):
        groups.sort(key=lambda group: begin(group[0]))
        newcomers = sorted(by_source[source], key=begin)
        places = {id: place for place, id in enumerate(newcomers)}
        fits: list[Fit] = []
        for number, group in enumerate(groups):
            if any(_source(plays[id]) == source for id in group):
                continue
            weights: dict[int, int] = {}
            for id in group:
                for other, closeness in pairs.get(id, {}).items():
                    if other in places:
                        weights[other] = max(closeness, weights.get(other, 0))
            fits.extend(
                Fit(number, places[id], weight) for id, weight in weights.items() if not verdicts.forbid([id], group)
            )
        taken = set()
        for number, place in best_assignment(fits):
            groups[number].append(newcomers[place])
            taken.add(place)
        groups.extend([id] for place, id in enumerate(newcomers) if place not in taken)
    return groups


_Source = tuple[bool, bool, str, str]


def _source(play: Play) -> _Source:
    # Those that tell the start come first: the others are fitted to them.
    return play.marks == "end", play.source != "api", play.provider_type, play.source


def _as_said(
    ids: Sequence[int], plays: Mapping[int, Play], verdicts: Verdicts
) -> tuple[list[list[int]], dict[_Source, list[int]]]:
    """Return the groups that the person made, and by source the plays that are in none."""
    group_of = {id: [id] for id in ids}
    for first, second in verdicts.same:
        if first in group_of and second in group_of and group_of[first] is not group_of[second]:
            some, others = group_of[first], group_of[second]
            # Two people at once could contradict each other; then what is two stays two.
            if not verdicts.forbid(some, others):
                some.extend(others)
                group_of.update((id, some) for id in others)
    by_source = defaultdict(list)
    for id in ids:
        if len(group_of[id]) == 1:
            by_source[_source(plays[id])].append(id)
    return [group for id, group in group_of.items() if len(group) > 1 and group[0] == id], by_source


class Fit(NamedTuple):
    """That something at one place in a row may go with something at a place in another row, and how well."""

    place: int
    other: int
    weight: int


class _Chosen(NamedTuple):
    weight: int
    fit: Fit | None
    before: "_Chosen | None"


def best_assignment(fits: Iterable[Fit]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of places with the greatest weight in all, each place once, none crossing another.

    In the time of sorting: for each place in the other row a tree keeps the best choice that ends before it.
    """
    # Of one place the later others first, so that no choice holds the place twice.
    ordered = sorted(fits, key=lambda fit: (fit.place, -fit.other))
    none = _Chosen(0, None, None)
    size = 1 + max((fit.other for fit in ordered), default=0)
    tree = [none] * (size + 1)
    best = none
    for fit in ordered:
        before, index = none, fit.other
        while index:
            if tree[index].weight > before.weight:
                before = tree[index]
            index &= index - 1
        chosen = _Chosen(before.weight + fit.weight, fit, before)
        if chosen.weight > best.weight:
            best = chosen
        index = fit.other + 1
        while index <= size:
            if chosen.weight > tree[index].weight:
                tree[index] = chosen
            index += index & -index
    at: _Chosen | None = best
    while at is not None and at.fit is not None:
        yield at.fit.place, at.fit.other
        at = at.before
