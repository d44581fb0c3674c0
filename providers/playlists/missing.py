"""What a mirror could not find, as a file: CSV for spreadsheets, JSPF for players and for whoever sells music.

JSPF is XSPF in JSON (xspf.org, version 1, 2026-11).
"""

import csv
import io
from collections.abc import Iterator
from typing import Any

import orjson
from django.utils.translation import gettext as _

from providers.models import MissingTrack, PlaylistMirror
from providers.sentences import translated

COLUMNS = ("position", "name", "artist", "album", "duration_ms", "isrc", "url", "reason", "nearest")


def as_csv(mirror: PlaylistMirror) -> Iterator[str]:
    """Yield the missing tracks as lines of CSV, places counted from 1, the nearest song in one cell."""
    yield _line(COLUMNS)
    for row in mirror.missing.all():
        nearest = row.candidates[0]["song"] if row.candidates else None
        yield _line(
            (
                row.place,
                row.name,
                row.artist,
                row.album,
                row.duration_ms or "",
                row.isrc,
                row.url,
                translated(row.reason),
                f"{nearest['artist']}: {nearest['name']}" if nearest else "",
            )
        )


def as_jspf(mirror: PlaylistMirror) -> bytes:
    """Return the missing tracks as a JSPF playlist."""
    return orjson.dumps(
        {
            "playlist": {
                "title": _("Missing from %(playlist)s") % {"playlist": mirror.name},
                "track": [_jspf_track(row) for row in mirror.missing.all()],
            }
        },
        option=orjson.OPT_INDENT_2,
    )


def _jspf_track(row: MissingTrack) -> dict[str, Any]:
    track = {
        "title": row.name,
        "creator": row.artist,
        "album": row.album,
        "duration": row.duration_ms,
        "identifier": [f"isrc:{row.isrc}"] if row.isrc else [],
        "info": row.url,
        "annotation": translated(row.reason),
    }
    return {name: value for name, value in track.items() if value}


def _line(cells: tuple[Any, ...]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([_inert(cell) for cell in cells])
    return line.getvalue()


def _inert(cell: Any) -> Any:
    """Keep a spreadsheet from taking a name for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
