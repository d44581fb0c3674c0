"""Whatever a file is: rows or an error, always the same, in little memory."""

import io
import json
import random
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.history.dumps import DumpError, LeftOut, Play, Refused, Row, open_dump
from tests.history.dumps.files import (
    AUDIO,
    account_row,
    as_bytes,
    listenbrainz_row,
    page_track,
    rows_of,
    spotify_row,
    write,
    write_zip,
)

MALOJA_ROW = {"time": 1_688_169_600, "track": {"artists": ["A"], "title": "B", "album": None, "length": 200}}
STATS_ROW = {"track": "B", "artist": "A", "album": "C", "albumId": "", "date": 1_688_169_600_000}


def packed(members: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, as_bytes(content))
    return file.getvalue()


SAMPLES = [
    as_bytes([spotify_row(), spotify_row(offline=True, incognito_mode=True), spotify_row(ms_played=5)]),
    as_bytes([account_row(), account_row()]),
    json.dumps([listenbrainz_row(), listenbrainz_row()]).encode(),
    "".join(f"{json.dumps(listenbrainz_row())}\n" for _ in range(3)).encode(),
    as_bytes({"recenttracks": {"track": [page_track(1_688_169_600), page_track(1_688_169_601)]}}),
    as_bytes([{"track": [page_track(1_688_169_600)]}, {"track": page_track(1_688_169_601)}]),
    as_bytes({"username": "someone", "scrobbles": [STATS_ROW, STATS_ROW]}),
    as_bytes({"maloja": {"export_time": 1}, "scrobbles": [MALOJA_ROW, MALOJA_ROW]}),
    b'A,B,C,12 Apr 2026 20:07\n"A","B ""b""\nb",C,"12 Apr 2026, 20:07"\n',
    b'\xef\xbb\xbfArtist;Album;AlbumId;Track;Date#someone\n"A";"B";"";"C";"1688169600000"\n',
    b"uts,utc_time,artist,artist_mbid,album,album_mbid,track,track_mbid\n1688169600,x,A,,B,,C,\n",
    as_bytes([spotify_row()]).decode().encode("utf-16"),
    packed({AUDIO: [spotify_row(), spotify_row()], "endsong_1.json": [spotify_row()], "a.pdf": b"%PDF"}),
    packed({"listens/2023/7.jsonl": json.dumps(listenbrainz_row()), "user.json": "{}"}),
]


def require_sound(row: Row) -> None:
    """Fail for a row that an engine, a database or a page could stumble over."""
    if isinstance(row, Play):
        track = row.track
        for text in (
            row.provider_type,
            row.source,
            row.note,
            track.id,
            track.name,
            track.artist,
            track.album,
            track.url,
        ):
            assert isinstance(text, str)
            assert "\0" not in text
            text.encode()
        assert track.name
        assert row.provider_type in {"spotify", "lastfm", "listenbrainz", "maloja"}
        assert track.played_at is not None
        assert track.played_at.utcoffset() == timedelta()
        assert datetime(1970, 1, 1, tzinfo=UTC) <= track.played_at <= datetime.now(UTC) + timedelta(days=1)
        assert isinstance(track.duration_ms, int)
        assert 0 <= track.duration_ms < 2**31
    elif isinstance(row, Refused):
        assert row.place.isprintable()
        assert row.reason.isprintable()
        assert len(row.place) + len(row.reason) < 300
    else:
        assert isinstance(row, LeftOut)


def require_rows_or_an_error(path: Path) -> None:
    rows: list[Row] = []
    message = ""
    try:
        rows = rows_of(path)
    except DumpError as error:
        message = str(error)
    assert message.isprintable()
    for row in rows:
        require_sound(row)


def test_every_sample_is_read_without_a_complaint(tmp_path: Path) -> None:
    for sample in SAMPLES:
        rows = rows_of(write(tmp_path / "a", sample))
        assert any(isinstance(row, Play) for row in rows)
        assert not any(isinstance(row, Refused) for row in rows), sample
        for row in rows:
            require_sound(row)


@given(content=st.binary(max_size=2_000))
@settings(max_examples=200, deadline=None)
def test_any_bytes_end_in_rows_or_an_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    require_rows_or_an_error(write(tmp_path_factory.getbasetemp() / "any", content))


@given(
    sample=st.sampled_from(SAMPLES),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), st.binary(max_size=20)), min_size=1, max_size=4),
)
@settings(max_examples=500, deadline=None)
def test_any_damage_ends_in_rows_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, sample: bytes, changes: list[tuple[float, int, bytes]]
) -> None:
    for place, removed, added in changes:
        at = int(place * len(sample))
        sample = sample[:at] + added + sample[at + removed :]
    require_rows_or_an_error(write(tmp_path_factory.getbasetemp() / "damaged", sample))


ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["1688169600", 10**400]),
    lambda values: (
        st.lists(values, max_size=3) | st.dictionaries(st.sampled_from(["uts", "#text", "x"]), values, max_size=3)
    ),
    max_leaves=4,
)


