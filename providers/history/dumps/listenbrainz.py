"""ListenBrainz exports: a zip of `listens/<year>/<month>.jsonl`, or one file of JSON lines, or, of old, one JSON list.

Shapes as listenbrainz-server writes them (listenbrainz/background/export.py, 2026-11) and as its "JSON documentation"
describes them. `listened_at` is when a listen began, in seconds since 1970, with or without a fraction.
"""

import re
from typing import Any

from providers.datatypes import Track
from providers.history.dumps.rows import Play, Row
from providers.history.dumps.shapes import Shape, json_lines, json_list
from providers.history.dumps.values import (
    duration_ms,
    object_or_empty,
    required_object,
    required_text,
    text,
    text_or_empty,
    texts,
    unix_moment,
    web_address,
)
from providers.jsonvalues import plain_isrc

_LISTENBRAINZ = "listenbrainz"
_LABEL = "ListenBrainz export"
_KEYS = ("listened_at", "track_metadata.track_name")


def _parse(row: dict[str, Any]) -> Row:
    metadata = required_object(row, "track_metadata")
    info = object_or_empty(metadata, "additional_info")
    mapping = object_or_empty(metadata, "mbid_mapping")
    return Play(
        _LISTENBRAINZ,
        _LISTENBRAINZ,
        Track(
            id=text_or_empty(metadata, "recording_msid") or text_or_empty(row, "recording_msid"),
            name=required_text(metadata, "track_name"),
            artist=text(metadata, "artist_name"),
            album=text(metadata, "release_name"),
            duration_ms=duration_ms(info.get("duration_ms")) or duration_ms(info.get("duration"), unit_ms=1000),
            played_at=unix_moment(row.get("listened_at")),
            url=web_address(info, "origin_url"),
            isrc=plain_isrc(text_or_empty(info, "isrc")),
            artists=texts(info, "artist_names"),
            mbid=text_or_empty(info, "recording_mbid") or text_or_empty(mapping, "recording_mbid"),
        ),
    )


SHAPES = (
    Shape(
        _LISTENBRAINZ,
        _LABEL,
        json_lines(_parse, _KEYS),
        names=re.compile(r"(^|/)listens/\d{4}/\d{1,2}\.jsonl$"),
    ),
    Shape(_LISTENBRAINZ, _LABEL, json_list(_parse, _KEYS)),
)
