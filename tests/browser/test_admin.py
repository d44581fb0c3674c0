from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from playwright.sync_api import expect

from providers.models import Connection, HistoryGap, HistorySync, LastFMAuth, Listen, ServicePause
from tests.browser.conftest import Site

HOSTILE = "<img src=x onerror=alert(1)>\u202egnp.exe"


@pytest.fixture
def household_of_two(transactional_db: None) -> None:
    """Have an administrator, and a person whose link is dead, with a gap, and a pause in force."""
    people, now = get_user_model(), timezone.now()
    people.objects.create_superuser("admin", password="a long password")
    bo = people.objects.create_user("bo")
    LastFMAuth.objects.create(user=bo, username=HOSTILE, session_key="k")
    connection = Connection.objects.get(user=bo)
    connection.mark_needs_reauth("Last.fm no longer accepts the link.")
    HistorySync.objects.create(connection=connection, due_at=now - timedelta(hours=3), failures=2)
    HistoryGap.objects.create(connection=connection, since=now - timedelta(days=2), until=now, reason="not_kept")
    ServicePause.objects.create(provider_type="spotify", client_id="app", until=now + timedelta(hours=1))
    Listen.objects.bulk_create(
        Listen(user=bo, provider_type="lastfm", name=HOSTILE, played_at=now - timedelta(hours=hours))
        for hours in range(120)
    )


def test_an_administrator_sees_what_is_wrong_and_acts_on_it(site: Site, household_of_two: None) -> None:
    page = site.page
    site.open("/admin/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("a long password")
    page.get_by_role("button", name="Log in").click()

    connections = page.get_by_role("region", name="Connections")
    expect(connections.get_by_role("row", name="Last.fm")).to_contain_text("1")
    expect(page.get_by_role("region", name="Work in the background")).to_contain_text("due for 3 hours")
    expect(page.get_by_role("region", name="Gaps and pauses")).to_contain_text("Spotify asked for a pause")
    site.take_picture("admin-index")

    connections.get_by_role("row", name="Last.fm").get_by_role("link").click()
    expect(page.get_by_text(HOSTILE)).to_be_visible()
    site.take_picture("admin-connections")
    page.get_by_role("checkbox").last.check()
    page.get_by_label("Action:").select_option("disconnect")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_text("The secrets of 1 connection are deleted")).to_be_visible()
    site.take_picture("admin-disconnect")
    assert LastFMAuth.objects.exists()
    page.get_by_role("link", name="No, take me back").click()
    assert LastFMAuth.objects.exists()
    page.get_by_role("checkbox").last.check()
    page.get_by_label("Action:").select_option("disconnect")
    page.get_by_role("button", name="Go").click()
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_text("Last.fm of bo: disconnected.")).to_be_visible()
    assert not LastFMAuth.objects.exists()


def test_an_administrator_finds_the_listens_of_a_day(site: Site, household_of_two: None) -> None:
    page = site.page
    site.open("/admin/login/?next=/admin/providers/listen/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("a long password")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("textbox", name="Search").fill("bo")
    page.get_by_role("button", name="Search").click()

    year = timezone.now() - timedelta(hours=1)
    page.get_by_role("link", name=str(year.year), exact=True).click()
    page.get_by_role("link", name=f"{year:%B %Y}", exact=True).click()
    page.get_by_role("link", name=f"{year:%B} {year.day}", exact=True).click()

    assert f"played={year:%Y-%m-%d}" in page.url
    expect(page.get_by_text(HOSTILE).first).to_be_visible()
    site.take_picture("admin-listens")
