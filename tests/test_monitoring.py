import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from musicbridge import monitoring
from providers import metrics, worker
from providers.counters import count
from providers.models import Connection, HistorySync
from tests.conftest import Log

TOKEN = "seeded-metrics-token"

pytestmark = pytest.mark.django_db


def refuse(*_: object) -> None:
    raise OperationalError("seeded detail")


def fall_due(ago: timedelta) -> None:
    connection = Connection.objects.create(user=User.objects.create_user("ada"), provider_type="lastfm")
    HistorySync.objects.create(connection=connection, due_at=timezone.now() - ago)


def scrape(client: Client, token: str = TOKEN) -> HttpResponse:
    return client.get("/metrics", headers={"Authorization": f"Bearer {token}"})


def test_a_site_that_is_well_says_so_to_anybody(client: Client) -> None:
    fall_due(timedelta(seconds=20))
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "database": "ok", "work": "on time"})
    assert answer.headers["Cache-Control"] == "no-store"


def test_without_a_watcher_it_is_degraded_but_alive(client: Client) -> None:
    fall_due(timedelta(hours=1))
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "degraded", "database": "ok", "work": "late"})


def test_without_its_database_it_is_not(client: Client, monkeypatch: pytest.MonkeyPatch, log: Log) -> None:
    monkeypatch.setattr(worker, "late_queues", refuse)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"status": "unavailable", "database": "unreachable"})
    assert b"seeded" not in answer.content
    assert "ERROR musicbridge.monitoring: The database is not to be had: OperationalError" in log.text


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_both_are_answered_under_any_name_and_over_plain_http(client: Client, settings: Settings, path: str) -> None:
    settings.METRICS_TOKEN, settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = TOKEN, ["music.example.org"], True
    answer = client.get(path, headers={"Host": "10.1.2.3:8000", "Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert client.get("/", headers={"Host": "10.1.2.3:8000"}).status_code in (301, 400)


def test_there_are_no_metrics_where_no_token_is_set(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics").status_code == 404
    assert scrape(client, "").status_code == 404


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}é"]
)
def test_who_has_not_the_token_learns_nothing(client: Client, settings: Settings, value: str, log: Log) -> None:
    settings.METRICS_TOKEN = TOKEN
    answer = client.get("/metrics", headers={"Authorization": value})
    assert (answer.status_code, answer.content) == (401, b"")
    assert TOKEN not in log.text


def test_prometheus_understands_all_of_it(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    for _ in range(3):
        count("fetches", 7, service="lastfm", outcome="complete")
    fall_due(timedelta(hours=1))

    answer = scrape(client)

    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(answer.content.decode())}
    assert families.keys() == {f"musicbridge_{metric.name}" for metric in metrics.collect()}
    (sample,) = families["musicbridge_fetches"].samples
    assert (sample.name, sample.value) == ("musicbridge_fetches_total", 3)
    assert sample.labels == {"service": "lastfm", "outcome": "complete"}
    (sample,) = families["musicbridge_listens_fetched"].samples
    assert sample.value == 21
    lags = {sample.labels["queue"]: sample.value for sample in families["musicbridge_due_lag_seconds"].samples}
    assert lags["lastfm"] > 3000
    assert lags["spotify"] == 0


def test_without_its_database_a_scrape_fails(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.METRICS_TOKEN = TOKEN
    monkeypatch.setattr(worker, "queues", refuse)
    assert scrape(client).status_code == 503


def test_other_pages_are_the_sites() -> None:
    request = HttpRequest()
    request.path_info = "/healthz/"
    page = monitoring.MonitoringMiddleware(lambda _: HttpResponse(json.dumps("page")))(request)
    assert page.content == b'"page"'
