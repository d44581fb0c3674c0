"""How often a service may be called: one limiter for all that count against the same limit."""

import math
import threading
from dataclasses import dataclass

import pyrate_limiter


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
    """Waits until one more request is within the rate. Safe to share between threads."""

    def __init__(self, rate: Rate) -> None:
        self._limiter = pyrate_limiter.Limiter(pyrate_limiter.Rate(rate.requests, int(rate.seconds * 1000)))

    def acquire(self, max_wait: float) -> bool:
        """Wait at most `max_wait` seconds for a turn and tell whether it came."""
        return bool(self._limiter.try_acquire(timeout=max_wait))


_limiters: dict[tuple[str, str, Rate], RateLimiter] = {}
_limiters_lock = threading.Lock()


def limiter_for(provider: str, application: str, rate: Rate | None) -> RateLimiter | None:
    """Return this process's limiter for one application at one service; None where there is no limit.

    `application` is the client id or API key whose limit it is, or the address of a server of one's own.
    """
    if rate is None:
        return None
    key = (provider, application, rate)
    with _limiters_lock:
        if key not in _limiters:
            _limiters[key] = RateLimiter(rate)
        return _limiters[key]
