"""What the usual exporters make of a Last.fm history, as CSV and as JSON. Last.fm itself hands out none.

* lastfm-to-csv (benjaminbenben.com/lastfm-to-csv, seen 2026-11): CSV without a header, `artist,album,name,date`, the
  date like "12 Apr 2026 20:07" or "12 Apr 2026, 20:07", in UTC, to the minute.
* lastfmstats.com (felhag/lastfm-stats-web, seen 2026-11): CSV `Artist;Album;AlbumId;Track;Date#user` and JSON
  `{"username": …, "scrobbles": [{"track", "artist", "album", "albumId", "date"}]}`, dates in milliseconds since 1970.
* lastfm.ghan.nl/export (seen 2026-11): CSV `uts,utc_time,artist,artist_mbid,album,album_mbid,track,track_mbid`, and
  JSON: a list of pages with their `track`s.
* Pages of user.getRecentTracks as they came (Last.fm documentation, 2026-11), one, or several in a list.

All of them stamp the begin of a play. The track that was playing during the export has no date: it is left out.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any

from providers.contracts import Type
from providers.datatypes import Track
from providers.history.dumps.jsontext import Readable
from providers.history.dumps.lines import iter_csv_rows
from providers.history.dumps.rows import LeftOut, Play, Row
from providers.history.dumps.shapes import Head, Reader, Shape, json_list
from providers.history.dumps.values import (
    RowError,
    english_moment,
    object_or_empty,
    required_text,
    text,
    text_or_empty,
    unix_moment,
    web_address,
)

_FORMAT = "lastfm-export"
_LABEL = "Last.fm export"

_NOW_PLAYING = LeftOut("was still playing during the export")

_DELIMITERS = (",", ";", "\t")
_ENGLISH_DATE = re.compile(r"\d{1,2} [A-Za-z]{3} \d{4},? \d\d:\d\d")
_HEADERLESS = {"artist": 0, "album": 1, "track": 2, "date": 3}
_OTHER_COLUMN_NAMES = {"name": "track", "track_mbid": "mbid"}
# A page of one track may have it without the brackets of a list (Last.fm documentation, 2026-11).
_PAGES = (
    (".recenttracks.track[]", ".recenttracks.track"),
    ("[].recenttracks.track[]", "[].recenttracks.track"),
    ("[].track[]", "[].track"),
    (".track[]", ".track"),
    ("[][]",),
    ("[]",),
)


def _recognise_csv(head: Head) -> Reader | None:
    if not head.lines:
        return None
    for delimiter in _DELIMITERS:
        columns = _columns_of(_cells(head.lines[0], delimiter))
        if {"artist", "track"} <= columns.keys() and {"uts", "date"} & columns.keys():
            return Reader(partial(_iter_rows_below_header, delimiter=delimiter), list, partial(_parse_cells, columns))
    rows = [_cells(line, ",") for line in head.lines]
    if any(len(cells) == len(_HEADERLESS) and _ENGLISH_DATE.fullmatch(cells[-1]) for cells in rows):
        return Reader(partial(iter_csv_rows, delimiter=","), list, partial(_parse_cells, _HEADERLESS))
    return None


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _columns_of(header: list[str]) -> dict[str, int]:
    # lastfmstats.com writes whose history it is behind the last name.
    names = [cell.partition("#")[0].strip().lower() for cell in header]
    return {_OTHER_COLUMN_NAMES.get(name, name): index for index, name in enumerate(names)}


def _iter_rows_below_header(text: Readable, delimiter: str) -> Iterator[tuple[int, Any]]:
    return islice(iter_csv_rows(text, delimiter), 1, None)


def _parse_cells(columns: Mapping[str, int], cells: list[str]) -> Row:
    if len(cells) <= max(columns.values()):
        raise RowError("has too few columns")
    row = {name: cells[index] for name, index in columns.items()}
    date = row.get("uts") or row.get("date", "")
    if not date:
        return _NOW_PLAYING
    if "uts" in row:
        played_at = unix_moment(date)
    elif date.lstrip("-").isdigit():
        played_at = unix_moment(date, unit_ms=1)
    else:
        played_at = english_moment(date)
    return _play(
        Track(
            id="",
            name=required_text(row, "track"),
            artist=row["artist"],
            album=row.get("album", ""),
            played_at=played_at,
            mbid=row.get("mbid", ""),
        )
    )


def _parse_stats(row: dict[str, Any]) -> Row:
    return _play(
        Track(
            id="",
            name=required_text(row, "track"),
            artist=text(row, "artist"),
            album=text(row, "album"),
            played_at=unix_moment(row.get("date"), unit_ms=1),
        )
    )


def _parse_page(row: dict[str, Any]) -> Row:
    date = object_or_empty(row, "date")
    if not date and object_or_empty(row, "@attr"):
        return _NOW_PLAYING
    artist = object_or_empty(row, "artist")
    return _play(
        Track(
            id="",
            name=required_text(row, "name"),
            artist=text_or_empty(artist, "#text") or text_or_empty(artist, "name"),
            album=text_or_empty(object_or_empty(row, "album"), "#text"),
            played_at=unix_moment(date.get("uts")),
            url=web_address(row, "url"),
            mbid=text_or_empty(row, "mbid"),
        )
    )


def _play(track: Track) -> Play:
    return Play(Type.LASTFM, _FORMAT, track)


SHAPES = (
    Shape(_FORMAT, _LABEL, json_list(_parse_page, keys=("name", "artist", "date.uts"), places=_PAGES)),
    Shape(_FORMAT, _LABEL, json_list(_parse_stats, keys=("track", "artist", "date"), places=((".scrobbles[]",),))),
    Shape(_FORMAT, _LABEL, _recognise_csv),
)
