import calendar
import re
from datetime import date

import pytest

from providers.statistics import pictures

WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
MONTHS = list(calendar.month_abbr)[1:]


def squares(picture: pictures.Picture) -> dict[int, set[tuple[int, int]]]:
    return {
        shade.number: {(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h", shade.path)}
        for shade in picture.shades
    }


@pytest.mark.parametrize(("year", "weeks"), [(2026, 53), (2024, 53), (2000, 53), (2012, 54), (1, 53), (9999, 53)])
def test_the_weeks_of_a_year_hold_each_of_its_days_once_and_begin_on_monday(year, weeks):
    found = pictures.weeks_of(year)
    assert len(found) == weeks
    days = [day for week in found for day in week]
    assert days == [date.fromordinal(date(year, 1, 1).toordinal() + number) for number in range(len(days))]
    assert days[-1] == date(year, 12, 31)
    assert all(week[0].weekday() == 0 for week in found[1:])


def test_every_day_has_a_square_of_its_own_within_the_picture():
    picture = pictures.year_of_days(2024, {date(2024, 2, 29): 3}, WEEKDAYS, MONTHS)
    found = squares(picture)
    assert len(found[0]) == 365
    assert len(found[0] | found[1]) == 366
    assert all(0 <= x < picture.width and 0 <= y < picture.height for x, y in found[0])
    assert [label.text for label in picture.labels if label.text in MONTHS] == MONTHS


def test_every_hour_of_the_week_has_a_square_of_its_own():
    hours = [[hour * 7 + day for day in range(7)] for hour in range(24)]
    picture = pictures.hours_of_week(hours, WEEKDAYS)
    found = squares(picture)
    assert sum(map(len, found.values())) == 168 == len(set().union(*found.values()))
    assert sorted(found) == [0, 1, 2, 3, 4]


def test_shades_say_what_they_stand_for_and_no_great_number_makes_the_others_pale():
    days = {date(2026, 1, number): number for number in range(1, 21)} | {date(2026, 2, 1): 1_000_000}
    shades = pictures.year_of_days(2026, days, WEEKDAYS, MONTHS).shades
    assert [(shade.number, shade.least, shade.most) for shade in shades] == [
        (0, 0, 0),
        (1, 1, 6),
        (2, 7, 11),
        (3, 12, 16),
        (4, 17, 1_000_000),
    ]
