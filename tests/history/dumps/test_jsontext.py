"""JSON that is broken, or that is made to break its reader."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from providers.history.dumps import Play, Refused, jsontext
from tests.history.dumps.files import as_bytes, only_play_of, plays_of, rows_of, spotify_row, write

ROW = json.dumps(spotify_row())


def test_a_list_that_breaks_off_keeps_every_row_before(tmp_path: Path) -> None:
    text = as_bytes([spotify_row() for _ in range(2_000)])
    rows = rows_of(write(tmp_path / "a.json", text[: len(text) * 3 // 4]))
    assert len(rows) > 1_400
    assert {type(row) for row in rows[:-1]} == {Play}
    assert rows[-1] == Refused(f"a.json, row {len(rows)}", "breaks off")


@pytest.mark.parametrize("end", ["", ",", ", ", ',{"ts": "', ',{"ts"', ",{", "," + ROW[:-2] + "\\"])
def test_a_list_may_break_off_anywhere(tmp_path: Path, end: str) -> None:
    first, refused = rows_of(write(tmp_path / "a.json", f"[{ROW}{end}"))
    assert isinstance(first, Play)
    assert refused == Refused("a.json, row 2", "breaks off")


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("{broken}", "is not JSON"),
        ("{,}", "is not JSON"),
        ("}", "is not JSON"),
        (":", "is not JSON"),
        (ROW.replace('"ts"', "ts"), "is not JSON"),
        (ROW.replace("213000", "213000,"), "is not JSON"),
        (ROW.replace("213000", "9" * 5_000), "is not JSON"),
        (ROW.replace("213000", "[" * 400 + "]" * 400).replace("[[", "[ ["), "has ms_played that is no number"),
        (ROW.replace("213000", "NaN"), "has ms_played that is no number"),
        ("{}", "has no ms_played"),
        ("null", "is no listen"),
        ("7", "is no listen"),
        ('"a text, with ] and }"', "is no listen"),
        ("[]", "is no listen"),
        ("true", "is no listen"),
        (ROW.replace("Harbour", "H" * 2**20), "is far too long"),
        (ROW.replace("Harbour", '\\"]}' * 2**20), "is far too long"),
        (f"[{','.join([ROW] * 3_000)}]", "is far too long"),
    ],
)
def test_a_row_that_cannot_be_read_costs_only_itself(tmp_path: Path, broken: str, reason: str) -> None:
    before, behind = [ROW] * 300, [ROW] * 600
    rows = rows_of(write(tmp_path / "a.json", f"[{','.join([*before, broken, *behind])}]"))
    expected = "no track was named" if reason == "has no ms_played" else reason
    assert rows[300].reason == expected  # type: ignore[union-attr]
    assert [index for index, row in enumerate(rows) if not isinstance(row, Play)] == [300]
    assert len(rows) == 901


def test_what_is_nested_without_end_ends_the_reading(tmp_path: Path) -> None:
    rows = rows_of(write(tmp_path / "a.json", f"[{ROW},{'[' * 200_000}"))
    assert [type(row) for row in rows] == [Play, Refused]
    assert rows[1] == Refused("a.json, row 2", "is nested far too deeply")


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("a\\u0000b", "ab"),
        ("a\\ud800b", "ab"),
        ("\\udc00\\ud800", None),
        ("a\\ud83c\\udf0ab", "a🌊b".replace("🌊", "\U0001f30a")),
        ("a\x00b", "ab"),
        ("a\tb", "a\tb"),
        ("\\u202eabc", "\u202eabc"),
        ("شبكة", "شبكة"),
        ("x" * 10_000, "x" * 10_000),
        ("\\\\u0000", "\\u0000"),
    ],
)
def test_a_name_is_kept_as_far_as_a_database_can(tmp_path: Path, spelled: str, name: str | None) -> None:
    text = "[" + ROW.replace("Harbour Lights", spelled) + "]"
    path = write(tmp_path / "a.json", text)
    assert [play.track.name for play in plays_of(path)] == ([] if name is None else [name])
    assert len(rows_of(path)) == 1


def test_a_name_among_many_is_kept_as_far_as_a_database_can(tmp_path: Path) -> None:
    odd = ROW.replace("Harbour Lights", "a\\u0000b")
    names = [play.track.name for play in plays_of(write(tmp_path / "a.json", f"[{','.join([ROW, odd, ROW, ROW])}]"))]
    assert names == ["Harbour Lights", "ab", "Harbour Lights", "Harbour Lights"]


@pytest.mark.parametrize("text", [b"Harbour", b"android"], ids=["that is looked at", "that is not"])
def test_a_row_that_is_not_utf_8_costs_only_itself(tmp_path: Path, text: bytes) -> None:
    row = ROW.encode()
    broken = row.replace(text, b"\xff\xfe")
    rows = rows_of(write(tmp_path / "a.json", b"[%b]" % b",".join([row, broken, row, row, row])))
    assert [type(row) for row in rows] == [Play, Refused, Play, Play, Play]
    assert rows[1] == Refused("a.json, row 2", "is not UTF-8 text")


def test_hardly_any_row_of_many_is_read_by_itself(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", [spotify_row() for _ in range(3_000)])
    with mock.patch.object(jsontext, "parse_json", wraps=jsontext.parse_json) as parse_json:
        assert len(plays_of(path)) == 3_000
    assert parse_json.call_count < 30


def test_several_lists_in_one_file_are_all_read(tmp_path: Path) -> None:
    assert len(plays_of(write(tmp_path / "a.json", f"[{ROW}]\n[{ROW},{ROW}]"))) == 3


def test_keys_in_any_order_and_twice_are_read_as_json_reads_them(tmp_path: Path) -> None:
    row: dict[str, Any] = dict(reversed(spotify_row().items()))
    text = json.dumps([row]).replace('{"incog', '{"ts": "2001-01-01T00:00:00Z", "incog', 1)
    assert only_play_of(write(tmp_path / "a.json", text)).track.played_at == datetime(2023, 2, 22, 7, 1, 42, tzinfo=UTC)
