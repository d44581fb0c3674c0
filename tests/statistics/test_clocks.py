"""Quarters of an hour become the days and hours that a person's clock showed."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.statistics import clocks
from providers.statistics.tally import Quarters, count_quarters

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",  # summer time is half an hour
    "Africa/Casablanca",  # changes its clocks twice around Ramadan
    "Pacific/Apia",  # left out a day
    "Pacific/Kiritimati",
    "America/Los_Angeles",
]
moments = st.builds(
    lambda minutes: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes), st.integers(0, 20_000_000)
)
# Around the days on which some clock is changed.
moments |= st.builds(
    lambda day, minutes: day + timedelta(minutes=minutes),
    st.sampled_from(
        [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC), datetime(2011, 12, 30, tzinfo=UTC)]
    ),
    st.integers(-3000, 3000),
)


def quarters_of(*listens: datetime) -> Quarters:
    quarters: Quarters = {}
    count_quarters(quarters, listens)
    return quarters


@given(st.lists(moments, max_size=40), st.sampled_from(ZONES))
def test_every_listen_is_of_the_day_and_hour_that_the_zone_had(listens: list[datetime], name: str) -> None:
    zone = ZoneInfo(name)
    local = [listen.astimezone(zone) for listen in listens]
    assert clocks.by_day(quarters_of(*listens), zone) == Counter(moment.date() for moment in local)
    hours = [[0] * 7 for _ in range(24)]
    for moment in local:
        hours[moment.hour][moment.weekday()] += 1
    assert clocks.by_hour_of_week(quarters_of(*listens), zone) == hours


def test_no_listen_is_no_day() -> None:
    assert clocks.by_day({}, UTC) == {}
    assert clocks.by_hour_of_week({}, UTC) == [[0] * 7] * 24


@pytest.mark.parametrize("name", ["Pacific/Auckland", "America/New_York"])
def test_the_ends_of_time_are_counted(name: str) -> None:
    ends = quarters_of(datetime(1, 1, 1, 0, 5, tzinfo=UTC), datetime(9999, 12, 31, 23, 50, tzinfo=UTC))
    assert clocks.by_day(ends, ZoneInfo(name)) == {date(1, 1, 1): 1, date(9999, 12, 31): 1}
