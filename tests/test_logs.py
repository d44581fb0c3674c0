"""What the site's log looks like, to people and to programs."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from musicbridge import request_ids
from musicbridge.logs import JsonFormatter, LineFormatter, WithoutQueries
from providers import registry, worker
from providers.logcontext import LogContextFilter, logging_about
from providers.models import Connection, HistorySync
from tests.history.fakes import ListHistory, listen_at
from tests.test_site import run

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Return what a program reads of the site's log."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(WithoutQueries())
    handler.addFilter(LogContextFilter())
    logging.root.addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.root.removeHandler(handler)


def test_each_line_is_an_object_whatever_is_logged(lines: Lines) -> None:
    with logging_about(connection=7):
        logging.getLogger("a").warning("failed:\n%s", '{"level": "INFO"}')
    (line,) = lines()
    assert (line["level"], line["logger"], line["connection"]) == ("WARNING", "a", 7)
    assert line["message"] == 'failed:\n{"level": "INFO"}'
    assert line["time"].endswith("+00:00")


def test_a_traceback_is_a_field_of_its_line(lines: Lines) -> None:
    try:
        sys.intern(7)  # type: ignore[arg-type]
    except TypeError:
        logging.getLogger("a").exception("Oh")
    (line,) = lines()
    assert line["message"] == "Oh"
    assert line["traceback"].startswith("Traceback")


def test_people_read_what_a_line_is_about_in_brackets() -> None:
    record = logging.makeLogRecord({"msg": "%d new", "args": (3,), "name": "a", "levelname": "INFO"})
    with logging_about(queue="lastfm", connection=7):
        LogContextFilter().filter(record)
    assert LineFormatter().format(record).endswith(" INFO a [queue=lastfm connection=7]: 3 new")


def test_every_line_of_a_request_names_it_the_refusal_included(client: Client, lines: Lines) -> None:
    answer = client.get("/nowhere/?code=seeded-secret")
    (line,) = lines()
    assert (line["logger"], line["request"]) == ("django.request", answer.headers["X-Request-ID"])
    assert "seeded" not in json.dumps(line)
    logging.getLogger("a").warning("later")
    assert "request" not in lines()[-1]


@pytest.mark.django_db
def test_every_line_of_a_fetch_names_its_connection(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    person = User.objects.create_user("ada")
    connection = Connection.objects.create(user=person, provider_type="lastfm", pk=4711)
    sync = HistorySync.objects.create(connection=connection, due_at=timezone.now() - timedelta(minutes=1))
    history = ListHistory([listen_at(0)])
    history.before_page = lambda number: logging.getLogger("a.service").warning("slow")
    monkeypatch.setattr(registry, "build", lambda provider_type, user: history)

    worker.drain("lastfm")

    told = [line for line in lines() if line["logger"] in ("a.service", "providers.history.fetch")]
    assert {line["logger"] for line in told} == {"a.service", "providers.history.fetch"}
    assert all((line["queue"], line["row"], line["connection"]) == ("lastfm", sync.pk, 4711) for line in told)


def test_each_request_has_a_name_of_its_own(client: Client) -> None:
    names = {client.get("/favicon.ico").headers["X-Request-ID"] for _ in range(3)}
    assert len(names) == 3


@pytest.mark.parametrize(
    ("trusted", "told", "is_kept"),
    [
        (True, "0123456789abcdef0123456789abcdef", True),
        (True, "b1f4e2d0-7c1e-4b8a-9c1d-000000000000", True),
        (False, "0123456789abcdef0123456789abcdef", False),
        (True, "short", False),
        (True, "x" * 65, False),
        (True, "abcdefgh level=ERROR", False),
        (True, "abcdefgh\nforged", False),
        (True, "", False),
    ],
)
def test_the_name_is_a_trusted_proxys_where_it_is_one(
    client: Client, settings: Settings, trusted: bool, told: str, is_kept: bool
) -> None:
    settings.TRUST_PROXY_HEADER = trusted
    answer = client.get("/favicon.ico", headers={request_ids.HEADER: told})
    assert (answer.headers[request_ids.HEADER] == told) is is_kept


def test_a_site_is_told_its_format_by_a_word() -> None:
    warn = "import django, logging; django.setup(); logging.getLogger('a').warning('hello')"
    environment = {"SECRET_KEY": "x", "DJANGO_SETTINGS_MODULE": "musicbridge.settings"}
    assert json.loads(run("-c", warn, **environment, LOG_FORMAT="json").stderr)["message"] == "hello"
    assert run("-c", warn, **environment).stderr.endswith(" WARNING a: hello\n")
    assert "LOG_FORMAT is neither line nor json" in run("-c", warn, **environment, LOG_FORMAT="xml").stderr


def test_a_request_without_middleware_leaves_nothing_behind() -> None:
    request_ids.forget_the_request(sender=HttpRequest)
    record = logging.makeLogRecord({})
    LogContextFilter().filter(record)
    assert record.context == {}  # type: ignore[attr-defined]
