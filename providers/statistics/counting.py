"""What a span of time comes to: whole months as they are kept, and what remains as the listens tell it now."""

from datetime import date
from typing import Any

from django.db.models import QuerySet

from providers.models import MonthCount
from providers.statistics import tally
from providers.statistics.months import add_chart, add_quarters, begin_of, listens_between, month_from, month_of
from providers.statistics.spans import Span
from providers.statistics.tally import CHARTS, Heard, Quarters, Tally


def count(user_id: int, span: Span) -> Tally:
    """Return what the person listened to in this time."""
    found = count_months(_months(user_id, span))
    found.count(map(Heard._make, _rest(user_id, span, *Heard._fields)))
    return found


def count_months(months: QuerySet[MonthCount]) -> Tally:
    """Return what some months come to."""
    found = Tally()
    for month, quarters, *charts in months.values_list("month", "quarters", *CHARTS):
        add_quarters(found.quarters, month, bytes(quarters))
        for name, chart in zip(CHARTS, charts, strict=True):
            add_chart(getattr(found, name), bytes(chart))
    return found


def count_quarters(user_id: int, span: Span) -> Quarters:
    """Return when the person listened in this time: a part of `count`, in a fraction of its time."""
    quarters: Quarters = {}
    for month, data in _months(user_id, span).values_list("month", "quarters"):
        add_quarters(quarters, month, bytes(data))
    tally.count_quarters(quarters, (moment for (moment,) in _rest(user_id, span, "played_at")))
    return quarters


def _whole_months(span: Span) -> tuple[date, date] | None:
    """Return the first month that is wholly in a span and the first after it that is not; None where none is."""
    first, end = month_from(span.since), month_of(span.until)
    return (first, end) if first is not None and first < end else None


def _months(user_id: int, span: Span) -> QuerySet[MonthCount]:
    whole = _whole_months(span)
    if whole is None:
        return MonthCount.objects.none()
    return MonthCount.objects.filter(user_id=user_id, month__gte=whole[0], month__lt=whole[1]).order_by("month")


def _rest(user_id: int, span: Span, *fields: str) -> "QuerySet[Any, tuple[Any, ...]]":
    """Return what is in a span and in none of its whole months, in one query: two stretches at most."""
    whole = _whole_months(span)
    if whole is None:
        return listens_between(user_id, span.since, span.until).values_list(*fields)
    before = listens_between(user_id, span.since, begin_of(whole[0])).values_list(*fields)
    after = listens_between(user_id, begin_of(whole[1]), span.until).values_list(*fields)
    return before.union(after, all=True) if span.since < begin_of(whole[0]) else after
