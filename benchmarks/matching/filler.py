"""What fills the library up around the songs of the set: look-alikes of all of them, none of which is ever right."""

import random
from collections.abc import Iterator
from dataclasses import replace

from providers.datatypes import Track

_FIRST = (
    *("Silver", "Velvet", "Paper", "Golden", "Broken", "Midnight", "Electric", "Hollow", "Crimson", "Northern"),
    *("Quiet", "Distant", "Burning", "Frozen", "Little", "Wild", "Empty", "Second", "Neon", "Summer"),
)
_SECOND = (
    *("River", "Heart", "Light", "Home", "Road", "Fire", "Garden", "Mirror", "Sky", "Letter"),
    *("Season", "Ocean", "Dream", "Window", "Machine", "Shadow", "Station", "Water", "Morning", "City"),
)
_OFTEN = (
    *("Intro", "Home", "Interlude", "Outro", "Hello", "Alone", "Stay", "Time", "Forever", "Angel"),
    *("Fire", "Rain", "Sunrise", "Untitled", "Lost"),
)


def fill(songs: list[Track], missing: list[Track]) -> list[Track]:
    """Return look-alikes of the songs, and of tracks that the library does not have; always the same ones."""
    chance = random.Random(20261125)
    told = {_plain(one) for one in missing}
    made = [
        song
        for one in (*songs, *missing)
        for song in _look_alikes(one, chance, with_versions=one in missing or _plain(one) not in told)
    ]
    made += [
        Track(
            id="",
            name=chance.choice(_OFTEN),
            artist=_invented(chance),
            album=_invented(chance),
            duration_ms=chance.randrange(40, 320) * 1000,
        )
        for _ in range(600)
    ]
    return [replace(song, id=f"f{number:04d}") for number, song in enumerate(made)]


def _plain(track: Track) -> str:
    return track.name.partition(" - ")[0].partition(" (")[0].lower()


def _look_alikes(song: Track, chance: random.Random, *, with_versions: bool) -> Iterator[Track]:
    like = replace(song, isrc="", mbid="", artists=(), artist=song.artists[0] if song.artists else song.artist)
    length = like.duration_ms // 1000 * 1000
    yield replace(like, name=f"{like.name} (Karaoke Version)", artist="Sing Along Studio", album="Karaoke Party")
    yield replace(
        like,
        artist=_invented(chance),
        album=_invented(chance),
        duration_ms=length and length + chance.randrange(-2, 3) * 1000,
    )
    yield replace(like, name=_invented(chance), duration_ms=length)
    if chance.random() < 0.5:
        yield replace(like, name=f"{like.name} (Made Famous by {like.artist})", artist=f"{like.artist} Tribute Players")
    told = f"{song.name} {song.album}".lower()
    # Of a version that is looked for, another one could be it.
    if with_versions and not any(word in told for word in ("live", "mix", "refix", "instrumental", "unplugged")):
        yield replace(like, name=f"{like.name} (Rooftop Sisters Remix)", duration_ms=length)
        yield replace(like, name=f"{like.name} (Live in Ghent)", album="Live in Ghent", duration_ms=length + 21_000)
        if chance.random() < 0.5:
            yield replace(like, name=f"{like.name} (Instrumental)", duration_ms=length)


def _invented(chance: random.Random) -> str:
    return f"{chance.choice(_FIRST)} {chance.choice(_SECOND)}"
