"""The list of listens, newest first."""

from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import NamedTuple
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from providers import registry
from providers.models import Listen
from providers.views.access import personal

PAGE_SIZE = 50

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST_ID = 2**63 - 1


class Row(NamedTuple):
    """A listen, and what the services are called that tell of it."""

    listen: Listen
    services: list[str]


@personal
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """Show a page of the person's listens; `service` keeps to one service, `before` says where to go on.

    What several sources tell of is shown once; among the listens of one service, all of them.
    """
    labels = {spec.type: spec.label for spec in registry.specs()}
    service = request.GET.get("service", "")
    if service and service not in labels:
        raise Http404
    cursor = request.GET.get("before", "")
    listens = _page(request.user.pk, service, cursor)
    has_more = len(listens) > PAGE_SIZE
    listens = listens[:PAGE_SIZE]
    tellers = _tellers(request.user.pk, listens)
    rows = [Row(listen, [labels.get(teller, teller) for teller in tellers[listen.pk]]) for listen in listens]
    context = {
        "days": [(day, list(group)) for day, group in groupby(rows, lambda row: row.listen.played_at.date())],
        "labels": labels,
        "service": service,
        "is_first_page": not cursor,
        "newest": _query(service=service),
        "older": _query(service=service, before=_cursor_after(listens[-1])) if has_more else "",
    }
    return render(request, "providers/history.html", context)


def _tellers(user_id: int | None, listens: list[Listen]) -> dict[int, list[str]]:
    """Return, per listen, the services that tell of it: its own first, then those of its duplicates."""
    tellers = {listen.pk: [listen.provider_type] for listen in listens}
    linked = Listen.objects.filter(user=user_id, duplicate_of__in=tellers).order_by("pk")
    for canonical_id, provider_type in linked.values_list("duplicate_of_id", "provider_type"):
        if canonical_id is not None and provider_type not in tellers[canonical_id]:
            tellers[canonical_id].append(provider_type)
    return tellers


def _page(user_id: int | None, service: str, cursor: str) -> list[Listen]:
    listens: QuerySet[Listen] = Listen.objects.filter(user=user_id)
    listens = listens.filter(provider_type=service) if service else listens.filter(duplicate_of__isnull=True)
    if cursor:
        played_at, listen_id = _parse_cursor(cursor)
        # Said this way, both databases walk the index from played_at on.
        listens = listens.filter(played_at__lte=played_at).exclude(played_at=played_at, id__gte=listen_id)
    return list(listens.order_by("-played_at", "-id")[: PAGE_SIZE + 1])


def _cursor_after(listen: Listen) -> str:
    """Return the place after a listen: its time in microseconds, and its id."""
    return f"{(listen.played_at - _EPOCH) // timedelta(microseconds=1)}-{listen.pk}"


def _parse_cursor(cursor: str) -> tuple[datetime, int]:
    """Read a place. Raises `Http404` for what was never one."""
    try:
        microseconds, listen_id = (int(part) for part in cursor.rsplit("-", 1))
        if listen_id > _LARGEST_ID:
            raise Http404
        return _EPOCH + timedelta(microseconds=microseconds), listen_id
    except (ValueError, OverflowError):
        raise Http404 from None


def _query(**values: str) -> str:
    return "?" + urlencode({name: value for name, value in values.items() if value})
