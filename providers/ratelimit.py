"""How often a service may be called: one limiter for all that count against the same limit."""

import hashlib
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import pyrate_limiter

_WHOSE = ""  # a bucket wants a name for each turn, and keeps it


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `requests` in any `seconds`. No service is called faster, however many people are linked.

    Raises `ValueError` for a rate that would never let anybody through, or always.
    """

    requests: int
    seconds: float

    def __post_init__(self) -> None:
        if self.requests < 1 or not 0.001 <= self.seconds < math.inf:
            raise ValueError("a rate is at least one request in at least a millisecond")


class RateLimiter:
    """Waits until one more request is within the rate. Safe to share between threads.

    `take_shared_turn` takes a turn that other processes count with: it returns 0, or the seconds to wait for one. It
    is asked when this process's own limit leaves room, so that nothing is faster than the rate where it fails.
    """

    def __init__(self, rate: Rate, take_shared_turn: Callable[[], float] | None = None) -> None:
        self._bucket = pyrate_limiter.InMemoryBucket([pyrate_limiter.Rate(rate.requests, int(rate.seconds * 1000))])
        self._lock = threading.Lock()
        self._take_shared_turn = take_shared_turn

    def acquire(self, max_wait: float) -> bool:
        """Wait at most `max_wait` seconds for a turn and tell whether it came; not at all for one that comes later."""
        deadline = time.monotonic() + max_wait
        return _taken(self._take_turn, deadline) and (
            self._take_shared_turn is None or _taken(self._take_shared_turn, deadline)
        )

    def _take_turn(self) -> float:
        with self._lock:
            turn = pyrate_limiter.RateItem(_WHOSE, time.monotonic_ns() // 1_000_000)
            self._bucket.leak(turn.timestamp)
            if self._bucket.put(turn):
                return 0.0
            milliseconds = self._bucket.waiting(turn)
        assert isinstance(milliseconds, int)  # noqa: S101, no bucket in memory makes one wait for that
        return milliseconds / 1000


def limiter_for(provider: str, application: str, rate: Rate | None, redis_url: str = "") -> RateLimiter | None:
    """Return this process's limiter for one application at one service; None where there is no limit.

    `application` is the client id or API key whose limit it is, or the address of a server of one's own. With
    `redis_url` it holds for all processes that name the same Redis. Raises `ImportError` where that needs the
    package redis and it is missing.
    """
    if rate is None:
        return None
    with _limiters_lock:
        return _limiter(provider, application, rate, redis_url)


_limiters_lock = threading.Lock()


@cache
def _limiter(provider: str, application: str, rate: Rate, redis_url: str) -> RateLimiter:
    if not redis_url:
        return RateLimiter(rate)
    # Whose limit it is stays unknown to whoever can look into the Redis.
    whose = hashlib.sha256(application.encode()).hexdigest()[:32]
    key = f"musicbridge:turns:{provider}:{whose}:{rate.requests}/{rate.seconds:g}"
    return RateLimiter(rate, partial(_shared_turns(redis_url), key, rate.requests, rate.seconds))


@cache
def _shared_turns(redis_url: str) -> Callable[[str, int, float], float]:
    # The package is an optional one, and takes a while to load.
    from providers.sharedlimit import SharedTurns

    return SharedTurns(redis_url).take


def _taken(take_turn: Callable[[], float], deadline: float) -> bool:
    while pause := take_turn():
        if time.monotonic() + pause > deadline:
            return False
        time.sleep(pause)
    return True
