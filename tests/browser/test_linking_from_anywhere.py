from typing import Any

import pytest
from playwright.sync_api import expect

from providers import worker
from providers.history import ingest
from providers.models import Connection, Listen, OwnApplication, SpotifyAuth
from tests.browser.conftest import Site
from tests.history.fakes import listen_at

ROWS = [
    ("desktop-light", "Spotify", "Ana", "Agree"),
    ("phone-dark", "Last.fm", "ana", "Yes, allow access"),
]


@pytest.mark.parametrize(("site", "service", "account", "button"), ROWS, indirect=["site"])
def test_a_person_agrees_in_another_browser_and_pastes_what_it_ended_on(
    site: Site, new_context: Any, service: str, account: str, button: str
) -> None:
    page = site.page
    site.sign_in()
    kind = {"Spotify": "spotify", "Last.fm": "lastfm"}[service]
    site.open(f"/connections/{kind}/paste/")
    site.take_picture(f"40-paste-{kind}")
    page.get_by_role("button", name="Get the address").click()
    address = page.get_by_label("Open this address in any browser").input_value()
    site.take_picture(f"41-paste-with-address-{kind}")

    elsewhere = new_context().new_page()
    elsewhere.goto(address)
    elsewhere.get_by_role("radio", name=account).check()
    elsewhere.get_by_role("button", name=button).click()
    # Nobody is signed in there.
    expect(elsewhere.get_by_role("button", name="Sign in")).to_be_visible()

    page.get_by_label("Paste it here").fill(address)
    page.get_by_role("button", name=f"Link {service}").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Paste it here")).to_be_focused()
    expect(page.get_by_label("Paste it here")).to_have_value("")
    site.take_picture(f"42-paste-refused-{kind}")

    page.get_by_label("Paste it here").fill(f"  {elsewhere.url} ")
    page.get_by_label("Paste it here").press("Enter")
    expect(page).to_have_url(f"{site.url}/connections/")
    expect(page.get_by_role("status")).to_have_text(f"{service} is linked as {account}.")


def test_a_person_brings_an_application_of_their_own(site: Site) -> None:
    page = site.page
    site.sign_in()
    site.open("/connections/spotify/application/")
    expect(page.get_by_label("Redirect URI")).to_have_value(f"{site.url}/connections/spotify/callback/")
    site.take_picture("43-application")
    page.get_by_label("Client ID").fill("not a client id")
    page.get_by_role("button", name="Keep this client ID").click()
    expect(page.get_by_role("alert")).to_contain_text("has 32 characters")
    page.get_by_label("Client ID").fill("0123456789abcdef0123456789abcdef")
    page.get_by_role("button", name="Keep this client ID").click()
    expect(page.get_by_role("status")).to_contain_text("Your application is kept.")
    expect(page.get_by_role("button", name="Link Spotify")).to_be_visible()
    site.take_picture("44-application-kept")
    page.get_by_role("button", name="Forget your application").click()
    expect(page.get_by_role("status")).to_contain_text("Your application is forgotten.")
    assert not OwnApplication.objects.exists()


def test_a_person_disconnects_and_has_the_listens_deleted(site: Site) -> None:
    page = site.page
    site.sign_in()
    page.get_by_role("button", name="Link Spotify").click()
    page.get_by_role("button", name="Agree").click()
    expect(site.card("Spotify")).to_contain_text("Connected as")
    person = Connection.objects.get(provider_type="spotify").user
    ingest.store(person.pk, "spotify", [listen_at(minutes) for minutes in range(5)])
    site.open("/connections/spotify/disconnect/")
    site.take_picture("45-disconnect")
    page.get_by_role("link", name="Disconnect and delete its listens").click()
    site.take_picture("46-delete-history")
    page.get_by_role("button", name="Disconnect and delete them for good").click()
    expect(page.get_by_role("status")).to_contain_text("Its listens are being deleted")
    assert not SpotifyAuth.objects.exists()
    page.go_back()
    expect(page.get_by_role("button", name="Delete them for good")).to_be_visible()
    worker.drain(worker.DELETIONS)
    assert not Listen.objects.filter(provider_type="spotify").exists()
