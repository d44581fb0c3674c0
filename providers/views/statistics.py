"""The pictures of what a person listened to."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib.auth import get_user_model
from django.db.models import OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from providers.models import Listen, MonthCount
from providers.models.scans import Scan
from providers.statistics import clocks, count, count_quarters, pictures, spans
from providers.statistics.spans import Span
from providers.statistics.tally import Quarters, Ranked, Summary
from providers.views.access import personal
from providers.views.texts import shortened
from providers.waiting import is_neglected

MAX_YEARS = 20
"""How many years are offered, the latest ones. Those before are reached one by one."""

DEFAULT_SPAN = "12m"

SPAN_NAMES = {
    "7d": gettext_lazy("7 days"),
    "30d": gettext_lazy("30 days"),
    "12m": gettext_lazy("12 months"),
    "all": gettext_lazy("All time"),
}

_MONDAY = date(2024, 1, 1)


class Choice(NamedTuple):
    """A span of time that can be chosen, and where that leads."""

    query: str
    name: Any
    is_chosen: bool


class Entry(NamedTuple):
    """One line of a list of what was heard most: how often, and in percent of the first."""

    listens: int
    percent: int
    name: str
    by: str
    listen_id: int | None


class Top(NamedTuple):
    """What was heard most of a kind."""

    kind: str
    title: str
    entries: list[Entry]


class Week(NamedTuple):
    """A row of the table of a year: the seven days from Monday on, with nothing in those of the years beside."""

    since: date
    until: date
    listens: list[str]


@dataclass(frozen=True, slots=True)
class Pending:
    """What is still to be counted of a person's listens, and whether nobody seems to be there to do it."""

    since: datetime
    until: datetime
    is_neglected: bool


@personal
@require_safe
def statistics(request: HttpRequest) -> HttpResponse:
    """Show the days of a year, and the hours and what was heard most of a span of time, in the person's time zone.

    What asks for a part of the page only is told how far the counting is.
    """
    user_id: Any = request.user.pk
    zone, now = timezone.get_current_timezone(), timezone.now()
    pending, first_year, all_time = _state_of(user_id)
    if request.headers.get("HX-Request"):
        return render(request, "providers/_counting.html", {"pending": pending, "is_polled": True})
    this_year = now.astimezone(zone).year
    name = request.GET.get("span", DEFAULT_SPAN)
    year = _year(request.GET.get("year") or (name if name.isdigit() else str(this_year)))
    span, days_span = _span(name, now, zone), _span(f"{year:04}", now, zone)
    if name == "all" and all_time:
        hours, summaries = count_quarters(user_id, span), all_time
    else:
        tally = count(user_id, span)
        hours, summaries = tally.quarters, tally.summaries()
    is_within = span.since <= days_span.since and days_span.until <= span.until
    days = hours if is_within else count_quarters(user_id, days_span)
    oldest = min(first_year or this_year, this_year)
    weekdays = [date_format(_MONDAY + timedelta(days=number), "D") for number in range(7)]
    context = {
        "pending": pending,
        "span": name,
        "span_name": SPAN_NAMES.get(name, name),
        "choices": [
            Choice(_query(span=value, year=request.GET.get("year", "")), label, value == name)
            for value, label in [
                *SPAN_NAMES.items(),
                *((f"{one:04}", f"{one:04}") for one in range(this_year, max(oldest, this_year - MAX_YEARS) - 1, -1)),
            ]
        ],
        "weekdays": weekdays,
        "total": sum(map(sum, hours.values())),
        "artist_count": summaries["artists"].heard,
        "track_count": summaries["tracks"].heard,
        "is_empty": pending is None and first_year is None and not days,
        "year": f"{year:04}",
        "year_before": f"{year - 1:04}",
        "year_after": f"{year + 1:04}",
        "earlier": _query(span=name, year=f"{year - 1:04}") if year > oldest else "",
        "later": _query(span=name, year=f"{year + 1:04}") if year < this_year else "",
        **_days(year, days, zone, weekdays),
        **_hours(hours, zone, weekdays),
        "tops": _tops(summaries),
    }
    return render(request, "providers/statistics.html", context)


def _state_of(user_id: int) -> tuple[Pending | None, int | None, dict[str, Summary]]:
    """Return what is to be counted, the first year anything was counted of, and all time, if that is summed up."""
    first = MonthCount.objects.filter(user_id=OuterRef("pk")).order_by("month").values("month")[:1]
    people = get_user_model()._default_manager.select_related("duplicate_scan", "statistics_scan")
    person = people.annotate(first_month=Subquery(first)).get(pk=user_id)
    scans = [scan for name in ("duplicate_scan", "statistics_scan") if (scan := getattr(person, name, None))]
    return _pending(scans), person.first_month and person.first_month.year, _all_time(person)


