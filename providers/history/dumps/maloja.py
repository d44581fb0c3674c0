"""The export of Maloja: one JSON object with a list of scrobbles.

As Maloja 3 writes it (krateng/maloja, proccontrol/tasks/export.py and database/sqldb.py, 2026-11). `time` is in
seconds since 1970; `length`, of the track, and `duration`, heard of it, are in seconds and mostly null.
"""

from typing import Any

from providers.datatypes import Track
from providers.history.dumps.rows import Play, Row
from providers.history.dumps.shapes import Shape, json_list
from providers.history.dumps.values import (
    duration_ms,
    object_or_empty,
    required_object,
    required_text,
    text_or_empty,
    texts,
    unix_moment,
)

_MALOJA = "maloja"


def _parse(row: dict[str, Any]) -> Row:
    track = required_object(row, "track")
    album = object_or_empty(track, "album")
    artists = texts(track, "artists")
    return Play(
        _MALOJA,
        _MALOJA,
        Track(
            id="",
            name=required_text(track, "title"),
            artist=", ".join(artists),
            album=text_or_empty(album, "albumtitle") or text_or_empty(album, "name"),
            duration_ms=duration_ms(track.get("length"), unit_ms=1000)
            or duration_ms(row.get("duration"), unit_ms=1000),
            played_at=unix_moment(row.get("time")),
            artists=artists,
        ),
    )


SHAPES = (
    Shape(_MALOJA, "Maloja export", json_list(_parse, keys=("time", "track.title"), places=((".scrobbles[]",),))),
)
