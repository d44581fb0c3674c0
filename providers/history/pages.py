"""A person's listens a page at a time, from any place on in both directions, and searched in steps of bounded length.

A page is found by the place it begins at, so the last of a million listens costs what the first does. Several places
may have one moment: `Place.key` tells them apart, as the index does that is walked.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import connection
from django.db.models import Q, QuerySet

from providers.models import Listen

SEARCH_ROWS = 100_000
"""How many listens one page looks through for words: about a tenth of a second."""

SLOW_SEARCH_ROWS = 20_000
"""The same, where the database asks Python about each of them."""


class Place(NamedTuple):
    """Where a listen stands in the order of time."""

    played_at: datetime
    key: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which listens are asked for. Of one service all, of all services each play once, whoever tells of it.

    Each of the `words` has to be somewhere in title, artist or album. `since` is inclusive, `until` exclusive.
    """

    service: str = ""
    words: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some listens, newest first, and the places from which there may be more, each None where there are none.

    `searched_to` is how far was looked, where that was not to the end.
    """

    listens: list[Listen]
    newer: Place | None = None
    older: Place | None = None
    searched_to: datetime | None = None


def newest(user_id: int, wanted: Filter, size: int) -> Page:
    """Return the page of the newest listens."""
    return older(user_id, wanted, None, size)


def older(user_id: int, wanted: Filter, place: Place | None, size: int) -> Page:
    """Return the page of the newest listens before a place, or of all where there is none."""
    found, further, searched_to = _walk(user_id, wanted, place, size, is_backward=True)
    newer_than = _place_of(found[0], wanted) if found else place
    return Page(listens=found, newer=place and newer_than, older=further, searched_to=searched_to)


def newer(user_id: int, wanted: Filter, place: Place, size: int) -> Page:
    """Return the page of the oldest listens after a place: that of the newest where there are no more than that."""
    found, further, searched_to = _walk(user_id, wanted, place, size, is_backward=False)
    if further is None:
        return newest(user_id, wanted, size)
    return Page(
        listens=found[::-1],
        newer=further,
        older=_place_of(found[0], wanted) if found else place,
        searched_to=searched_to,
    )


def _walk(
    user_id: int, wanted: Filter, place: Place | None, size: int, *, is_backward: bool
) -> tuple[list[Listen], Place | None, datetime | None]:
    """Return the next listens in one direction, where to go on, and how far was searched if not to the end."""
    key = _key(wanted)
    rows = _in_time(user_id, wanted)
    if place is not None:
        rows = _beyond(rows, key, place, is_backward=is_backward)
    rows = rows.order_by("-played_at", f"-{key}") if is_backward else rows.order_by("played_at", key)
    end = _end_of_search(rows, wanted, key) if wanted.words else None
    if end is not None:
        rows = _up_to(rows, key, end, is_backward=is_backward)
    if not wanted.service:
        rows = rows.filter(duplicate_of__isnull=True)
    for word in wanted.words:
        rows = rows.filter(_anywhere(word))
    found = list(rows[: size + 1])
    if len(found) > size:
        return found[:size], _place_of(found[size - 1], wanted), None
    return found, end, end.played_at if end else None


def _in_time(user_id: int, wanted: Filter) -> QuerySet[Listen]:
    listens = Listen.objects.filter(user_id=user_id)
    if wanted.service:
        listens = listens.filter(provider_type=wanted.service)
    if wanted.since is not None:
        listens = listens.filter(played_at__gte=wanted.since)
    if wanted.until is not None:
        listens = listens.filter(played_at__lt=wanted.until)
    return listens


def _key(wanted: Filter) -> str:
    """Return what follows the moment in the index that is walked: of one service, that which makes listens unique."""
    return "fingerprint" if wanted.service else "id"


def _place_of(listen: Listen, wanted: Filter) -> Place:
    return Place(listen.played_at, getattr(listen, _key(wanted)))


def _beyond(rows: QuerySet[Listen], key: str, place: Place, *, is_backward: bool) -> QuerySet[Listen]:
    """Leave out the place and what is before it on the way. Said this way, databases walk the index from there on."""
    moment, at = place
    if is_backward:
        return rows.filter(played_at__lte=moment).exclude(**{"played_at": moment, f"{key}__gte": at})
    return rows.filter(played_at__gte=moment).exclude(**{"played_at": moment, f"{key}__lte": at})


def _up_to(rows: QuerySet[Listen], key: str, end: Place, *, is_backward: bool) -> QuerySet[Listen]:
    """Leave out what is after a place on the way."""
    moment, at = end
    if is_backward:
        return rows.filter(played_at__gte=moment).exclude(**{"played_at": moment, f"{key}__lt": at})
    return rows.filter(played_at__lte=moment).exclude(**{"played_at": moment, f"{key}__gt": at})


def _end_of_search(rows: QuerySet[Listen], wanted: Filter, key: str) -> Place | None:
    """Return the last place that is looked at this time; None where that is the end. Read from the index alone."""
    at_most = SLOW_SEARCH_ROWS if any(map(_is_slow, wanted.words)) else SEARCH_ROWS
    places = [Place(*row) for row in rows.values_list("played_at", key)[at_most - 1 : at_most + 1]]
    return places[0] if len(places) == 2 else None


def _anywhere(word: str) -> Q:
    if _is_slow(word):
        # SQLite itself knows no capital letters but English ones.
        return Q(name__iregex=re.escape(word)) | Q(artist__iregex=re.escape(word)) | Q(album__iregex=re.escape(word))
    return Q(name__icontains=word) | Q(artist__icontains=word) | Q(album__icontains=word)


def _is_slow(word: str) -> bool:
    return connection.vendor == "sqlite" and not word.isascii()
