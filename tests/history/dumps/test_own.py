import json
from datetime import timedelta
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from providers.datatypes import Track
from providers.history.dumps import Play, Refused, open_dump
from providers.history.dumps.own import CSV_COLUMNS, OWN_FORMATS, as_csv, as_json_lines, csv_header
from tests.history.fakes import START

PLAY = Play(
    "wavebox",
    "api",
    Track(
        id="42",
        name="Jóga",
        artist="Björk",
        album="Homogenic",
        duration_ms=305_000,
        played_at=START + timedelta(microseconds=123_456),
        url="https://music.example/42",
        isrc="GBAAM9700123",
    ),
)


def json_lines(*plays: Play) -> bytes:
    return as_json_lines(plays, str.title)


def table(*plays: Play) -> bytes:
    return csv_header() + as_csv(plays)


def rows_of(path: Path, content: bytes, name: str = "export") -> list[object]:
    file = path / name
    file.write_bytes(content)
    with open_dump(file) as dump:
        assert dump.format in OWN_FORMATS
        rows = list(dump.iter_rows())
        assert list(dump.iter_rows()) == rows
        assert dump.bytes_read == dump.bytes_total == len(content)
        return list(rows)


@pytest.mark.parametrize("write", [json_lines, table])
def test_a_play_comes_back_as_it_was(tmp_path, write):
    assert rows_of(tmp_path, write(PLAY, PLAY)) == [PLAY, PLAY]


@pytest.mark.parametrize("write", [json_lines, table])
def test_an_export_may_be_packed(tmp_path, write):
    with ZipFile(tmp_path / "export.zip", "w", ZIP_DEFLATED) as archive:
        archive.writestr("listens", write(PLAY))

    with open_dump(tmp_path / "export.zip") as dump:
        assert list(dump.iter_rows()) == [PLAY]


def test_json_that_another_program_wrote_anew_is_recognised(tmp_path):
    line = json.dumps(json.loads(json_lines(PLAY)), sort_keys=True)

    assert rows_of(tmp_path, line.encode()) == [PLAY]


def test_csv_that_another_program_gave_other_ends_of_lines_and_a_mark_is_recognised(tmp_path):
    assert rows_of(tmp_path, b"\xef\xbb\xbf" + table(PLAY).replace(b"\r\n", b"\n")) == [PLAY]


def _json_with(**changes: object) -> bytes:
    line = json.loads(json_lines(PLAY))
    for place, value in changes.items():
        owner = line
        *path, key = place.split("__")
        for part in path:
            owner = owner[part]
        owner[key] = value
    return json.dumps(line).encode()


_INFO = "track_metadata__additional_info"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"track_metadata": None}, "has no track_metadata"),
        ({"track_metadata": [1]}, "has track_metadata that is no object"),
        ({f"{_INFO}__musicbridge": None}, "has no musicbridge"),
        ({f"{_INFO}__musicbridge__played_at": "yesterday"}, "has played_at that is no whole number"),
        ({f"{_INFO}__musicbridge__played_at": None}, "has played_at that is no whole number"),
        ({f"{_INFO}__musicbridge__played_at": True}, "has played_at that is no whole number"),
        ({f"{_INFO}__musicbridge__played_at": 10**30}, "has played_at that is no whole number"),
        ({f"{_INFO}__musicbridge__played_at": 2**63 - 1}, "has a date that is none"),
        ({f"{_INFO}__musicbridge__provider_type": ""}, "has no provider_type"),
        ({f"{_INFO}__musicbridge__provider_type": "x" * 65}, "has a provider_type or a source that is too long"),
        ({f"{_INFO}__musicbridge__source": "x" * 33}, "has a provider_type or a source that is too long"),
        ({f"{_INFO}__duration_ms": -1}, "has a duration_ms that cannot be"),
        ({f"{_INFO}__duration_ms": 2**31}, "has a duration_ms that cannot be"),
        ({f"{_INFO}__duration_ms": 1.5}, "has duration_ms that is no whole number"),
        ({"track_metadata__track_name": 5}, "has track_name that is no text"),
    ],
)
def test_json_that_was_tampered_with_is_refused_by_place_and_reason(tmp_path, changes, reason):
    rows = rows_of(tmp_path, json_lines(PLAY) + _json_with(**changes) + b"\n" + json_lines(PLAY))

    assert rows == [PLAY, Refused("export, row 2", reason), PLAY]


def _csv_with(**changes: str) -> bytes:
    cells = dict(zip(CSV_COLUMNS, as_csv([PLAY]).decode().strip().split(","), strict=True))
    return ",".join((cells | changes).values()).encode() + b"\r\n"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"only,three,cells\r\n", "has not as many cells as the first line"),
        (_csv_with(played_at=""), "has no date"),
        (_csv_with(played_at="yesterday"), "has a date that is none"),
        (_csv_with(duration_ms="long"), "has a duration_ms that is no number"),
        (_csv_with(duration_ms="9" * 5000), "has a duration_ms that is no number"),
        (_csv_with(duration_ms="-1"), "has a duration_ms that cannot be"),
        (_csv_with(source=""), "has no source"),
        (_csv_with(name="x" * 200_000), "is not CSV, or far too long"),
        (b'a"b,"c"d,e\r\n', "is not CSV, or far too long"),
    ],
)
def test_csv_that_was_tampered_with_is_refused_by_place_and_reason(tmp_path, line, reason):
    rows = rows_of(tmp_path, table(PLAY) + line + as_csv([PLAY]))

    assert rows == [PLAY, Refused("export, row 3", reason), PLAY]


def test_a_table_without_any_end_of_line_is_read_in_pieces_and_refused(tmp_path):
    rows = rows_of(tmp_path, csv_header() + b"x" * (3 * 2**20))

    assert rows
    assert all(isinstance(row, Refused) for row in rows)


@pytest.mark.parametrize("write", [json_lines, table])
def test_what_no_database_stores_is_left_out_of_texts(tmp_path, write):
    content = write(PLAY).replace("Jóga".encode(), b"J\\u0000" if write is json_lines else b"J\0")

    (play,) = rows_of(tmp_path, content)

    assert play.track.name == "J"
