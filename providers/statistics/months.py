"""Months of UTC, and what was counted in one, as the database keeps it.

Packed, a month is read in a fraction of the time that JSON or rows would take, and a history has hundreds of them.
"""

from calendar import monthrange
from datetime import UTC, date, datetime
from itertools import chain
from struct import Struct, pack, unpack, unpack_from
from zlib import compress, decompress

from django.db.models import QuerySet

from providers.models import Listen
from providers.statistics.tally import CHARTS, EPOCH, QUARTERS_A_DAY, Chart, Quarters, Tally

_KEY, _COUNT, _ID, _ENTRY = Struct("<q"), Struct("<I"), Struct("<q"), Struct("<qIq")


def month_of(moment: datetime) -> date:
    """Return the first day of the month of UTC that a moment lies in."""
    return moment.astimezone(UTC).date().replace(day=1)


def month_from(moment: datetime) -> date | None:
    """Return the first month that begins at a moment or later; None where none can be told."""
    month = month_of(moment)
    return month if begin_of(month) == moment else following(month)


def following(month: date) -> date | None:
    """Return the next month; None after the last that can be told."""
    if month.month < 12:
        return month.replace(month=month.month + 1)
    return date(month.year + 1, 1, 1) if month.year < date.max.year else None


def begin_of(day: date) -> datetime:
    """Return when a day of UTC begins."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def listens_between(user_id: int, since: datetime, until: datetime | None) -> QuerySet[Listen]:
    """Return a person's listens from `since` on and before `until`, each play once, whoever tells of it."""
    listens = Listen.objects.filter(user_id=user_id, duplicate_of__isnull=True, played_at__gte=since)
    return listens if until is None else listens.filter(played_at__lt=until)


def packed(month: date, tally: Tally) -> dict[str, bytes]:
    """Return what a `MonthCount` keeps of the month's tally."""
    first = _day_number(month)
    none = [0] * QUARTERS_A_DAY
    days = range(first, first + monthrange(month.year, month.month)[1])
    quarters = list(chain.from_iterable(tally.quarters.get(day, none) for day in days))
    return {
        # Most of a day is silent, and takes no room then.
        "quarters": compress(pack(f"<{len(quarters)}I", *quarters), level=1),
        **{name: _packed_chart(getattr(tally, name)) for name in CHARTS},
    }


def _packed_chart(chart: Chart) -> bytes:
    count = len(chart.counts)
    listens = chart.listens()
    return pack(
        f"<{count}q{count}I{count}q", *chart.counts, *chart.counts.values(), *(listens[key] for key in chart.counts)
    )


def add_quarters(quarters: Quarters, month: date, data: bytes) -> None:
    """Add those of a `MonthCount` to others, in which there are none of that month yet."""
    first = _day_number(month)
    unpacked = decompress(data)
    numbers = unpack(f"<{len(unpacked) // 4}I", unpacked)
    for day in range(len(numbers) // QUARTERS_A_DAY):
        quarters[first + day] = numbers[day * QUARTERS_A_DAY : (day + 1) * QUARTERS_A_DAY]


def add_chart(chart: Chart, data: bytes) -> None:
    """Add a chart of a `MonthCount` to another."""
    count = len(data) // _ENTRY.size
    numbers = unpack_from(f"<{count}q{count}I", data)
    first_id = count * (_KEY.size + _COUNT.size)
    chart.add(numbers[:count], numbers[count:], lambda place: _ID.unpack_from(data, first_id + place * _ID.size)[0])


def _day_number(day: date) -> int:
    return day.toordinal() - EPOCH.toordinal()
