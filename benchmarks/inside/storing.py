"""Stores listens with `ingest.store` and with `bulk_create`, in turn, and prints the seconds of each as JSON."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import django
from django.core.management import call_command
from django.db import connection, transaction

from benchmarks.figures import in_turn

LISTENS = 50_000
BATCH = 2000


def main() -> None:
    """Measure, on whatever database the environment names."""
    django.setup()
    call_command("migrate", verbosity=0)

    from django.contrib.auth import get_user_model

    from providers.datatypes import Track
    from providers.history import ingest
    from providers.models import Listen

    user = get_user_model().objects.create_user("bench")
    start = datetime(2020, 1, 1, tzinfo=UTC)
    tracks = [
        Track(
            id="",
            name=f"Track number {number % 5000}",
            artist=f"Artist {number % 300}",
            album=f"Album {number % 900}",
            played_at=start + timedelta(seconds=200 * number),
            url=f"https://www.last.fm/music/Artist+{number % 300}/_/Track+number+{number % 5000}",
        )
        for number in reversed(range(LISTENS))
    ]
    batches = [tracks[first : first + BATCH] for first in range(0, LISTENS, BATCH)]

    def bulk_create(batch: list[Track]) -> None:
        Listen.objects.bulk_create(
            [
                Listen(
                    user_id=user.pk,
                    provider_type="lastfm",
                    name=track.name,
                    artist=track.artist,
                    album=track.album,
                    played_at=track.played_at,
                    url=track.url,
                )
                for track in batch
            ],
            ignore_conflicts=True,
        )

    def store(batch: list[Track]) -> None:
        ingest.store(user.pk, "lastfm", batch)

    def all_of_it(way: Callable[[list[Track]], None]) -> float:
        started = time.perf_counter()
        for batch in batches:
            with transaction.atomic():
                way(batch)
        seconds = time.perf_counter() - started
        assert Listen.objects.count() == LISTENS
        return seconds

    def all_new(way: Callable[[list[Track]], None]) -> float:
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(Listen._meta.db_table)}")
        return all_of_it(way)

    ways = {
        "bulk_create": lambda: all_new(bulk_create),
        "store": lambda: all_new(store),
        "store, all known": lambda: all_of_it(store),
    }
    print(json.dumps(in_turn(ways)))


if __name__ == "__main__":
    main()
