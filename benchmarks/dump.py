"""A dump as Spotify hands it out, of made-up plays: a zip of JSON files with all the fields there are."""

import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

PLAYS = 500_000
PLAYS_PER_FILE = 16_000
_TRACKS = 40_000
_GOLDEN_RATIO = 0.618033988749895
_NEWEST = datetime(2026, 11, 1, tzinfo=UTC)
_BETWEEN = timedelta(seconds=210)
_PLATFORMS = ("ios", "android", "Windows 10 (10.0.19045; x64)", "web_player linux 0;chrome 129.0.0.0;desktop")
_ROW = json.dumps(
    {
        "ts": "@0",
        "platform": "@1",
        "ms_played": "@2",
        "conn_country": "DE",
        "ip_addr": "192.0.2.1",
        "master_metadata_track_name": "@3",
        "master_metadata_album_artist_name": "@4",
        "master_metadata_album_album_name": "@5",
        "spotify_track_uri": "@6",
        "episode_name": None,
        "episode_show_name": None,
        "spotify_episode_uri": None,
        "audiobook_title": None,
        "audiobook_uri": None,
        "audiobook_chapter_uri": None,
        "audiobook_chapter_title": None,
        "reason_start": "trackdone",
        "reason_end": "trackdone",
        "shuffle": False,
        "skipped": False,
        "offline": False,
        "offline_timestamp": "@7",
        "incognito_mode": False,
    },
    indent=2,
)


def write_dump(path: Path) -> None:
    """Write a dump of 500,000 plays, each of which is a listen."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("Spotify Extended Streaming History/ReadMeFirst_ExtendedStreamingHistory.pdf", b"%PDF-1.4")
        for number, first in enumerate(range(0, PLAYS, PLAYS_PER_FILE)):
            rows = map(_row, range(first, min(first + PLAYS_PER_FILE, PLAYS)))
            name = f"Spotify Extended Streaming History/Streaming_History_Audio_{2010 + number // 2}_{number}.json"
            archive.writestr(name, f"[{', '.join(rows)}]")


def _row(number: int) -> str:
    moment = _NEWEST - (PLAYS - number) * _BETWEEN
    track = _heard(number)
    # A track in three has a name with more than ASCII in it, as escaped as Spotify escapes.
    name = f"Träck number {track}" if track % 3 == 0 else f"Track number {track}"
    values = (
        f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        _PLATFORMS[number % len(_PLATFORMS)],
        150_000 + number % 90_000,
        name,
        f"Artist {track % 1500}",
        f"Album {track % 4500}",
        f"spotify:track:{track:022d}",
        int(moment.timestamp()) - 180,
    )
    row = _ROW
    for place, value in enumerate(values):
        row = row.replace(f'"@{place}"', json.dumps(value), 1)
    return row


def _heard(number: int) -> int:
    """Return the track of a play, as a person hears them: the dearest tenth makes a third of the plays."""
    return int(_TRACKS * (number * _GOLDEN_RATIO % 1) ** 2)
