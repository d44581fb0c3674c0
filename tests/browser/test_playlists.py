import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from providers import worker
from providers.datatypes import Track
from providers.models import Connection, LibrarySong, ManualMatch, MissingTrack, PlaylistMirror
from providers.navidrome.provider import NavidromeProvider
from tests.browser.conftest import Site


def work() -> None:
    worker.drain(worker.MIRRORS)


@pytest.fixture
def poorer_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Navidrome lack the songs whose titles begin with B, C or D, but for live takes."""
    whole = NavidromeProvider.iter_library

    def iter_library(provider: NavidromeProvider) -> Iterator[list[Track]]:
        for page in whole(provider):
            yield [song for song in page if song.name[0] not in "BCD" or "live" in song.name.lower()]

    monkeypatch.setattr(NavidromeProvider, "iter_library", iter_library)


def link_spotify(site: Site) -> None:
    site.sign_in()
    site.page.get_by_role("button", name="Link Spotify").click()
    site.page.get_by_role("button", name="Agree").click()
    expect(site.card("Spotify")).to_contain_text("Connected as")


@pytest.mark.usefixtures("poorer_library")
@pytest.mark.parametrize("site", ["desktop-light", "phone-dark"], indirect=True)
def test_a_playlist_is_carried_and_what_is_missing_is_chosen_by_hand(site: Site, tmp_path: Path) -> None:
    page = site.page
    link_spotify(site)
    page.get_by_role("link", name="Playlists").click()
    expect(page.get_by_text("You see what would be done before anything is written")).to_be_visible()
    site.take_picture("30-playlists-at-first")

    page.get_by_role("link", name="Choose from Spotify").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Playlists of Spotify")
    site.take_picture("31-playlists-to-choose-from")
    page.get_by_role("button", name=re.compile("Carry to Navidrome ?: Kitchen")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Kitchen")
    state = page.get_by_role("article", name="How it stands")
    expect(state).to_contain_text("It is looked at in the background")
    site.take_picture("32-mirror-waiting")

    work()
    page.get_by_role("link", name="See how far it is now").click()
    expect(state).to_contain_text("Nothing is written yet.")
    expect(page.get_by_role("heading", name="What would be done")).to_be_visible()
    expect(page.get_by_text("A new list on Navidrome.")).to_be_visible()
    expect(page.get_by_role("table").get_by_role("row").nth(1)).to_contain_text("Add")
    site.take_picture("33-mirror-planned")

    page.get_by_role("button", name="Carry it now").click()
    expect(page.get_by_role("status")).to_have_text("It is carried next.")
    work()
    page.get_by_role("link", name="See how far it is now").click()
    expect(state).to_contain_text("Songs missing")
    found = PlaylistMirror.objects.get().figures["matched"]
    expect(state).to_contain_text(f"{found} of 100")
    missing = page.get_by_role("region", name="Missing on Navidrome").locator("ol > li")
    expect(missing).to_have_count(min(15, 100 - found))
    site.take_picture("34-mirror-carried")

    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("JSPF")).click()
    download.value.save_as(tmp_path / "missing.jspf")
    assert download.value.suggested_filename == "missing-from-kitchen.jspf"
    assert len(json.loads((tmp_path / "missing.jspf").read_text())["playlist"]["track"]) == 100 - found

    # The first by what comes nearest, the second by searching for it.
    first, second = MissingTrack.objects.filter(position__isnull=False)[:2]
    near, other = LibrarySong.objects.order_by("pk")[:2]
    MissingTrack.objects.filter(pk=first.pk).update(candidates=[_candidate(near.track)])
    page.reload()
    missing.nth(0).get_by_role("button", name="This one").click()
    expect(page.get_by_role("status")).to_contain_text("Your choice is kept.")
    expect(missing.nth(0)).to_contain_text(f"You chose {near.name}")
    missing.nth(1).get_by_role("link", name="Search the library").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(second.name)
    page.get_by_label("Words of its title or artist").fill(other.name)
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("button", name="This one").first).to_be_visible()
    site.take_picture("35-search-the-library")
    page.locator(f'#found button[value="{other.remote_track_id}"]').click()
    expect(missing.nth(1)).to_contain_text(f"You chose {other.name}")
    site.take_picture("36-chosen-by-hand")

    page.get_by_role("button", name="Carry it now, with what you chose").click()
    work()
    page.get_by_role("link", name="See how far it is now").click()
    expect(state).to_contain_text(f"{found + 2} of 100")
    expect(state).to_contain_text("Chosen by hand2")
    expect(page.get_by_role("region", name="Chosen by hand").get_by_role("listitem")).to_have_count(2)
    site.take_picture("37-choices-used")

    page.get_by_role("button", name="Keep it mirrored").click()
    expect(page.get_by_text("It is kept: carried every hour.")).to_be_visible()
    page.get_by_role("link", name="Playlists", exact=True).first.click()
    expect(site.card("Kitchen")).to_contain_text("From Spotify to Navidrome, kept")
    work()
    page.get_by_role("link", name="Kitchen").click()
    page.get_by_role("link", name="Stop").click()
    site.take_picture("38-stop")
    page.get_by_role("button", name="Stop, delete the list on Navidrome").click()
    expect(page.get_by_role("status")).to_have_text("The mirror is stopped, and the list is deleted.")
    expect(state).to_contain_text("It is carried no more.")
    assert ManualMatch.objects.count() == 2


def _candidate(song: Track) -> dict[str, object]:
    names = {"id": song.id, "name": song.name, "artist": song.artist, "album": song.album}
    return {"score": 0.71, "reason": "The names differ, and it is 12 s longer.", "song": names}


def test_troubles_of_mirrors_are_told_and_names_of_any_length_fit(site: Site) -> None:
    page = site.page
    link_spotify(site)
    source = Connection.objects.get(provider_type="spotify")
    target = Connection.objects.get(provider_type="navidrome")
    now = timezone.now()
    refused = {
        "state": "failed",
        "detail": "The list was changed on Navidrome since it was last written. Say which side wins: the source, and "
        "the change is undone, or the target, and the list stays.",
        "choices": [
            {"prefer": "source", "allow_shrink": False, "only_plan": False},
            {"prefer": "target", "allow_shrink": False, "only_plan": False},
        ],
        "figures": {"total": 40, "matched": 38, "missing": 1, "left_out": 1, "by_method": {"isrc": 30, "fuzzy": 8}},
        "last_run_at": now,
    }
    troubles = [
        {"name": "Refused", **refused},
        {"name": "Waits", "due_at": now - timedelta(hours=1)},
        {"name": "Being carried", "due_at": now, "lease_until": now + timedelta(hours=1)},
        {
            "name": "\u202eesrever " + "A" * 300,
            "state": "in_step",
            "is_automatic": True,
            "due_at": now + timedelta(hours=1),
        },
        {"name": "<script>alert(1)</script>", "state": "stopped"},
    ]
    for number, trouble in enumerate(troubles):
        fields = {"user": source.user, "source": source, "target": target, "due_at": None, **trouble}
        PlaylistMirror.objects.create(source_playlist_id=str(number), **fields)
    site.open("/playlists/")
    expect(page.get_by_role("article")).to_have_count(len(troubles))
    site.take_picture("39-mirrors-in-trouble")

    row = PlaylistMirror.objects.get(name="Refused")
    song = {"id": "1", "name": "B" * 200, "artist": "<script>alert(1)</script>", "album": "C" * 200}
    row.missing.create(
        position=3,
        remote_track_id="s1",
        name="\u202eesrever " + "D" * 300,
        artist="E" * 100,
        reason="Nothing comes near enough.",
        candidates=[{"score": 0.5, "reason": "Another artist.", "song": song}],
    )
    row.missing.create(name="F" * 300, reason="a file of your own")
    PlaylistMirror.objects.filter(pk=row.pk).update(
        last_plan={
            "all_changes": 1,
            "changes": [{"kind": "move", "name": "G" * 200, "artist": "", "before": 1, "after": 0}],
        }
    )
    page.get_by_role("link", name="Refused").click()
    expect(page.get_by_role("button", name="Let Navidrome win")).to_be_visible()
    site.take_picture("40-refused-mirror")

    Connection.objects.get(provider_type="spotify").mark_needs_reauth("Spotify has ended this link.")
    source.user.spotify_auth.delete()
    site.open("/playlists/from/spotify/")
    expect(page.get_by_text("Spotify did not show your playlists.")).to_be_visible()
    site.take_picture("41-no-playlists-shown")


def test_the_keyboard_alone_begins_a_mirror(site: Site) -> None:
    page = site.page
    link_spotify(site)
    site.open("/playlists/from/spotify/")
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        assert focused.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
        if focused.inner_text().startswith("Carry to Navidrome"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("article", name="How it stands")).to_be_visible()
    assert PlaylistMirror.objects.count() == 1
