"""Rows that are due: claim, lease, fence, release. The row is the queue, for all work that is done in the background.

A worker claims a row with one conditional UPDATE, by the database's clock, and holds it under a short lease that it
renews. All it writes meanwhile is fenced: `Lease.update` changes the row only while the lease is its own, so a
worker that was taken for dead finds out before anything of its transaction is committed. A worker that dies lets
its lease run out within `LEASE_SECONDS`, and another goes on. Both databases do all this alike.
"""

import logging
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from django.db import Error, connection, models
from django.db.models import Case, F, Q, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from providers import conf

logger = logging.getLogger(__name__)

CANDIDATES = 8
"""How many due rows a worker looks at, one of which it claims."""

LONGEST_JITTER = timedelta(minutes=5)
"""After a pause of a day, hours later would be too late."""

IMPOSSIBLE_LEASE = timedelta(hours=2)
"""Longer than any lease may be set to be (`conf.lease_seconds`)."""

POLL_SECONDS = 0.2
"""How often whoever waits for a lease to end looks again."""


RUN_SECONDS = 60.0
"""How long a worker stays with one row before others have their turn."""


class LeaseLostError(Exception):
    """The row is no longer this worker's: its lease ran out and another has it, or the row is gone."""


class Scheduled(models.Model):
    """A row that work is due on at `due_at`; None while there is nothing to do until somebody acts.

    Subclasses bring an index that begins with what their queues are told apart by and ends with `due_at`,
    under the condition `is_scheduled()`.
    """

    due_at = models.DateTimeField("due", null=True, blank=True, default=timezone.now)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    lease_token = models.CharField(max_length=32, blank=True, default="", editable=False)
    failures = models.PositiveIntegerField(default=0, help_text=_("How often in a row the work failed."))

    class Meta:
        abstract = True


ScheduledRow = TypeVar("ScheduledRow", bound=Scheduled)


def is_scheduled() -> Q:
    """Return the condition of the index that finds due rows."""
    return Q(due_at__isnull=False)


def database_now() -> Combinable:
    """Return the database's own clock: machines that share work may disagree about the time, but share a database."""
    return Now()


def is_due() -> Q:
    """Return the condition for rows that are due and that nobody holds."""
    return _is_free() & Q(due_at__lte=database_now())


def due(rows: "models.QuerySet[ScheduledRow]") -> "models.QuerySet[ScheduledRow]":
    """Return those of the rows that are due and that nobody holds, the longest due first."""
    return rows.filter(is_due()).order_by("due_at")


def workers_wanted(rows: "models.QuerySet[ScheduledRow]", at_most: int) -> int:
    """Return how many more workers could be at work on due rows, if `at_most` are to be at once. One indexed query."""
    # What is being worked on is still due, and among the longest due.
    oldest = rows.filter(due_at__lte=database_now()).order_by("due_at")[: 2 * at_most]
    is_free = list(oldest.values_list(Case(When(_is_free(), then=True), default=False), flat=True))
    return max(min(is_free.count(True), at_most - is_free.count(False)), 0)


def make_due(rows: "models.QuerySet[ScheduledRow]") -> int:
    """Make rows due now and return how many; one that is being worked on is due again right after."""
    # To the microsecond, which not every database's clock tells: `Lease.release` sees by it that this was asked.
    return rows.update(due_at=timezone.now(), failures=0)


def jittered(delay: timedelta) -> timedelta:
    """Return a time up to a tenth longer, so that what fell due together does not stay together."""
    return delay + min(delay / 10, LONGEST_JITTER) * random.random()  # noqa: S311, jitter is no secret


def one_turn(should_stop: Callable[[], bool]) -> Callable[[], bool]:
    """Return what tells a worker to stop: what it was told, or that the row has had its turn, which begins now."""
    stop_at = time.monotonic() + RUN_SECONDS
    return lambda: should_stop() or time.monotonic() > stop_at


