"""Files as services and exporters write them, made up for the tests."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from providers.history.dumps import LeftOut, Play, Refused, Row, open_dump

AUDIO = "Spotify Extended Streaming History/Streaming_History_Audio_2019_3.json"


def spotify_row(**changes: Any) -> dict[str, Any]:
    """A row of the extended streaming history, with all of its fields."""
    return {
        "ts": "2023-02-22T07:01:42Z",
        "platform": "android",
        "ms_played": 213_000,
        "conn_country": "NL",
        "ip_addr": "198.51.100.7",
        "master_metadata_track_name": "Harbour Lights",
        "master_metadata_album_artist_name": "The Quiet Tide",
        "master_metadata_album_album_name": "North Sea Radio",
        "spotify_track_uri": "spotify:track:4uLU6hMCjMI75M1A2tKUQC",
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
        "offline_timestamp": 1_677_049_089,
        "incognito_mode": False,
        **changes,
    }


def account_row(**changes: Any) -> dict[str, Any]:
    """A row of Spotify's account data."""
    return {
        "endTime": "2023-01-05 17:31",
        "artistName": "The Quiet Tide",
        "trackName": "Harbour Lights",
        "msPlayed": 213_000,
        **changes,
    }


def listenbrainz_row(**changes: Any) -> dict[str, Any]:
    """A line of a ListenBrainz export."""
    return {
        "inserted_at": 1_688_169_700.123456,
        "listened_at": 1_688_169_600.000000,
        "track_metadata": {
            "track_name": "Harbour Lights",
            "artist_name": "The Quiet Tide",
            "release_name": "North Sea Radio",
            "recording_msid": "a1a0e1b4-60a4-4a4d-9d3c-0f8d2b7c1e11",
            "additional_info": {
                "duration_ms": 214_000,
                "isrc": "NL-A32-23-00001",
                "origin_url": "https://music.example/harbour-lights",
                "artist_names": ["The Quiet Tide"],
                "submission_client": "a player",
            },
            "mbid_mapping": {"recording_mbid": "0f9c9b4e-2f2f-4f7e-8a39-0f2f7d1c2d11"},
        },
        **changes,
    }


def page_track(uts: int | str, name: str = "Harbour Lights", **changes: Any) -> dict[str, Any]:
    """A track of a page of user.getRecentTracks."""
    return {
        "artist": {"mbid": "", "#text": "The Quiet Tide"},
        "streamable": "0",
        "image": [{"size": "small", "#text": ""}, {"size": "large", "#text": ""}, {"size": "extralarge", "#text": ""}],
        "mbid": "0f9c9b4e-2f2f-4f7e-8a39-0f2f7d1c2d11",
        "album": {"mbid": "", "#text": "North Sea Radio"},
        "name": name,
        "url": "https://www.last.fm/music/The+Quiet+Tide/_/Harbour+Lights",
        "date": {"uts": str(uts), "#text": "12 Apr 2026, 20:07"},
        **changes,
    }


def as_bytes(content: Any) -> bytes:
    """Return bytes as they are, a text as UTF-8, and everything else as JSON."""
    if isinstance(content, bytes):
        return content
    return content.encode() if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False).encode()


def write(path: Path, content: Any) -> Path:
    """Write a plain file."""
    path.write_bytes(as_bytes(content))
    return path


def write_zip(path: Path, members: Mapping[str, Any], **changes: Any) -> Path:
    """Write an archive. `changes` are claimed of each of its members without being so."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, as_bytes(content))
        for entry in archive.infolist():
            for attribute, value in changes.items():
                setattr(entry, attribute, value)
    return path


def rows_of(path: Path) -> list[Row]:
    """Read a whole file."""
    with open_dump(path) as dump:
        return list(dump.iter_rows())


def plays_of(path: Path) -> list[Play]:
    """Return the plays of a file."""
    return [row for row in rows_of(path) if isinstance(row, Play)]


def only_play_of(path: Path) -> Play:
    """Return the one row of a file, which is a play."""
    (row,) = rows_of(path)
    assert isinstance(row, Play), row
    return row


def reasons_of(path: Path) -> list[str]:
    """Return why rows of a file were left out or refused, in order."""
    return [row.reason for row in rows_of(path) if isinstance(row, LeftOut | Refused)]
