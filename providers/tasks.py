"""The same work as in `fetch_history --watch`, spread over many machines by Celery.

Messages carry no row and are worth nothing: the rows are the queue, and their leases guard against double work. A
broker that loses its messages, or is away for a day, loses nothing. Each message expires when the next of its kind
is sent, so that none pile up while all workers are busy, or while there are none.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import shared_task
from celery.signals import worker_shutting_down
from django.db import Error

from providers import worker

logger = logging.getLogger(__name__)

TICK_SECONDS = 10
"""How often the site's schedule sends a tick."""

DRAIN_SECONDS = 50.0
"""How long one message keeps a worker busy. What is still due then is for the next tick's."""

DRAINS_AT_ONCE = 8
"""How many workers at most are at work in one queue, however many there are and however long the queue.

Services limit how often they may be called, to a few requests a second: more workers would only wait for their turn,
and be missing elsewhere.
"""

is_stopping = threading.Event()


@shared_task(ignore_result=True, expires=TICK_SECONDS)
def tick() -> None:
    """Wake as many workers for each queue as could be at work there."""
    with _bearing_with_the_database():
        for name, count in worker.workers_wanted(DRAINS_AT_ONCE).items():
            for _ in range(count):
                drain.delay(name)


@shared_task(ignore_result=True, expires=worker.LOOK_AFTER_SECONDS)
def look_after_connections() -> None:
    """Make connections due that were never fetched, and remind people of links that expire soon."""
    with _bearing_with_the_database():
        worker.look_after_connections()


@shared_task(ignore_result=True, expires=TICK_SECONDS)
def drain(name: str) -> None:
    """Work what is due in a queue."""
    stop_at = time.monotonic() + DRAIN_SECONDS
    with _bearing_with_the_database():
        worker.drain(name, lambda: is_stopping.is_set() or time.monotonic() > stop_at)


@worker_shutting_down.connect
def _come_to_a_pause(**_: Any) -> None:
    # Where the pool is of threads; processes finish what they are at.
    is_stopping.set()


@contextmanager
def _bearing_with_the_database() -> Iterator[None]:
    """Leave work to the next message where the database is away: what is due stays due."""
    try:
        yield
    except Error as error:
        # Not what it says: it may quote a row.
        logger.error("The database is not to be had: %s", type(error).__name__)
