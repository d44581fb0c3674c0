"""Navidrome's full-text search, as far as a client can tell: every word of the query begins a word of what is found."""

import uuid
from collections.abc import Callable, Iterable
from typing import TypeVar

from providers.testing.simulators.words import has_words

Found = TypeVar("Found")


def search(
    query: str, items: Iterable[Found], *, words: Callable[[Found], Iterable[str]], mbid: Callable[[Found], str]
) -> Iterable[Found]:
    """The items a query finds: all for an empty one (or ``""``), none for a single character, by MBID for a UUID."""
    query = query.strip().removesuffix("*")
    if query in ("", '""'):
        return items
    if len(query) == 1:
        return []
    if _is_uuid(query):
        return [item for item in items if mbid(item) == query.lower()]
    return [item for item in items if has_words(query, " ".join(words(item)))]


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
