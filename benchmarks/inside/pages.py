"""Fills a history of 500,000 listens and asks for its pages; prints the seconds and milliseconds of each as JSON."""

import json
import random
import statistics
import time
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import django
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

LISTENS = 500_000
YEARS = 10
TRACKS = 60_000
ROUNDS = 9

PAGES = {
    "statistics": "/statistics/",
    "statistics of all time": "/statistics/?span=all",
    "statistics of a year": "/statistics/?span={middle:%Y}",
    "history": "/history/",
    "a page deep in the history": "/history/?before={microseconds}-0",
    "a page towards the newest": "/history/?after={microseconds}-0",
    "history of one service": "/history/?service=navidrome",
    "history of a day": "/history/?since={middle:%Y-%m-%d}&until={middle:%Y-%m-%d}",
    "a search that finds much": "/history/?q=track",
    "a search that finds nothing": "/history/?q=unheard",
    "a search for other letters": "/history/?q=%C3%BC",
}


def main() -> None:
    """Measure, on whatever database the environment names."""
    django.setup()
    call_command("migrate", verbosity=0)

    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.test import Client

    from providers import worker
    from providers.models import StatisticsScan

    settings.ALLOWED_HOSTS = ["testserver"]
    user = get_user_model().objects.create_user("ada")
    newest = datetime.now(UTC)
    _fill(user.pk, newest)
    StatisticsScan.note(user.pk, newest - timedelta(days=366 * YEARS), newest)
    started = time.perf_counter()
    worker.drain(worker.STATISTICS)
    counting = time.perf_counter() - started

    visitor = Client()
    visitor.force_login(user)
    middle = newest - timedelta(days=366 * YEARS // 2)
    microseconds = int(middle.timestamp()) * 1_000_000
    pages: dict[str, Any] = {}
    visitor.cookies["zone"] = "Europe/Berlin"
    for name, address in PAGES.items():
        address = address.format(middle=middle, microseconds=microseconds)
        seconds, at_work = [], []
        for _ in range(ROUNDS):
            began, began_work = time.perf_counter(), time.process_time()
            response = visitor.get(address)
            seconds.append(time.perf_counter() - began)
            at_work.append(time.process_time() - began_work)
            assert response.status_code == 200, address
        with CaptureQueriesContext(connection) as queries:
            visitor.get(address)
        pages[name] = {
            "milliseconds": 1000 * statistics.median(seconds),
            "at_work": 1000 * statistics.median(at_work),
            "bytes": len(response.content),
            "queries": len(queries),
        }
    print(json.dumps({"counting": counting, "pages": pages}))


def _fill(user_id: int, newest: datetime) -> None:
    """Store listens as they come home in years: some heard often, most hardly ever; one in ten is told twice."""
    from providers.models import Listen
    from providers.models.history import fingerprint

    columns = ["user_id", "provider_type", "source", "remote_track_id", "name", "artist", "album", "duration_ms"]
    columns += ["played_at", "url", "isrc", "fingerprint", "duplicate_of_id", "id"]
    row = f"({', '.join(['%s'] * len(columns))})"
    at_once = 900 // len(columns)
    chance = random.Random(1)
    step = timedelta(days=365 * YEARS) / LISTENS
    rows: list[tuple[Any, ...]] = []
    for number in range(LISTENS):
        track = int(TRACKS * chance.random() ** 3)
        is_told_again = number % 10 == 9
        if not is_told_again:
            played_at = newest - number * step
            names = f"Track number {track}", f"Artist {track % 3000}", f"Album {track // 10}"
        rows.append(
            (
                *(user_id, "navidrome" if is_told_again else "spotify", "api", f"{track:022}", *names, 200_000),
                *(played_at, f"https://open.example/track/{track:022}", f"DEA00{track:07}"),
                *(fingerprint(*names[:2]), LISTENS - number + 1 if is_told_again else None, LISTENS - number),
            )
        )
    # The oldest first, as most of a history is stored.
    rows.reverse()
    head = f"INSERT INTO {Listen._meta.db_table} ({', '.join(columns)}) VALUES "
    with transaction.atomic(), connection.cursor() as cursor:
        for first in range(0, LISTENS, at_once):
            some = rows[first : first + at_once]
            cursor.execute(head + ", ".join([row] * len(some)), list(chain.from_iterable(some)))
        if connection.vendor == "postgresql":
            # It would do so itself before long; nobody does it for SQLite.
            cursor.execute("ANALYZE")


if __name__ == "__main__":
    main()
