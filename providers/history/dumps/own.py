"""Our own export, as it is written and as it is read: every field of a listen comes back as it was.

The one form is JSON lines as ListenBrainz has its listens (ListenBrainz documentation, "JSON Documentation", 2026-11):
what it has no place for stands in `additional_info.musicbridge`. The other is CSV with the columns `CSV_COLUMNS`,
in which a text that a spreadsheet would take for a formula has an apostrophe in front.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import orjson

from providers import __version__
from providers.datatypes import Track
from providers.history.dumps.jsontext import MAX_ROW_BYTES, Broken, Readable
from providers.history.dumps.lines import iter_json_lines
from providers.history.dumps.rows import Play
from providers.history.dumps.shapes import Head, Reader, Shape
from providers.history.dumps.values import RowError, iso_moment, required_object, required_text, text
from providers.jsonvalues import storable

JSON_FORMAT = "musicbridge-jsonl"
CSV_FORMAT = "musicbridge-csv"
OWN_FORMATS = (JSON_FORMAT, CSV_FORMAT)

CSV_COLUMNS = (
    "played_at",
    "name",
    "artist",
    "album",
    "duration_ms",
    "isrc",
    "url",
    "provider_type",
    "source",
    "remote_track_id",
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MAX_DURATION_MS = 2**31 - 1
_MAX_PROVIDER_TYPE = 64
_MAX_SOURCE = 32
_PIECE_BYTES = 2**18

_HEADER = ",".join(CSV_COLUMNS)
# Guarded or not; the last four are the full-width forms (OWASP, "CSV Injection", 2026-11).
_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


# --- JSON lines -------------------------------------------------------------------------------------------


def as_json_lines(plays: Iterable[Play], label_of: Callable[[str], str]) -> bytes:
    """Return plays as lines of JSON. `label_of` tells, by type, what people call a service."""
    return b"".join(
        orjson.dumps(_as_listenbrainz(play, label_of(play.provider_type)), option=orjson.OPT_APPEND_NEWLINE)
        for play in plays
    )


def _as_listenbrainz(play: Play, service_name: str) -> dict[str, Any]:
    track = play.track
    microseconds = (_moment_of(track) - _EPOCH) // _MICROSECOND
    additional_info = {
        # In front, where it is seen however long the names are.
        "musicbridge": {
            "played_at": microseconds,
            "provider_type": play.provider_type,
            "source": play.source,
            "remote_track_id": track.id,
        },
        "submission_client": "musicbridge",
        "submission_client_version": __version__,
        "music_service_name": service_name,
        "origin_url": track.url,
        "duration_ms": track.duration_ms,
        "isrc": track.isrc,
    }
    # ListenBrainz takes no empty texts here, and none for an album.
    metadata: dict[str, Any] = {
        "additional_info": {name: value for name, value in additional_info.items() if value},
        "artist_name": track.artist,
        "track_name": track.name,
    }
    if track.album:
        metadata["release_name"] = track.album
    return {"listened_at": microseconds // 1_000_000, "track_metadata": metadata}


def _recognise_json(head: Head) -> Reader | None:
    is_ours = ".track_metadata.additional_info.musicbridge.played_at" in head.key_paths
    return Reader(iter_json_lines, dict, _parse_listenbrainz, believes_dates=True) if is_ours else None


def _parse_listenbrainz(row: dict[str, Any]) -> Play:
    metadata = required_object(row, "track_metadata")
    info = required_object(metadata, "additional_info")
    ours = required_object(info, "musicbridge")
    try:
        played_at = _EPOCH + timedelta(microseconds=_whole_number(ours, "played_at"))
    except OverflowError:
        raise RowError("has a date that is none") from None
    track = Track(
        id=text(ours, "remote_track_id"),
        name=text(metadata, "track_name"),
        artist=text(metadata, "artist_name"),
        album=text(metadata, "release_name"),
        duration_ms=_duration_ms(info),
        played_at=played_at,
        url=text(info, "origin_url"),
        isrc=text(info, "isrc"),
    )
    return _play(ours, track)


# --- CSV --------------------------------------------------------------------------------------------------


def csv_header() -> bytes:
    """Return the first line of the CSV file."""
    return f"{_HEADER}\r\n".encode()


def as_csv(plays: Iterable[Play]) -> bytes:
    """Return plays as lines of CSV."""
    lines = StringIO(newline="")
    csv.writer(lines).writerows(_cells_of(play) for play in plays)
    return lines.getvalue().encode()


def _cells_of(play: Play) -> tuple[str, ...]:
    track = play.track
    return (
        _moment_of(track).astimezone(UTC).isoformat(timespec="microseconds"),
        _guarded(track.name),
        _guarded(track.artist),
        _guarded(track.album),
        str(track.duration_ms),
        _guarded(track.isrc),
        _guarded(track.url),
        _guarded(play.provider_type),
        _guarded(play.source),
        _guarded(track.id),
    )


def _guarded(cell: str) -> str:
    """Return a text that no spreadsheet runs: with one apostrophe more where it begins like a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _recognise_csv(head: Head) -> Reader | None:
    is_ours = head.lines[:1] == [_HEADER]
    return Reader(_iter_cells, list, _parse_cells, believes_dates=True) if is_ours else None


