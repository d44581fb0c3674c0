"""Text as it is compared: small letters, one spelling, words; in every alphabet."""

import html
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from providers.recordings.vocabulary import SAYS_LITTLE, SPELLINGS


class _Characters(dict[int, int | None]):
    """What becomes of a character: letters, marks and digits stay, what is invisible goes, the rest parts words."""

    def __missing__(self, code: int) -> int | None:
        category = unicodedata.category(chr(code))
        kept = None if category == "Cf" else code if category[0] in "LMN" else ord(" ")
        self[code] = kept
        return kept


_APOSTROPHES: dict[int, int | None] = dict.fromkeys(map(ord, "'`´‘’ʼ"))  # noqa: RUF001, they are what this is about
_CHARACTERS = _Characters(_APOSTROPHES | {ord("$"): ord("s"), ord("ـ"): None})
_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i", "ё": "е"})  # noqa: RUF001
_SHOUTED_I = re.compile(r"(?<=\w)!(?=\w)")
_INITIALS = re.compile(r"\b(?:[^\W\d_]\.){2,}(?:[^\W\d_]\b)?")


def folded(text: str) -> str:
    """Return the text in small letters, without what only dresses them; brackets and punctuation stay."""
    if "&" in text:
        text = html.unescape(text)
    # In one line with single spaces: patterns would try every stretch of spaces from each of its places.
    text = " ".join(text.split())
    if text.isascii():
        return text.lower()
    # Before NFKC, which makes a space and an accent of some apostrophes.
    text = text.translate(_APOSTROPHES).replace("№", "no. ")
    text = unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)
    if text.isascii():
        return text
    kept: list[str] = []
    base = ""
    for character in unicodedata.normalize("NFD", text):
        if not unicodedata.combining(character):
            base = character
        elif _may_be_bare(base):
            continue
        kept.append(character)
    return unicodedata.normalize("NFC", "".join(kept))


def _may_be_bare(letter: str) -> bool:
    """Tell whether marks on this letter may be missing. In Japanese or Hindi they make another syllable."""
    # Latin and Greek with accents, Hebrew and Arabic with points.
    return letter.isalpha() and (letter <= "\u03ff" or "\u0590" <= letter <= "\u06ff")


def is_latin(text: str) -> bool:
    """Tell whether a folded text is in Latin letters, or has no letters."""
    return text.isascii()


def words(text: str) -> list[str]:
    """Return the words of a folded text, each in one spelling."""
    if "!" in text:
        text = _SHOUTED_I.sub("i", text)
    if "." in text:
        text = _INITIALS.sub(lambda initials: initials[0].replace(".", ""), text)
    return [SPELLINGS.get(word, word) for word in text.translate(_CHARACTERS).split()]


def joined(some: list[str]) -> str:
    """Return words as one, without those that say little, as long as any other is left."""
    return "".join([word for word in some if word not in SAYS_LITTLE] or some)


def key(text: str) -> str:
    """Return what to compare a folded text by: its words in one; where it has none, its signs."""
    return joined(words(text)) or "".join(text.split())


Read = TypeVar("Read")


def remembered(how_many: int) -> Callable[[Callable[..., Read]], Callable[..., Read]]:
    """Return a decorator that has texts read once; very long ones are few, and would make a cache no small one."""

    def decorate(read: Callable[..., Read]) -> Callable[..., Read]:
        cached = lru_cache(how_many)(read)
        return lambda *texts: (cached if sum(map(len, texts)) < 500 else read)(*texts)

    return decorate
