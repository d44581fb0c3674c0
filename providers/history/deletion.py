"""The listens of a service, deleted as their person wished: in the background, a chunk at a time, and for good.

A worker that dies leaves the rest to the next one. Whoever is about to store listens of the same person waits with
`finish`: what is about to go would pass for known, and be lost.
"""

from collections.abc import Callable
from contextlib import suppress

from django.db import transaction
from django.db.models import Max, Min, QuerySet
from django.utils import timezone

from providers import scheduling
from providers.history.duplicates import linking
from providers.models import (
    Connection,
    DuplicateScan,
    DuplicateVerdict,
    HistoryDeletion,
    HistorySync,
    Listen,
    StatisticsScan,
)
from providers.scheduling import Lease, LeaseLostError

CHUNK = 500
"""How many listens are deleted in one transaction: others that want to write wait for a moment only.

Their ids are the parameters of one statement, of which every SQLite takes 999.
"""


def request(user_id: int, provider_type: str) -> None:
    """Have all listens deleted that a person has of a service now, and its history read from the beginning later."""
    with transaction.atomic():
        for connection in Connection.objects.filter(user=user_id, provider_type=provider_type):
            HistorySync.forget(connection)
        HistoryDeletion.objects.update_or_create(
            user_id=user_id,
            provider_type=provider_type,
            defaults={
                "last_id": Listen.objects.aggregate(last_id=Max("pk"))["last_id"] or 0,
                "due_at": timezone.now(),
                "failures": 0,
            },
        )


def pending(user_id: int) -> QuerySet[HistoryDeletion]:
    """Return what is still to be deleted of a person's listens, by service."""
    return HistoryDeletion.objects.filter(user_id=user_id, due_at__isnull=False)


def finish(rows: QuerySet[HistoryDeletion], should_stop: Callable[[], bool] = lambda: False) -> bool:
    """Delete what these want deleted, waiting where a worker is at it; False where it is time to stop before that."""
    while (row := rows.first()) is not None:
        lease = scheduling.claim(rows, row.pk, should_stop=should_stop)
        if lease is not None:
            with suppress(LeaseLostError), lease.renewed():
                _delete(lease, should_stop)
        if should_stop():
            return not rows.exists()
    return True


def work(lease: Lease[HistoryDeletion], should_stop: Callable[[], bool]) -> None:
    """Delete, until all is gone or it is time to stop; then it is due again at once. Raises `LeaseLostError`."""
    _delete(lease, scheduling.one_turn(should_stop))


def _delete(lease: Lease[HistoryDeletion], should_stop: Callable[[], bool]) -> None:
    while _delete_chunk(lease):
        if should_stop():
            lease.release(due_at=timezone.now())
            return
    lease.release(due_at=None)


def _delete_chunk(lease: Lease[HistoryDeletion]) -> bool:
    """Delete the newest of what is left, and return whether more may be."""
    row = lease.row
    with transaction.atomic():
        # Whoever links duplicates, or says something about them, does it before or after.
        linking.lock(row.user_id)
        lease.update()
        doomed = Listen.objects.filter(user=row.user_id, provider_type=row.provider_type, pk__lte=row.last_id)
        # By their ids: no database is left to guess how to find them.
        found = list(doomed.order_by("-played_at").values_list("pk", "played_at")[:CHUNK])
        if not found:
            return False
        chunk, moments = zip(*found, strict=True)
        duplicates = Listen.objects.filter(duplicate_of__in=chunk)
        span = duplicates.aggregate(since=Min("played_at"), until=Max("played_at"))
        if span["since"] is not None:
            # They stand on their own from now on, until they are compared with what is left.
            duplicates.update(duplicate_of=None)
        for side in ("first", "second"):
            DuplicateVerdict.objects.filter(**{f"{side}__in": chunk}).delete()
        # Django would read each of them first, and ask what refers to it: nothing any more.
        Listen.objects.filter(pk__in=chunk)._raw_delete(doomed.db)
        StatisticsScan.note(row.user_id, min(moments), max(moments))
        if span["since"] is not None:
            DuplicateScan.note(row.user_id, span["since"], span["until"])
    return len(chunk) == CHUNK
