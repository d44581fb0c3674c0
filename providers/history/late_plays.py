"""Plays that arrive long after they were heard: found by counting, where a service can count.

A phone that was offline for a week tells its plays when it comes back, dated a week ago. The overlap of two fetches
does not reach that far, so the service is asked how many listens there are of the last days. Where that differs from
what was fetched, the days that differ are read again. A difference that survives is the service's own (listens deleted
there, twins within a second): it is remembered, and not chased for ever.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from providers.contracts import HistoryCounter
from providers.exceptions import NotFoundError
from providers.models import Connection, Listen

DAYS = 14

# Spans of time are open at their start and closed at their end; no service tells time more precisely.
_INSTANT = timedelta(microseconds=1)


def read(
    connection: Connection,
    counter: HistoryCounter,
    differences: dict[str, int],
    until: datetime,
    read_again: Callable[[datetime, datetime], None],
) -> dict[str, int]:
    """Read those of the last days again whose count differs, and return the differences that are left, by ISO date.

    `differences` are those of last time. Costs one request where nothing differs otherwise than then.
    """
    midnight = until.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [midnight - timedelta(days=age) for age in range(DAYS)]
    fetched = _count_fetched(connection, days[-1], until)
    left = {day.date().isoformat(): differences.get(day.date().isoformat(), 0) for day in days}
    try:
        total = counter.count_listens(days[-1] - _INSTANT, until)
    except NotFoundError:
        # The service turns out not to count for this person.
        return differences
    unexplained = total - fetched.total() - sum(left.values())
    for day in days:
        if not unexplained:
            break
        date = day.date().isoformat()
        end = min(day + timedelta(days=1) - _INSTANT, until)
        told = counter.count_listens(day - _INSTANT, end)
        difference = told - fetched[date] - left[date]
        if not difference:
            continue
        unexplained -= difference
        read_again(day - _INSTANT, end)
        left[date] = told - _count_fetched(connection, day, end).total()
    return {date: difference for date, difference in left.items() if difference}


def _count_fetched(connection: Connection, since: datetime, until: datetime) -> Counter[str]:
    """Count what was fetched from `since` to `until`, both inclusive, by ISO date."""
    moments = Listen.objects.filter(
        user=connection.user_id,
        provider_type=connection.provider_type,
        source="api",
        played_at__gte=since,
        played_at__lte=until,
    ).values_list("played_at", flat=True)
    return Counter(moment.date().isoformat() for moment in moments.iterator())
