"""The spans of time people ask about, in their own time zone. Pure."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple

MOMENTS_BEGIN = datetime.min.replace(tzinfo=UTC)


class Span(NamedTuple):
    """From `since` on, and before `until`."""

    since: datetime
    until: datetime


def last_days(days: int, now: datetime, zone: tzinfo) -> Span:
    """Return so many days, of which today is the last."""
    today = now.astimezone(zone).date()
    return Span(beginning_of(today - timedelta(days=days - 1), zone), now)


def last_months(months: int, now: datetime, zone: tzinfo) -> Span:
    """Return so many months, of which this one is the last."""
    today = now.astimezone(zone).date()
    year, month = divmod(today.year * 12 + today.month - months, 12)
    return Span(beginning_of(date(year, month + 1, 1), zone), now)


def year(number: int, now: datetime, zone: tzinfo) -> Span:
    """Return a year, as far as it is over. Raises `ValueError` where there is none of that number, or not yet."""
    since = beginning_of(date(number, 1, 1), zone)
    if since > now:
        raise ValueError("this year has not begun")
    return Span(since, min(beginning_of(date(number + 1, 1, 1), zone), now))


def everything(now: datetime) -> Span:
    """Return all time there was."""
    return Span(MOMENTS_BEGIN, now)


def beginning_of(day: date, zone: tzinfo) -> datetime:
    """Return when a day begins in a zone. Raises `ValueError` where that cannot be told."""
    try:
        return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    except OverflowError:
        raise ValueError("no moment of this day can be told in UTC") from None