def _all_time(person: Any) -> dict[str, Summary]:
    stored = person.statistics_scan.all_time if hasattr(person, "statistics_scan") else {}
    return {name: Summary(heard, [Ranked(*one) for one in most]) for name, (heard, most) in stored.items()}


def _pending(scans: Iterable[Scan]) -> Pending | None:
    """Return what the scans have still to do: what is not compared yet is not counted as what it is."""
    spans_left = [
        (since, until, is_neglected(scan))
        for scan in scans
        for since, until in ((scan.since, scan.until), (scan.begun_since, scan.begun_until))
        if since is not None and until is not None
    ]
    if not spans_left:
        return None
    since, until, neglected = zip(*spans_left, strict=True)
    return Pending(min(since), max(until), any(neglected))


def _year(text: str) -> int:
    """Read a year. Raises `Http404` for what is none."""
    if not re.fullmatch("[0-9]{4}", text):
        raise Http404
    return int(text)


def _span(name: str, now: datetime, zone: tzinfo) -> Span:
    """Return a span by its name. Raises `Http404` where there is none."""
    match name:
        case "7d":
            return spans.last_days(7, now, zone)
        case "30d":
            return spans.last_days(30, now, zone)
        case "12m":
            return spans.last_months(12, now, zone)
        case "all":
            return spans.everything(now)
    try:
        return spans.year(_year(name), now, zone)
    except ValueError:
        raise Http404 from None


def _days(year: int, quarters: Quarters, zone: tzinfo, weekdays: list[str]) -> dict[str, Any]:
    days = {day: listens for day, listens in clocks.by_day(quarters, zone).items() if day.year == year}
    months = [date_format(date(year, number, 1), "M") for number in range(1, 13)]
    weeks = []
    for week in pictures.weeks_of(year):
        before, after = week[0].weekday(), 6 - week[-1].weekday()
        # As texts: for hundreds of numbers a template takes long to find out how each is to be written.
        numbers = [str(days.get(day, 0)) for day in week]
        weeks.append(Week(week[0], week[-1], [""] * before + numbers + [""] * after))
    return {
        "days": pictures.year_of_days(year, days, weekdays, months),
        "weeks": weeks,
        "days_total": sum(days.values()),
        "best_day": max(days, key=lambda day: (days[day], day), default=None),
        "best_day_listens": max(days.values(), default=0),
    }


def _hours(quarters: Quarters, zone: tzinfo, weekdays: list[str]) -> dict[str, Any]:
    hours = clocks.by_hour_of_week(quarters, zone)
    best = max(range(24), key=lambda hour: sum(hours[hour]))
    return {
        "clock": pictures.hours_of_week(hours, weekdays),
        "hours": [(f"{hour:02}:00", list(map(str, listens))) for hour, listens in enumerate(hours)],
        "best_hour": f"{best:02}:00",
        "best_hour_end": f"{(best + 1) % 24:02}:00",
    }


def _tops(summaries: Mapping[str, Summary]) -> list[Top]:
    """Return what was heard most, with the names that a listen to each tells. One query for all of them."""
    ids = [one.listen_id for summary in summaries.values() for one in summary.most]
    # They are the person's own. Asked whose they are, SQLite would walk a whole history.
    known = Listen.objects.only("artist", "album", "name").in_bulk(ids)
    kinds = (
        ("artists", _("Artists"), ("artist",)),
        ("albums", _("Albums"), ("album", "artist")),
        ("tracks", _("Tracks"), ("name", "artist")),
    )
    return [
        Top(
            kind,
            title,
            [
                _entry(one, summaries[kind].most[0].listens, known.get(one.listen_id), names)
                for one in summaries[kind].most
            ],
        )
        for kind, title, names in kinds
    ]


def _entry(one: Ranked, most: int, listen: Listen | None, names: tuple[str, ...]) -> Entry:
    # The listen may have been deleted a moment ago; it is counted until that month is counted again.
    name, *by = [shortened(getattr(listen, field)) for field in names] if listen else [_("No longer in your history")]
    return Entry(one.listens, max(1, 100 * one.listens // most), name, "".join(by), one.listen_id if listen else None)


def _query(**values: str) -> str:
    return "?" + urlencode({name: value for name, value in values.items() if value})
