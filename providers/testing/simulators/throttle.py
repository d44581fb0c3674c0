"""A sliding window over a simulator's own clock: how a service decides that someone asks too often."""

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
