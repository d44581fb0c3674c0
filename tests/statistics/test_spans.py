from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from providers.statistics import spans

BERLIN, KOLKATA = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")
NOW = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)  # the 1st of April in Berlin and in Kolkata


def test_days_and_months_end_now_and_begin_at_midnight_of_the_zone():
    assert spans.last_days(7, NOW, BERLIN) == (datetime(2026, 3, 25, 23, tzinfo=UTC), NOW)  # before summer time
    assert spans.last_days(1, NOW, KOLKATA) == (datetime(2026, 3, 31, 18, 30, tzinfo=UTC), NOW)
    assert spans.last_months(12, NOW, BERLIN) == (datetime(2025, 4, 30, 22, tzinfo=UTC), NOW)
    assert spans.last_months(1, NOW, KOLKATA) == (datetime(2026, 3, 31, 18, 30, tzinfo=UTC), NOW)


def test_a_year_is_that_of_the_zone_as_far_as_it_is_over():
    assert spans.year(2025, NOW, BERLIN) == (
        datetime(2024, 12, 31, 23, tzinfo=UTC),
        datetime(2025, 12, 31, 23, tzinfo=UTC),
    )
    assert spans.year(2026, NOW, KOLKATA) == (datetime(2025, 12, 31, 18, 30, tzinfo=UTC), NOW)


@pytest.mark.parametrize("number", [0, 2027, 9999, 10000])
def test_there_is_no_other_year(number):
    with pytest.raises(ValueError):  # noqa: PT011, of whatever function finds out
        spans.year(number, NOW, UTC)


def test_the_first_year_that_can_be_told_depends_on_the_zone():
    assert spans.year(1, NOW, UTC).since == datetime(1, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="told in UTC"):
        spans.year(1, NOW, KOLKATA)


def test_everything_is_what_there_was():
    assert spans.everything(NOW) == (datetime.min.replace(tzinfo=UTC), NOW)
