"""Indexes a library (`index SONGS`), or plans a playlist against one that is indexed (`plan TRACKS`); prints JSON."""

import json
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import django

NAIVE_TRACKS = 5
"""How many tracks are compared with every song: each takes as long as any other."""

_WORDS = [
    f"{begin}{end}"
    for begin in ("ri", "ho", "lo", "ma", "su", "ta", "ne", "ki")
    for end in ("ver", "me", "ve", "n", "der")
]
_PAGE = 500


def main(what: str, number: int) -> None:
    """Measure one of the two."""
    django.setup()
    print(json.dumps({"index": index, "plan": plan}[what](number)))


def index(songs: int) -> dict[str, float]:
    """Fill the index of ada's library."""
    from django.contrib.auth import get_user_model

    from providers.datatypes import Track
    from providers.models import Connection
    from providers.playlists import library

    class Lister:
        """A library of that many songs."""

        def iter_library(self) -> Iterator[list[Track]]:
            for first in range(0, songs, _PAGE):
                yield [_song(number) for number in range(first, min(first + _PAGE, songs))]

    connection = Connection.objects.create(user=get_user_model().objects.get(username="ada"), provider_type="navidrome")
    took = []
    for _ in range(2):
        library.FRESH_FOR *= 0
        started = time.perf_counter()
        library.refresh(connection, Lister())
        took.append(time.perf_counter() - started)
    return {"first": took[0], "again": took[1]}


def plan(tracks: int) -> dict[str, float]:
    """Match so many tracks, and plan what has to change on a list that has most of them, in another order."""
    from rapidfuzz import fuzz

    from providers.models import LibraryIndex
    from providers.playlists.finding import AT_ONCE, match_all
    from providers.playlists.plan import changes_between

    index = LibraryIndex.objects.get()
    chance = random.Random(1)
    held = [_song(number) for number in chance.sample(range(index.song_count), min(tracks, index.song_count))]
    wanted = [replace(song, id=f"s{song.id}", isrc=song.isrc if number % 3 else "") for number, song in enumerate(held)]
    wanted = [replace(one, name=f"{one.name} - 2011 Remaster") if n % 7 == 0 else one for n, one in enumerate(wanted)]
    wanted = [replace(one, name=f"Unheard of {n}", isrc="") if n % 33 == 0 else one for n, one in enumerate(wanted)]
    started = time.perf_counter()
    found = []
    for first in range(0, len(wanted), AT_ONCE):
        some = wanted[first : first + AT_ONCE]
        found += [verdict.match for verdict in match_all(index, some)]
    songs = [one.song for one in found if one is not None]
    now = songs[: len(songs) // 2][::-1] + songs[len(songs) // 2 :]
    changes = changes_between(now, songs)
    seconds = time.perf_counter() - started
    everything = [f"{song.artist} {song.name}".lower() for song in map(_song, range(index.song_count))]
    naive_started = time.perf_counter()
    for one in wanted[:NAIVE_TRACKS]:
        text = f"{one.artist} {one.name}".lower()
        max(fuzz.token_set_ratio(text, other) for other in everything)
    return {
        "seconds": seconds,
        "tracks": len(wanted),
        "found": len(songs),
        "changes": len(changes),
        "naive_seconds_per_track": (time.perf_counter() - naive_started) / NAIVE_TRACKS,
    }


def _song(number: int):  # type: ignore[no-untyped-def]
    from providers.datatypes import Track

    chance = random.Random(number)
    # Every fortieth is one of those of which each library has many.
    name = "Intro" if number % 40 == 0 else " ".join(chance.choices(_WORDS, k=chance.randint(1, 4))).title()
    artist = f"The {chance.choice(_WORDS).title()} {chance.randrange(80)}"
    return Track(
        id=f"{number:022}",
        name=name,
        artist=artist,
        artists=(artist,),
        album=f"{chance.choice(_WORDS).title()} {number // 12}",
        duration_ms=chance.randint(90_000, 420_000),
        isrc=f"QZM0A{number:07}" if number % 4 else "",
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
