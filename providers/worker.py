"""Works what is due, queue by queue: the same rows and the same code in `fetch_history --watch` and in Celery.

A queue is named after the service whose histories it holds, or after the kind of its rows. No list of work is kept
anywhere but in the rows themselves.
"""

import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import Error, InterfaceError, OperationalError, connections, models
from django.utils import timezone

from providers import registry, scheduling, statistics
from providers.alerts import delivery, reminders
from providers.contracts import HistoryFetcher
from providers.history import deletion, duplicates, fetch, imports
from providers.logcontext import logging_about
from providers.models import Connection, DuplicateScan, HistoryDeletion, HistoryImport, HistorySync, StatisticsScan
from providers.playlists import mirrors
from providers.scheduling import Lease, LeaseLostError
from providers.waiting import LATE_AFTER

logger = logging.getLogger(__name__)

IMPORTS = "history-imports"
DUPLICATES = "duplicate-scans"
DELETIONS = "history-deletions"
STATISTICS = "statistics-scans"
MIRRORS = "playlist-mirrors"
ALERTS = "alerts"

POLL_SECONDS = 1.0
"""How often a watcher looks for due rows."""

LOOK_AFTER_SECONDS = 60.0
"""How often connections are looked for that no fetch knows of yet, and those that expire soon."""

ADOPT_AT_ONCE = 1000

STOP_SECONDS = 30.0
"""How long a watcher that is told to stop waits for work to come to a pause. What does not, loses nothing."""

AFTER_TROUBLE_SECONDS = 5.0
"""How long a watcher leaves alone what failed altogether, such as a database that is away."""

_AFTER_A_BUG = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Queue:
    """Rows of one kind, and what is done with one that is due."""

    rows: Callable[[], "models.QuerySet[Any]"]
    work: Callable[[Lease[Any], Callable[[], bool]], None]


def history_types() -> list[str]:
    """Return the services that tell a history."""
    return [spec.type for spec in registry.specs() if HistoryFetcher in spec.capabilities]


def queues() -> dict[str, Queue]:
    """Return every queue by name: one per service that tells a history, and those of this site itself."""
    histories = {name: Queue(partial(fetch.due_histories, name), fetch.work) for name in history_types()}
    return histories | {
        IMPORTS: Queue(HistoryImport.objects.select_related("user").all, imports.work),
        DUPLICATES: Queue(DuplicateScan.objects.all, duplicates.work),
        DELETIONS: Queue(HistoryDeletion.objects.all, deletion.work),
        STATISTICS: Queue(StatisticsScan.objects.all, statistics.work),
        MIRRORS: Queue(mirrors.rows, mirrors.work),
        ALERTS: Queue(delivery.rows, delivery.work),
    }


def late_queues() -> dict[str, timedelta]:
    """Return the queues in which nobody has come to a row that has long been due, and for how long not."""
    now = timezone.now()
    oldest = {
        name: scheduling.due(queue.rows()).values_list("due_at", flat=True).first() for name, queue in queues().items()
    }
    return {name: now - due_at for name, due_at in oldest.items() if due_at is not None and due_at < now - LATE_AFTER}


def workers_wanted(at_most: int) -> dict[str, int]:
    """Return, by queue, how many more workers could be at work there, if `at_most` are to be at once."""
    return {name: scheduling.workers_wanted(queue.rows(), at_most) for name, queue in queues().items()}


def adopt_connections() -> int:
    """Give connections that were never fetched a row, which makes them due, and return how many."""
    new = Connection.objects.filter(
        history_sync__isnull=True, status=Connection.Status.OK, provider_type__in=history_types()
    )
    adopted = 0
    while found := list(new[:ADOPT_AT_ONCE]):
        HistorySync.adopt(found)
        adopted += len(found)
    return adopted


def look_after_connections() -> None:
    """Make connections due that were never fetched, and remind people of links that expire soon."""
    adopt_connections()
    reminders.remind()


def drain(name: str, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Work a queue until nothing in it is due, and return how many rows were worked. Raises `django.db.Error`."""
    queue = queues()[name]
    worked = 0
    while not should_stop():
        lease = scheduling.claim_next(queue.rows())
        if lease is None:
            break
        with logging_about(queue=name, row=lease.row.pk):
            _work(queue, lease, should_stop)
        worked += 1
    return worked


def _work(queue: Queue, lease: Lease[Any], should_stop: Callable[[], bool]) -> None:
    try:
        with lease.renewed():
            queue.work(lease, should_stop)
    except LeaseLostError:
        logger.warning("%s went to another worker", lease.row)
    except (InterfaceError, OperationalError):
        # The database is away: the lease runs out by itself. Any other error of it is about this row, and comes again.
        raise
    except Exception as error:  # noqa: BLE001, one row must not stop the others
        logger.error(
            "%s failed with %s\n%s", lease.row, type(error).__name__, "".join(traceback.format_tb(error.__traceback__))
        )
        lease.release(due_at=timezone.now() + scheduling.jittered(_AFTER_A_BUG), failures=lease.row.failures + 1)


def watch(stop: threading.Event, names: Iterable[str] | None = None) -> None:
    """Work all queues, or those named, as rows fall due, until told to stop.

    Each queue has a thread of its own, so that a service that is slow, or a long import, holds up nobody else.
    """
    attendants = [
        threading.Thread(target=_attend, args=(name, stop), name=name, daemon=True) for name in names or queues()
    ]
    attendants.append(threading.Thread(target=_look_around, args=(stop,), name="connections", daemon=True))
    for attendant in attendants:
        attendant.start()
    stop.wait()
    stop_at = time.monotonic() + STOP_SECONDS
    for attendant in attendants:
        attendant.join(max(stop_at - time.monotonic(), 0))


def _attend(name: str, stop: threading.Event) -> None:
    _repeat(lambda: drain(name, stop.is_set), stop, POLL_SECONDS)


def _look_around(stop: threading.Event) -> None:
    _repeat(look_after_connections, stop, LOOK_AFTER_SECONDS)


def _repeat(work: Callable[[], object], stop: threading.Event, seconds: float) -> None:
    while not stop.is_set():
        pause = seconds
        try:
            work()
        except Error as error:
            logger.error("The database is not to be had: %s", type(error).__name__)
            pause = max(seconds, AFTER_TROUBLE_SECONDS)
            with suppress(Error):
                connections.close_all()
        except Exception as error:  # noqa: BLE001, a queue must not be left without anybody to work it
            logger.error("%s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
            pause = max(seconds, AFTER_TROUBLE_SECONDS)
        stop.wait(pause)
    connections.close_all()
