"""One limiter for all that count against the same limit."""

from concurrent.futures import ThreadPoolExecutor
from threading import enumerate as all_threads

import pytest

from providers.ratelimit import Rate, RateLimiter, limiter_for

HOURLY = Rate(3, 3600)


def test_as_many_requests_pass_as_the_rate_allows() -> None:
    limiter = RateLimiter(HOURLY)
    assert [limiter.acquire(0) for _ in range(5)] == [True, True, True, False, False]


def test_a_turn_that_comes_soon_is_waited_for() -> None:
    limiter = RateLimiter(Rate(1, 0.05))
    assert limiter.acquire(5)
    assert limiter.acquire(5)


def test_many_threads_together_get_no_more_than_one_alone() -> None:
    limiter = RateLimiter(HOURLY)
    with ThreadPoolExecutor(8) as threads:
        turns = list(threads.map(lambda _: limiter.acquire(0), range(40)))
    assert turns.count(True) == 3


def test_the_same_application_at_the_same_service_shares_a_limiter() -> None:
    assert limiter_for("spotify", "app", HOURLY) is limiter_for("spotify", "app", HOURLY)


@pytest.mark.parametrize(
    "other", [("lastfm", "app", HOURLY), ("spotify", "other", HOURLY), ("spotify", "app", Rate(1, 1))]
)
def test_another_service_application_or_rate_has_one_of_its_own(other: tuple[str, str, Rate]) -> None:
    assert limiter_for(*other) is not limiter_for("spotify", "app", HOURLY)


def test_where_limits_are_off_there_is_no_limiter() -> None:
    assert limiter_for("spotify", "app", None) is None


def test_asking_for_a_limiter_again_and_again_starts_nothing_new() -> None:
    limiter_for("spotify", "threads", HOURLY)
    before = len(all_threads())
    for _ in range(20):
        limiter_for("spotify", "threads", HOURLY)
    assert len(all_threads()) == before


@pytest.mark.parametrize(
    ("requests", "seconds"), [(0, 1), (-1, 1), (1, 0), (1, -1), (1, 0.0001), (1, float("nan")), (1, float("inf"))]
)
def test_a_rate_that_makes_no_sense_is_refused(requests: int, seconds: float) -> None:
    with pytest.raises(ValueError, match="at least"):
        Rate(requests, seconds)


def test_a_turn_that_comes_too_late_is_not_waited_for() -> None:
    limiter = RateLimiter(HOURLY)
    assert [limiter.acquire(60) for _ in range(4)] == [True, True, True, False]


class TestSharedTurns:
    """A limit that other processes count with, wherever they do it."""

    def test_a_turn_is_shared_before_it_is_taken(self) -> None:
        pauses = [0.0]
        assert RateLimiter(HOURLY, pauses.pop).acquire(0)
        assert pauses == []

    def test_the_others_turns_are_waited_for(self) -> None:
        pauses = [0.0, 0.001, 0.001]
        assert RateLimiter(HOURLY, pauses.pop).acquire(30)
        assert pauses == []

    def test_when_others_took_all_turns_there_is_none(self) -> None:
        assert not RateLimiter(HOURLY, lambda: 3600.0).acquire(0)

    def test_where_turns_are_not_counted_the_process_still_keeps_the_limit_itself(self) -> None:
        limiter = RateLimiter(HOURLY, lambda: 0.0)
        assert [limiter.acquire(0) for _ in range(5)] == [True, True, True, False, False]

    def test_another_redis_is_another_limit(self) -> None:
        urls = ("", "redis://127.0.0.1:1/0", "redis://127.0.0.1:1/1")
        limiters = [limiter_for("spotify", "app", HOURLY, redis_url=url) for url in urls]
        assert len(set(limiters)) == 3
        assert limiter_for("spotify", "app", HOURLY, redis_url=urls[1]) is limiters[1]
