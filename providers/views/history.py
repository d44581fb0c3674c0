"""The list of listens, newest first: searched, kept to a service or a time, and each play shown once."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from providers import registry
from providers.forms import HistoryForm
from providers.history import duplicates, pages
from providers.history.pages import Filter, Page, Place
from providers.models import Listen
from providers.moments import local
from providers.sentences import translated
from providers.views.access import personal
from providers.views.texts import shortened

PAGE_SIZE = 30

MAX_TOLD = 2
"""How many other accounts of a play are unfolded here; its own page has them all."""

MAX_REASON = 200

_MAX_ADDRESS = 300
"""Longer ones are no addresses of tracks."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLACE = re.compile(r"(-?[0-9]{1,18})-(-?[0-9]{1,19})")
_SMALLEST_KEY, _LARGEST_KEY = -(2**63), 2**63 - 1


class Told(NamedTuple):
    """A play as another source tells it, and why it is taken for the same."""

    service: str
    played_at: datetime
    reason: str


class Row(NamedTuple):
    """A listen as the page shows it."""

    id: int
    played_at: datetime
    name: str
    artist: str
    album: str
    url: str
    services: list[str]
    told: list[Told]
    more_told: int


@personal
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """Show a page of the person's listens: the newest, or those `before` or `after` a place.

    What several sources tell of is shown once, and unfolds; among the listens of one service, all of them are shown.
    """
    user_id: Any = request.user.pk
    labels = {spec.type: spec.label for spec in registry.specs()}
    service = request.GET.get("service", "")
    if service and service not in labels:
        raise Http404
    before, after = (_parse_place(request.GET.get(name, "")) for name in ("before", "after"))
    form = HistoryForm(request.GET, services=labels)
    page = Page(listens=[])
    if form.is_valid():
        page = _page(user_id, form.wanted(timezone.get_current_timezone()), before, after)
    context = {
        "form": form,
        "days": [(day, list(rows)) for day, rows in groupby(_rows(page.listens), _day)],
        "is_filtered": any(request.GET.get(name) for name in HistoryForm.base_fields),
        "is_first_page": before is None and after is None,
        "searched_to": page.searched_to,
        "newest": _query(request),
        "newer": page.newer and _query(request, after=_written(page.newer)),
        "older": page.older and _query(request, before=_written(page.older)),
    }
    return render(request, "providers/history.html", context)


def _page(user_id: int, wanted: Filter, before: Place | None, after: Place | None) -> Page:
    if after is not None:
        return pages.newer(user_id, wanted, after, PAGE_SIZE)
    return pages.older(user_id, wanted, before, PAGE_SIZE)


def _rows(listens: list[Listen]) -> Iterable[Row]:
    linked = duplicates.explain_all(listens)
    for listen in listens:
        others = linked.get(listen.pk, [])
        told = [
            Told(_source(other), other.played_at, shortened(translated(reason), MAX_REASON))
            for other, reason in others[:MAX_TOLD]
        ]
        tellers = dict.fromkeys(one.provider_type for one in (listen, *(other for other, _ in others)))
        yield Row(
            listen.pk,
            listen.played_at,
            shortened(listen.name),
            shortened(listen.artist),
            shortened(listen.album),
            listen.url if listen.url.startswith("https://") and len(listen.url) <= _MAX_ADDRESS else "",
            [registry.label_of(teller) for teller in tellers],
            told,
            len(others) - len(told),
        )


def _source(listen: Listen) -> str:
    label = registry.label_of(listen.provider_type)
    return label if listen.source == "api" else f"{label} ({listen.source})"


def _day(row: Row) -> date:
    return local(row.played_at).date()


def _written(place: Place) -> str:
    """Write a place as addresses have it: its time in microseconds, and what tells it from others of that time."""
    return f"{(place.played_at - _EPOCH) // timedelta(microseconds=1)}-{place.key}"


def _parse_place(text: str) -> Place | None:
    """Read a place; None where none is given. Raises `Http404` for what was never one."""
    if not text:
        return None
    match = _PLACE.fullmatch(text)
    if match is None or not _SMALLEST_KEY <= int(match[2]) <= _LARGEST_KEY:
        raise Http404
    try:
        return Place(_EPOCH + timedelta(microseconds=int(match[1])), int(match[2]))
    except OverflowError:
        raise Http404 from None


def _query(request: HttpRequest, **place: str) -> str:
    """Return an address that keeps what is asked for, at another place."""
    kept = {name: value for name in HistoryForm.base_fields if (value := request.GET.get(name))}
    return "?" + urlencode({**kept, **place})
