"""What speaks for and against two tracks being one recording: title, artist, album and duration, each by itself."""

import re
from dataclasses import dataclass
from enum import IntEnum

from rapidfuzz.fuzz import ratio

from providers.datatypes import Track
from providers.recordings.letters import is_latin
from providers.recordings.names import without_umlauts
from providers.recordings.songs import Song, song
from providers.recordings.sounds import in_own_letters, romanised, sound
from providers.recordings.vocabulary import MARKS, SAYS_LITTLE

CLOSE_SECONDS = 3
"""As far as the same recording differs between services: in how they round and in the silence at its end."""

FAIR_SECONDS = 10
"""As far as another pressing of it may differ on the same album, where the names leave no doubt."""

FAIR_SECONDS_ELSEWHERE = 5
"""The same on another album: that could be a concert's, and not say so."""


class Need(IntEnum):
    """What a finding needs besides, before it may be a match."""

    NOTHING = 0
    DURATION_OR_ALBUM = 1
    """That the durations are close, or the albums agree."""
    DURATION = 2
    """That the durations are close; or that the albums agree, where one is unknown."""
    DURATION_AND_ALBUM = 3
    """That the durations are known and close, and the albums agree."""
    NEVER = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """How alike two tracks are in one respect, from 0 to 1, what that needs, and what to say of it."""

    score: float
    need: Need
    says: str = ""


EQUAL = Finding(1.0, Need.NOTHING)

IN_ANOTHER_ALPHABET = "the title in another alphabet"
IN_TWO_ALPHABETS = "the title in two alphabets"


_TRACK_NUMBER = re.compile(r"^\d{1,2} - (?=.*[^\W\d])")


def read(track: Track) -> Song:
    """Return the names of a track, ready to be compared."""
    # Files are often named with their place on the record: "13 - A Day in the Life".
    name = _TRACK_NUMBER.sub("", track.name) if track.name[:1].isdigit() else track.name
    return song(name, track.artist, track.album, track.artists)


# --- durations --------------------------------------------------------------------------------------------


def seconds_of(track: Track) -> int:
    """Return the duration of a track in whole seconds, as some services have it; 0 where it is unknown."""
    return (track.duration_ms + 500) // 1000


def seconds_longer(track: Track, candidate: Track) -> int | None:
    """Return by how much the candidate is longer than the track, None where either duration is unknown."""
    a, b = seconds_of(track), seconds_of(candidate)
    return b - a if a > 0 and b > 0 else None


# --- titles -----------------------------------------------------------------------------------------------

_NEARLY_EQUAL = 85.0
_ALIKE = 78.0
_LONGEST_TITLE = 200
_DIGITS = re.compile(r"\d+")


def compare_titles(a: Song, b: Song, name_a: str, name_b: str) -> Finding:
    """Compare what two recordings are called, without what tells their versions apart."""
    if not a.full or not b.full:
        return Finding(0.0, Need.NEVER, "no title")
    if a.full == b.full or (a.bare == b.bare and a.extra == b.extra):
        return EQUAL
    if a.bare == b.bare:
        if a.extra <= b.extra or b.extra <= a.extra:
            return Finding(0.97, Need.DURATION, "a remark more in the title")
        return Finding(0.8, Need.NEVER, "another remark in the title")
    if is_latin(a.full) != is_latin(b.full):
        return _compare_across_alphabets(a, b, name_a, name_b)
    return _compare_spellings(a, b)


def _compare_across_alphabets(a: Song, b: Song, name_a: str, name_b: str) -> Finding:
    if in_own_letters(name_a) == b.bare or in_own_letters(name_b) == a.bare:
        return Finding(0.98, Need.DURATION, IN_TWO_ALPHABETS)
    there, here = sound(a.full), sound(b.full)
    alike = ratio(there, here) / 100
    if min(len(there), len(here)) >= 3 and alike >= 0.75:
        return Finding(0.9 + alike / 20, Need.DURATION, IN_ANOTHER_ALPHABET)
    if min(len(there), len(here)) >= 2 and alike == 1:
        return Finding(0.9, Need.DURATION, IN_ANOTHER_ALPHABET)
    return Finding(alike / 2, Need.NEVER, "another title")


