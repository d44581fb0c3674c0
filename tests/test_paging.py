"""Pages join without a gap, whatever changes between their answers and in whatever order they are answered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.datatypes import Track
from providers.exceptions import InvalidResponseError, ServiceUnavailableError
from providers.paging import MAX_TURNS_BACK, HistoryPage, join_pages

SIZE = 3
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


def listen(second: float, name: str = "") -> Track:
    return Track(id="", name=name or f"at {second}", artist="A", played_at=BEGINNING + timedelta(seconds=second))


@dataclass
class Service:
    """A history that is another one at each answer; the last one stays. Seconds stand for listens."""

    states: Sequence[Sequence[float]]
    tells_total: bool = True
    asked: list[int] = field(default_factory=list)

    def read(self, number: int) -> HistoryPage:
        state = sorted(self.states[min(len(self.asked), len(self.states) - 1)], reverse=True)
        self.asked.append(number)
        return page([listen(second) for second in state], number, tells_total=self.tells_total)


def page(tracks: Sequence[Track], number: int, *, tells_total: bool = True) -> HistoryPage:
    return HistoryPage(
        tracks=list(tracks[(number - 1) * SIZE : number * SIZE]),
        total_pages=-(-len(tracks) // SIZE),
        total=len(tracks) if tells_total else None,
    )


def join(read: Callable[[int], HistoryPage]) -> list[Track]:
    return [track for page in join_pages(read, lambda: 0.0, provider="sound") for track in page.tracks]


def seconds(tracks: Sequence[Track]) -> list[float]:
    return [(track.played_at - BEGINNING).total_seconds() for track in tracks if track.played_at]


def test_a_history_that_stays_as_it_is_is_read_page_by_page() -> None:
    service = Service([range(8)])
    assert seconds(join(service.read)) == [7, 6, 5, 4, 3, 2, 1, 0]
    assert service.asked == [1, 2, 3]


def test_a_history_of_nothing_is_one_empty_page() -> None:
    service = Service([[]])
    assert join(service.read) == []
    assert service.asked == [1]


def test_a_listen_deleted_above_pulls_nothing_past_the_walk() -> None:
    service = Service([range(8), [0, 1, 2, 3, 4, 5, 7]])
    assert seconds(join(service.read)) == [7, 6, 5, 4, 3, 2, 1, 0]
    assert service.asked == [1, 2, 1, 2, 3]


def test_a_deletion_that_leaves_one_page_less_does_not_end_the_walk_early() -> None:
    service = Service([range(4), [0, 1, 2]])
    assert seconds(join(service.read)) == [3, 2, 1, 0]
    assert service.asked == [1, 2, 1]


def test_more_deletions_than_a_page_holds_send_the_walk_back_as_far_as_they_reach() -> None:
    kept = [0, 1, 2, 3, 4]
    service = Service([range(12), range(12), range(12), kept])
    assert seconds(join(service.read)) == [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert service.asked == [1, 2, 3, 4, 3, 2, 1, 2]


def test_a_listen_deleted_below_costs_a_look_back_and_no_more() -> None:
    service = Service([range(8), [1, 2, 3, 4, 5, 6, 7]])
    assert seconds(join(service.read)) == [7, 6, 5, 4, 3, 2, 1]
    assert service.asked == [1, 2, 1, 2, 3]


def test_a_listen_that_arrives_late_above_is_left_out_and_repeats_nothing() -> None:
    service = Service([range(8), [*range(8), 6.5]])
    assert seconds(join(service.read)) == [7, 6, 5, 4, 3, 2, 1, 0]
    assert service.asked == [1, 2, 3]


def test_a_listen_that_arrives_late_below_is_shown() -> None:
    service = Service([range(8), [*range(8), 0.5]])
    assert seconds(join(service.read)) == [7, 6, 5, 4, 3, 2, 1, 0.5, 0]


def test_a_listen_deleted_above_is_not_outweighed_by_late_ones_below() -> None:
    service = Service([range(8), [0, 0.5, 0.6, 1, 2, 3, 4, 5, 7]])
    assert seconds(join(service.read)) == [7, 6, 5, 4, 3, 2, 1, 0.6, 0.5, 0]


def test_a_page_that_was_gone_back_to_has_to_reach_what_was_shown() -> None:
    all_twelve, without_four, late_instead = range(12), range(8), [*range(8), 0.1, 0.2, 0.3, 0.4]
    service = Service([all_twelve, all_twelve, all_twelve, without_four, late_instead])
    assert seconds(join(service.read)) == [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0.4, 0.3, 0.2, 0.1, 0]
    assert service.asked == [1, 2, 3, 4, 3, 2, 3, 4]


def test_a_late_listen_that_makes_one_page_more_hides_nothing() -> None:
    service = Service([range(6), [*range(6), 5.5]])
    assert seconds(join(service.read)) == [5, 4, 3, 2, 1, 0]
    assert service.asked == [1, 2, 3]


def test_a_page_that_was_answered_before_the_one_in_front_of_it_is_read_again() -> None:
    newer, older = [*range(8), 6.5], range(8)
    service = Service([newer, older, newer])
    assert seconds(join(service.read)) == [7, 6.5, 6, 5, 4, 3, 2, 1, 0]
    assert service.asked == [1, 2, 1, 2, 3]


def test_many_listens_of_one_second_are_each_shown_once_over_several_pages() -> None:
    tracks = [listen(0, name=f"number {number}") for number in range(3 * SIZE + 1)]
    assert join(lambda number: page(tracks, number)) == tracks


def test_where_no_total_is_told_pages_are_taken_as_they_come() -> None:
    service = Service([range(8), [*range(8), 6.5]], tells_total=False)
    assert seconds(join(service.read)) == [7, 6, 5, 4, 3, 2, 1, 0]


def test_a_page_without_listens_before_the_last_one_is_refused() -> None:
    with pytest.raises(InvalidResponseError, match="Page 1 of 3 came without listens"):
        join(lambda number: HistoryPage([], total_pages=3, total=9))


def test_a_history_that_never_rests_is_given_up_until_later() -> None:
    service = Service([list(range(1000 - number)) for number in range(900)])
    with pytest.raises(ServiceUnavailableError, match="changes too fast"):
        join(service.read)
    assert len(service.asked) <= 2 * MAX_TURNS_BACK + 2


@given(
    history=st.sets(st.integers(0, 40), min_size=1),
    changes=st.lists(st.sets(st.integers(0, 40), max_size=5), max_size=3),
    order=st.lists(st.integers(0, 3), max_size=10),
    grows=st.booleans(),
)
def test_what_is_there_all_the_time_is_shown_once_and_newest_first(
    history: set[int], changes: list[set[int]], order: list[int], grows: bool
) -> None:
    """Each answer is of the history at some moment, and moments may come in any order: so it is in several threads."""
    states = [history]
    for change in changes:
        states.append(states[-1] | change if grows else states[-1] - change)
    answered = [states[min(moment, len(states) - 1)] for moment in order]
    shown = seconds(join(Service([*answered, states[-1]]).read))
    assert shown == sorted(set(shown), reverse=True)
    assert set(shown) >= set.intersection(*answered, states[-1])
