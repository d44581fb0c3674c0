"""Pages are read ahead where waiting for them is what takes the time, within bounds and in order."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count, islice
from threading import Barrier, Event

import pytest

from providers import readahead
from providers.readahead import AT_ONCE, MAX_AHEAD, read_ahead

SECONDS = 30
"""How long a test waits for what comes at once."""


class Clock:
    """Stands in for the module `time`: it goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(readahead, "time", clock)
    return clock


def far_away() -> float:
    """Return a latency beyond anything that pages could take."""
    return 1e6


class Service:
    """Reads pages, and remembers which, in which threads, and how many at once."""

    def __init__(self, answer: Callable[[int], int] = lambda number: number) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self._reading = 0
        self.most_at_once = 0
        self.asked: list[int] = []
        self.threads: set[int] = set()

    def read(self, number: int) -> int:
        with self._lock:
            self.asked.append(number)
            self.threads.add(threading.get_ident())
            self._reading += 1
            self.most_at_once = max(self.most_at_once, self._reading)
        try:
            return self._answer(number)
        finally:
            with self._lock:
                self._reading -= 1


@pytest.mark.parametrize("latency", [lambda: 0.0, far_away])
@pytest.mark.parametrize("pages", [0, 1, 2, 30])
def test_every_page_comes_once_and_in_order(latency: Callable[[], float], pages: int) -> None:
    assert list(read_ahead(Service().read, range(pages), latency)) == list(range(pages))


def test_where_the_service_answers_at_once_nothing_is_read_ahead_and_no_thread_is_used() -> None:
    service = Service()
    for number in read_ahead(service.read, range(20), lambda: 0.001):
        assert service.asked == list(range(number + 1))
    assert service.threads == {threading.get_ident()}


def test_whoever_takes_longer_over_a_page_than_the_service_is_not_read_ahead_for(clock: Clock) -> None:
    service = Service()
    for number in read_ahead(service.read, range(20), lambda: 0.1):
        assert service.asked == list(range(number + 1))
        clock.now += 0.25
    assert service.threads == {threading.get_ident()}


def test_where_the_service_is_what_takes_the_time_as_many_as_allowed_are_read_at_once() -> None:
    together = Barrier(MAX_AHEAD)

    def answer(number: int) -> int:
        # None of the eight behind the first page is answered before the last of them was asked for.
        if 0 < number <= MAX_AHEAD:
            together.wait(SECONDS)
        return number

    service = Service(answer)
    assert list(read_ahead(service.read, range(50), far_away)) == list(range(50))
    assert service.most_at_once == MAX_AHEAD


def test_a_few_more_are_read_than_were_under_way(clock: Clock) -> None:
    service = Service()
    with closing(read_ahead(service.read, count(), lambda: 1.0)) as pages:
        for number in pages:
            # Of every 1.25 seconds one went by waiting: three pages at once are of use, more are not.
            assert len(service.asked) <= number + AT_ONCE
            clock.now += 1.25
            if number == 10:
                break
    assert service.most_at_once <= AT_ONCE


def test_pages_answered_out_of_order_are_delivered_in_order() -> None:
    answered = {number: Event() for number in range(1, 5)}

    def answer(number: int) -> int:
        if 0 < number < 4:
            assert answered[number + 1].wait(SECONDS)
        if number in answered:
            answered[number].set()
        return number

    assert list(read_ahead(Service(answer).read, range(5), far_away)) == list(range(5))


@pytest.mark.parametrize("latency", [lambda: 0.0, far_away])
def test_an_error_is_raised_after_the_pages_before_it(latency: Callable[[], float]) -> None:
    def answer(number: int) -> int:
        if number >= 5:
            raise OSError(f"page {number} is lost")
        return number

    delivered: list[int] = []
    with pytest.raises(OSError, match="page 5 is lost"):
        delivered.extend(read_ahead(Service(answer).read, range(20), latency))
    assert delivered == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("latency", [lambda: 0.0, far_away])
def test_after_it_was_closed_nothing_more_is_asked_for(latency: Callable[[], float]) -> None:
    service = Service()
    taken: list[int] = []

    def keys() -> Iterator[int]:
        for number in count():
            taken.append(number)
            yield number

    pages = read_ahead(service.read, keys(), latency)
    assert list(islice(pages, 3)) == [0, 1, 2]
    pages.close()
    asked = len(taken)
    assert list(pages) == []
    assert len(taken) == asked <= 3 + MAX_AHEAD


def test_closing_waits_for_nobody() -> None:
    stuck, released = Event(), Event()

    def answer(number: int) -> int:
        if number > 1:
            stuck.set()
            assert released.wait(SECONDS)
        return number

    pages = read_ahead(Service(answer).read, count(), far_away)
    assert list(islice(pages, 2)) == [0, 1]
    assert stuck.wait(SECONDS)
    pages.close()
    released.set()


def test_how_far_there_is_to_read_may_come_out_on_the_way() -> None:
    last = 0

    def keys() -> Iterator[int]:
        number = 0
        while number <= last:
            yield number
            number += 1

    found = []
    for number in read_ahead(Service().read, keys(), lambda: 0.0):
        found.append(number)
        last = 7
    assert found == list(range(8))