def _iter_cells(file: Readable) -> Iterator[tuple[int, list[str] | Broken]]:
    """Yield the number of the line where each row ends, and its cells. Ends of lines in a name stay what they are."""
    reader = csv.reader(_whole_lines(file), strict=True)
    next(reader, None)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield reader.line_num, Broken("is not CSV, or far too long")
        else:
            if cells:
                yield reader.line_num, cells


def _whole_lines(file: Readable) -> Iterator[str]:
    rest = b""
    while piece := file.read(_PIECE_BYTES):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield storable(line.decode("utf-8", "replace")) + "\n"
        if len(rest) > MAX_ROW_BYTES:
            # No row of ours: what is made of it is refused.
            yield storable(rest.decode("utf-8", "replace"))
            rest = b""
    if rest:
        yield storable(rest.decode("utf-8", "replace"))


def _parse_cells(cells: list[str]) -> Play:
    if len(cells) != len(CSV_COLUMNS):
        raise RowError("has not as many cells as the first line")
    row: dict[str, Any] = dict(zip(CSV_COLUMNS, map(_unguarded, cells), strict=True))
    try:
        row["duration_ms"] = int(row["duration_ms"] or 0)
    except ValueError:
        raise RowError("has a duration_ms that is no number") from None
    track = Track(
        id=row["remote_track_id"],
        name=row["name"],
        artist=row["artist"],
        album=row["album"],
        duration_ms=_duration_ms(row),
        played_at=iso_moment(row["played_at"]),
        url=row["url"],
        isrc=row["isrc"],
    )
    return _play(row, track)


# --- both -------------------------------------------------------------------------------------------------


def _moment_of(track: Track) -> datetime:
    if track.played_at is None:
        raise ValueError("a play needs played_at")
    return track.played_at


def _whole_number(row: Mapping[str, Any], key: str) -> int:
    value = row.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, int):
        raise RowError(f"has {key} that is no whole number")
    return value


def _duration_ms(row: Mapping[str, Any]) -> int:
    duration = _whole_number(row, "duration_ms")
    if not 0 <= duration <= _MAX_DURATION_MS:
        raise RowError("has a duration_ms that cannot be")
    return duration


def _play(row: Mapping[str, Any], track: Track) -> Play:
    provider_type, source = required_text(row, "provider_type"), required_text(row, "source")
    if len(provider_type) > _MAX_PROVIDER_TYPE or len(source) > _MAX_SOURCE:
        raise RowError("has a provider_type or a source that is too long")
    return Play(provider_type, source, track)


SHAPES = (
    Shape(JSON_FORMAT, "musicbridge export (JSON lines)", _recognise_json),
    Shape(CSV_FORMAT, "musicbridge export (CSV)", _recognise_csv),
)
"""To be asked before those of ListenBrainz, which ours look like as well."""
