"""The whole way of a person, from signing in to leaving: at both sizes, in light and dark, with and without scripts."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect
from pytest_django import Settings

from providers import worker
from providers.models import Connection, HistorySync, Listen
from tests.browser.conftest import Site
from tests.browser.test_every_page import violations

PLAYS = 40


@pytest.fixture
def file_of_listens(tmp_path: Path, settings: Settings) -> Path:
    """A history as another program exports it, of the last days."""
    settings.MEDIA_ROOT = str(tmp_path / "uploads")
    path = tmp_path / "listens.jsonl"
    now = int(timezone.now().timestamp())
    rows = [
        {
            "listened_at": now - 86_400 * 30 - 400 * number,
            "track_metadata": {"artist_name": "Imported", "track_name": f"Song {number}", "release_name": "Home"},
        }
        for number in range(PLAYS)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture
def inbox() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A program of the person's own that takes alerts as JSON: its address, and what came."""
    received: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"json://127.0.0.1:{server.server_port}/", received
    server.shutdown()
    thread.join()
    server.server_close()


def look(site: Site, name: str) -> None:
    """Take a picture, and have axe look, where scripts run."""
    site.take_picture(f"walk-{name}")
    if "noscript" not in site.look:
        assert violations(site) == []


@pytest.mark.req("PROV-005")
@pytest.mark.req("PROV-031")
@pytest.mark.req("PROV-041")
@pytest.mark.parametrize(
    "site", ["desktop-light", "phone-dark", "phone-light-noscript", "desktop-dark-noscript"], indirect=True
)
def test_the_whole_way(site: Site, file_of_listens: Path, inbox: tuple[str, list[dict[str, str]]]) -> None:
    page = site.page
    site.open("/")
    look(site, "1-sign-in")
    site.sign_in()
    look(site, "2-nothing-linked")

    page.get_by_role("button", name="Link Spotify").click()
    page.get_by_role("button", name="Agree").click()
    expect(page.get_by_role("status")).to_have_text("Spotify is linked as Ana.")
    page.get_by_role("button", name="Link Last.fm").click()
    page.get_by_role("button", name="Yes, allow access").click()
    expect(site.card("Last.fm")).to_contain_text("As soon as possible")
    look(site, "3-fetches-are-due")
    for name in ("spotify", "lastfm", "navidrome"):
        worker.drain(name)
    if "noscript" in site.look:
        page.reload()
    # Where scripts run, the page finds out by itself.
    expect(site.card("Last.fm")).not_to_contain_text("Not yet")
    look(site, "4-all-is-home")

    page.get_by_role("link", name="History").click()
    page.get_by_role("link", name="Import and export").click()
    page.get_by_label("Files").set_input_files(file_of_listens)
    page.get_by_role("button", name="Import").click()
    card = page.get_by_role("article", name="listens.jsonl")
    expect(card).to_contain_text("Waiting")
    look(site, "5-import-waits")
    worker.drain(worker.IMPORTS)
    if "noscript" in site.look:
        page.reload()
    expect(card).to_contain_text(f"Listens stored{PLAYS}")
    look(site, "6-import-done")

    worker.drain(worker.DUPLICATES)
    worker.drain(worker.STATISTICS)
    page.get_by_role("link", name="History").first.click()
    expect(page.locator(".listens > li").first).to_be_visible()
    look(site, "7-history")
    page.get_by_role("link", name="Older listens").click()
    expect(page.locator(".listens > li")).to_have_count(30)
    page.get_by_label("Service").select_option("Spotify")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".listens > li .service").first).to_contain_text("Spotify")
    page.get_by_label("Service").select_option(index=0)
    page.get_by_label("Title, artist or album").fill("Song 38")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".listens > li")).to_have_count(1)
    look(site, "8-history-searched")

    page.get_by_role("link", name="Statistics").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Statistics")
    expect(page.get_by_role("img").first).to_be_visible()
    look(site, "9-statistics")

    address, received = inbox
    page.get_by_role("link", name="Alerts").click()
    look(site, "10-no-alerts")
    page.get_by_role("textbox", name="Name").fill("Kitchen radio")
    page.get_by_role("textbox", name="Address").fill(address)
    page.get_by_role("button", name="Add").click()
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_role("article", name="Kitchen radio")).to_contain_text("Arriving")
    assert len(received) == 1
    look(site, "11-alert-tested")

    spotify = Connection.objects.get(provider_type="spotify")
    complete_until = HistorySync.objects.get(connection=spotify).complete_until
    assert complete_until is not None
    spotify.mark_needs_reauth("Spotify has ended this link.")
    worker.drain(worker.ALERTS)
    assert len(received) == 2
    page.get_by_role("link", name="Connections").click()
    expect(page.get_by_text("The link to Spotify has ended.")).to_be_visible()
    look(site, "12-needs-you")
    page.get_by_role("button", name="Link again Spotify").click()
    page.get_by_role("button", name="Agree").click()
    expect(site.card("Spotify")).to_contain_text("Connected as Ana.")
    assert HistorySync.objects.get(connection=spotify).complete_until == complete_until

    Connection.objects.filter(pk=spotify.pk).update(link_expires_at=timezone.now() + timedelta(days=5))
    page.get_by_role("link", name="More Spotify").click()
    look(site, "13-one-connection")
    page.get_by_role("link", name="Disconnect").click()
    look(site, "14-disconnect")
    page.get_by_role("button", name="Disconnect Spotify").click()
    expect(page.get_by_role("status")).to_have_text("Spotify is disconnected. Your listens stay.")
    look(site, "15-disconnected")
    assert Listen.objects.filter(provider_type="spotify").exists()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