def _compare_spellings(a: Song, b: Song) -> Finding:
    if max(len(a.full), len(b.full)) > _LONGEST_TITLE:
        return Finding(0.0, Need.NEVER, "another title")
    fewer, more = sorted((a.words, b.words), key=len)
    if fewer and set(fewer) <= set(more) and _numbers_fit(fewer, more):
        return _judge_part(fewer, more, a, b)
    if len(fewer) >= 2 and _says_the_same(fewer, more):
        return Finding(0.9, Need.DURATION, "the title written differently")
    alike = max(ratio(a.full, b.full), ratio(a.bare, b.bare) if a.extra == b.extra and a.details == b.details else 0)
    other = Finding(alike / 130, Need.NEVER, "another title")
    if alike < _ALIKE or min(len(a.bare), len(b.bare)) < 5 or _DIGITS.findall(a.full) != _DIGITS.findall(b.full):
        return other
    if len(a.words) == len(b.words):
        pairs = [(one, another) for one, another in zip(a.words, b.words, strict=True) if one != another]
        if not all(_is_misspelt(*pair) for pair in pairs):
            # "Back to Black", "Back in Black": small words are mixed up.
            small = all(max(map(len, pair)) <= 3 and min(map(len, pair)) >= 2 for pair in pairs)
            return (
                Finding(alike / 100, Need.DURATION_AND_ALBUM, "another title") if small and len(pairs) == 1 else other
            )
        return Finding(alike / 100, Need.DURATION, "the title spelt differently")
    need = Need.DURATION if alike >= _NEARLY_EQUAL else Need.DURATION_AND_ALBUM
    return Finding(alike / 100, need, "the title spelt differently")


def _judge_part(fewer: tuple[str, ...], more: tuple[str, ...], a: Song, b: Song) -> Finding:
    """Judge a title all of whose words are in the other one: "Killing Me Softly", "Killing Me Softly with His Song"."""
    share = len(set(fewer)) / len(set(more))
    beyond = set(more) - set(fewer)
    if not beyond.isdisjoint(MARKS):
        return Finding(share, Need.NEVER, "another version")
    elsewhere = a.album + b.album + a.artist + b.artist
    is_said_elsewhere = all(word in elsewhere or word.isdigit() or word in SAYS_LITTLE for word in beyond)
    if is_said_elsewhere or (len(fewer) >= 3 and share >= 0.5) or (len(fewer) == 2 and more[:2] == fewer):
        return Finding(0.85 + share / 10, Need.DURATION, "a part of the title")
    if more[: len(fewer)] == fewer or len(fewer) >= 3:
        return Finding(0.85 + share / 10, Need.DURATION_AND_ALBUM, "a part of the title")
    return Finding(share, Need.NEVER, "another title")


def _numbers_fit(fewer: tuple[str, ...], more: tuple[str, ...]) -> bool:
    """Tell whether the longer title names no other part: of several numbers, the last is what parts are told by."""
    there = [word for word in fewer if word.isdigit()]
    here = [word for word in more if word.isdigit()]
    if not there or not here:
        return not here or not more[-1].isdigit()
    if set(there) <= set(here) and fewer[-1] == more[-1]:
        # "Requiem, K. 626: Lacrimosa", "Requiem, K. 626: 3. Sequentia: Lacrimosa".
        return True
    return there[-1] == here[-1]


def _says_the_same(fewer: tuple[str, ...], more: tuple[str, ...]) -> bool:
    """Tell whether two titles of works name the same one, in another order and with a word more here or there."""
    numbers = [[word for word in some if word.isdigit()] for some in (fewer, more)]
    # Without a number there is nothing that tells one movement from another.
    if not all(numbers) or numbers[0][-1] != numbers[1][-1]:
        return False
    if not (set(numbers[0]) <= set(numbers[1]) or set(numbers[1]) <= set(numbers[0])):
        return False
    missing = [word for word in fewer if word not in more and not any(_is_inflected(word, one) for one in more)]
    beyond = [word for word in more if word not in fewer and not any(_is_inflected(word, one) for one in fewer)]
    # "B flat minor", "E flat minor": a key that differs is another piece.
    if any(word in _KEYS for word in missing) and any(word in _KEYS for word in beyond):
        return False
    return not [word for word in missing if not word.isdigit()] or (
        len(missing) <= len(fewer) / 4 and len(beyond) <= len(more) / 4
    )


_KEYS = frozenset(["a", "b", "c", "d", "e", "f", "g", "h", "major", "minor", "sharp", "flat", "dur", "moll"])


def _is_inflected(one: str, another: str) -> bool:
    return min(len(one), len(another)) >= 4 and one[:4] == another[:4] and ratio(one, another) >= 85


