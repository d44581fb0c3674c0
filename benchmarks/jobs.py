"""What is measured: each job yields the ways to do it, the floor first."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import requests
from django.contrib.auth import get_user_model

from providers.datatypes import Track
from providers.history import ingest
from providers.lastfm.client import LastFMApplication
from providers.lastfm.provider import LastFMProvider
from providers.models import Listen
from providers.testing.wsgi import serving

Ways = dict[str, Callable[[], object]]

START = datetime(2026, 1, 1, tzinfo=UTC)
PAGE = 200
PAGES = 50


@contextmanager
def reading_a_history() -> Iterator[Ways]:
    """Read 10,000 scrobbles in pages of 200 over loopback, rate limits off."""
    pages: list[bytes] = [_page_of_scrobbles(number) for number in range(1, PAGES + 1)]

    def app(environ: dict[str, str], start_response: Callable[..., object]) -> list[bytes]:
        number = int(parse_qs(environ["QUERY_STRING"])["page"][0])
        start_response("200 OK", [("Content-Type", "application/json")])
        return [pages[number - 1]]

    with serving(app) as url:

        def floor() -> None:
            with requests.Session() as session:
                for number in range(1, PAGES + 1):
                    session.get(url, params={"page": number}, timeout=10).json()

        def ours() -> None:
            application = LastFMApplication(api_key="k", api_secret="s", api_url=url, auth_url=url)
            provider = LastFMProvider(application, username="ada", session_key="sk")
            seen: list[int] = []
            provider.get_recent_listens(START, lambda batch: seen.append(len(batch)))
            assert sum(seen) == PAGE * PAGES

        yield {"requests and json, nothing made of it": floor, "musicbridge, tracks": ours}


@contextmanager
def storing_listens() -> Iterator[Ways]:
    """Store 5,000 listens in batches of 200 into SQLite."""
    user = get_user_model().objects.create_user("bench")
    tracks = [
        Track(id="", name=f"Track {n}", artist="Ana", album="First", played_at=START + timedelta(minutes=n))
        for n in range(5000)
    ]
    batches = [tracks[start : start + PAGE] for start in range(0, len(tracks), PAGE)]

    def empty() -> None:
        Listen.objects.all().delete()

    def floor() -> None:
        empty()
        for batch in batches:
            Listen.objects.bulk_create(
                Listen(
                    user=user,
                    provider_type="lastfm",
                    name=track.name,
                    artist=track.artist,
                    album=track.album,
                    played_at=track.played_at,
                )
                for track in batch
            )

    def ours() -> None:
        empty()
        again()

    def again() -> None:
        for batch in batches:
            ingest.store(user.pk, "lastfm", batch)

    yield {"bulk_create alone": floor, "musicbridge, all new": ours, "musicbridge, all known": again}


def _page_of_scrobbles(number: int) -> bytes:
    first = (PAGES - number + 1) * PAGE
    rows = [
        {
            "artist": {"#text": "Ana", "mbid": ""},
            "album": {"#text": "First", "mbid": ""},
            "name": f"Track {minute}",
            "mbid": "",
            "url": f"https://www.last.fm/music/Ana/_/Track+{minute}",
            "streamable": "0",
            "image": [{"size": size, "#text": "https://images.example/i.png"} for size in ("small", "large")],
            "date": {"uts": str(int((START + timedelta(minutes=minute)).timestamp())), "#text": "01 Jan 2026"},
        }
        for minute in range(first, first - PAGE, -1)
    ]
    attributes = {"user": "ada", "page": str(number), "perPage": str(PAGE), "totalPages": str(PAGES)}
    document = {"recenttracks": {"track": rows, "@attr": attributes | {"total": str(PAGES * PAGE)}}}
    return json.dumps(document).encode()


ALL = (reading_a_history, storing_listens)
