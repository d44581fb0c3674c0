import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from playwright.sync_api import expect
from pytest_django import Settings

from providers.history.imports import work
from providers.models import HistoryImport, Listen
from providers.scheduling import claim
from providers.testing.simulators.household import USERNAME
from tests.browser.conftest import Site
from tests.history.fakes import START


@pytest.fixture
def history(tmp_path: Path, settings: Settings) -> Path:
    """A history as a person downloaded it, with a row that is damaged."""
    settings.MEDIA_ROOT = str(tmp_path / "uploads")
    path = tmp_path / "my history.jsonl"
    rows = [
        {
            "listened_at": int(START.timestamp()) + 300 * number,
            "track_metadata": {"artist_name": "Ana", "track_name": f"Track {number}"},
        }
        for number in range(30)
    ]
    path.write_text("\n".join(map(json.dumps, rows)) + "\nbroken\n")
    return path


def test_a_person_brings_a_history_and_takes_it_with_them(site: Site, history: Path, tmp_path: Path) -> None:
    page = site.page
    site.sign_in()
    page.get_by_role("link", name="History").click()
    page.get_by_role("link", name="Import and export").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Import and export")
    site.take_picture("20-import-at-first")

    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("There is nothing to tell yet")).to_have_count(0)
    page.get_by_label("Files").set_input_files(history)
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("status")).to_have_text("The file is here and waits to be read.")
    card = page.get_by_role("article", name="my history.jsonl")
    expect(card).to_contain_text("Waiting")
    site.take_picture("21-import-waiting")

    lease = claim(HistoryImport.objects.all(), HistoryImport.objects.get().pk)
    assert lease is not None
    work(lease, lambda: False)
    page.get_by_role("link", name="See how far it is now").click()
    expect(card).to_contain_text("Done")
    expect(card).to_contain_text("Listens stored30")
    card.get_by_text("Where rows were not understood").click()
    expect(card).to_contain_text("row 31")
    site.take_picture("22-import-done")

    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    download.value.save_as(tmp_path / "listens.csv")
    assert (tmp_path / "listens.csv").read_text().count("Track ") == 30
    assert Listen.objects.count() == 30


def test_troubles_of_an_import_are_told(site: Site, settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    site.sign_in()
    expect(site.card("Spotify")).to_be_visible()
    user = get_user_model().objects.get(username=USERNAME)
    now = timezone.now()
    troubles = [
        {"name": "waits.zip", "due_at": now - timedelta(hours=1), "file": "imports/x/waits.zip"},
        {
            "name": "is being read with a long name " + "x" * 200,
            "status": "reading",
            "rows_read": 4_000_000,
            "bytes_read": 420,
            "bytes_total": 1000,
            "began_at": now - timedelta(hours=1),
            "file": "imports/x/read.zip",
            "lease_until": now + timedelta(hours=1),
            "counts": {"stored": 3_000_000, "known": 12, "left_out": {"podcast": 987_988}},
        },
        {"name": "broke off.json", "status": "reading", "rows_read": 3, "counts": {"stored": 3}, "due_at": None},
        {
            "name": "\u202eholiday.jpg",
            "status": "failed",
            "detail": "holiday.jpg is no listening history that can be read here.",
            "finished_at": now,
            "due_at": None,
        },
        {
            "name": "tries again.json",
            "status": "reading",
            "detail": "Reading broke off after 3 rows: OperationalError.",
            "file": "imports/x/again.json",
            "due_at": now + timedelta(minutes=5),
        },
    ]
    for number, trouble in enumerate(troubles):
        HistoryImport.objects.create(**{"user": user, "digest": str(number), "size": 10**8 * number + 5, **trouble})
    site.open("/history/import/")
    expect(site.page.get_by_role("article")).to_have_count(len(troubles))
    site.take_picture("23-import-troubles")
    HistoryImport.objects.all().delete()


def test_the_keyboard_alone_reaches_everything_of_an_import(site: Site, settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    page = site.page
    site.sign_in()
    expect(site.card("Spotify")).to_be_visible()
    site.open("/history/import/")
    reached = []
    for _ in range(20):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        assert focused.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
        reached.append(focused.evaluate("element => element.innerText || element.type"))
        if reached[-1] == "Download as CSV":
            break
    assert reached[-4:] == ["file", "Import", "Download as JSON lines", "Download as CSV"]
