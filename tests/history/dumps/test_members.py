"""Files and archives that mean harm, or that came to some."""

import os
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest

from providers.history.dumps import DumpError, Play, Refused, open_dump
from tests.history.dumps.files import AUDIO, as_bytes, only_play_of, plays_of, rows_of, spotify_row, write, write_zip

GB = 2**30


def message_for(path: Path) -> str:
    with pytest.raises(DumpError) as caught, open_dump(path):
        pass
    return str(caught.value)


@pytest.mark.parametrize("content", [b"", " ", "\n\n", "\ufeff"])
def test_a_file_with_nothing_in_it_is_an_error(tmp_path: Path, content: Any) -> None:
    assert "a.json is" in message_for(write(tmp_path / "a.json", content))


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    assert message_for(tmp_path / "a.json") == "a.json cannot be opened: No such file or directory."


def test_a_directory_is_an_error(tmp_path: Path) -> None:
    assert message_for(tmp_path) == f"{tmp_path.name} cannot be opened: Is a directory."


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7\n\x00\xff",
        "<!doctype html><title>Sign in</title>",
        "Dear diary,\ntoday I heard a song.\n",
        {"playlists": []},
        [],
        "{}",
        "null",
        "[1, 2, 3]",
        [{"ts": 1}],
        '"a text"',
        "[",
        b"SQLite format 3\x00" + bytes(1_000),
        bytes(100_000),
        b"\xff" * 100_000,
    ],
)
def test_a_file_that_is_something_else_is_an_error_that_says_what_can_be_read(tmp_path: Path, content: Any) -> None:
    message = message_for(write(tmp_path / "a.json", content))
    assert message.startswith("a.json is no listening history that can be read here.")
    assert "Spotify extended streaming history" in message
    assert "Last.fm export" in message


@pytest.mark.parametrize("start", [b"\x1f\x8b\x08", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"BZh9"])
def test_another_kind_of_archive_is_an_error_that_says_to_unpack_it(tmp_path: Path, start: bytes) -> None:
    assert "Unpack it" in message_for(write(tmp_path / "a.gz", start + bytes(100)))


def test_an_archive_inside_an_archive_is_an_error_that_says_to_unpack_it(tmp_path: Path) -> None:
    inner = write_zip(tmp_path / "inner.zip", {AUDIO: [spotify_row()]}).read_bytes()
    message = message_for(write_zip(tmp_path / "outer.zip", {"my_spotify_data.zip": inner}))
    assert message == "outer.zip has another archive inside. Unpack it and bring the one that is inside."


def test_an_archive_without_a_history_is_an_error(tmp_path: Path) -> None:
    assert "is no listening history" in message_for(write_zip(tmp_path / "a.zip", {"notes.txt": "hello"}))


def test_an_empty_archive_is_an_error(tmp_path: Path) -> None:
    assert "is no listening history" in message_for(write_zip(tmp_path / "a.zip", {}))


def test_an_archive_with_a_password_is_an_error(tmp_path: Path) -> None:
    assert "password" in message_for(write_zip(tmp_path / "a.zip", {AUDIO: [spotify_row()]}, flag_bits=1))


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_packing_that_cannot_be_unpacked_in_pieces_is_an_error(tmp_path: Path, packing: int) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr(AUDIO, as_bytes([spotify_row()]))
    assert "packed in a way that is not read here" in message_for(path)


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {AUDIO: b"[" + b" " * (32 * 2**20)})
    assert "more than 200 times its size" in message_for(path)


def test_a_member_of_ten_gigabytes_is_not_unpacked(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {AUDIO: [spotify_row()]}, file_size=10 * GB)
    assert "more than 2 GB" in message_for(path)


