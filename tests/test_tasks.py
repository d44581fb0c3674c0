import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from providers import registry, tasks, worker
from providers.models import Connection, HistorySync, Listen
from tests.conftest import Log
from tests.history.fakes import ListHistory, listen_at

pytestmark = pytest.mark.django_db

Messages = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def sent() -> Iterator[Messages]:
    """Return what a broker holds: of each message its headers and, as "arguments", what a task is called with."""
    app = Celery("tests", broker="memory://")
    app.conf.broker_transport_options = {"polling_interval": 0}
    with app, app.connection_for_read() as broker, broker.SimpleQueue(app.conf.task_default_queue) as queue:

        def take() -> list[dict[str, Any]]:
            messages = [queue.get_nowait() for _ in range(queue.qsize())]
            return [{**message.headers, "arguments": json.loads(message.body)[:2]} for message in messages]

        yield take
        queue.clear()


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> ListHistory:
    """Return what every connection to Last.fm has to tell."""
    told = ListHistory([listen_at(minutes) for minutes in range(2)])
    monkeypatch.setattr(registry, "build", lambda provider_type, user: told)
    return told


def link(number: int) -> None:
    """Link so many people's Last.fm, each of which has been due for a while."""
    people = User.objects.bulk_create(User(username=f"person {User.objects.count() + i}") for i in range(number))
    linked = Connection.objects.bulk_create(Connection(user=person, provider_type="lastfm") for person in people)
    HistorySync.adopt(linked)
    HistorySync.objects.filter(connection__in=linked).update(due_at=timezone.now() - timedelta(minutes=1))


def test_a_tick_wakes_a_worker_for_each_connection_that_is_due(sent: Messages) -> None:
    link(3)

    tasks.tick()

    messages = sent()
    assert [message["task"] for message in messages] == ["providers.tasks.drain"] * 3
    assert [message["arguments"] for message in messages] == [[["lastfm"], {}]] * 3


def test_however_many_are_due_no_more_workers_are_woken_than_the_service_could_feed(sent: Messages) -> None:
    link(tasks.DRAINS_AT_ONCE + 5)

    tasks.tick()

    assert len(sent()) == tasks.DRAINS_AT_ONCE


def test_workers_that_are_at_work_already_are_counted(sent: Messages) -> None:
    link(tasks.DRAINS_AT_ONCE + 5)
    held = HistorySync.objects.order_by("due_at")[:6].values_list("pk", flat=True)
    HistorySync.objects.filter(pk__in=list(held)).update(lease_until=timezone.now() + timedelta(seconds=15))

    tasks.tick()

    assert len(sent()) == tasks.DRAINS_AT_ONCE - 6


def test_where_nothing_is_due_nobody_is_woken(sent: Messages) -> None:
    link(1)
    HistorySync.objects.update(due_at=timezone.now() + timedelta(minutes=1))

    tasks.tick()

    assert sent() == []


def test_messages_expire_when_the_next_tick_sends_new_ones(sent: Messages) -> None:
    link(1)
    before = timezone.now()

    tasks.tick()

    (message,) = sent()
    expires = timezone.datetime.fromisoformat(message["expires"])
    assert expires <= timezone.now() + timedelta(seconds=tasks.TICK_SECONDS)
    assert expires >= before + timedelta(seconds=tasks.TICK_SECONDS - 1)


def test_a_worker_that_is_woken_works_all_that_is_due(history: ListHistory) -> None:
    link(3)

    tasks.drain("lastfm")

    assert Listen.objects.count() == 6
    assert not HistorySync.objects.filter(due_at__lte=timezone.now()).exists()


def test_a_worker_that_is_told_to_stop_leaves_the_rest_to_others(history: ListHistory) -> None:
    link(3)

    def stop(number: int) -> None:
        tasks.worker_shutting_down.send(sender="tests")

    history.before_page = stop
    try:
        tasks.drain("lastfm")
    finally:
        tasks.is_stopping.clear()

    assert HistorySync.objects.filter(due_at__lte=timezone.now()).count() == 3


def test_connections_that_were_never_fetched_become_due(user: User) -> None:
    Connection.objects.create(user=user, provider_type="lastfm")

    tasks.look_after_connections()

    assert HistorySync.objects.get(connection__user=user).due_at is not None


@pytest.mark.parametrize("task", [tasks.tick, tasks.look_after_connections])
def test_a_database_that_is_away_is_no_traceback_and_quotes_no_row(
    task: Callable[[], None], log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OperationalError("s3cret row")

    monkeypatch.setattr(worker, "workers_wanted", refuse)
    monkeypatch.setattr(worker, "adopt_connections", refuse)

    task()

    assert "OperationalError" in log.text
    assert "s3cret" not in log.text


def queries_of_draining(connections: int) -> int:
    link(connections)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert worker.drain("lastfm") == connections
    return len(queries)


def test_each_connection_costs_a_constant_number_of_queries(history: ListHistory) -> None:
    queries_of_draining(1)  # connects, and the like
    one, eleven, twenty_one = (queries_of_draining(connections) for connections in (1, 11, 21))

    assert twenty_one - eleven == eleven - one
    assert (eleven - one) / 10 <= 20


def celery(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "SECRET_KEY", "FERNET_KEYS")}
    command = [sys.executable, "-m", "celery", "-A", "musicbridge", *arguments]
    environment = {**inherited, "MUSICBRIDGE_ENV_FILE": os.devnull, **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_celery_without_a_redis_says_so_in_one_line() -> None:
    result = celery("worker")

    assert result.returncode == 1
    assert result.stderr == "REDIS_URL is not set: workers on many machines are woken through a Redis.\n"


_SHOW = """
import json
from celery.app.utils import find_app
app = find_app("musicbridge")
app.loader.import_default_modules()
print(json.dumps({
    "schedule": {entry["task"]: entry["schedule"].total_seconds() for entry in app.conf.beat_schedule.values()},
    "expires": {name: getattr(task, "expires", None) for name, task in app.tasks.items()},
    "content": list(app.conf.accept_content),
}))
"""


def test_the_site_ticks_just_as_often_as_messages_expire() -> None:
    environment = {**os.environ, "MUSICBRIDGE_ENV_FILE": os.devnull, "REDIS_URL": "redis://127.0.0.1:1/0"}
    environment["DJANGO_SETTINGS_MODULE"] = "musicbridge.settings"
    shown = json.loads(subprocess.check_output([sys.executable, "-c", _SHOW], env=environment, text=True))

    assert shown["schedule"].keys() == {"providers.tasks.tick", "providers.tasks.look_after_connections"}
    for task, seconds in shown["schedule"].items():
        assert shown["expires"][task] == seconds
    assert shown["content"] == ["json"]


def test_a_site_without_celery_runs() -> None:
    without = "import sys; sys.modules['celery'] = None; from django.core.management import execute_from_command_line"
    command = f"{without}; execute_from_command_line(['manage.py', 'check'])"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "musicbridge.settings"}

    assert subprocess.run([sys.executable, "-c", command], env=environment, check=False).returncode == 0