def _is_misspelt(one: str, another: str) -> bool:
    if without_umlauts(one) == without_umlauts(another):
        return True
    return min(len(one), len(another)) >= 4 and ratio(one, another) > 65


# --- albums ----------------------------------------------------------------------------------------------


def is_on_one_album(a: Song, b: Song) -> bool:
    """Tell whether both are on an album of exactly this name."""
    return a.album == b.album != ""


def same_album(a: Song, b: Song) -> bool:
    """Tell whether both are on one album, as far as its name tells; "Deluxe Edition" and the like set aside."""
    return is_on_one_album(a, b) or bool(
        a.album and b.album and min(len(a.album), len(b.album)) >= 4 and ratio(a.album, b.album) >= 85
    )


# --- artists ----------------------------------------------------------------------------------------------

_IMITATING = frozenset(["karaoke", "tribute", "tributes", "cover", "covers", "カラオケ", "singalong"])


def compare_artists(a: Song, b: Song, a_track: Track, b_track: Track, title: Finding) -> Finding:
    """Compare who plays two recordings, whose titles were found to be that much alike."""
    if not a.artist or not b.artist:
        return Finding(0.9, Need.DURATION_AND_ALBUM, "an unknown artist")
    other = Finding(0.3, Need.NEVER, "another artist")
    if (a.artist_words & _IMITATING) != (b.artist_words & _IMITATING):
        return other
    if a.artist == b.artist or a.main_artist in b.artists or b.main_artist in a.artists:
        return EQUAL
    if not a.artists.isdisjoint(b.artists) and not _credited(a_track).isdisjoint(_credited(b_track)):
        return Finding(0.95, Need.DURATION, "with other artists")
    if is_latin(a.artist) != is_latin(b.artist):
        return _compare_artists_across_alphabets(a, b, title)
    if a.artist_words and b.artist_words and (a.artist_words <= b.artist_words or b.artist_words <= a.artist_words):
        return Finding(0.95, Need.DURATION_OR_ALBUM, "the artist's name in part")
    if not is_latin(a.artist) and not is_latin(b.artist) and title is EQUAL and ratio(a.artist, b.artist) >= 60:
        # "周杰倫", "周杰伦": one sign in another spelling is a third of the name.
        return Finding(0.9, Need.DURATION_AND_ALBUM, "the artist's name spelt differently")
    for one in (a.artist, a.main_artist):
        for another in (b.artist, b.main_artist):
            alike = ratio(one, another)
            if min(len(one), len(another)) >= 5 and alike >= _NEARLY_EQUAL:
                return Finding(alike / 100, Need.DURATION_OR_ALBUM, "the artist's name spelt differently")
    if title is EQUAL and ratio(a.main_artist, b.main_artist) >= _ALIKE:
        return Finding(0.85, Need.DURATION_AND_ALBUM, "the artist's name spelt differently")
    return other


def _credited(track: Track) -> frozenset[str]:
    """Return who is named as an artist, without the guests that only the title names: covers keep the title."""
    return song("", track.artist, "", track.artists).artists


def _compare_artists_across_alphabets(a: Song, b: Song, title: Finding) -> Finding:
    for one in (a.artist, a.main_artist):
        for another in (b.artist, b.main_artist):
            there, here = sound(one), sound(another)
            if romanised(one) == romanised(another) or (min(len(there), len(here)) >= 2 and ratio(there, here) >= 80):
                return Finding(0.97, Need.DURATION, "the artist's name in another alphabet")
    # "坂本龍一" and "Ryuichi Sakamoto" have nothing in common, as "坂本龍一" and "Queen" have not; and some take names
    # in Latin letters that are no transliteration ("싸이", "PSY"): title and album have to tell.
    is_album_no_hindrance = same_album(a, b) or is_latin(a.album) != is_latin(b.album)
    is_told = is_latin(romanised(a.artist)) and is_latin(romanised(b.artist))
    if title.says == IN_TWO_ALPHABETS:
        # A song that is known in both is sung by many.
        is_enough = same_album(a, b)
    elif title is EQUAL and not is_told:
        # A title in its own letters is hardly found with an artist in others, unless the album is the same.
        is_enough = same_album(a, b) or (is_latin(a.full) and is_latin(a.album) != is_latin(b.album))
    else:
        is_enough = title.says == IN_ANOTHER_ALPHABET and title.score >= 0.94 and not is_told and is_album_no_hindrance
    if is_enough:
        return Finding(0.88, Need.DURATION, "the artist's name in another alphabet")
    return Finding(0.3, Need.NEVER, "another artist, as far as alphabets tell")
