"""Turns that are counted for all processes together, in a Redis.

Needs the package redis, which only a site with many processes has: imported by nobody who does not use it.
"""

import logging
import time
import uuid

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 1.0
ABSENCE_SECONDS = 5.0
"""How long a Redis that failed is left alone, before it is asked again."""

# By Redis's own clock, so that the clocks of different machines do not matter, and in one step, so that no two
# processes take the same turn. Answers with the microseconds to wait, 0 for a turn that was taken.
_TAKE_TURN = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local most, window = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
if redis.call('ZCARD', KEYS[1]) < most then
    redis.call('ZADD', KEYS[1], now, ARGV[3])
    redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
    return 0
end
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
return math.min(oldest + window - now, window)
"""


class SharedTurns:
    """The turns kept in the Redis at one address. Safe to share between threads and to fork with.

    While Redis fails every turn is granted, and whoever asks has to keep a limit of its own; the log says so once.
    """

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._take_turn = self._redis.register_script(_TAKE_TURN)
        self._is_absent = False
        self._absent_until = 0.0

    def take(self, key: str, requests: int, seconds: float) -> float:
        """Take one of `requests` turns in any `seconds`, counted under `key`: return 0, or the seconds to wait."""
        if time.monotonic() < self._absent_until:
            return 0.0
        try:
            microseconds = self._take_turn([key], [requests, round(seconds * 1_000_000), uuid.uuid4().hex])
        except redis.RedisError as error:
            self._note_absence(error)
            return 0.0
        if self._is_absent:
            self._is_absent = False
            logger.warning("The Redis that rate limits are shared through is back.")
        return float(microseconds) / 1_000_000

    def _note_absence(self, error: redis.RedisError) -> None:
        self._absent_until = time.monotonic() + ABSENCE_SECONDS
        if not self._is_absent:
            self._is_absent = True
            # Only its kind: what it says may hold the address, and with it a password.
            logger.warning(
                "The Redis that rate limits are shared through fails (%s): each process keeps them by itself.",
                type(error).__name__,
            )
