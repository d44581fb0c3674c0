"""Pictures of numbers, as squares in shades, laid out on a plane for a template to draw. Pure."""

from bisect import bisect_left
from calendar import isleap
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from operator import attrgetter
from typing import NamedTuple

SHADES = 4
"""How many shades there are beside that of nothing."""

GAP = 2


class Label(NamedTuple):
    """A text beside the squares, at a place."""

    x: int
    y: int
    text: str


class Square(NamedTuple):
    """A number, at the place of its upper left corner."""

    x: int
    y: int
    value: int


class Shade(NamedTuple):
    """All squares of one shade as one path, and the numbers they stand for; shade 0 stands for nothing."""

    number: int
    path: str
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Picture:
    """Squares in shades: one path for each shade, for a page of hundreds of squares is to stay small."""

    width: int
    height: int
    labels: list[Label]
    shades: list[Shade]


def year_of_days(year: int, days: Mapping[date, int], weekdays: Sequence[str], months: Sequence[str]) -> Picture:
    """Draw the days of a year: a column for each week, a row for each weekday, Monday first."""
    side, left, top = 11, 34, 16
    step = side + GAP
    labels = [Label(0, top + row * step + side - 1, weekdays[row]) for row in (0, 2, 4, 6)]
    squares = []
    for column, week in enumerate(weeks_of(year)):
        x = left + column * step
        for day in week:
            squares.append(Square(x, top + day.weekday() * step, days.get(day, 0)))
            if day.day == 1:
                labels.append(Label(x, top - 5, months[day.month - 1]))
    return Picture(left + (column + 1) * step, top + 7 * step, labels, _shades(squares, side, side))


def weeks_of(year: int) -> list[list[date]]:
    """Return the days of a year by weeks, which begin on Monday: the first and the last may be shorter."""
    first = date(year, 1, 1)
    days = [first + timedelta(days=number) for number in range(366 if isleap(year) else 365)]
    begin = 7 - first.weekday()
    return [days[:begin], *(days[number : number + 7] for number in range(begin, len(days), 7))]


def hours_of_week(hours: Sequence[Sequence[int]], weekdays: Sequence[str]) -> Picture:
    """Draw the hours of the week: a column for each weekday, a row for each hour of the day."""
    width, height, left, top = 40, 14, 34, 18
    labels = [Label(left + column * (width + GAP) + 2, top - 5, weekday) for column, weekday in enumerate(weekdays)]
    labels += [Label(0, top + hour * (height + GAP) + height - 3, f"{hour:02}:00") for hour in range(0, 24, 3)]
    squares = [
        Square(left + column * (width + GAP), top + hour * (height + GAP), value)
        for hour, values in enumerate(hours)
        for column, value in enumerate(values)
    ]
    return Picture(left + 7 * (width + GAP), top + 24 * (height + GAP), labels, _shades(squares, width, height))


def _shades(squares: Iterable[Square], width: int, height: int) -> list[Shade]:
    """Part the squares so that each shade has about as many: one great number does not make all others pale."""
    ordered = sorted(squares, key=attrgetter("value"))
    values = [square.value for square in ordered if square.value]
    limits = [values[(len(values) - 1) * part // SHADES] for part in range(1, SHADES)] if values else []
    by_shade: dict[int, list[Square]] = defaultdict(list)
    for square in ordered:
        by_shade[1 + bisect_left(limits, square.value) if square.value else 0].append(square)
    return [
        Shade(
            number,
            "".join(f"M{square.x} {square.y}h{width}v{height}h-{width}z" for square in group),
            group[0].value,
            group[-1].value,
        )
        for number, group in by_shade.items()
    ]
