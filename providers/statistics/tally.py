"""What a number of listens come to: when they were, and what was heard how often. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from heapq import nlargest
from itertools import chain, repeat
from operator import itemgetter
from typing import NamedTuple

QUARTER = timedelta(minutes=15)
"""The finest that is counted by: no time zone is off by less."""

QUARTERS_A_DAY = 96

CHARTS = ("artists", "albums", "tracks")
"""The names of the charts of a `Tally`."""

TOP = 10
"""How many of a chart are named."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Quarters = dict[int, Sequence[int]]
"""The listens of each quarter of an hour of some days of UTC, by the number of the day since 1970."""


class Heard(NamedTuple):
    """A listen, as far as it is counted."""

    id: int
    played_at: datetime
    name: str
    artist: str
    album: str


class Ranked(NamedTuple):
    """How often something was heard, and the id of a listen to it."""

    listens: int
    listen_id: int


class Summary(NamedTuple):
    """How many of a kind were heard, and which of them most."""

    heard: int
    most: list[Ranked]


@dataclass(slots=True)
class Chart:
    """How often each of a kind was heard, by key, and a listen to each, which tells what the key stands for.

    Listens are only looked up for the few keys that are asked about: `parts` are keys that were added together, and
    what tells the id of a listen to a key by the place of it.
    """

    counts: "Counter[int]" = field(default_factory=Counter)
    parts: list[tuple[Sequence[int], Callable[[int], int]]] = field(default_factory=list)

    def count(self, keys: Sequence[int], listen_ids: Sequence[int]) -> None:
        """Add one listen for each key."""
        self.counts.update(keys)
        self.parts.append((keys, listen_ids.__getitem__))

    def add(self, keys: Sequence[int], counts: Sequence[int], listen_id_at: Callable[[int], int]) -> None:
        """Add what was counted elsewhere."""
        # Told one by one, `Counter` counts faster than anything that is written in Python adds up.
        self.counts.update(chain.from_iterable(map(repeat, keys, counts)))
        self.parts.append((keys, listen_id_at))

    def listens(self) -> dict[int, int]:
        """Return the id of a listen to each key."""
        return {key: listen_id_at(place) for keys, listen_id_at in self.parts for place, key in enumerate(keys)}

    def summary(self, limit: int) -> Summary:
        """Return how many there are, and those that were heard most."""
        # By key where two were heard as often: the same list then, however the counting was parted.
        top = nlargest(limit, self.counts.items(), key=itemgetter(1, 0))
        return Summary(len(self.counts), [Ranked(count, self._listen_to(key)) for key, count in top])

    def _listen_to(self, key: int) -> int:
        keys, listen_id_at = next(part for part in reversed(self.parts) if key in part[0])
        return listen_id_at(keys.index(key))


@dataclass(slots=True)
class Tally:
    """Listens by time, and by what was heard."""

    quarters: Quarters = field(default_factory=dict)
    artists: Chart = field(default_factory=Chart)
    albums: Chart = field(default_factory=Chart)
    tracks: Chart = field(default_factory=Chart)

    def summaries(self) -> dict[str, Summary]:
        """Return what there is to say of each chart, by its name."""
        return {name: getattr(self, name).summary(TOP) for name in CHARTS}

    def count(self, listens: Iterable[Heard]) -> None:
        """Add listens. Where a name is missing, only what is there counts."""
        heard = list(listens)
        count_quarters(self.quarters, (listen.played_at for listen in heard))
        ids = [listen.id for listen in heard]
        self.tracks.count([key_of(listen.name, listen.artist) for listen in heard], ids)
        by_artists = [listen for listen in heard if listen.artist]
        self.artists.count([key_of(listen.artist) for listen in by_artists], [listen.id for listen in by_artists])
        on_albums = [listen for listen in heard if listen.album]
        self.albums.count(
            [key_of(listen.album, listen.artist) for listen in on_albums], [listen.id for listen in on_albums]
        )


def count_quarters(quarters: Quarters, moments: Iterable[datetime]) -> None:
    """Add one listen for each moment."""
    for number, listens in Counter((moment - EPOCH) // QUARTER for moment in moments).items():
        day, quarter = divmod(number, QUARTERS_A_DAY)
        of_day = quarters.get(day)
        if not isinstance(of_day, list):
            of_day = quarters[day] = list(of_day or [0] * QUARTERS_A_DAY)
        of_day[quarter] += listens


@lru_cache(maxsize=65536)
def key_of(name: str, artist: str = "") -> int:
    """Return the signed 64-bit number that stands for what is called so, in capital letters or not."""
    text = f"{name.casefold()}\0{artist.casefold()}"
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), signed=True)
