"""Processes that share a Redis share their rate limits, and keep them by themselves while it is away."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from providers import sharedlimit
from providers.ratelimit import Rate, RateLimiter, limiter_for
from providers.sharedlimit import SharedTurns
from tests.drills.redis_server import RedisServer, redis_server

pytestmark = pytest.mark.redis

ROOT = Path(__file__).parent.parent
PROCESSES = 4


class Clock:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as server:
        yield server


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(sharedlimit, "time", clock)
    return clock


def turns_of_all(url: str, rate: Rate, turns: int, max_wait: float) -> int:
    """Let several processes try to take so many turns each, and return how many came."""
    command = [sys.executable, "-m", "tests.take_turns", url, str(rate.requests), str(rate.seconds)]
    processes = [
        subprocess.Popen([*command, str(turns), str(max_wait)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    return sum(int(process.communicate()[0]) for process in processes)


def limiter(url: str, rate: Rate, application: str = "the application") -> RateLimiter:
    """Return a limiter as another process would have it."""
    turns, key = SharedTurns(url), f"test:{application}"
    return RateLimiter(rate, lambda: turns.take(key, rate.requests, rate.seconds))


def test_several_processes_together_get_no_more_turns_than_one_alone(server: RedisServer) -> None:
    assert turns_of_all(server.url, Rate(10, 3600), turns=8, max_wait=0) == 10


def test_in_no_window_do_several_processes_get_more_turns_than_the_rate_allows(server: RedisServer) -> None:
    rate = Rate(5, 0.2)
    with redis.Redis.from_url(server.url) as spy, spy.monitor() as monitor:
        assert turns_of_all(server.url, rate, turns=10, max_wait=60) == PROCESSES * 10
        taken: list[int] = []
        while len(taken) < PROCESSES * 10:
            command = monitor.next_command()["command"].split()
            if command[0] == "ZADD":
                taken.append(int(command[2]))
    windows = [later - earlier for earlier, later in zip(taken, taken[rate.requests :], strict=False)]
    assert min(windows) >= rate.seconds * 1_000_000


def test_turns_come_back(server: RedisServer) -> None:
    one, other = limiter(server.url, Rate(1, 0.05)), limiter(server.url, Rate(1, 0.05))
    assert all(each.acquire(30) for each in (one, other, one, other))


def test_what_comes_later_than_anybody_waits_is_not_waited_for(server: RedisServer) -> None:
    assert limiter(server.url, Rate(1, 3600)).acquire(0)
    assert not limiter(server.url, Rate(1, 3600)).acquire(10)


def test_every_application_has_turns_of_its_own(server: RedisServer) -> None:
    rate = Rate(1, 3600)
    assert limiter(server.url, rate, "one").acquire(0)
    assert limiter(server.url, rate, "other").acquire(0)


def test_nothing_in_the_redis_tells_whose_limit_it_is(server: RedisServer) -> None:
    shared = limiter_for("lastfm", "the key of an application", Rate(5, 3600), redis_url=server.url)
    assert shared is not None
    assert shared.acquire(0)
    with redis.Redis.from_url(server.url) as spy:
        (key,) = spy.keys()
        kept = repr((key, spy.zrange(key, 0, -1), spy.info()))
        assert spy.pttl(key) > 0, "what nobody asks for any more would be kept for ever"
    assert b"lastfm" in key
    assert "the key of an application" not in kept


def test_a_redis_that_is_away_neither_stops_anybody_nor_lifts_the_limit(
    server: RedisServer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    rate = Rate(3, 3600)
    server.kill()
    one, other = limiter(server.url, rate), limiter(server.url, rate)
    assert [one.acquire(0) for _ in range(5)] == [True, True, True, False, False]
    assert [other.acquire(0) for _ in range(2)] == [True, True]
    warnings = [record for record in caplog.records if record.name == "providers.sharedlimit"]
    assert [record.levelno for record in warnings] == [logging.WARNING] * 2, "once for each of the two"
    assert server.url not in caplog.text


def test_a_redis_that_was_away_counts_again_when_it_is_back(
    server: RedisServer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    turns = SharedTurns(server.url)
    server.kill()
    assert [turns.take("key", 1, 3600) for _ in range(3)] == [0, 0, 0]
    server.start()
    assert turns.take("key", 1, 3600) == 0, "so soon it is not asked again"
    clock.now += sharedlimit.ABSENCE_SECONDS
    assert turns.take("key", 1, 3600) == 0
    assert 0 < turns.take("key", 1, 3600) <= 3600
    down, back = (record.message for record in caplog.records)
    assert "fails (ConnectionError)" in down
    assert "is back" in back


def test_a_redis_that_refuses_is_one_that_is_away(server: RedisServer, clock: Clock) -> None:
    with redis.Redis.from_url(server.url) as spy:
        spy.set("key", "no list of turns")
    assert SharedTurns(server.url).take("key", 1, 3600) == 0


def test_a_clock_that_went_back_makes_nobody_wait_longer_than_a_window(server: RedisServer) -> None:
    with redis.Redis.from_url(server.url) as spy:
        seconds, _ = spy.time()
        spy.zadd("key", {"from the future": (seconds + 86400) * 1_000_000})
    assert SharedTurns(server.url).take("key", 1, 10) == 10