def claim_next(rows: "models.QuerySet[ScheduledRow]") -> "Lease[ScheduledRow] | None":
    """Claim the row that has been due the longest, or another where that is taken now; None where none is due."""
    while candidates := list(due(rows).values_list("pk", flat=True)[:CANDIDATES]):
        # First come, first served. Who finds that row taken tries the others in any order, as do all who were too late.
        first, *others = candidates
        for pk in [first, *random.sample(others, len(others))]:
            lease = _claim(rows, pk, Q(due_at__lte=database_now()))
            if lease is not None:
                return lease
    return None


def claim(
    rows: "models.QuerySet[ScheduledRow]", pk: int, *, should_stop: Callable[[], bool] = lambda: False
) -> "Lease[ScheduledRow] | None":
    """Claim one row, due or not, waiting while another holds it; None where it is gone or waiting was stopped."""
    while not should_stop() and rows.filter(pk=pk).exists():
        lease = _claim(rows, pk)
        if lease is not None:
            return lease
        time.sleep(POLL_SECONDS)
    return None


def _is_free() -> Q:
    # A lease that no worker can have been given now is of a clock that was ahead: nobody would live to see its end.
    return (
        Q(lease_until__isnull=True)
        | Q(lease_until__lte=database_now())
        | Q(lease_until__gt=database_now() + IMPOSSIBLE_LEASE)
    )


def _end_of_lease() -> Combinable:
    return database_now() + timedelta(seconds=conf.lease_seconds())


def _claim(rows: "models.QuerySet[ScheduledRow]", pk: int, *conditions: Q) -> "Lease[ScheduledRow] | None":
    token = uuid.uuid4().hex
    if not rows.filter(_is_free(), *conditions, pk=pk).update(lease_token=token, lease_until=_end_of_lease()):
        return None
    row = rows.filter(pk=pk, lease_token=token).first()
    return None if row is None else Lease(row)


class Lease(Generic[ScheduledRow]):
    """One worker's hold on one row. `row` is the row as it was when it was claimed."""

    def __init__(self, row: ScheduledRow) -> None:
        self.row = row
        self._token = row.lease_token
        self._claimed_due_at = row.due_at

    def update(self, **changes: Any) -> None:
        """Change the row and renew the lease. Raises `LeaseLostError`: then roll back and stop."""
        if not self._mine().update(lease_until=_end_of_lease(), **changes):
            raise LeaseLostError
        for name, value in changes.items():
            setattr(self.row, name, value)

    def release(self, *, due_at: datetime | None, failures: int = 0, **changes: Any) -> None:
        """Give the row back with these changes, due again at `due_at`; sooner where somebody asked for it meanwhile.

        To release a lease that is lost already is no error: whoever has the row decides about it.
        """
        unchanged = Q(due_at__isnull=True) if self._claimed_due_at is None else Q(due_at=self._claimed_due_at)
        self._mine().update(
            due_at=Case(When(unchanged, then=models.Value(due_at, models.DateTimeField())), default=F("due_at")),
            failures=failures,
            lease_until=None,
            lease_token="",
            **changes,
        )

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """Keep the lease alive meanwhile, however long a service takes to answer."""
        done = threading.Event()
        keeper = threading.Thread(target=copy_context().run, args=(self._renew_until, done), name="lease", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            done.set()
            keeper.join()

    def _renew_until(self, done: threading.Event) -> None:
        try:
            while not done.wait(conf.lease_seconds() / 3):
                try:
                    if not self._mine().update(lease_until=_end_of_lease()):
                        # The next write of the worker itself finds out, and stops.
                        return
                except Error as error:
                    logger.warning("A lease could not be renewed now: %s", type(error).__name__)
                    connection.close()
        finally:
            connection.close()

    def _mine(self) -> "models.QuerySet[ScheduledRow]":
        return type(self.row)._default_manager.filter(pk=self.row.pk, lease_token=self._token)
