"""Months counted in the background, one at a time, and always whole: so no count can drift from the listens."""

import time
from collections.abc import Callable
from datetime import date, datetime

from django.db import transaction
from django.utils import timezone

from providers.models import Listen, MonthCount, StatisticsScan
from providers.models.scans import take_over
from providers.scheduling import Lease
from providers.statistics.counting import count_months
from providers.statistics.months import begin_of, following, listens_between, month_of, packed
from providers.statistics.tally import Heard, Summary, Tally

RUN_SECONDS = 60.0
"""How long one person's listens are counted before others have their turn."""

_AT_ONCE = 10_000


def work(lease: Lease[StatisticsScan], should_stop: Callable[[], bool]) -> None:
    """Count the months noted for a person, until all are or it is time to stop; then it is due again at once.

    Raises `LeaseLostError`, with nothing written of the month in which the lease was lost.
    """
    stop_at = time.monotonic() + RUN_SECONDS
    while take_over(lease):
        if should_stop() or time.monotonic() > stop_at:
            lease.release(due_at=timezone.now())
            return
        _count_next_month(lease)
    lease.release(due_at=None, all_time=lease.row.all_time or _sum_up(lease.row.user_id))


def _count_next_month(lease: Lease[StatisticsScan]) -> None:
    scan = lease.row
    assert scan.begun_since is not None  # noqa: S101, begun
    assert scan.begun_until is not None  # noqa: S101, begun
    month = _next_month(scan.user_id, scan.begun_since, scan.begun_until)
    if month is None:
        lease.update(begun_since=None, begun_until=None)
        return
    after = following(month)
    end = begin_of(after) if after else None
    # Counted before the transaction: it may take long, and whatever changes meanwhile is noted and counted again.
    tally = Tally()
    rows = listens_between(scan.user_id, begin_of(month), end).order_by("played_at", "id")
    tally.count(map(Heard._make, rows.values_list(*Heard._fields).iterator(chunk_size=_AT_ONCE)))
    is_last = end is None or end > scan.begun_until
    with transaction.atomic():
        if tally.quarters:
            MonthCount.objects.update_or_create(user_id=scan.user_id, month=month, defaults=packed(month, tally))
        else:
            MonthCount.objects.filter(user_id=scan.user_id, month=month).delete()
        lease.update(
            begun_since=None if is_last else end, begun_until=None if is_last else scan.begun_until, all_time={}
        )


def _sum_up(user_id: int) -> dict[str, Summary]:
    """Return what all months come to: too much to be added up whenever somebody looks.

    Without those to come, of which a clock that was ahead tells: no page counts them.
    """
    months = MonthCount.objects.filter(user_id=user_id, month__lte=timezone.now().date())
    return count_months(months.order_by("month")).summaries()


def _next_month(user_id: int, since: datetime, until: datetime) -> date | None:
    """Return the first month of this time in which there is, or was, anything to count; None where there is none."""
    listens = Listen.objects.filter(user_id=user_id, played_at__range=(since, until)).order_by("played_at", "id")
    counted = MonthCount.objects.filter(user_id=user_id, month__range=(month_of(since), month_of(until)))
    found = [
        *map(month_of, listens.values_list("played_at", flat=True)[:1]),
        *counted.order_by("month").values_list("month", flat=True)[:1],
    ]
    return min(found, default=None)
