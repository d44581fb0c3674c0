# ruff: noqa: RUF001 (titles are spelled as their labels would spell them)
"""Invented music and a believable life of listening to it, the same for every service and every run of one seed."""

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

_BASE62 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

_ARTISTS = (
    "The Paper Lanterns", "Sólveig Mýrdal", "Night Ferry", "Ørsted Drift", "Marisol & the Undertow",
    "Juniper Static", "川辺の灯", "Cold Harbour Choir", "Żółty Tramwaj", "Delta Foxglove", "Émile et les Orages",
    "Kite Weather", "Los Búhos Eléctricos", "Amber Okafor", "Glass Orchard", "Полярная станция", "Hollow Pines",
    "DJ Tessellate", "Ines Caldeira Trio", "Half Past Never", "Mère Corbeau", "Tin Roof Parade",
    "Åsa Lindqvist", "Saturn Laundry", "The Understudies", "Yusuf Demirkan", "Violet Engine", "K∆RST",
    "Old Bridge Quartet", "Nadia O’Rourke", "Copper Moths", "Salt & Signal", "Rue des Lilas", "Milo Farrow",
    "(the) Parentheses", "Sirocco Kids", "Bellwether", "Tomás Quintanilla", "Low Sun Collective",
    "Big Umbrella",
)  # fmt: skip
_OPENINGS = (
    "Slow", "Paper", "Midnight", "Golden", "Quiet", "Borrowed", "Electric", "Winter", "Second", "Distant",
    "Broken", "Silver", "Hollow", "Long", "Northern", "Velvet", "Blue", "Last", "Empty", "Tender", "Crooked",
    "Radio", "Summer", "Wooden",
)  # fmt: skip
_ENDINGS = (
    "Harbour", "Letters", "Machine", "Rain", "Windows", "Company", "Avenue", "Ghosts", "Season", "Mirrors",
    "Departures", "Garden", "Signals", "Holiday", "Weather", "Staircase", "Orbit", "Telephone", "Kingdom",
    "Tide", "Lights", "Ceremony",
)  # fmt: skip
_PHRASES = (
    "Don’t Wait Up", "What the River Said", "I Was a Satellite", "Où va la nuit", "Hvit måne", "Corazón de sal",
    "夜の汽車", "Do rana", "Снег над портом", "You, Again", "Untitled #4", "Same As It Never Was",
    "Hello / Goodbye", "Nobody’s Parade", "7:45 to Anywhere", "Rooms We Rented", "Gülümse",
    "Meet Me at the Ice Rink", "Everything & Nothing", "Intro", "Como llueve", "Le grand départ",
)  # fmt: skip
_VENUES = ("the Old Foundry", "Sala Polar", "Paradijs", "the Harbour Hall")


@dataclass(frozen=True, slots=True)
class CatalogueTrack:
    """One invented recording. ``key`` is 22 base-62 characters, usable as an id; ``isrc``, ``mbid`` may be empty."""

    key: str
    name: str
    artists: tuple[str, ...]
    album: str
    album_key: str
    year: int
    track_number: int
    duration_ms: int
    isrc: str
    mbid: str

    @property
    def artist(self) -> str:
        """The artist it is filed under, without guests."""
        return self.artists[0]


