"""The state of everything at a glance: so many links, so much work, and how long it waits already.

A fixed number of queries, each one pass over an index or a table. With a million connections and their histories, the
two large ones took 0.2 and 0.5 seconds of a busy machine's processor (SQLite; the first of them 1.1 seconds without its
index). Listens are never counted.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from types import MappingProxyType
from typing import Any

from django.contrib.auth import get_permission_codename
from django.db.models import CharField, Count, Min, Model, Value
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from providers import registry
from providers.admin.display import label_of
from providers.contracts import HistoryFetcher
from providers.models import (
    AlertTarget,
    Connection,
    DuplicateScan,
    HistoryDeletion,
    HistoryGap,
    HistoryImport,
    HistorySync,
    PlaylistMirror,
    ServicePause,
    StatisticsScan,
)
from providers.models.connections import expiring
from providers.standing import Standing, standing
from providers.waiting import LATE_AFTER

SHOWN_PAUSES = 20
"""How many pauses are shown, the first to end first. More there are only if as many applications are in use."""

NOTHING: Mapping[str, Any] = MappingProxyType({**dict.fromkeys(Standing, 0), "since": None})
"""What is found out of work where there is none."""


@dataclass(frozen=True, slots=True)
class Figure:
    """How many rows there are of a sort, and the address of the list of them.

    `since` is when the first of them fell due. What `needs_somebody` does not get better by itself.
    """

    count: int
    address: str
    needs_somebody: bool = False
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """What there is to tell of one service, or of one kind of work."""

    label: str
    figures: list[Figure]


@dataclass(frozen=True, slots=True)
class Health:
    """What is shown; of lists that the administrator may not see, nothing."""

    connections: list[Line]
    work: list[Line]
    pauses: list[tuple[str, datetime]]
    pauses_address: str
    gaps: Figure | None


def health(request: HttpRequest) -> Health:
    """Look at everything once."""
    work = [*_histories(request), *_other_work(request)]
    pauses_address = _list_of(request, ServicePause)
    pauses = ServicePause.objects.filter(until__gt=timezone.now()).order_by("until") if pauses_address else ()
    return Health(
        connections=_connections(request),
        work=work,
        pauses=[(label_of(pause.provider_type), pause.until) for pause in pauses[:SHOWN_PAUSES]],
        pauses_address=pauses_address,
        gaps=_gaps(request),
    )


def _list_of(request: HttpRequest, model: type[Model]) -> str:
    """Return the address of the list of such rows; empty where the site has none, or not for this administrator."""
    may = (f"{model._meta.app_label}.{get_permission_codename(act, model._meta)}" for act in ("view", "change"))
    if not any(map(request.user.has_perm, may)):
        return ""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    try:
        return reverse(name, current_app=getattr(request, "current_app", None))
    except NoReverseMatch:
        return ""


def _connections(request: HttpRequest) -> list[Line]:
    address = _list_of(request, Connection)
    if not address:
        return []
    counted = (
        Connection.objects.order_by()
        .values("provider_type", "status")
        .annotate(count=Count("pk"), expiring=Count("pk", filter=expiring()))
    )
    states: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in counted:
        states[row["provider_type"]][row["status"]] = row["count"]
        states[row["provider_type"]]["expiring"] += row["expiring"]
    return [
        Line(
            label_of(provider_type),
            [
                *(
                    Figure(
                        states[provider_type][status],
                        _narrowed(address, provider_type__exact=provider_type, status__exact=status.value),
                        needs_somebody=status == Connection.Status.NEEDS_REAUTH,
                    )
                    for status in Connection.Status
                ),
                Figure(
                    states[provider_type]["expiring"],
                    _narrowed(address, provider_type__exact=provider_type, expires="soon"),
                    needs_somebody=True,
                ),
            ],
        )
        for provider_type in _in_order(states)
    ]


def _standings(model: type[Model]) -> dict[str, Any]:
    """Return what is to be found out of rows of work, in one pass over them."""
    counts = {which.value: Count("pk", filter=standing(model, which)) for which in Standing}
    return {**counts, "since": Min("due_at", filter=standing(model, Standing.DUE))}


def _work_line(label: str, found: Mapping[str, Any], address: str, **narrowing: str) -> Line:
    def figure(which: Standing, needs_somebody: bool, since: datetime | None = None) -> Figure:
        return Figure(found[which], _narrowed(address, work=which.value, **narrowing), needs_somebody, since)

    since: datetime | None = found["since"]
    is_late = since is not None and since < timezone.now() - LATE_AFTER
    figures = [
        figure(Standing.DUE, is_late, since),
        figure(Standing.PARKED, needs_somebody=False),
        figure(Standing.FAILING, needs_somebody=True),
    ]
    return Line(label, figures)


def _histories(request: HttpRequest) -> list[Line]:
    address = _list_of(request, HistorySync)
    if not address:
        return []
    # Of those that nobody need know of, which are nearly all, nothing is grouped.
    told = reduce(or_, (standing(HistorySync, which) for which in Standing))
    rows = HistorySync.objects.filter(told).order_by().values("provider_type").annotate(**_standings(HistorySync))
    found = {spec.type: NOTHING for spec in registry.specs() if HistoryFetcher in spec.capabilities}
    for row in rows:
        found[row["provider_type"]] = dict(row)
    return [
        _work_line(
            _("Histories: %(service)s") % {"service": label_of(provider_type)},
            found[provider_type],
            address,
            provider_type__exact=provider_type,
        )
        for provider_type in _in_order(found)
    ]


def _other_work(request: HttpRequest) -> list[Line]:
    kinds: list[tuple[str, type[Model]]] = [
        (_("Mirrors"), PlaylistMirror),
        (_("Imports"), HistoryImport),
        (_("Comparisons for duplicates"), DuplicateScan),
        (_("Counts for statistics"), StatisticsScan),
        (_("Deletions of listens"), HistoryDeletion),
        (_("Alerts"), AlertTarget),
    ]
    shown = [(label, model, address) for label, model in kinds if (address := _list_of(request, model))]
    if not shown:
        return []
    first, *others = [
        model._default_manager.order_by()
        .annotate(kind=Value(model._meta.model_name, CharField()))
        .values("kind")
        .annotate(**_standings(model))
        for _label, model, _address in shown
    ]
    # All by one query, however many kinds there are.
    found = {row["kind"]: row for row in first.union(*others, all=True)}
    return [_work_line(label, found.get(model._meta.model_name, NOTHING), address) for label, model, address in shown]


def _gaps(request: HttpRequest) -> Figure | None:
    address = _list_of(request, HistoryGap)
    if not address:
        return None
    count = HistoryGap.objects.open().count()
    return Figure(count, _narrowed(address, closed_at__isempty="1"), needs_somebody=True)


def _in_order(types: Iterable[str]) -> list[str]:
    """Return services in the order of the settings, and after them those that are no longer installed."""
    places = {spec.type: place for place, spec in enumerate(registry.specs())}
    return sorted(types, key=lambda provider_type: (places.get(provider_type, len(places)), provider_type))


def _narrowed(address: str, **query: str) -> str:
    return f"{address}?{urlencode(query)}"