@given(
    row=st.sampled_from([spotify_row(), account_row(), listenbrainz_row(), page_track(1), MALOJA_ROW]), data=st.data()
)
@settings(max_examples=500, deadline=None)
def test_any_value_in_any_field_ends_in_a_sound_row(
    tmp_path_factory: pytest.TempPathFactory, row: dict[str, Any], data: st.DataObject
) -> None:
    changed = dict(row)
    for key in data.draw(st.lists(st.sampled_from(sorted(row)), min_size=1, max_size=5)):
        if isinstance(row[key], dict) and data.draw(st.booleans()):
            changed[key] = {**row[key], data.draw(st.sampled_from(sorted(row[key]))): data.draw(ANY_JSON)}
        else:
            changed[key] = data.draw(ANY_JSON)
    # The first row is what the file is recognised by.
    rows: Any = {"scrobbles": [row, changed]} if row is MALOJA_ROW else [row, changed]
    path = write(tmp_path_factory.getbasetemp() / "fields", json.dumps(rows))
    read = rows_of(path)
    assert len(read) == 2
    for read_row in read:
        require_sound(read_row)


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_reading_yields_the_same_rows_in_the_same_order(tmp_path: Path, sample: bytes) -> None:
    path = write(tmp_path / "a", sample)
    with open_dump(path) as dump, open_dump(path) as other:
        rows = list(dump.iter_rows())
        # Two readings that take turns do not get in each other's way.
        assert [pair[0] for pair in zip(dump.iter_rows(), other.iter_rows(), strict=True)] == rows
        assert list(islice(dump.iter_rows(), 1, None)) == rows[1:]


def test_progress_is_told_in_bytes_from_nothing_to_all(tmp_path: Path) -> None:
    row = spotify_row(master_metadata_track_name="x" * 1_000)
    path = write_zip(tmp_path / "a.zip", {AUDIO: [row] * 2_000, "endsong_1.json": [row] * 10, "other.pdf": "%PDF"})
    with open_dump(path) as dump:
        assert dump.bytes_read == 0
        seen = [dump.bytes_read for _ in dump.iter_rows()]
        assert 0 < seen[0] < dump.bytes_total
        assert seen == sorted(seen)
        assert dump.bytes_read == dump.bytes_total
        next(dump.iter_rows())
        assert dump.bytes_read < dump.bytes_total


def test_a_format_is_known_by_content_whatever_the_name(tmp_path: Path) -> None:
    with open_dump(write(tmp_path / "maloja_export.csv", [spotify_row()])) as dump:
        assert dump.format == "spotify-extended"


def test_a_play_is_stored_up_to_a_day_ahead_of_our_clock_and_no_further(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    stamps = [(now + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ") for hours in (0, 23, 25)]
    path = write(tmp_path / "a.json", [spotify_row(ts=stamp) for stamp in stamps])
    assert [type(row) for row in rows_of(path)] == [Play, Play, Refused]


def spotify_archive(path: Path, rows: int) -> Path:
    names = random.Random(1)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for member in range(rows // 2_000):
            plays = [spotify_row(master_metadata_track_name=f"Song {names.random()}") for _ in range(2_000)]
            archive.writestr(f"Streaming_History_Audio_{member}.json", json.dumps(plays))
    return path


def large_list(path: Path, rows: int) -> Path:
    return write(path, b"[%b]" % b",".join([json.dumps(listenbrainz_row()).encode()] * rows))


def large_lines(path: Path, rows: int) -> Path:
    return write(path, (json.dumps(listenbrainz_row()) + "\n").encode() * rows)


def large_csv(path: Path, rows: int) -> Path:
    return write(path, b'"%b",North Sea Radio,Harbour Lights,"12 Apr 2026, 20:07"\n' % (b"The Quiet Tide " * 20) * rows)


def long_row(path: Path, rows: int) -> Path:
    # As many bytes as so many rows have, in one text.
    return write(path, b'[%b,{"x":"%b"}]' % (json.dumps(spotify_row()).encode(), b"y\\n" * rows * 200))


def long_line(path: Path, rows: int) -> Path:
    return write(path, (json.dumps(listenbrainz_row()) + "\n").encode() + b"y" * rows * 500)


def peak_of(path: Path) -> int:
    def all_of(rows: Iterator[Row]) -> None:
        for _ in rows:
            pass

    tracemalloc.start()
    try:
        with open_dump(path) as dump:
            all_of(dump.iter_rows())
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("make", [spotify_archive, large_list, large_lines, large_csv, long_row, long_line])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, make: Callable[[Path, int], Path]) -> None:
    small = peak_of(make(tmp_path / "small", 2_000))
    large = peak_of(make(tmp_path / "large", 20_000))
    assert large < 1.1 * small
    assert large < 16 * 2**20


def test_long_names_nested_in_each_other_fill_no_memory(tmp_path: Path) -> None:
    content = b"[%b]" % json.dumps(spotify_row()).encode() + b'{"%b":' % (b"k" * 2**19) * 60
    assert peak_of(write(tmp_path / "a.json", content)) < 8 * 2**20
