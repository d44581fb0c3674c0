import csv
import json
from io import StringIO

import pytest

from providers.models import PlaylistMirror
from providers.playlists import mirrors
from providers.playlists.missing import as_csv, as_jspf
from tests.playlists.fakes import ListService, song

pytestmark = pytest.mark.django_db


@pytest.fixture
def missing(mirror: PlaylistMirror, source: ListService) -> PlaylistMirror:
    """Return a mirror that misses three tracks, one of them of a hostile name."""
    source.contents["spotify-1"] = [
        song("Anchor", id="sAnchor"),
        song("Nobody Has This", "Bo", id="sx", isrc="QZMRD2600001", url="https://open.example/sx", duration_ms=200_000),
        song('=HYPERLINK("http://evil")', "@Bo", id="sy"),
        song('Line\nbreak, "and quotes"', "Bo", id="sz", duration_ms=0, album=""),
    ]
    mirrors.run(mirror)
    return mirror


def test_a_spreadsheet_gets_every_missing_track_and_no_formula(missing: PlaylistMirror) -> None:
    rows = list(csv.DictReader(StringIO("".join(as_csv(missing)))))
    assert [row["name"] for row in rows] == [
        "Nobody Has This",
        '\'=HYPERLINK("http://evil")',
        'Line\nbreak, "and quotes"',
    ]
    assert (rows[0]["position"], rows[0]["isrc"], rows[0]["duration_ms"]) == ("2", "QZMRD2600001", "200000")
    assert rows[1]["artist"] == "'@Bo"
    assert rows[2]["duration_ms"] == ""


def test_a_player_gets_them_as_a_jspf_playlist(missing: PlaylistMirror) -> None:
    playlist = json.loads(as_jspf(missing))["playlist"]
    assert playlist["title"] == "Missing from Rainy Sundays"
    first, _, last = playlist["track"]
    assert first["title"] == "Nobody Has This"
    assert first["creator"] == "Bo"
    assert first["identifier"] == ["isrc:QZMRD2600001"]
    assert first["duration"] == 200_000
    assert first["info"] == "https://open.example/sx"
    assert "duration" not in last
