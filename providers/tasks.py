"""The same work as in `fetch_history --watch`, spread over many machines by Celery.

Messages carry no row and are worth nothing: the rows are the queue, and their leases guard against double work. A
broker that loses its messages, or is away for a day, loses nothing.
"""

import time

from celery import shared_task

from providers import worker

DRAIN_SECONDS = 50.0
"""How long one message keeps a worker busy. What is still due then is for the next tick's."""


@shared_task(ignore_result=True)
def tick() -> None:
    """Wake the workers for the queues that have anything due."""
    for name in worker.due_queues():
        drain.delay(name)


@shared_task(ignore_result=True)
def adopt() -> None:
    """Make connections due that were never fetched."""
    worker.adopt_connections()


@shared_task(ignore_result=True)
def drain(name: str) -> int:
    """Work what is due in a queue; return how many rows."""
    stop_at = time.monotonic() + DRAIN_SECONDS
    return worker.drain(name, lambda: time.monotonic() > stop_at)
