"""What exporters make of a Last.fm history."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from providers.history.dumps import LeftOut, Play, Refused, open_dump
from tests.history.dumps.files import only_play_of, page_track, plays_of, reasons_of, rows_of, write

EVENING = datetime(2026, 4, 12, 20, 7, tzinfo=UTC)
EVENING_UTS = 1_776_024_420


def the_fields(play: Play) -> tuple[Any, ...]:
    return (play.provider_type, play.source, play.track.name, play.track.artist, play.track.album, play.track.played_at)


HARBOUR_LIGHTS = ("lastfm", "lastfm-export", "Harbour Lights", "The Quiet Tide", "North Sea Radio", EVENING)


@pytest.mark.parametrize(
    "line",
    [
        "The Quiet Tide,North Sea Radio,Harbour Lights,12 Apr 2026 20:07",
        'The Quiet Tide,North Sea Radio,Harbour Lights,"12 Apr 2026, 20:07"',
        '"The Quiet Tide","North Sea Radio","Harbour Lights","12 Apr 2026, 20:07"',
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_the_csv_of_lastfm_to_csv_is_read(tmp_path: Path, line: str, end: str) -> None:
    assert the_fields(only_play_of(write(tmp_path / "someone.csv", line + end))) == HARBOUR_LIGHTS


def test_what_was_playing_during_the_export_is_left_out(tmp_path: Path) -> None:
    lines = "A,B,C,\nThe Quiet Tide,North Sea Radio,Harbour Lights,12 Apr 2026 20:07\n"
    left_out, play = rows_of(write(tmp_path / "someone.csv", lines))
    assert left_out == LeftOut("was still playing during the export")
    assert isinstance(play, Play)


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_the_csv_of_lastfmstats_is_read(tmp_path: Path, delimiter: str) -> None:
    header = delimiter.join(["Artist", "Album", "AlbumId", "Track", "Date#someone"])
    line = delimiter.join(
        ['"The Quiet Tide"', '"North Sea Radio"', '"3c4d"', '"Harbour Lights"', f'"{EVENING_UTS}000"']
    )
    path = write(tmp_path / "lastfmstats-someone.csv", f"\ufeff{header}\n{line}\n")
    assert the_fields(only_play_of(path)) == HARBOUR_LIGHTS


def test_the_csv_of_lastfmstats_tells_its_milliseconds_in_1970_too(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "Artist;Album;AlbumId;Track;Date#someone\nA;B;;C;60000\n")
    assert only_play_of(path).track.played_at == datetime(1970, 1, 1, 0, 1, tzinfo=UTC)


def test_the_csv_of_ghan_is_read(tmp_path: Path) -> None:
    text = (
        "uts,utc_time,artist,artist_mbid,album,album_mbid,track,track_mbid\r\n"
        f'"{EVENING_UTS}","12 Apr 2026, 20:07","The Quiet Tide","1","North Sea Radio","2","Harbour Lights","3"\r\n'
    )
    path = write(tmp_path / "recenttracks-someone-1.csv", text)
    play = only_play_of(path)
    assert the_fields(play) == HARBOUR_LIGHTS
    assert play.track.mbid == "3"
    with open_dump(path) as dump:
        assert (dump.format, dump.label) == ("lastfm-export", "Last.fm export")


def test_a_csv_cell_may_hold_delimiters_quotation_marks_and_line_ends(tmp_path: Path) -> None:
    text = (
        '"Tide, The","North ""Sea""\nRadio",Lights 12",12 Apr 2026 20:07\n'
        "The Quiet Tide,North Sea Radio,Harbour Lights,12 Apr 2026 20:07\n"
    )
    odd, plain = plays_of(write(tmp_path / "a.csv", text))
    assert (odd.track.artist, odd.track.album, odd.track.name) == ("Tide, The", 'North "Sea"\nRadio', 'Lights 12"')
    assert plain.track.name == "Harbour Lights"


def test_a_lone_quotation_mark_costs_no_row_but_its_own(tmp_path: Path) -> None:
    good = "The Quiet Tide,North Sea Radio,Harbour Lights,12 Apr 2026 20:07\n"
    rows = rows_of(write(tmp_path / "a.csv", good * 3 + 'A,"B,C,12 Apr 2026 20:07\n' + good * 50))
    refused = [row for row in rows if isinstance(row, Refused)]
    assert refused == [Refused("a.csv, row 4", "has a quotation mark that is never closed")]
    assert len(rows) == 54


def test_a_quotation_mark_in_front_of_long_rows_costs_no_row_but_its_own(tmp_path: Path) -> None:
    good = f"{'The Quiet Tide ' * 800},North Sea Radio,Harbour Lights,12 Apr 2026 20:07\n"
    rows = rows_of(write(tmp_path / "a.csv", good + 'A,"B,C,12 Apr 2026 20:07\n' + good * 30))
    assert [type(row) for row in rows] == [Play, Refused, *[Play] * 30]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("A,B,C", "has too few columns"),
        ("A,B,,12 Apr 2026 20:07", "has no track"),
        ("A,B,C,12 Foo 2026 20:07", "has a date that is none"),
        ("A,B,C,31 Feb 2026 20:07", "has a date that is none"),
        ("A,B,C,12 Apr 99999 20:07", "has a date that is none"),
        ("A,B,C,12 Apr 2026", "has a date that is none"),
        ("A,B,C,12 Apr 2999 20:07", "is dated before 1970 or in the future"),
        (f"A,B,C,{'9' * 400}", "has a date that is none"),
        ("A,B,C,-5", "is dated before 1970 or in the future"),
        ("A,B,C,²", "has a date that is none"),
    ],
)
def test_a_csv_row_that_makes_no_sense_is_refused(tmp_path: Path, line: str, reason: str) -> None:
    good = "The Quiet Tide,North Sea Radio,Harbour Lights,12 Apr 2026 20:07\n"
    assert rows_of(write(tmp_path / "a.csv", f"{good}{line}\n"))[1:] == [Refused("a.csv, row 2", reason)]


def test_a_csv_row_in_another_encoding_is_refused_and_the_others_are_read(tmp_path: Path) -> None:
    good = b"The Quiet Tide,North Sea Radio,Harbour Lights,12 Apr 2026 20:07\n"
    path = write(tmp_path / "a.csv", good + b"Bj\xf6rk,B,C,12 Apr 2026 20:07\n" + good)
    assert len(plays_of(path)) == 2
    assert reasons_of(path) == ["is not UTF-8 text"]


def test_the_json_of_lastfmstats_is_read(tmp_path: Path) -> None:
    scrobble = {
        "track": "Harbour Lights",
        "artist": "The Quiet Tide",
        "album": "North Sea Radio",
        "albumId": "",
        "date": EVENING_UTS * 1000,
    }
    path = write(tmp_path / "lastfmstats-someone.json", {"username": "someone", "scrobbles": [scrobble]})
    assert the_fields(only_play_of(path)) == HARBOUR_LIGHTS


TRACK = page_track(EVENING_UTS)
ATTRIBUTES = {"user": "someone", "page": "1", "perPage": "200", "totalPages": "1", "total": "1"}


@pytest.mark.parametrize(
    "document",
    [
        {"recenttracks": {"track": [TRACK], "@attr": ATTRIBUTES}},
        {"recenttracks": {"@attr": ATTRIBUTES, "track": [TRACK]}},
        {"recenttracks": {"@attr": ATTRIBUTES, "track": TRACK}},
        [{"recenttracks": {"track": [TRACK], "@attr": ATTRIBUTES}}],
        [{"track": [TRACK], "@attr": ATTRIBUTES}],
        {"track": [TRACK]},
        [[TRACK]],
        [TRACK],
    ],
)
def test_pages_as_they_came_are_read_however_they_were_put_together(tmp_path: Path, document: object) -> None:
    play = only_play_of(write(tmp_path / "recenttracks.json", document))
    assert the_fields(play) == HARBOUR_LIGHTS
    assert play.track.url == "https://www.last.fm/music/The+Quiet+Tide/_/Harbour+Lights"
    assert play.track.mbid == "0f9c9b4e-2f2f-4f7e-8a39-0f2f7d1c2d11"


@pytest.mark.parametrize(
    "as_page", [lambda tracks: {"track": tracks}, lambda tracks: {"recenttracks": {"track": tracks}}]
)
def test_all_pages_are_read_to_the_last_also_one_of_a_single_track(
    tmp_path: Path, as_page: Callable[[Any], dict[str, Any]]
) -> None:
    pages = [as_page([page_track(EVENING_UTS - page * 200 - index) for index in range(200)]) for page in range(10)]
    pages.append(as_page(page_track(EVENING_UTS - 9_999)))
    plays = plays_of(write(tmp_path / "recenttracks.json", pages))
    assert len({play.track.played_at for play in plays}) == len(plays) == 2_001


def test_a_page_with_the_extended_names_of_artists_is_read(tmp_path: Path) -> None:
    track = page_track(EVENING_UTS, artist={"name": "The Quiet Tide", "mbid": "", "url": ""})
    assert only_play_of(write(tmp_path / "a.json", [track])).track.artist == "The Quiet Tide"


def test_the_track_playing_on_top_of_a_page_is_left_out(tmp_path: Path) -> None:
    playing = page_track(0, **{"@attr": {"nowplaying": "true"}})
    del playing["date"]
    path = write(tmp_path / "a.json", {"recenttracks": {"track": [playing, TRACK]}})
    assert reasons_of(path) == ["was still playing during the export"]
    assert len(plays_of(path)) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"date": None}, "has no date"),
        ({"date": "12 Apr 2026"}, "has no date"),
        ({"date": {"uts": "soon"}}, "has a date that is none"),
        ({"date": {"uts": True}}, "has a date that is none"),
        ({"date": {"uts": "NaN"}}, "has a date that is none"),
        ({"date": {"uts": "1e300"}}, "has a date that is none"),
        ({"name": None}, "has no name"),
        ({"name": {}}, "has name that is no text"),
    ],
)
def test_a_track_of_a_page_that_makes_no_sense_is_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    path = write(tmp_path / "a.json", [TRACK, {**TRACK, **changes}])
    assert rows_of(path)[1] == Refused("a.json, row 2", reason)
