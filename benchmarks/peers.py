"""What others would do, each as a process of its own: `python -m benchmarks.peers WAY URL [DATABASE]`.

Prints the listens there were, and the seconds that took, as JSON.
"""

import json
import sqlite3
import sys
import time
import zlib
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
            stored += connection.executemany(
                "INSERT INTO providers_listen (user_id, provider_type, source, remote_track_id, name, artist, album, "
                "duration_ms, played_at, url, isrc, fingerprint) "
                "VALUES (1, 'lastfm', 'api', '', ?, ?, ?, 0, ?, ?, '', ?) ON CONFLICT DO NOTHING",
                [_row(track) for track in recent["track"]],
            ).rowcount
            number += 1
    return stored


def _row(track: dict[str, Any]) -> tuple[str, str, str, str, str, int]:
    name, artist = track["name"], track["artist"]["#text"]
    played_at = datetime.fromtimestamp(int(track["date"]["uts"]), UTC).replace(tzinfo=None).isoformat(" ")
    return name, artist, track["album"]["#text"], played_at, track["url"], zlib.crc32(f"{name}\0{artist}".encode())


if __name__ == "__main__":
    way, *arguments = sys.argv[1:]
    started = time.perf_counter()
    listens = {"pylast": pylast_reads, "bare": bare_loop}[way](*arguments)
    print(json.dumps({"listens": listens, "seconds": time.perf_counter() - started}))
