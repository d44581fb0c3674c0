from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from providers.models import Connection, HistorySync, Listen, ServicePause, SpotifyAuth
from tests.browser.conftest import Site


def test_a_person_who_cancels_is_told_that_nothing_was_linked(site: Site) -> None:
    page = site.page
    site.sign_in()
    page.get_by_role("button", name="Link Spotify").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You did not let us in")
    site.take_picture("8-denied")
    assert not SpotifyAuth.objects.exists()

    page.get_by_role("button", name="Link Spotify").click()
    page.get_by_role("button", name="Agree").click()
    expect(site.card("Spotify")).to_contain_text("Connected as")


def test_a_person_who_lands_in_another_account_is_asked(site: Site) -> None:
    page = site.page
    site.sign_in()
    page.get_by_role("button", name="Link Spotify").click()
    page.get_by_role("radio", name="Ana").check()
    page.get_by_role("button", name="Agree").click()
    page.get_by_role("link", name="More Spotify").click()
    page.get_by_role("button", name="Link again").click()
    page.get_by_role("radio", name="Bo").check()
    page.get_by_role("button", name="Agree").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Another Spotify account?")
    site.take_picture("9-another-account")
    page.get_by_role("button", name="Switch to Bo").click()
    expect(site.card("Spotify")).to_contain_text("Connected as Bo.")


def test_a_wrong_password_is_told_beside_the_fields(site: Site) -> None:
    site.sign_in(password="wrong")
    expect(site.page.locator(".errorlist")).to_contain_text("do not go together")
    site.take_picture("10-wrong-password")


def test_troubles_are_told_and_names_of_any_length_fit(site: Site) -> None:
    page = site.page
    site.sign_in()
    page.get_by_role("button", name="Link Last.fm").click()
    page.get_by_role("button", name="Yes, allow access").click()
    expect(site.card("Last.fm")).to_contain_text("Connected as")
    site.open("/history/")
    expect(page.get_by_text("No listens have come home yet.")).to_be_visible()
    site.take_picture("12-empty-history")

    person = Connection.objects.get(provider_type="lastfm").user
    Connection.objects.filter(provider_type="lastfm").update(account_name="<b>" + "long" * 60)
    Connection.objects.filter(provider_type="navidrome").update(history_is_last_play_only=True)
    Connection.objects.create(user=person, provider_type="spotify", account_name="Ana")
    ServicePause.begin("spotify", "", timezone.now() + timedelta(hours=2))
    HistorySync.objects.filter(provider_type="navidrome").update(
        last_fetched_at=timezone.now(),
        last_error="Navidrome does not answer. It is tried again by itself.",
    )
    Listen.objects.create(
        user=person,
        provider_type="lastfm",
        name="\u202eesrever " + "A" * 300,
        artist="<script>alert(1)</script>",
        album="B" * 200,
        url="https://www.last.fm/music/" + "c" * 100,
        played_at=timezone.now(),
        fingerprint=1,
    )
    site.open("/connections/")
    expect(site.card("Spotify")).to_contain_text("asked for a pause until")
    expect(site.card("Navidrome")).to_contain_text("Last play of each track")
    expect(site.card("Navidrome")).to_contain_text("The last fetch did not finish.")
    site.take_picture("13-troubles")
    site.open("/history/")
    expect(page.get_by_text("<script>alert(1)</script>")).to_be_visible()
    site.take_picture("14-hostile-names")
    page.get_by_label("Service").select_option("Spotify")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("No listens have come home from this service yet.")).to_be_visible()


@pytest.mark.parametrize("site", ["desktop-light"], indirect=True)
def test_the_keyboard_alone_links_a_service(site: Site) -> None:
    page = site.page
    site.sign_in()
    expect(site.card("Spotify")).to_be_visible()
    for _ in range(20):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        assert focused.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
        if focused.inner_text().startswith("Link"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Agree")).to_be_visible()
    page.get_by_role("button", name="Agree").press("Enter")
    expect(site.card("Spotify")).to_contain_text("Connected as Ana.")
