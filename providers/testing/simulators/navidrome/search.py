"""Navidrome's full-text search, as far as a client can tell: every word of the query begins a word of what is found."""

import re
import unicodedata
import uuid
from collections.abc import Callable, Iterable
from typing import TypeVar

Found = TypeVar("Found")


def search(
    query: str, items: Iterable[Found], *, words: Callable[[Found], Iterable[str]], mbid: Callable[[Found], str]
) -> list[Found]:
    """The items a query finds: all for an empty one (or ``""``), none for a single character, by MBID for a UUID."""
    query = query.strip().removesuffix("*")
    if query in ("", '""'):
        return list(items)
    if len(query) == 1:
        return []
    if _is_uuid(query):
        return [item for item in items if mbid(item) == query.lower()]
    wanted = _plain(query).split()
    return [item for item in items if all(f" {word}" in f" {_plain(' '.join(words(item)))}" for word in wanted)]


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return re.sub(r"[^\w\s]", "", "".join(char for char in decomposed if not unicodedata.combining(char)))


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
