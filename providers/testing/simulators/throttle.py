"""A sliding window over a simulator's own clock: how a service decides that someone asks too often."""

import math
from collections import defaultdict, deque
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock


class Throttle:
    """Admits at most ``limit`` requests in any ``window``, counted per key."""

    def __init__(self, limit: int, window: timedelta, clock: Callable[[], datetime]) -> None:
        self._limit = limit
        self._window = window
        self._clock = clock
        self._lock = Lock()
        self._admitted: defaultdict[str, deque[datetime]] = defaultdict(deque)

    def admits(self, key: str) -> bool:
        """Count one request of ``key`` and say whether it may pass; a refused one is not counted."""
        now = self._clock()
        with self._lock:
            admitted = self._admitted[key]
            while admitted and now - admitted[0] >= self._window:
                admitted.popleft()
            if len(admitted) >= self._limit:
                return False
            admitted.append(now)
            return True

    def seconds_until_free(self, key: str) -> int:
        """How long ``key`` has to wait before its next request passes, in whole seconds, at least one."""
        with self._lock:
            wait = self._admitted[key][0] + self._window - self._clock()
        return max(1, math.ceil(wait.total_seconds()))
