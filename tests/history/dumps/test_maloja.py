"""The export of Maloja."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from providers.history.dumps import Refused, open_dump
from tests.history.dumps.files import only_play_of, plays_of, rows_of, write


def scrobble(**changes: Any) -> dict[str, Any]:
    return {
        "time": 1_688_169_600,
        "track": {
            "artists": ["The Quiet Tide", "Ada Moor"],
            "title": "Harbour Lights",
            "album": {"artists": ["The Quiet Tide"], "albumtitle": "North Sea Radio"},
            "length": 214,
        },
        "duration": 100,
        "origin": "client:default",
        **changes,
    }


def export(*scrobbles: Any) -> dict[str, Any]:
    return {"maloja": {"export_time": 1_700_000_000}, "scrobbles": list(scrobbles)}


def test_a_scrobble_has_all_that_maloja_tells(tmp_path: Path) -> None:
    path = write(tmp_path / "maloja_export_2023_11_14_22_13_20.json", export(scrobble()))
    with open_dump(path) as dump:
        assert (dump.format, dump.label) == ("maloja", "Maloja export")
    play = only_play_of(path)
    assert (play.provider_type, play.source) == ("maloja", "maloja")
    track = play.track
    assert (track.name, track.artist, track.album) == ("Harbour Lights", "The Quiet Tide, Ada Moor", "North Sea Radio")
    assert track.artists == ("The Quiet Tide", "Ada Moor")
    assert track.duration_ms == 214_000
    assert track.played_at == datetime(2023, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize("album", [None, {}, {"name": None}, "North Sea Radio"])
def test_a_scrobble_may_lack_what_maloja_often_does_not_know(tmp_path: Path, album: object) -> None:
    track = {"artists": [], "title": "Harbour Lights", "album": album, "length": None}
    path = write(tmp_path / "a.json", export(scrobble(track=track, duration=None)))
    assert only_play_of(path).track.duration_ms == 0


def test_a_track_without_a_length_has_the_time_it_was_heard(tmp_path: Path) -> None:
    track = {"artists": ["The Quiet Tide"], "title": "Harbour Lights", "album": None, "length": None}
    assert only_play_of(write(tmp_path / "a.json", export(scrobble(track=track)))).track.duration_ms == 100_000


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"time": None}, "has no date"),
        ({"time": "now"}, "has a date that is none"),
        ({"time": 10**400}, "has a date that is none"),
        ({"track": None}, "has no track"),
        ({"track": "Harbour Lights"}, "has track that is no object"),
        ({"track": {"title": None}}, "has no title"),
    ],
)
def test_a_scrobble_that_makes_no_sense_is_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    path = write(tmp_path / "a.json", export(scrobble(), scrobble(**changes)))
    assert rows_of(path)[1] == Refused("a.json, row 2", reason)


def test_a_large_export_is_read_to_its_end(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", export(*(scrobble(time=1_600_000_000 + number) for number in range(5_000))))
    assert len(plays_of(path)) == 5_000
