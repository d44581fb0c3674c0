"""Pages read a few ahead of the one that is being worked on, where waiting for them is what takes the time."""

import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

Key = TypeVar("Key")
Page = TypeVar("Page")

MAX_AHEAD = 8
"""The most pages that are asked for at once."""

AT_ONCE = 3
"""How many times as many pages are read at once as have turned out to be under way at the service, on average.

More than one, so that it is found out what more would bring; and enough for turns at a rate limit that come in bunches.
"""

_SHORT_SECONDS = 0.01
"""Waiting for less than this is cheaper than handing work between threads."""


def read_ahead(
    read: Callable[[Key], Page], keys: Iterable[Key], latency: Callable[[], float]
) -> Generator[Page, None, None]:
    """Yield `read(key)` for each of the keys, in their order.

    As long as waiting is less than half of the work, each page is read when it is asked for, in the caller's thread.
    Beyond that up to `MAX_AHEAD` are read in threads of their own, `AT_ONCE` times as many as the service had at once
    until now: more is of no use where a rate limit, or whoever takes the pages, is what everything waits for.
    `latency` tells how many seconds the service lets us wait for an answer, turns at a rate limit not counted.

    What `read` raises is raised in its turn, after all pages before it. Closing the generator gives up what is under
    way: what has not begun never does, and nobody takes the rest. `read` must not touch the database, whose
    connections belong to a thread. A key is taken from `keys` no sooner than it is read.
    """
    remaining = iter(keys)
    under_way: deque[Future[Page]] = deque()
    pool = ThreadPoolExecutor(MAX_AHEAD, thread_name_prefix="read-ahead")
    try:
        wanted, taken, since = 1, 0, time.monotonic()
        while True:
            if wanted > 1:
                free = range(wanted - len(under_way))
                under_way.extend(
                    pool.submit(copy_context().run, read, key) for _, key in zip(free, remaining, strict=False)
                )
            if under_way:
                page = under_way.popleft().result()
            else:
                try:
                    key = next(remaining)
                except StopIteration:
                    return
                page = read(key)
            yield page
            taken += 1
            if taken >= wanted:
                now = time.monotonic()
                wanted = _useful_number(latency(), (now - since) / taken)
                taken, since = 0, now
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _useful_number(latency: float, seconds_per_page: float) -> int:
    """Return how many pages to read at once: by Little's law the quotient of the two were under way on average."""
    if latency < max(_SHORT_SECONDS, seconds_per_page / 2):
        return 1
    return min(MAX_AHEAD, math.ceil(AT_ONCE * latency / seconds_per_page))
