"""Stretches of a person's history that work is still to be done on."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from django.db import models
from django.db.models import F, Value
from django.db.models.functions import Coalesce, Greatest, Least
from django.utils import timezone

from providers.scheduling import Lease, Scheduled, one_turn


class Scan(Scheduled):
    """A person's listens that are still to be worked: those from `since` to `until`, both inclusive.

    A worker takes them over into `begun_since` and `begun_until` and moves the former on as it works. So it can do
    that whatever is noted meanwhile, which is the next to be taken over. Subclasses bring the person: `user`.
    """

    since = models.DateTimeField(null=True, blank=True)
    until = models.DateTimeField(null=True, blank=True)
    begun_since = models.DateTimeField(null=True, blank=True)
    begun_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @classmethod
    def note(cls, user_id: int, since: datetime, until: datetime) -> None:
        """Have the listens of this time worked as well, soon."""
        rows = cls._default_manager.filter(user_id=user_id)  # type: ignore[misc]  # which each subclass has
        while not rows.update(
            since=Least(Coalesce("since", Value(since)), Value(since)),
            until=Greatest(Coalesce("until", Value(until)), Value(until)),
            due_at=timezone.now(),
        ):
            row = cls(user_id=user_id, since=since, until=until)  # type: ignore[misc]  # as above
            cls._default_manager.bulk_create([row], ignore_conflicts=True)


ScanRow = TypeVar("ScanRow", bound=Scan)


def work_through(
    lease: Lease[ScanRow], should_stop: Callable[[], bool], work_chunk: Callable[[Lease[ScanRow]], None]
) -> bool:
    """Work what was noted for a person, a chunk at a time, and return whether all is done.

    Where the turn of the row is over, or it is time to stop, it is given back before that, and due again at once.
    Raises `LeaseLostError`, with nothing written of the chunk in which the lease was lost.
    """
    is_over = one_turn(should_stop)
    while _take_over(lease):
        if is_over():
            lease.release(due_at=timezone.now())
            return False
        work_chunk(lease)
    return True


def _take_over(lease: Lease[ScanRow]) -> bool:
    """Take up the rest of what was begun, else what was noted since; return whether there is any."""
    scan = lease.row
    if scan.begun_since is None:
        # In one statement: what is noted a moment later is the next time's, and nothing falls between.
        lease.update(begun_since=F("since"), begun_until=F("until"), since=None, until=None)
        scan.refresh_from_db(fields=["begun_since", "begun_until"])
    return scan.begun_since is not None