def test_many_members_are_no_way_around_the_limit(tmp_path: Path) -> None:
    members = {f"Streaming_History_Audio_{number}.json": [spotify_row()] for number in range(9)}
    path = write_zip(tmp_path / "a.zip", members, file_size=GB, compress_size=GB // 10)
    assert "more than 8 GB" in message_for(path)


def test_a_member_never_unpacks_to_more_than_it_claims(tmp_path: Path) -> None:
    content = [spotify_row() for _ in range(1_000)]
    path = write_zip(tmp_path / "a.zip", {AUDIO: content}, file_size=5_000)
    with open_dump(path) as dump:
        assert isinstance(list(dump.iter_rows())[-1], Refused)
        assert dump.bytes_read <= 5_000


def test_an_endless_list_of_members_is_not_read(tmp_path: Path) -> None:
    members = {f"{number}.json": "[]" for number in range(80)}
    path = write_zip(tmp_path / "a.zip", members, comment=b"x" * (2**16 - 1))
    assert message_for(path) == "The archive has far more members than any listening history has."


def test_an_archive_of_thousands_of_members_is_not_looked_into(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {f"{number}": b"" for number in range(5_001)})
    assert message_for(path) == "The archive has far more members than any listening history has."


@pytest.mark.parametrize("name", ["../../climbed.json", "/climbed.json", "C:\\climbed.json", "a/../../climbed.json"])
def test_a_path_that_climbs_out_leads_nowhere(tmp_path: Path, name: str) -> None:
    below = tmp_path / "some" / "where"
    below.mkdir(parents=True)
    path = write_zip(below / "a.zip", {name: [spotify_row()]})
    assert only_play_of(path).track.name == "Harbour Lights"
    assert [entry for entry in tmp_path.rglob("*") if entry.is_file()] == [path]


def test_a_name_is_shown_without_what_could_fool_a_reader(tmp_path: Path) -> None:
    name = "a\u202egpj.\x1b[31m\n" + "x" * 500 + ".json"
    path = write_zip(tmp_path / "a.zip", {name: [spotify_row(), spotify_row(ts=None)]})
    (refused,) = [row for row in rows_of(path) if isinstance(row, Refused)]
    assert refused.place.isprintable()
    assert len(refused.place) < 120
    assert refused.place.endswith("x.json, row 2")


@pytest.mark.parametrize("kept", [0.99, 0.5, 0.1])
def test_an_archive_that_breaks_off_is_an_error_that_says_to_download_it_again(tmp_path: Path, kept: float) -> None:
    path = write_zip(tmp_path / "a.zip", {AUDIO: [spotify_row() for _ in range(100)]})
    os.truncate(path, int(path.stat().st_size * kept))
    assert message_for(path) == "a.zip is not complete. Download it once more, and bring that."


def test_what_stands_before_and_behind_the_damage_in_an_archive_is_read(tmp_path: Path) -> None:
    names = random.Random(1)
    rows = [spotify_row(master_metadata_track_name=f"{names.random()}") for _ in range(4_000)]
    other = "MyData/endsong_9.json"
    path = write_zip(tmp_path / "a.zip", {AUDIO: rows, other: [spotify_row()]})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 40] = bytes(40)
    path.write_bytes(content)
    read = rows_of(path)
    plays = [row.track.name for row in read if isinstance(row, Play)]
    whole = [row["master_metadata_track_name"] for row in rows]
    assert 1_000 < len(plays) < 4_000
    assert plays[:1_000] == whole[:1_000]
    assert plays[-1] == "Harbour Lights"
    damage = Refused(AUDIO.rpartition("/")[2], "is damaged; download the file once more, and bring that as well")
    assert damage in read


def test_a_member_whose_header_is_damaged_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {AUDIO: [spotify_row()], "endsong_1.json": [spotify_row()]})
    path.write_bytes(b"PK\x03\x04" + bytes(30) + path.read_bytes()[34:])
    assert [type(row) for row in rows_of(path)] == [Refused, Play]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("is_packed", [False, True])
def test_what_a_windows_program_saved_anew_is_read(
    tmp_path: Path, mark: str, encoding: str, *, is_packed: bool
) -> None:
    names = [f"Ḥarbour \ufeffLights 🌊 {number}" for number in range(2_000)]
    rows = [spotify_row(master_metadata_track_name=name) for name in names]
    content = (mark + as_bytes(rows).decode()).encode(encoding)
    path = write_zip(tmp_path / "a.zip", {AUDIO: content}) if is_packed else write(tmp_path / "a.json", content)
    assert [play.track.name for play in plays_of(path)] == names


def test_half_a_character_at_the_end_of_utf_16_costs_only_the_last_row(tmp_path: Path) -> None:
    content = as_bytes([spotify_row(), spotify_row()]).decode().encode("utf-16")[:-41]
    first, refused = rows_of(write(tmp_path / "a.json", content))
    assert isinstance(first, Play)
    assert refused == Refused("a.json, row 2", "breaks off")


def test_a_file_is_closed_when_the_dump_is(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {AUDIO: [spotify_row()]})
    with open_dump(path) as dump:
        next(dump.iter_rows())
    with pytest.raises(DumpError):
        list(dump.iter_rows())
