"""A listen as Last.fm writes it: numbers are strings, no duration, no ISRC, album and MusicBrainz ids often missing."""

import uuid
import zlib
from datetime import UTC, datetime
from hashlib import md5
from typing import Any
from urllib.parse import quote_plus

from providers.testing.simulators.catalogue import CatalogueTrack
from providers.testing.simulators.lastfm.accounts import Listen

_IMAGE_SIZES = {"small": "34s", "medium": "64s", "large": "174s", "extralarge": "300x300"}


def played(listen: Listen, *, extended: bool) -> dict[str, Any]:
    """One finished listen."""
    shown = datetime.fromtimestamp(listen.uts, UTC).strftime("%d %b %Y, %H:%M")
    return _track(listen.track, extended=extended) | {"date": {"uts": str(listen.uts), "#text": shown}}


def now_playing(track: CatalogueTrack, *, extended: bool) -> dict[str, Any]:
    """The track that is running: marked as such, and without a date."""
    return _track(track, extended=extended) | {"@attr": {"nowplaying": "true"}}


def _track(track: CatalogueTrack, *, extended: bool) -> dict[str, Any]:
    album = "" if _share(track.key) < 12 else track.album
    row: dict[str, Any] = {
        "name": track.name,
        "mbid": "" if _share(track.key) < 40 else track.mbid,
        "url": f"{_artist_url(track.artist)}/_/{quote_plus(track.name)}",
        "streamable": "0",
        "image": _images(track.album_key if album else ""),
        "album": {"#text": album, "mbid": _mbid(track.album_key) if album else ""},
    }
    artist_mbid = _mbid(track.artist)
    if not extended:
        return row | {"artist": {"#text": track.artist, "mbid": artist_mbid}}
    artist = {"name": track.artist, "mbid": artist_mbid, "url": _artist_url(track.artist), "image": _images("")}
    return row | {"artist": artist, "loved": "1" if _share(track.name) < 5 else "0"}


def _artist_url(artist: str) -> str:
    return f"https://www.last.fm/music/{quote_plus(artist)}"


def _images(cover: str) -> list[dict[str, str]]:
    name = md5(cover.encode(), usedforsecurity=False).hexdigest()
    return [
        {"size": size, "#text": f"https://lastfm.freetls.fastly.net/i/u/{folder}/{name}.jpg" if cover else ""}
        for size, folder in _IMAGE_SIZES.items()
    ]


def _mbid(name: str) -> str:
    return "" if _share(name) < 30 else str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def _share(text: str) -> int:
    """Where a text stands among all texts, 0 to 99: the same track is always lacking in the same way."""
    return zlib.crc32(text.encode()) % 100
