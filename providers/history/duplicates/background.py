"""Duplicates linked in the background, a chunk at a time."""

from collections.abc import Callable

from django.db import transaction

from providers.history.duplicates.linking import link_chunk, where_to_begin
from providers.models import DuplicateScan, StatisticsScan
from providers.models.scans import work_through
from providers.scheduling import Lease


def work(lease: Lease[DuplicateScan], should_stop: Callable[[], bool]) -> None:
    """Compare what was noted for a person, as far as one turn goes. Raises `LeaseLostError`."""
    if work_through(lease, should_stop, _compare_chunk):
        lease.release(due_at=None)


def _compare_chunk(lease: Lease[DuplicateScan]) -> None:
    scan = lease.row
    assert scan.begun_since is not None  # noqa: S101, begun
    assert scan.begun_until is not None  # noqa: S101, begun
    begin = where_to_begin(scan.user_id, scan.begun_since, scan.begun_until)
    with transaction.atomic():
        rest = None if begin is None else link_chunk(scan.user_id, begin, scan.begun_until)
        # What was stored counts from now on, as what it was found to be. What is linked says so itself.
        StatisticsScan.note(scan.user_id, scan.begun_since, scan.begun_until if rest is None else rest)
        lease.update(begun_since=rest, begun_until=None if rest is None else scan.begun_until)
