# ruff: noqa: RUF001 (names are spelled as people spell them)
"""Data of believable size for a person: their recent plays, and playlists with everything that makes playlists hard."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from providers.testing.simulators.catalogue import CatalogueTrack
from providers.testing.simulators.spotify.people import Episode, LocalFile, Person

_LENGTHS = {
    "Morning coffee": 38,
    "Kjøretur": 101,
    "Party! 🎉": 64,
    "Party!  🎉": 12,
    "Running 170 bpm": 50,
    "夜": 17,
    "Songs Ines sent me": 51,
    "Kitchen": 100,
    "2019": 88,
    "2024": 143,
    "To sort": 250,
    "Sleep": 24,
    "New playlist": 0,
    "New playlist (2)": 1,
    "Summer & Winter": 73,
    "Live takes <3": 31,
}
_FORGOTTEN_PLAY = 12
_PLAYS_PER_FULL_SECOND = 17


def seed_plays(person: Person, listening: Sequence[tuple[datetime, CatalogueTrack]]) -> None:
    """Play what was listened to, stamped at its end; now and then to the full second, and once without a track."""
    for age, (started_at, track) in enumerate(reversed(listening), start=1):
        played_at = started_at + timedelta(milliseconds=track.duration_ms)
        if age % _PLAYS_PER_FULL_SECOND == 0:
            played_at = played_at.replace(microsecond=0)
        person.listen(None if age == _FORGOTTEN_PLAY else track, played_at)


def seed_playlists(person: Person, neighbour: Person, tracks: Sequence[CatalogueTrack]) -> None:
    """Some twenty playlists: long, empty, alike in name, mixed, shared, followed, and three that are listed oddly."""
    rng = random.Random(person.id)
    for name, length in _LENGTHS.items():
        person.add_playlist(name, rng.sample(tracks, length), is_public=length % 2 == 0)
    person.add_playlist(
        "Odds and ends",
        [
            *rng.sample(tracks, 3),
            LocalFile("Demo tape, side B", "My cousin’s band", "", 273_000),
            None,
            Episode("Why harbours hum", "The Listening Hour", 2_754_000),
            *[rng.choice(tracks)] * 2,
        ],
        description=None,
    )
    person.add_playlist("Private thoughts", rng.sample(tracks, 9), is_public=False, has_image=False)
    person.add_playlist("Counted but not shown", rng.sample(tracks, 4), is_listed=False)
    person.library.insert(7, None)
    person.follow(neighbour.add_playlist(f"{neighbour.display_name}’s best of", rng.sample(tracks, 120)))
    person.follow(neighbour.add_playlist("Flat share", rng.sample(tracks, 45), is_public=False, is_collaborative=True))
