"""The labelled set. What its fields mean, and how it was labelled, is told at its head, in `pairs.jsonl`."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("pairs.jsonl")

_PRECISIONS = {
    len("2026-01-01T00:00Z"): timedelta(minutes=1),
    len("2026-01-01T00:00:00Z"): timedelta(seconds=1),
    len("2026-01-01T00:00:00.000Z"): timedelta(milliseconds=1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """What one source tells of one play. `duration_ms` is 0, and a text empty, where it does not tell.

    `precision` is what `played_at` is told to: a minute, a second or a millisecond.
    """

    provider_type: str
    source: str
    name: str
    artist: str
    played_at: datetime
    precision: timedelta
    artists: tuple[str, ...] = ()
    album: str = ""
    duration_ms: int = 0
    isrc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPair:
    """Two plays, and whether they are one act of listening (`is_same`), as the story has it.

    `around` is what the two sources tell besides, where the truth cannot be seen without it.
    """

    half: str
    kind: str
    is_same: bool
    story: str
    first: Play
    second: Play
    around: tuple[Play, ...]


def load() -> list[LabelledPair]:
    """Return every pair of the set, in the file's order."""
    rows = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]
    return [_pair(row) for row in rows if "about" not in row]


def _pair(row: dict[str, Any]) -> LabelledPair:
    return LabelledPair(
        half=row["half"],
        kind=row["kind"],
        is_same={"same": True, "two": False}[row["label"]],
        story=row["story"],
        first=_play(row["first"]),
        second=_play(row["second"]),
        around=tuple(_play(play) for play in row.get("around", ())),
    )


def _play(row: dict[str, Any]) -> Play:
    return Play(
        **{
            **row,
            "played_at": datetime.fromisoformat(row["played_at"]),
            "precision": _PRECISIONS[len(row["played_at"])],
            "artists": tuple(row.get("artists", ())),
        }
    )
