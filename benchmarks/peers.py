"""What others would do, each as a process of its own: `python -m benchmarks.peers WAY SOURCE [DATABASE]`.

Prints the listens there were, and the seconds that took, as JSON.
"""

import json
import sqlite3
import sys
import time
import zipfile
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any


def pylast_reads(url: str) -> int:
    """Read a whole history with pylast and store none of it; return how many listens there were."""
    import pylast

    class Client(pylast.httpx.Client):
        """pylast's own client, but for the scheme: it knows https only."""

        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**{**kwargs, "base_url": str(kwargs["base_url"]).replace("https:", "http:")})

    pylast.httpx.Client = Client
    network = pylast.LastFMNetwork(api_key="key", api_secret="secret")
    host, _, path = url.removeprefix("http://").partition("/")
    network.ws_server = (host, f"/{path}")
    # Asked for all of them it fetches pages of 50. Asked for so many, it asks for so many, and gets pages of 200.
    tracks = network.get_user("ada").get_recent_tracks(limit=10_000_000, cacheable=False, stream=True)
    return sum(1 for _ in tracks)


def bare_loop(url: str, database: str) -> int:
    """Read a history with requests and orjson and store it with `executemany`, as simply as can be; the floor."""
    import orjson
    import requests

    stored = 0
    with requests.Session() as session, sqlite3.connect(database) as connection:
        number, pages = 1, 1
        while number <= pages:
            parameters = {"method": "user.getRecentTracks", "user": "ada", "format": "json", "limit": 200}
            answer = session.get(url, params={**parameters, "page": number}, timeout=10)
            recent = orjson.loads(answer.content)["recenttracks"]
            pages = int(recent["@attr"]["totalPages"])
            stored += _store(connection, "lastfm", map(_scrobble, recent["track"]))
            number += 1
    return stored


def bare_dump(dump: str, database: str) -> int:
    """Read a Spotify dump with zipfile and orjson, a file of it at a time, and store it with `executemany`."""
    import orjson

    stored = 0
    with zipfile.ZipFile(dump) as archive, sqlite3.connect(database) as connection:
        for name in archive.namelist():
            if name.endswith(".json"):
                rows = [row for row in orjson.loads(archive.read(name)) if row["ms_played"] >= 30_000]
                stored += _store(connection, "spotify", map(_play, rows))
                connection.commit()
    return stored


_Row = tuple[str, str, str, str, int, str, str, int]


def _store(connection: sqlite3.Connection, provider_type: str, rows: Iterable[_Row]) -> int:
    return connection.executemany(
        "INSERT INTO providers_listen (user_id, provider_type, source, remote_track_id, name, artist, album, "
        "duration_ms, played_at, url, isrc, fingerprint) "
        f"VALUES (1, '{provider_type}', 'bare', ?, ?, ?, ?, ?, ?, ?, '', ?) ON CONFLICT DO NOTHING",
        rows,
    ).rowcount


def _scrobble(track: dict[str, Any]) -> _Row:
    name, artist = track["name"], track["artist"]["#text"]
    played_at = datetime.fromtimestamp(int(track["date"]["uts"]), UTC)
    return "", name, artist, track["album"]["#text"], 0, _written(played_at), track["url"], _number(name, artist)


def _play(row: dict[str, Any]) -> _Row:
    name, artist = row["master_metadata_track_name"], row["master_metadata_album_artist_name"]
    album, track_id = row["master_metadata_album_album_name"], row["spotify_track_uri"].rpartition(":")[2]
    url, played_at = f"https://open.spotify.com/track/{track_id}", datetime.fromisoformat(row["ts"])
    return track_id, name, artist, album, row["ms_played"], _written(played_at), url, _number(name, artist)


def _written(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(" ")


def _number(name: str, artist: str) -> int:
    return zlib.crc32(f"{name}\0{artist}".encode())


if __name__ == "__main__":
    way, *arguments = sys.argv[1:]
    started = time.perf_counter()
    listens = {"pylast": pylast_reads, "bare": bare_loop, "bare-dump": bare_dump}[way](*arguments)
    print(json.dumps({"listens": listens, "seconds": time.perf_counter() - started}))
