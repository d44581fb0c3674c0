"""The labelled set. How it was labelled is told at the head of `tracks.jsonl`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.matching.filler import fill
from providers.datatypes import Track

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A track, and the id of the song of the library that it is; None where the library has none."""

    half: str
    kind: str
    track: Track
    song_id: str | None


def load_tracks() -> list[Labelled]:
    """Return every labelled track, in the file's order."""
    return [
        Labelled(half=row["half"], kind=row["kind"], track=_track(row["track"]), song_id=row["song"])
        for row in _rows("tracks.jsonl")
        if "about" not in row
    ]


def load_library() -> list[Track]:
    """Return the library: the songs written for the set, and what fills it up around them."""
    songs = [_track(row) for row in _rows("songs.jsonl")]
    missing = [one.track for one in load_tracks() if one.song_id is None]
    return songs + fill(songs, missing)


def _rows(name: str) -> Iterator[dict[str, Any]]:
    return map(json.loads, (_FOLDER / name).read_text("utf-8").splitlines())


def _track(row: dict[str, Any]) -> Track:
    return Track(**{"id": "", **row, "artists": tuple(row.get("artists", ()))})
