"""Quarters of an hour of UTC as the days and hours of a time zone, summer time and half-hour zones included. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, tzinfo

from providers.statistics.tally import EPOCH, QUARTER, QUARTERS_A_DAY, Quarters

_EPOCH_DAY = EPOCH.toordinal()
_EPOCH_WEEKDAY = EPOCH.weekday()
_QUARTERS_A_WEEK = 7 * QUARTERS_A_DAY


def by_day(quarters: Quarters, zone: tzinfo) -> Counter[date]:
    """Return the listens of each day in this zone."""
    days: Counter[int] = Counter()
    for first, listens in _stretches(quarters, zone):
        day, skipped = divmod(first, QUARTERS_A_DAY)
        days[day] += sum(listens[: QUARTERS_A_DAY - skipped])
        days[day + 1] += sum(listens[QUARTERS_A_DAY - skipped :])
    return Counter({date.fromordinal(_EPOCH_DAY + day): listens for day, listens in days.items() if listens})


def by_hour_of_week(quarters: Quarters, zone: tzinfo) -> list[list[int]]:
    """Return the listens of each hour of the day, and in it of each weekday, Monday first, in this zone."""
    alike = defaultdict(list)
    for first, listens in _stretches(quarters, zone):
        alike[first % _QUARTERS_A_WEEK, len(listens)].append(listens)
    hours = [[0] * 7 for _ in range(24)]
    for (first, _), stretches in alike.items():
        # All of the same quarters of the week: added up at once.
        for number, total in enumerate(map(sum, zip(*stretches, strict=True)), first):
            day, quarter = divmod(number, QUARTERS_A_DAY)
            hours[quarter // 4][(day + _EPOCH_WEEKDAY) % 7] += total
    return hours


def _stretches(quarters: Quarters, zone: tzinfo) -> Iterator[tuple[int, Sequence[int]]]:
    """Yield listens of successive quarters, with the number since 1970 that the first has by the clocks of the zone."""
    for day, listens in quarters.items():
        first = day * QUARTERS_A_DAY
        ahead, ahead_later = _ahead(first, zone), _ahead(first + QUARTERS_A_DAY, zone)
        if ahead == ahead_later:
            yield first + ahead, listens
        else:
            # The clocks were changed that day.
            for number, one in enumerate(listens, first):
                yield number + _ahead(number, zone), (one,)


def _ahead(quarter: int, zone: tzinfo) -> int:
    """Return by how many quarters of an hour the clocks of the zone were ahead of UTC then."""
    try:
        offset = (EPOCH + quarter * QUARTER).astimezone(zone).utcoffset()
    except OverflowError:
        # At the ends of what can be told.
        return 0
    return 0 if offset is None else offset // QUARTER
