"""The shapes that every service's data is brought into."""

import dataclasses
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from providers.datatypes import AuthAttempt, AuthResult, HistoryEnd, LazyTracks, Playlist, SyncPlaylistRequest, Track

SECRET = "seeded-secret-0451"


def defaults_of(kind: Any) -> dict[str, Any]:
    return {field.name: field.default for field in dataclasses.fields(kind)}


@pytest.mark.req("PROV-020")
def test_a_track_has_the_fields_of_the_specification_and_three_of_our_own() -> None:
    types = {field.name: field.type for field in dataclasses.fields(Track)}
    assert types == {
        "id": str,
        "name": str,
        "artist": str,
        "album": str,
        "duration_ms": int,
        "played_at": datetime | None,
        "url": str,
        "isrc": str,
        "artists": tuple[str, ...],
        "mbid": str,
        "play_count": int,
    }


@pytest.mark.req("PROV-020")
def test_what_a_service_does_not_tell_of_a_track_is_empty() -> None:
    track = Track(id="1", name="Gloria", artist="Them")
    assert (track.album, track.duration_ms, track.url, track.isrc, track.artists, track.mbid) == ("", 0, "", "", (), "")
    assert track.played_at is None


@pytest.mark.req("PROV-021")
def test_a_playlist_has_no_cover_unless_a_service_gives_one() -> None:
    playlist = Playlist(id="1", name="Mornings")
    assert playlist.image_url == ""
    assert list(playlist.tracks) == []
    assert playlist.is_readable


@pytest.mark.parametrize("kind", [Playlist, SyncPlaylistRequest, AuthAttempt, AuthResult])
def test_nothing_is_changed_once_it_is_made(kind: type) -> None:
    required = {name: "x" for name, default in defaults_of(kind).items() if default is dataclasses.MISSING}
    made = kind(**required)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, dataclasses.fields(kind)[0].name, "y")


def test_type_checkers_say_that_a_track_is_not_changed_once_it_is_made(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from dataclasses import replace\n"
        "from providers.datatypes import Track\n"
        'track = replace(Track(id="1", name="Gloria", artist="Them"), name="Here Comes the Night")\n'
        'track.name = "Gloria"\n'
    )
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", f"--config-file={os.devnull}", f"--cache-dir={tmp_path}", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent.parent,
    )
    assert re.findall(r"program.py:(\d+): error: (.*)", checked.stdout) == [
        ("4", 'Property "name" defined in "Track" is read-only  [misc]')
    ]


def test_equal_tracks_are_equal_and_can_be_counted() -> None:
    heard = datetime(2026, 1, 1, tzinfo=UTC)
    twins = {Track(id="1", name="Gloria", artist="Them", played_at=heard) for _ in range(2)}
    assert len(twins) == 1


@pytest.mark.parametrize(
    "told",
    [
        AuthResult(access_token=SECRET, refresh_token=SECRET, account_name="ada"),
        AuthAttempt(type="spotify", callback_url="https://x.example/", state=SECRET, code_verifier=SECRET),
    ],
)
def test_no_secret_is_shown(told: object) -> None:
    assert SECRET not in f"{told!r} {told}"


def test_a_listed_playlist_shows_its_name_and_does_not_load_its_tracks() -> None:
    def load() -> Iterator[list[Track]]:
        raise AssertionError("tracks were loaded")

    playlist = Playlist(id="1", name="Mornings", tracks=LazyTracks(load))
    assert "Mornings" in repr(playlist)
    assert playlist == Playlist(id="1", name="Mornings")


def test_tracks_are_loaded_page_by_page_as_they_are_wanted() -> None:
    loaded: list[int] = []

    def load() -> Iterator[list[Track]]:
        for page in range(3):
            loaded.append(page)
            yield [Track(id=f"{page}-{number}", name="x", artist="y") for number in range(2)]

    tracks = iter(LazyTracks(load))
    assert loaded == []
    assert [next(tracks).id, next(tracks).id] == ["0-0", "0-1"]
    assert loaded == [0]
    assert [track.id for track in tracks] == ["1-0", "1-1", "2-0", "2-1"]


def test_each_iteration_asks_the_service_anew() -> None:
    pages = iter([["a"], ["a", "b"]])
    tracks = LazyTracks(lambda: iter([[Track(id=key, name="x", artist="y") for key in next(pages)]]))
    assert [track.id for track in tracks] == ["a"]
    assert [track.id for track in tracks] == ["a", "b"]


def test_a_history_ends_in_one_of_two_ways() -> None:
    assert {end.value for end in HistoryEnd} == {"reached_since", "exhausted"}
