"""How the work goes, in numbers, for whatever an operator watches sites with.

States are read from the database when they are asked for, and events from `providers.counters`: so any process of a
site tells the same, however many there are and on however many machines. The number of queries does not depend on the
size of the data, listens are never counted, and no label names a person.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from django.db.models import Count, Max, QuerySet
from django.utils import timezone

from providers import __version__, scheduling, worker
from providers.models import (
    Connection,
    EventCount,
    HistoryGap,
    HistoryImport,
    HistorySync,
    PlaylistMirror,
    ServicePause,
)
from providers.standing import Standing, standing

MAX_DUE_ROWS = 1000
"""As many due rows of a queue are counted: beyond that the number says no more than the lag."""

EVENTS = {
    "fetches": "Fetches of histories, by how they ended.",
    "service_errors": "What services, or the way to them, did wrong, by kind of error.",
    "token_refreshes": "Renewals of access tokens, by how they ended.",
    "mirror_runs": "Runs of playlist mirrors, by how they ended.",
}
"""What is counted (`providers.counters`), and what each means."""

AMOUNTS = {"fetches": ("listens_fetched", "Listens that fetches brought home.")}
"""Of which events the amounts mean something, their name, and what."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One number, or one for each combination of labels. Names are without prefix and without a counter's suffix."""

    name: str
    help: str
    kind: Literal["gauge", "counter"] = "gauge"
    samples: list[tuple[dict[str, str], float]] = field(default_factory=list)


def collect() -> Iterator[Metric]:
    """Yield every metric. Raises `django.db.Error` where the database is away."""
    yield Metric("info", "The version that runs.", samples=[({"version": __version__}, 1)])
    yield from _events()
    yield from _queues()
    yield from _histories()
    yield _counted(
        "connections", "Links, by state.", Connection.objects.all(), service="provider_type", status="status"
    )
    yield _counted(
        "open_gaps",
        "Spans that a service could not tell and nothing has filled.",
        HistoryGap.objects.open(),
        service="connection__provider_type",
    )
    yield _counted(
        "service_pauses",
        "Pauses that services have asked applications for, now.",
        ServicePause.objects.filter(until__gt=timezone.now()),
        service="provider_type",
    )
    yield _counted("mirrors", "Playlist mirrors, by state.", PlaylistMirror.objects.all(), state="state")
    yield _counted(
        "imports",
        "Files of listens that are not, or could not be, read to their end.",
        HistoryImport.objects.exclude(status=HistoryImport.Status.DONE),
        status="status",
    )


def _events() -> Iterator[Metric]:
    times = {name: Metric(name, text, "counter") for name, text in EVENTS.items()}
    amounts = {name: Metric(*told, "counter") for name, told in AMOUNTS.items()}
    for row in EventCount.objects.filter(name__in=EVENTS):
        labels = json.loads(row.labels)
        times[row.name].samples.append((labels, row.times))
        if row.name in amounts:
            amounts[row.name].samples.append((labels, row.amount))
    yield from (*times.values(), *amounts.values())


def _queues() -> Iterator[Metric]:
    lag = Metric("due_lag_seconds", "For how long the row is due that nobody has come to the longest.")
    rows = Metric("due_rows", f"Rows that are due and that nobody works on; {MAX_DUE_ROWS} may be more.")
    now = timezone.now()
    for name, queue in worker.queues().items():
        due = list(scheduling.due(queue.rows()).values_list("due_at", flat=True)[:MAX_DUE_ROWS])
        lag.samples.append(({"queue": name}, max((now - due[0]).total_seconds(), 0) if due else 0))
        rows.samples.append(({"queue": name}, len(due)))
    yield lag
    yield rows


def _histories() -> Iterator[Metric]:
    """Yield what is known of histories, all of it by one query."""
    parked = Metric("histories_parked", "Histories that wait because their service asked for it.")
    failing = Metric("histories_failing", "Histories whose last fetch failed, and that are tried ever more seldom.")
    last = Metric("last_fetch_timestamp_seconds", "When a history of this service was last fetched.")
    by_service = HistorySync.objects.values_list("provider_type").annotate(
        parked=Count("pk", filter=standing(HistorySync, Standing.PARKED)),
        failing=Count("pk", filter=standing(HistorySync, Standing.FAILING)),
        last=Max("last_fetched_at"),
    )
    for service, number_parked, number_failing, fetched_at in by_service:
        parked.samples.append(({"service": service}, number_parked))
        failing.samples.append(({"service": service}, number_failing))
        if fetched_at is not None:
            last.samples.append(({"service": service}, fetched_at.timestamp()))
    yield parked
    yield failing
    yield last


def _counted(name: str, text: str, rows: "QuerySet[Any]", **columns: str) -> Metric:
    """Count rows by the values of columns, given by label."""
    groups = rows.order_by().values_list(*columns.values()).annotate(Count("pk"))
    samples = [(dict(zip(columns, map(str, values), strict=True)), number) for *values, number in groups]
    return Metric(name, text, samples=samples)
