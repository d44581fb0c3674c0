from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from providers.models import Connection, HistorySync, NavidromeAuth

pytestmark = pytest.mark.usefixtures("services")

SHOWN = '<time datetime="2026-07-21T19:05:00+00:00" title="2026-07-21 19:05:00 UTC">{}</time>'


@pytest.fixture
def visitor(visitor: Client, user: User) -> Client:
    """Return the browser of somebody with a time on their connections page."""
    NavidromeAuth.objects.create(user=user, username="ada", password="x")
    moment = datetime(2026, 7, 21, 19, 5, tzinfo=UTC)
    HistorySync.objects.create(connection=Connection.objects.get(), last_fetched_at=moment)
    return visitor


def page(visitor: Client) -> str:
    return visitor.get("/connections/").content.decode()


def test_who_says_nothing_sees_the_time_of_the_site(visitor: Client, settings: Settings) -> None:
    assert SHOWN.format("21 Jul 2026, 19:05") in page(visitor)
    settings.TIME_ZONE = "Asia/Kolkata"
    assert SHOWN.format("22 Jul 2026, 00:35") in page(visitor)


def test_times_are_those_of_the_browsers_clock_and_the_page_says_so(visitor: Client) -> None:
    visitor.cookies["browser_zone"] = "Europe%2FBerlin"
    html = page(visitor)
    assert SHOWN.format("21 Jul 2026, 21:05") in html
    assert "Times are in Europe/Berlin." in html


def test_a_zone_that_was_chosen_goes_before_the_browsers(visitor: Client) -> None:
    visitor.cookies["browser_zone"] = "Europe%2FBerlin"
    assert visitor.post("/time-zone/", {"zone": "America/New_York"}).status_code == 303
    assert SHOWN.format("21 Jul 2026, 15:05") in page(visitor)
    assert '<option value="America/New_York" selected>' in visitor.get("/time-zone/").content.decode()

    visitor.post("/time-zone/", {"zone": ""})
    assert "Times are in Europe/Berlin." in page(visitor)


@pytest.mark.parametrize("zone", ["Middle/Earth", "../../etc/passwd", "America", "x" * 5000, "%00", "<script>", ""])
def test_a_zone_that_does_not_exist_is_nobodys(visitor: Client, zone: str) -> None:
    visitor.cookies["zone"] = visitor.cookies["browser_zone"] = zone
    html = page(visitor)
    assert SHOWN.format("21 Jul 2026, 19:05") in html
    assert "Times are in UTC." in html


def test_a_zone_that_does_not_exist_cannot_be_chosen(visitor: Client) -> None:
    response = visitor.post("/time-zone/", {"zone": "Middle/Earth"})
    assert response.status_code == 200
    assert "zone" not in response.cookies


def test_the_zone_of_one_request_is_not_that_of_the_next(visitor: Client) -> None:
    visitor.cookies["zone"] = "Europe/Berlin"
    page(visitor)
    del visitor.cookies["zone"]
    assert "Times are in UTC." in page(visitor)
