"""How the search of a service compares words, as far as a client can tell: without case, accents and punctuation."""

import re
import unicodedata


def plain_words(text: str) -> list[str]:
    """The words of a text in the form they are compared in."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return re.sub(r"[^\w\s]", "", "".join(char for char in decomposed if not unicodedata.combining(char))).split()


def has_words(wanted: str, text: str) -> bool:
    """Whether every word of ``wanted`` begins a word of ``text``."""
    words = plain_words(text)
    return all(any(word.startswith(start) for word in words) for start in plain_words(wanted))
