"""A moment is shown by the clock of whoever looks, and exactly on hover."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.template import Context, Template
from django.utils import timezone, translation

from providers.moments import as_clock, as_date, as_time

MOMENT = datetime(2026, 11, 22, 23, 45, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("as_time", "23 Nov 2026, 12:45"),
        ("as_date", "23 Nov 2026"),
        ("as_clock", "12:45"),
        ('as_clock:"H:i:s"', "12:45:07"),
    ],
)
def test_a_page_shows_the_persons_time_and_utc_on_hover(written: str, shown: str) -> None:
    template = Template("{% load providers %}{{ moment|" + written + " }}")
    with timezone.override("Pacific/Auckland"), translation.override("en"):
        assert template.render(Context({"moment": MOMENT})) == (
            f'<time datetime="2026-11-22T23:45:07+00:00" title="2026-11-22 23:45:07 UTC">{shown}</time>'
        )


@pytest.mark.parametrize("show", [as_time, as_date, as_clock])
@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/New_York"])
@pytest.mark.parametrize("moment", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_a_moment_at_the_ends_of_what_can_be_told_is_shown(
    show: Callable[[datetime], str], zone: str, moment: datetime
) -> None:
    with timezone.override(ZoneInfo(zone)):
        assert f'title="{moment:%Y-%m-%d %H:%M:%S} UTC"' in show(moment)
