"""Whether two services name the same recording: pure text, no times.

Services write one recording in many ways: "Song - 2011 Remaster", "Song (feat. Bo)", "The Band" or "Band, The". What
is left after such differences is compared. What makes another recording of it (live, acoustic, a remix, another
language) is kept apart, as a mark, and has to agree.
"""

import re
from difflib import SequenceMatcher
from enum import IntEnum

from providers.recordings.letters import is_latin
from providers.recordings.songs import Song


class Likeness(IntEnum):
    """How sure the names alone make that two recordings are one."""

    OTHER = 0
    IF_AS_LONG = 1
    """One, if they are equally long as well."""
    IF_CONFIRMED = 2
    """One, if they are equally long or told of the same second as well."""
    SAME = 3


def likeness(a: Song, b: Song, *, is_one_row: bool = False) -> Likeness:
    """Tell whether two titles and artists name the same recording.

    `is_one_row`: that one service tells them of one moment, so that another artist or title is the same one corrected.
    """
    titles, artists = _likeness_of_titles(a, b), _likeness_of_artists(a, b)
    if is_one_row:
        # Had both changed, nothing would tell that it is the same row.
        return max(titles, min(artists, Likeness.IF_AS_LONG))
    return min(titles, artists)


def _likeness_of_titles(a: Song, b: Song) -> Likeness:
    if not a.bare or not b.bare:
        return Likeness.OTHER
    if a.full == b.full:
        return Likeness.IF_AS_LONG if _albums_disagree(a, b) else Likeness.SAME
    alike = min(_likeness_of_marks(a, b), _likeness_of_details(a, b))
    if a.bare != b.bare:
        return min(alike, _likeness_of_different_titles(a, b))
    if a.extra == b.extra:
        return alike
    return min(alike, Likeness.IF_CONFIRMED) if a.extra <= b.extra or b.extra <= a.extra else Likeness.OTHER


def _likeness_of_marks(a: Song, b: Song) -> Likeness:
    differing = (a.marks - b.marks - b.album_marks) | (b.marks - a.marks - a.album_marks)
    if not differing:
        return Likeness.SAME
    if "live" in a.marks & b.marks and differing == {"acoustic"}:
        return Likeness.IF_CONFIRMED
    # No concert takes as long as the studio, to the second; some services leave it to the album to say that it is one.
    if differing == {"live"}:
        return Likeness.IF_CONFIRMED if a.album == b.album != "" else Likeness.IF_AS_LONG
    return Likeness.IF_AS_LONG if a.marks and b.marks and differing == {"live", "acoustic"} else Likeness.OTHER


def _likeness_of_details(a: Song, b: Song) -> Likeness:
    if a.details == b.details or a.marks != b.marks:
        return Likeness.SAME
    # "Live" may well be "Live at Wembley", but hardly "Live in Paris".
    if not (a.details <= b.details or b.details <= a.details):
        return Likeness.IF_CONFIRMED if "live" in a.marks else Likeness.OTHER
    if "version" in a.marks:
        return Likeness.IF_AS_LONG
    return Likeness.SAME if "live" in a.marks else Likeness.IF_CONFIRMED


def _likeness_of_different_titles(a: Song, b: Song) -> Likeness:
    if a.words and len(a.words) == len(b.words) and all(map(_is_misspelt_word, a.words, b.words)):
        return Likeness.IF_CONFIRMED
    if len(a.words) != len(b.words) and _is_misspelt_name(a.full, b.full):
        # "Alright", "All Right".
        return Likeness.IF_CONFIRMED
    # A composer before the title, or another catalogue's number: all that the shorter says, the longer says too.
    fewer, more = sorted((set(a.words), set(b.words)), key=len)
    return Likeness.IF_CONFIRMED if fewer <= more and 2 * len(fewer) > len(more) else Likeness.OTHER


def _is_misspelt_word(a: str, b: str) -> bool:
    # Short words, and numbers, make another title of it: "Prelude in C", "Prelude in D".
    if a == b or without_umlauts(a) == b or a == without_umlauts(b):
        return True
    return min(len(a), len(b)) >= 4 and not _DIGITS.search(a + b) and _similarity(a, b) > 0.8


def without_umlauts(word: str) -> str:
    """Return a word as it is written where umlauts are left out."""
    return word.replace("ae", "a").replace("oe", "o").replace("ue", "u")


def _is_misspelt_name(a: str, b: str) -> bool:
    return min(len(a), len(b)) >= 5 and _DIGITS.findall(a) == _DIGITS.findall(b) and _similarity(a, b) >= 0.85


def _similarity(a: str, b: str) -> float:
    """Return how alike two texts are, from 0 to 1; 0 for such as are too long to be looked at."""
    if max(len(a), len(b)) > 100 or abs(len(a) - len(b)) > 3:
        return 0.0
    return SequenceMatcher(None, a, b, autojunk=False).ratio()


_DIGITS = re.compile(r"\d+")


def _albums_disagree(a: Song, b: Song) -> bool:
    """Tell whether just one of two equal titles is on a live album, or the like."""
    return bool(a.album and b.album and a.album_marks - a.marks != b.album_marks - b.marks)


def _likeness_of_artists(a: Song, b: Song) -> Likeness:
    if not a.artist or not b.artist:
        return Likeness.IF_CONFIRMED
    if a.artist == b.artist or a.main_artist in b.artists or b.main_artist in a.artists:
        return Likeness.SAME
    if _is_misspelt_name(a.artist, b.artist):
        return Likeness.SAME
    if a.artist_words and b.artist_words and (a.artist_words <= b.artist_words or b.artist_words <= a.artist_words):
        return Likeness.IF_CONFIRMED
    # "Кино" and "Kino" cannot be told apart from "Кино" and "Queen".
    return Likeness.IF_CONFIRMED if is_latin(a.artist) != is_latin(b.artist) else Likeness.OTHER
