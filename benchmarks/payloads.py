"""What the services would answer, as bytes made before anybody asks. Every value is made up."""

import json
import time
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

SECONDS_BETWEEN_SCROBBLES = 200
MAX_PAGE = 200
SPOTIFY_PAGE = 50
SPOTIFY_TRACKS = 25_000
SUBSONIC_PLAYLISTS = 25
SUBSONIC_SONGS = 1000
"""On each of the playlists."""

NEWEST = int(time.time()) - SECONDS_BETWEEN_SCROBBLES
"""When the newest scrobble was, by Unix time. The server makes them, so it is the server's start that counts."""

_SIZES = ("small", "medium", "large", "extralarge")
_DISTINCT = 5000


def scrobbles(parameters: dict[str, str], *, total: int, hidden: int) -> bytes:
    """Answer user.getRecentTracks, newest first: `from` inclusive, `to` exclusive, pages of 200 at most."""
    first = max(hidden, _index_before(int(parameters.get("to", NEWEST + 1))))
    last = min(total, _index_before(int(parameters.get("from", 0))))
    limit = min(MAX_PAGE, int(parameters.get("limit", 50)))
    page = int(parameters.get("page", 1))
    count = max(0, last - first)
    start = first + (page - 1) * limit
    numbers = range(start, max(start, min(start + limit, last)))
    attributes = {
        "user": "ada",
        "page": str(page),
        "perPage": str(limit),
        "totalPages": str(-(-count // limit)),
        "total": str(count),
    }
    if parameters.get("format") == "json":
        rows = b",".join([_json_row(number) for number in numbers])
        return b'{"recenttracks":{"track":[%s],"@attr":%s}}' % (rows, json.dumps(attributes).encode())
    named = " ".join(f'{name}="{value}"' for name, value in attributes.items())
    rows = b"".join([_xml_row(number) for number in numbers])
    return b'<?xml version="1.0" encoding="UTF-8"?>\n<lfm status="ok"><recenttracks %s>%s</recenttracks></lfm>' % (
        named.encode(),
        rows,
    )


def _index_before(moment: int) -> int:
    """Return the number of the newest scrobble before a moment; the newest of all has number 0."""
    return max(0, (NEWEST - moment) // SECONDS_BETWEEN_SCROBBLES + 1)


@cache
def _json_row(number: int) -> bytes:
    head, tail = _json_halves(number % _DISTINCT)
    return head + str(NEWEST - number * SECONDS_BETWEEN_SCROBBLES).encode() + tail


@cache
def _json_halves(number: int) -> tuple[bytes, bytes]:
    track, artist, album = f"Track number {number}", f"Artist {number % 300}", f"Album {number % 900}"
    row = {
        "artist": {"mbid": f"{number % 300:08x}-0000-4000-8000-000000000000", "#text": artist},
        "streamable": "0",
        "image": [
            {"size": size, "#text": f"https://images.example/i/u/{size}/{number % 900:032x}.jpg"} for size in _SIZES
        ],
        "mbid": f"{number:08x}-0000-4000-8000-000000000001",
        "album": {"mbid": f"{number % 900:08x}-0000-4000-8000-000000000002", "#text": album},
        "name": track,
        "url": f"https://www.last.fm/music/{artist}/_/{track}".replace(" ", "+"),
        "date": {"uts": "@", "#text": "22 Nov 2026, 23:00"},
    }
    head, tail = json.dumps(row).encode().split(b"@")
    return head, tail


@cache
def _xml_row(number: int) -> bytes:
    row = json.loads(_json_row(number))
    images = "".join(f'<image size="{image["size"]}">{image["#text"]}</image>' for image in row["image"])
    return (
        f'<track><artist mbid="{row["artist"]["mbid"]}">{escape(row["artist"]["#text"])}</artist>'
        f"<name>{escape(row['name'])}</name><streamable>0</streamable><mbid>{row['mbid']}</mbid>"
        f'<album mbid="{row["album"]["mbid"]}">{escape(row["album"]["#text"])}</album><url>{row["url"]}</url>{images}'
        f'<date uts="{row["date"]["uts"]}">{row["date"]["#text"]}</date></track>'
    ).encode()


def spotify(path: str, parameters: dict[str, str], base_url: str) -> bytes:
    """Answer one of the three endpoints that reading playlists needs."""
    if path.endswith("/items"):
        return _playlist_items(parameters, base_url + path)
    if path.endswith("/playlists"):
        return _playlists()
    return json.dumps({"id": "ada", "display_name": "Ada", "followers": {"href": None, "total": 0}}).encode()


def _playlists() -> bytes:
    contents = {"href": "https://api.spotify.com/v1/playlists/long/items", "total": SPOTIFY_TRACKS}
    playlist = {
        "id": "long",
        "name": "A long playlist",
        "description": "",
        "images": [],
        "owner": {"id": "ada", "display_name": "Ada"},
        "public": False,
        "collaborative": False,
        "external_urls": {"spotify": "https://open.spotify.com/playlist/long"},
        "items": contents,
        "tracks": contents,
    }
    return json.dumps({"items": [playlist], "total": 1, "limit": 50, "offset": 0, "next": None}).encode()


def _playlist_items(parameters: dict[str, str], url: str) -> bytes:
    offset, limit = int(parameters.get("offset", 0)), min(SPOTIFY_PAGE, int(parameters.get("limit", SPOTIFY_PAGE)))
    is_cut_down = bool(parameters.get("fields"))
    following = offset + limit
    next_url = f"{url}?offset={following}&limit={limit}" if following < SPOTIFY_TRACKS else None
    rows = _entries(offset % _DISTINCT, min(limit, SPOTIFY_TRACKS - offset), is_cut_down=is_cut_down)
    page: dict[str, Any] = {"next": next_url}
    if not is_cut_down:
        page |= {"href": url, "limit": limit, "offset": offset, "previous": None, "total": SPOTIFY_TRACKS}
    return b'{"items":[%s],%s' % (rows, json.dumps(page).encode()[1:])


@cache
def _entries(first: int, count: int, *, is_cut_down: bool) -> bytes:
    make = _entry_cut_down if is_cut_down else _entry
    return b",".join([json.dumps(make(number)).encode() for number in range(first, first + count)])


def _entry_cut_down(number: int) -> dict[str, Any]:
    track = {
        "id": f"{number:022d}",
        "name": f"Track number {number}",
        "type": "track",
        "is_local": False,
        "duration_ms": 200_000,
        "album": {"name": f"Album {number % 900}"},
        "artists": [{"name": f"Artist {number % 300}"}],
        "external_ids": {"isrc": f"DEA00{number:07d}"},
        "external_urls": {"spotify": f"https://open.spotify.com/track/{number:022d}"},
    }
    return {"is_local": False, "item": track}


_MARKETS = [first + second for first in "ABCDEFGHIJKLMN" for second in "ABCDEFGHIJKLM"]


def _entry(number: int) -> dict[str, Any]:
    artist = {
        "external_urls": {"spotify": f"https://open.spotify.com/artist/{number % 300:022d}"},
        "href": f"https://api.spotify.com/v1/artists/{number % 300:022d}",
        "id": f"{number % 300:022d}",
        "name": f"Artist {number % 300}",
        "type": "artist",
        "uri": f"spotify:artist:{number % 300:022d}",
    }
    album = {
        "album_type": "album",
        "artists": [artist],
        "available_markets": _MARKETS,
        "external_urls": {"spotify": f"https://open.spotify.com/album/{number % 900:022d}"},
        "href": f"https://api.spotify.com/v1/albums/{number % 900:022d}",
        "id": f"{number % 900:022d}",
        "images": [
            {"height": size, "url": f"https://images.example/{size}/{number % 900}", "width": size}
            for size in (640, 300, 64)
        ],
        "name": f"Album {number % 900}",
        "release_date": "2001-01-01",
        "release_date_precision": "day",
        "total_tracks": 12,
        "type": "album",
        "uri": f"spotify:album:{number % 900:022d}",
    }
    track = {
        **_entry_cut_down(number)["item"],
        "album": album,
        "artists": [artist],
        "available_markets": _MARKETS,
        "disc_number": 1,
        "episode": False,
        "explicit": False,
        "href": f"https://api.spotify.com/v1/tracks/{number:022d}",
        "popularity": 50,
        "preview_url": None,
        "track": True,
        "track_number": 1 + number % 12,
        "uri": f"spotify:track:{number:022d}",
    }
    return {
        "added_at": "2026-01-01T00:00:00Z",
        "added_by": {"id": "ada", "type": "user", "uri": "spotify:user:ada"},
        "is_local": False,
        "primary_color": None,
        "item": track,
        "video_thumbnail": {"url": None},
    }


def subsonic(method: str, parameters: dict[str, str]) -> bytes:
    """Answer one of the calls that reading playlists needs."""
    if method == "getPlaylist":
        return _subsonic_answer({"playlist": _subsonic_playlist(parameters["id"]) | {"entry": "@"}}, parameters["id"])
    if method == "getPlaylists":
        lists = [_subsonic_playlist(str(number)) for number in range(SUBSONIC_PLAYLISTS)]
        return _subsonic_answer({"playlists": {"playlist": lists}})
    return _subsonic_answer({})


def _subsonic_answer(content: dict[str, Any], playlist_id: str = "") -> bytes:
    response = {
        "status": "ok",
        "version": "1.16.1",
        "type": "navidrome",
        "serverVersion": "0.63.2",
        "openSubsonic": True,
        **content,
    }
    answer = json.dumps({"subsonic-response": response}).encode()
    return answer.replace(b'"@"', _songs(int(playlist_id))) if playlist_id else answer


def _subsonic_playlist(playlist_id: str) -> dict[str, Any]:
    return {
        "id": playlist_id,
        "name": f"Playlist {playlist_id}",
        "songCount": SUBSONIC_SONGS,
        "duration": 200 * SUBSONIC_SONGS,
        "public": False,
        "owner": "ada",
        "created": "2026-01-01T00:00:00Z",
        "changed": "2026-01-01T00:00:00Z",
        "coverArt": f"pl-{playlist_id}",
    }


@cache
def _songs(playlist_number: int) -> bytes:
    first = playlist_number * SUBSONIC_SONGS
    return json.dumps([_song(number) for number in range(first, first + SUBSONIC_SONGS)]).encode()


def _song(number: int) -> dict[str, Any]:
    artist = {"id": f"ar-{number % 300}", "name": f"Artist {number % 300}"}
    return {
        "id": f"{number:022d}",
        "parent": f"al-{number % 900}",
        "isDir": False,
        "title": f"Track number {number}",
        "album": f"Album {number % 900}",
        "artist": artist["name"],
        "track": 1 + number % 12,
        "year": 2001,
        "genre": "Rock",
        "coverArt": f"mf-{number}",
        "size": 31_000_000,
        "contentType": "audio/flac",
        "suffix": "flac",
        "duration": 200,
        "bitRate": 900,
        "path": f"Artist {number % 300}/Album {number % 900}/{number}.flac",
        "playCount": 3,
        "played": "2026-01-01T00:00:00.000Z",
        "discNumber": 1,
        "created": "2026-01-01T00:00:00Z",
        "albumId": f"al-{number % 900}",
        "artistId": artist["id"],
        "type": "music",
        "isVideo": False,
        "bpm": 0,
        "comment": "",
        "sortName": f"track number {number}",
        "mediaType": "song",
        "musicBrainzId": "",
        "isrc": [f"DEA00{number:07d}"],
        "genres": [{"name": "Rock"}],
        "artists": [artist],
        "displayArtist": artist["name"],
        "albumArtists": [artist],
        "displayAlbumArtist": artist["name"],
        "contributors": [],
        "displayComposer": "",
        "moods": [],
        "explicitStatus": "",
        "channelCount": 2,
        "samplingRate": 44100,
        "bitDepth": 16,
        "replayGain": {},
    }
