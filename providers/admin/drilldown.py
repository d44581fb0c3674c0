"""From years to months to days of one person's listens, each a stretch of one index however long the history is.

Django's `date_hierarchy` would read every listen that the list is about, to find out which years there are.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from providers.models import Listen

if TYPE_CHECKING:  # generic in the stubs only
    _Listens = QuerySet[Listen]
else:
    _Listens = QuerySet


class Period(NamedTuple):
    """A year, one of its months, or one of that month's days."""

    year: int
    month: int | None = None
    day: int | None = None

    @classmethod
    def parse(cls, text: str | None) -> "Period | None":
        """Read what `str` writes; None for what is no period of the calendar."""
        try:
            period = cls(*map(int, (text or "").split("-")))
            return period if date.min.year < period.first_day.year < date.max.year else None
        except (TypeError, ValueError):
            return None

    def __str__(self) -> str:
        return "-".join(f"{part:02}" for part in self if part is not None)

    @property
    def label(self) -> str:
        """What it is called where it stands below the one that it is part of."""
        if self.month is None:
            return str(self.year)
        return date_format(self.first_day, "YEAR_MONTH_FORMAT" if self.day is None else "MONTH_DAY_FORMAT")

    @property
    def first_day(self) -> date:
        """The day it begins with."""
        return date(self.year, self.month or 1, self.day or 1)

    @property
    def day_after(self) -> date:
        """The first day that is no longer part of it."""
        if self.month is None:
            return date(self.year + 1, 1, 1)
        if self.day is None:
            return date(self.year + self.month // 12, self.month % 12 + 1, 1)
        return self.first_day + timedelta(days=1)

    @property
    def path(self) -> "list[Period]":
        """The periods that it is part of, from the year down to itself."""
        parts = [part for part in self if part is not None]
        return [Period(*parts[:length]) for length in range(1, len(parts) + 1)]

    def parts(self) -> "Iterator[Period]":
        """Yield what it is made of: months, days, nothing."""
        if self.month is None:
            yield from (Period(self.year, month) for month in range(1, 13))
        elif self.day is None:
            days = (self.day_after - self.first_day).days
            yield from (Period(self.year, self.month, day) for day in range(1, days + 1))


class PlayedFilter(admin.SimpleListFilter):
    """When it was played, in the time zone of the site. Offered for one person's listens only."""

    title = _("played")
    parameter_name = "played"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the years of the person's history; once one is chosen, what it is made of."""
        person = model_admin.person_of(request)
        if person is None:
            return []
        chosen = Period.parse(self.value())
        offered = [*chosen.path, *chosen.parts()] if chosen else [Period(year) for year in _years_of(person.pk)]
        return [(str(period), period.label) for period in offered]

    def queryset(self, request: HttpRequest, queryset: _Listens) -> _Listens:
        """Leave the listens of that time."""
        chosen = Period.parse(self.value())
        if chosen is None:
            return queryset
        return queryset.filter(played_at__gte=_midnight(chosen.first_day), played_at__lt=_midnight(chosen.day_after))


def _years_of(user_id: int) -> Iterator[int]:
    """Yield the years from the person's first listen to the last, the last first: two look-ups in the index."""
    times = Listen.objects.filter(user=user_id).values_list("played_at", flat=True)
    first, last = times.order_by("played_at").first(), times.order_by("-played_at").first()
    if first is not None and last is not None:
        yield from range(timezone.localtime(last).year, timezone.localtime(first).year - 1, -1)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=timezone.get_current_timezone())
