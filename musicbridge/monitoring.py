"""What whoever watches the site asks it: whether it is alive (`/healthz`), and how the work goes (`/metrics`)."""

import hmac
import logging
from collections.abc import Callable, Iterator

from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from providers import metrics, worker

logger = logging.getLogger(__name__)


class MonitoringMiddleware:
    """Answers `/healthz` and `/metrics` to whatever host name and however unencrypted they are asked for.

    A container's health check, or a Prometheus beside the site, has but a bare address. Neither answer depends on the
    host, on a session or on who asks.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._views = {"/healthz": health, "/metrics": prometheus}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer if it is one of ours."""
        return self._views.get(request.path_info, self._get_response)(request)


def health(request: HttpRequest) -> HttpResponse:
    """Say whether the site is alive, with 503 where it can answer nothing for want of its database.

    Work that lies about makes it "degraded" and no more: restarting the site would bring no watcher back.
    """
    try:
        is_late = bool(worker.late_queues())
    except Error as error:
        logger.error("The database is not to be had: %s", type(error).__name__)
        return _uncached(JsonResponse({"status": "unavailable", "database": "unreachable"}, status=503))
    status, work = ("degraded", "late") if is_late else ("ok", "on time")
    return _uncached(JsonResponse({"status": status, "database": "ok", "work": work}))


def prometheus(request: HttpRequest) -> HttpResponse:
    """Tell the metrics to who has `METRICS_TOKEN`; where none is set there is nothing here."""
    if not settings.METRICS_TOKEN:
        return HttpResponse(status=404)
    expected = f"Bearer {settings.METRICS_TOKEN}".encode()
    if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), expected):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    registry = CollectorRegistry()
    try:
        registry.register(_SiteCollector())
        text = generate_latest(registry)
    except Error as error:
        logger.error("The database is not to be had: %s", type(error).__name__)
        return HttpResponse(status=503)
    return _uncached(HttpResponse(text, content_type=CONTENT_TYPE_LATEST))


class _SiteCollector(Collector):
    """The metrics of the site as Prometheus' own library has them. Those of the process would be those of any."""

    def collect(self) -> Iterator[Metric]:
        for metric in metrics.collect():
            family = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            names = tuple(metric.samples[0][0]) if metric.samples else ()
            told = family(f"musicbridge_{metric.name}", metric.help, labels=names)
            for labels, value in metric.samples:
                told.add_metric([labels.get(name, "") for name in names], value)
            yield told

    def describe(self) -> list[Metric]:
        """Nothing ahead: it would ask the database."""
        return []


def _uncached(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response
