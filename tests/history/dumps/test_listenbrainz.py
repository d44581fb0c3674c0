"""ListenBrainz exports, of today and of old."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from providers.history.dumps import Play, Refused, open_dump
from tests.history.dumps.files import listenbrainz_row, only_play_of, plays_of, rows_of, write, write_zip


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_the_archive_is_read_month_by_month(tmp_path: Path) -> None:
    members = {
        "user.json": '{"user_id":1,"username":"someone"}\n',
        "listens/2022/12.jsonl": lines(listenbrainz_row(listened_at=1_670_000_000)),
        "listens/2023/12.jsonl": lines(listenbrainz_row(listened_at=1_702_000_000), {"listened_at": 1}),
        "feedback.jsonl": lines({"recording_msid": "a", "recording_mbid": None, "score": 1, "created": 1_670_000_000}),
        "pinned_recording.jsonl": lines({"recording_msid": "a", "blurb_content": "so good", "created": 1_670_000_000}),
    }
    path = write_zip(tmp_path / "listenbrainz_someone_1702000000.zip", members)
    with open_dump(path) as dump:
        assert (dump.format, dump.label) == ("listenbrainz", "ListenBrainz export")
    first, second, refused = rows_of(path)
    assert isinstance(first, Play)
    assert isinstance(second, Play)
    assert refused == Refused("listens/2023/12.jsonl, row 2", "has no track_metadata")


@pytest.mark.parametrize("content", [lines(listenbrainz_row()), [listenbrainz_row()]])
def test_a_listen_has_all_that_listenbrainz_tells(tmp_path: Path, content: object) -> None:
    play = only_play_of(write(tmp_path / "listens", content))
    assert (play.provider_type, play.source) == ("listenbrainz", "listenbrainz")
    track = play.track
    assert (track.name, track.artist, track.album) == ("Harbour Lights", "The Quiet Tide", "North Sea Radio")
    assert track.played_at == datetime(2023, 7, 1, tzinfo=UTC)
    assert (track.duration_ms, track.isrc, track.artists) == (214_000, "NLA322300001", ("The Quiet Tide",))
    assert (track.id, track.mbid) == ("a1a0e1b4-60a4-4a4d-9d3c-0f8d2b7c1e11", "0f9c9b4e-2f2f-4f7e-8a39-0f2f7d1c2d11")
    assert track.url == "https://music.example/harbour-lights"


def test_a_listen_needs_only_a_name_and_a_time(tmp_path: Path) -> None:
    row = {"listened_at": 1_688_169_600, "track_metadata": {"track_name": "Harbour Lights", "mbid_mapping": None}}
    assert only_play_of(write(tmp_path / "a.jsonl", lines(row))).track.duration_ms == 0


@pytest.mark.parametrize("duration", [{"duration": 214}, {"duration": "214"}, {"duration_ms": "214000"}])
def test_a_duration_is_read_in_either_unit(tmp_path: Path, duration: dict[str, Any]) -> None:
    metadata = {"track_name": "Harbour Lights", "additional_info": duration}
    row = listenbrainz_row(track_metadata=metadata)
    assert only_play_of(write(tmp_path / "a.jsonl", lines(row))).track.duration_ms == 214_000


@pytest.mark.parametrize("duration", [-5, "long", 1e300, "1e999", float("nan"), True, None, [], 10**400])
def test_a_listen_with_a_duration_that_makes_no_sense_is_kept_without(tmp_path: Path, duration: object) -> None:
    metadata = {
        "track_name": "Harbour Lights",
        "additional_info": {"duration_ms": duration, "origin_url": "javascript:"},
    }
    track = only_play_of(write(tmp_path / "a.jsonl", lines(listenbrainz_row(track_metadata=metadata)))).track
    assert (track.duration_ms, track.url) == (0, "")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{broken", "is not JSON"),
        ('["a list"]', "is no listen"),
        ("7", "is no listen"),
        ("null", "is no listen"),
        (lines(listenbrainz_row(listened_at=None)), "has no date"),
        (lines(listenbrainz_row(listened_at=float("nan"))), "has a date that is none"),
        (lines(listenbrainz_row(listened_at=-(10**18))), "has a date that is none"),
        (lines(listenbrainz_row(listened_at={})), "has a date that is none"),
        (lines(listenbrainz_row(track_metadata=[])), "has track_metadata that is no object"),
        (lines(listenbrainz_row(track_metadata={"track_name": ""})), "has no track_name"),
        (
            lines(listenbrainz_row(track_metadata={"track_name": "x", "artist_name": 7})),
            "has artist_name that is no text",
        ),
        (f'{{"listened_at":{"9" * 5000}}}', "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"a":"' + "x" * 2**20 + '"}', "is far too long"),
    ],
)
def test_a_line_that_makes_no_sense_costs_only_itself(tmp_path: Path, line: str, reason: str) -> None:
    good = lines(listenbrainz_row())
    path = write(tmp_path / "a.jsonl", f"{good}\n{line.strip()}\n{good}")
    first, refused, last = rows_of(path)
    assert refused == Refused("a.jsonl, row 3", reason)
    assert isinstance(first, Play)
    assert isinstance(last, Play)


def test_a_last_line_that_breaks_off_costs_only_itself(tmp_path: Path) -> None:
    text = lines(*(listenbrainz_row(listened_at=1_688_000_000 + number) for number in range(1_000)))
    path = write(tmp_path / "a.jsonl", text[:-40])
    assert len(plays_of(path)) == 999
    assert rows_of(path)[-1] == Refused("a.jsonl, row 1000", "is not JSON")


def test_a_damaged_month_is_named(tmp_path: Path) -> None:
    members = {"listens/2022/12.jsonl": lines(listenbrainz_row()), "listens/2023/1.jsonl": b"\x00\x01"}
    path = write_zip(tmp_path / "a.zip", members)
    assert Refused("listens/2023/1.jsonl", "is not what its name says; download the file once more") in rows_of(path)