class Catalogue:
    """Several hundred tracks, and the listening of someone who likes some of them better than others.

    The same seed gives the same tracks, and on every day the same listens: services that share a catalogue overlap.
    """

    def __init__(self, seed: int = 1) -> None:
        self._seed = seed
        rng = random.Random(seed)
        self._albums: tuple[tuple[CatalogueTrack, ...], ...] = tuple(
            tuple(_album(rng, artist)) for artist in _ARTISTS for _ in range(rng.randint(1, 3))
        )
        self.tracks: tuple[CatalogueTrack, ...] = tuple(track for album in self._albums for track in album)
        self._album_liking = [rng.paretovariate(0.9) for _ in self._albums]
        self._track_liking = [rng.paretovariate(0.9) for _ in self.tracks]

    def listening(self, days: int, per_day: int, until: datetime) -> list[tuple[datetime, CatalogueTrack]]:
        """What was listened to in the ``days`` before ``until``, oldest first: when each track *started* (aware UTC).

        About ``per_day`` tracks a day, a little in the morning and most in the evening; no two overlap, and the last
        has ended by ``until``.
        """
        until = until.astimezone(UTC)
        since = until - timedelta(days=days)
        return [
            (started_at, track)
            for offset in range(-1, days + 1)
            for started_at, track in self._day(since.date() + timedelta(days=offset), per_day)
            if since <= started_at and started_at + timedelta(milliseconds=track.duration_ms) <= until
        ]

    def _day(self, day: date, per_day: int) -> Iterator[tuple[datetime, CatalogueTrack]]:
        rng = random.Random(f"{self._seed} {day.isoformat()} {per_day}")
        wanted = max(1, round(per_day * rng.uniform(0.6, 1.4)))
        morning, noon = wanted // 5, wanted // 6
        sessions = ((7.0, morning), (12.5, noon), (18.5, wanted - morning - noon))
        now = datetime.combine(day, time(6), UTC)
        next_morning = now + timedelta(hours=24)
        for hour, count in sessions:
            start = datetime.combine(day, time(), UTC) + timedelta(hours=hour + rng.uniform(0, 1.0))
            now = max(now, start.replace(microsecond=start.microsecond // 1000 * 1000))
            for track in self._session(rng, count):
                now += timedelta(milliseconds=rng.choice((0, 120, 480, 1_500, 4_000, 45_000)))
                ends_at = now + timedelta(milliseconds=track.duration_ms)
                if ends_at > next_morning:
                    return
                yield now, track
                now = ends_at

    def _session(self, rng: random.Random, count: int) -> list[CatalogueTrack]:
        played: list[CatalogueTrack] = []
        while len(played) < count:
            mood = rng.random()
            if mood < 0.45:
                played += rng.choices(self._albums, self._album_liking)[0]
            elif mood < 0.9:
                played += rng.choices(self.tracks, self._track_liking, k=rng.randint(3, 12))
            else:
                played += rng.choices(self.tracks, self._track_liking) * rng.randint(2, 4)
        return played[:count]


def _album(rng: random.Random, artist: str) -> Iterator[CatalogueTrack]:
    title = _title(rng)
    album_key = _key(rng)
    year = rng.randint(1968, 2025)
    for number in range(1, rng.randint(6, 12) + 1):
        track = CatalogueTrack(
            key=_key(rng),
            name=_title(rng),
            artists=(artist,),
            album=title,
            album_key=album_key,
            year=year,
            track_number=number,
            duration_ms=rng.randint(95_000, 390_000),
            isrc=f"QZM{_letters(rng)}{year % 100:02}{rng.randrange(100_000):05}",
            mbid=str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        )
        yield _varied(rng, track)


def _varied(rng: random.Random, track: CatalogueTrack) -> CatalogueTrack:
    kind = rng.random()
    if kind < 0.08:
        guest = rng.choice([artist for artist in _ARTISTS if artist != track.artist])
        return replace(track, name=f"{track.name} (feat. {guest})", artists=(track.artist, guest))
    if kind < 0.14:
        return replace(track, name=f"{track.name} - Remastered {rng.randint(2009, 2024)}")
    if kind < 0.18:
        return replace(track, name=f"{track.name} (Live at {rng.choice(_VENUES)})", mbid="")
    if kind < 0.21:
        return replace(track, name=f"{track.name} - Radio Edit", duration_ms=track.duration_ms * 3 // 4)
    if kind < 0.26:
        return replace(track, isrc="")
    if kind < 0.34:
        return replace(track, mbid="")
    return track


def _title(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.35:
        return rng.choice(_PHRASES)
    if kind < 0.85:
        return f"{rng.choice(_OPENINGS)} {rng.choice(_ENDINGS)}"
    return rng.choice(_ENDINGS)


def _key(rng: random.Random) -> str:
    return "".join(rng.choices(_BASE62, k=22))


def _letters(rng: random.Random) -> str:
    return "".join(rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZ", k=2))
