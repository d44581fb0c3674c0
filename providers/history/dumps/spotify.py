"""The two histories Spotify hands out on demand: the extended one, of a whole life, and that of the account data.

Fields as the ReadMe files in the downloads and "Understanding my data" describe them (Spotify documentation, 2026-11).
Both stamp the end of a play. What is a listen, and what is not:

* Less than 30 seconds heard are no listen, as Spotify itself counts none. Neither are podcasts, audiobooks, videos
  that are no track, and what has no name (local files, and tracks that were withdrawn).
* A play in a private session is one: it was hidden from followers and recommendations, not from the person whose file
  this is, and to leave it out would lose it. It is noted, so that it can be counted.
* A play that was heard offline is stamped when the device was online again, often many at the same second. Its
  `offline_timestamp` is when it began by the clock of the device: begin plus `ms_played` is the begin of the next one
  (blog.ortham.net, "My Spotify extended streaming history data", 2024-12-21). Where that end is believable and at
  least a minute before `ts`, it is taken instead. It is in milliseconds in older files and in seconds in newer ones,
  and is cut to seconds, so that both tell the same. Plays heard online have it as well, and keep their `ts`.
* `ms_played` is kept as the duration, though a track may be longer: counted back from the end it gives the begin,
  which is what other services stamp.
"""

import math
import re
from datetime import datetime, timedelta
from typing import Any

import msgspec

from providers.contracts import Type
from providers.datatypes import Track
from providers.history.dumps.rows import LeftOut, Play, Row
from providers.history.dumps.shapes import Shape, json_list
from providers.history.dumps.values import MAX_DURATION_MS, RowError, checked_text, iso_moment, text, unix_moment

_EXTENDED = "spotify-extended"
_ACCOUNT = "spotify-account"

_MIN_LISTEN_MS = 30_000
_TOO_SHORT = LeftOut("played for less than 30 seconds")
_NAMELESS = LeftOut("no track was named")
_PODCAST = LeftOut("podcast")
_AUDIOBOOK = LeftOut("audiobook")
_PRIVATE = "private session"
_OFFLINE = "heard offline, dated by the device"

_TRACK_URI = "spotify:track:"
_MAX_TIME_OFFLINE = timedelta(days=31)
_MIN_DELAY = timedelta(minutes=1)
# From here on a number of seconds would be one of milliseconds: in seconds it is the year 5138.
_MILLISECONDS = 10**11

# What the account data says instead of a name it does not have.
_UNKNOWN_TRACK = "Unknown Track"


class _ExtendedRow(msgspec.Struct, gc=False):
    """What is looked at of a row of the extended history, half of what is there. Nothing of it is checked yet."""

    ts: Any = None
    ms_played: Any = None
    master_metadata_track_name: Any = None
    master_metadata_album_artist_name: Any = None
    master_metadata_album_album_name: Any = None
    spotify_track_uri: Any = None
    episode_name: Any = None
    spotify_episode_uri: Any = None
    audiobook_title: Any = None
    audiobook_uri: Any = None
    audiobook_chapter_uri: Any = None
    offline: Any = None
    offline_timestamp: Any = None
    incognito_mode: Any = None


def _parse_extended(row: _ExtendedRow) -> Row:
    if not row.master_metadata_track_name:
        return _what_else(row)
    ms_played = _ms_played(row.ms_played, "ms_played")
    if ms_played < _MIN_LISTEN_MS:
        return _TOO_SHORT
    uri = row.spotify_track_uri
    track_id = uri[len(_TRACK_URI) :] if isinstance(uri, str) and uri.startswith(_TRACK_URI) else ""
    ended_at = iso_moment(row.ts)
    note = _PRIVATE if row.incognito_mode else ""
    if row.offline:
        heard_until = _heard_offline_until(row.offline_timestamp, ms_played, ended_at)
        if heard_until is not None:
            ended_at = heard_until
            note = note or _OFFLINE
    return Play(
        Type.SPOTIFY,
        _EXTENDED,
        Track(
            id=track_id,
            name=checked_text(row.master_metadata_track_name, "master_metadata_track_name"),
            artist=checked_text(row.master_metadata_album_artist_name, "master_metadata_album_artist_name"),
            album=checked_text(row.master_metadata_album_album_name, "master_metadata_album_album_name"),
            duration_ms=ms_played if ms_played <= MAX_DURATION_MS else 0,
            played_at=ended_at,
            url=f"https://open.spotify.com/track/{track_id}" if track_id else "",
        ),
        note,
    )


def _what_else(row: _ExtendedRow) -> LeftOut:
    """Return why a row without the name of a track is left out."""
    if row.episode_name or row.spotify_episode_uri:
        return _PODCAST
    if row.audiobook_title or row.audiobook_uri or row.audiobook_chapter_uri:
        return _AUDIOBOOK
    return _NAMELESS


def _heard_offline_until(began: Any, ms_played: int, sent_at: datetime) -> datetime | None:
    """Return when a play that was heard offline ended by the device's clock; None where that is not believable."""
    if isinstance(began, bool) or not isinstance(began, int | float):
        return None
    try:
        seconds = int(began / 1000 if began >= _MILLISECONDS else began)
        ended_at = unix_moment(seconds + ms_played // 1000)
    except (RowError, ValueError, OverflowError):
        return None
    return ended_at if _MIN_DELAY <= sent_at - ended_at <= _MAX_TIME_OFFLINE else None


def _parse_account(row: dict[str, Any]) -> Row:
    if row.get("podcastName") or row.get("episodeName"):
        return _PODCAST
    if row.get("audiobookName"):
        return _AUDIOBOOK
    name = text(row, "trackName")
    if not name or name == _UNKNOWN_TRACK:
        return _NAMELESS
    ms_played = _ms_played(row.get("msPlayed"), "msPlayed")
    if ms_played < _MIN_LISTEN_MS:
        return _TOO_SHORT
    return Play(
        Type.SPOTIFY,
        _ACCOUNT,
        Track(
            id="",
            name=name,
            artist=text(row, "artistName"),
            album=text(row, "albumName"),
            duration_ms=ms_played if ms_played <= MAX_DURATION_MS else 0,
            played_at=iso_moment(row.get("endTime")),
        ),
    )


def _ms_played(value: Any, key: str) -> int:
    if isinstance(value, float) and math.isfinite(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise RowError(f"has no {key}" if value is None else f"has {key} that is no number")
    if value < 0:
        raise RowError(f"has {key} below zero")
    return value


SHAPES = (
    Shape(
        _EXTENDED,
        "Spotify extended streaming history",
        json_list(_parse_extended, keys=("ts", "ms_played"), row_type=_ExtendedRow),
        names=re.compile(r"(^|/)(Streaming_History_(Audio|Video)_|endsong_|endvideo_)[^/]*\.json$", re.IGNORECASE),
    ),
    Shape(
        _ACCOUNT,
        "Spotify account data",
        json_list(_parse_account, keys=("endTime", "msPlayed")),
        names=re.compile(r"(^|/)StreamingHistory(\d|_(music|podcast|audiobook|video)_)[^/]*\.json$", re.IGNORECASE),
    ),
)
