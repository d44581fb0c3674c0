import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.http import QueryDict

from providers import linking, registry, scheduling, worker
from providers.datatypes import AuthResult
from providers.exceptions import RateLimitedError, RateLimitScope, ReauthorizationRequiredError, ServiceUnavailableError
from providers.history import fetch, gaps
from providers.models import Connection, HistoryGap, HistorySync, LastFMAuth, Listen
from providers.testing.simulators.catalogue import Catalogue
from providers.testing.simulators.lastfm import LastFMSimulator
from providers.testing.wsgi import serving
from tests.history.fakes import START, ListHistory, listen_at
from tests.test_refresh_across_processes import database_url

pytestmark = pytest.mark.django_db

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2099, 1, 1, tzinfo=UTC)


def link_person(name, due_at=LONG_AGO):
    connection = Connection.objects.create(user=User.objects.create_user(name), provider_type="lastfm")
    if due_at is not None:
        HistorySync.objects.create(connection=connection, due_at=due_at)
    return connection


def sync_of(connection):
    return HistorySync.objects.get(connection=connection)


@pytest.fixture
def histories(monkeypatch):
    """What each person's service has, by name; whoever is not in here was never linked."""
    services: dict[str, ListHistory] = {}
    monkeypatch.setattr(registry, "build", lambda provider_type, user: services.get(user.username))
    return services


@pytest.fixture
def ada(histories):
    histories["ada"] = ListHistory([listen_at(minutes) for minutes in range(5)])
    return link_person("ada")


def drain():
    return worker.drain("lastfm")


def raising(error):
    def before_page(number):
        raise error

    return before_page


def test_what_is_due_is_fetched_and_due_again_later(ada):
    assert drain() == 1

    assert Listen.objects.count() == 5
    assert sync_of(ada).due_at > datetime.now(UTC)
    assert sync_of(ada).lease_until is None
    assert drain() == 0


def test_what_is_not_due_is_left_alone(ada):
    HistorySync.objects.update(due_at=LATER)

    assert drain() == 0


def test_connections_that_no_fetch_knows_of_are_adopted_and_due(histories):
    histories["ada"] = ListHistory([listen_at(0)])
    connection = link_person("ada", due_at=None)
    link_person("bo", due_at=None).mark_disconnected()

    assert worker.adopt_connections() == 1
    assert worker.adopt_connections() == 0

    assert HistorySync.objects.get().connection == connection
    HistorySync.objects.update(due_at=LONG_AGO)
    assert drain() == 1
    assert Listen.objects.count() == 1


def test_a_bug_in_ones_provider_does_not_stop_the_others(ada, histories):
    bo = link_person("bo", due_at=LONG_AGO - timedelta(days=1))
    histories["bo"] = ListHistory([listen_at(0)])
    histories["bo"].before_page = raising(KeyError("seeded-secret"))

    assert drain() == 2

    assert Listen.objects.filter(user=ada.user).count() == 5
    assert (sync_of(bo).failures, sync_of(bo).last_error) == (1, "A bug in the provider: KeyError.")


def test_a_bug_of_our_own_in_one_row_does_not_stop_the_others(ada, histories, monkeypatch, caplog):
    bo = link_person("bo", due_at=LONG_AGO - timedelta(days=1))
    # Not written out below: a traceback shows the lines it leads through.
    work, secret = fetch.work, "seeded-secret"

    def stumble(lease, should_stop):
        if lease.row.connection == bo:
            raise KeyError(secret)
        work(lease, should_stop)

    monkeypatch.setattr(fetch, "work", stumble)

    assert drain() == 2

    assert Listen.objects.filter(user=ada.user).count() == 5
    sync = sync_of(bo)
    assert (sync.failures, sync.lease_until) == (1, None)
    assert sync.due_at > datetime.now(UTC)
    assert "seeded-secret" not in caplog.text


@pytest.mark.parametrize("scope", list(RateLimitScope))
def test_a_long_pause_parks_the_connection_until_then_and_everything_else_goes_on(ada, histories, scope):
    retry_at = datetime.now(UTC) + timedelta(days=1)
    histories["ada"].client_id = "ada's application"
    histories["ada"].before_page = raising(
        RateLimitedError("Too many requests.", provider="lastfm", retry_at=retry_at, scope=scope)
    )
    bo = link_person("bo")
    histories["bo"] = ListHistory([listen_at(0)])

    assert drain() == 2

    sync = sync_of(ada)
    assert retry_at <= sync.due_at <= retry_at + timedelta(minutes=5)
    assert (sync.failures, sync.last_error) == (0, "Too many requests.")
    assert Listen.objects.filter(user=bo.user).count() == 1


def test_what_fails_is_tried_again_ever_later(ada, histories):
    histories["ada"].before_page = raising(ServiceUnavailableError("down", provider="lastfm"))
    waits = []
    for _ in range(4):
        drain()
        waits.append(sync_of(ada).due_at - datetime.now(UTC))
        HistorySync.objects.update(due_at=LONG_AGO)

    assert sync_of(ada).failures == 4
    assert waits == sorted(waits)
    histories["ada"].before_page = lambda number: None
    drain()
    assert (sync_of(ada).failures, sync_of(ada).last_error) == (0, "")


def test_a_dead_link_is_not_due_until_the_person_links_again(user, services, monkeypatch):
    def link(account_id):
        address = linking.begin(user, services.wavebox.type, callback_url="https://bridge.example/callback/")
        query = QueryDict(mutable=True)
        query.update(services.wavebox.agree(address, AuthResult(access_token="token", account_id=account_id)))
        outcome = linking.complete(user, services.wavebox.type, query)
        if isinstance(outcome, linking.AnotherAccount):
            outcome = linking.confirm(user, services.wavebox.type, outcome.token)
        return outcome.connection

    history = ListHistory([listen_at(0)])
    monkeypatch.setattr(registry, "build", lambda provider_type, user: history)
    connection = link("7")
    history.before_page = raising(ReauthorizationRequiredError("Link again.", provider=services.wavebox.type))
    fetch.fetch(connection)
    assert sync_of(connection).due_at is None

    link("7")

    assert sync_of(connection).due_at is not None
    assert sync_of(connection).last_error == ""

    history.before_page = lambda number: None
    fetch.fetch(connection)
    gaps.note(connection, START, START + timedelta(hours=1), HistoryGap.Reason.NOT_KEPT)
    old = sync_of(connection)

    link("8")

    assert sync_of(connection).pk != old.pk
    assert sync_of(connection).due_at is not None
    assert sync_of(connection).complete_until is None
    assert gaps.open_gaps(connection) == []
    assert Listen.objects.count() == 1


def test_new_credentials_make_a_connection_due_whatever_became_of_the_old_ones(user):
    LastFMAuth.objects.create(user=user, username="ada", session_key="old")
    connection = Connection.objects.get()
    HistorySync.objects.create(connection=connection, due_at=None)
    LastFMAuth.objects.all().delete()

    LastFMAuth.objects.create(user=user, username="ada", session_key="new")

    assert sync_of(connection).due_at is not None


def test_a_wish_to_fetch_now_during_a_fetch_is_served_right_after(ada, histories):
    histories["ada"].before_page = lambda number: HistorySync.request(ada) if number == 0 else None
    lease = scheduling.claim_next(fetch.due_histories("lastfm"))

    fetch.work(lease, lambda: False)

    assert sync_of(ada).due_at <= datetime.now(UTC)
    assert sync_of(ada).lease_until is None


def test_a_long_history_goes_to_the_back_when_its_time_is_over_and_goes_on_from_there(ada, histories, monkeypatch):
    monkeypatch.setattr(scheduling, "RUN_SECONDS", -1)
    bo = link_person("bo", due_at=LONG_AGO + timedelta(days=1))
    histories["bo"] = ListHistory([listen_at(0)], page_size=5)
    order = []
    for name in ("ada", "bo"):
        histories[name].before_page = lambda number, name=name: order.append(name)

    # As long as bo waits, ada's history is worked on once.
    first = scheduling.claim_next(fetch.due_histories("lastfm"))
    fetch.work(first, lambda: False)
    assert scheduling.claim_next(fetch.due_histories("lastfm")).row == sync_of(bo)

    assert order == ["ada"]
    assert Listen.objects.count() == 2
    assert sync_of(ada).window_since is not None


def test_a_worker_that_was_taken_for_dead_leaves_the_connection_to_the_other(ada, histories):
    def overtake(number):
        if number == 1:
            histories["ada"].before_page = lambda number: None
            HistorySync.objects.update(lease_until=LONG_AGO)
            assert drain() == 1

    histories["ada"].before_page = overtake
    lease = scheduling.claim_next(fetch.due_histories("lastfm"))

    fetch.work(lease, lambda: False)

    assert Listen.objects.count() == 5
    sync = sync_of(ada)
    assert (sync.window_since, sync.complete_until) == (None, START + timedelta(minutes=4))
    assert sync.due_at > datetime.now(UTC)


@contextmanager
def watching(*names: str) -> Iterator[threading.Event]:
    """Watch in a thread; at the end it has stopped."""
    stop = threading.Event()
    watcher = threading.Thread(target=worker.watch, args=(stop, names or None))
    watcher.start()
    try:
        yield stop
    finally:
        stop.set()
        watcher.join(60)
        assert not watcher.is_alive()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(worker, "LOOK_AFTER_SECONDS", 0.01)
    monkeypatch.setattr(worker, "AFTER_TROUBLE_SECONDS", 0.01)


@pytest.mark.django_db(transaction=True)
def test_watching_stops_when_told_to_between_two_pages_and_the_connection_is_free(ada, histories, impatient):
    is_at_it, go_on = threading.Event(), threading.Event()

    def hold(number):
        is_at_it.set()
        assert go_on.wait(60)

    histories["ada"].before_page = hold
    with watching() as stop:
        assert is_at_it.wait(60)
        assert sync_of(ada).lease_until is not None
        stop.set()
        go_on.set()

    sync = sync_of(ada)
    assert (sync.lease_until, sync.lease_token) == (None, "")
    assert sync.due_at <= datetime.now(UTC)
    assert Listen.objects.count() == 2
    assert sync.window_oldest == START + timedelta(minutes=3)


@pytest.mark.django_db(transaction=True)
def test_watching_adopts_and_fetches_who_links_meanwhile(histories, impatient):
    is_asked = threading.Event()
    histories["ada"] = ListHistory([listen_at(0)])
    histories["ada"].before_page = lambda number: is_asked.set()
    with watching():
        link_person("ada", due_at=None)
        assert is_asked.wait(60)

    assert Listen.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [OperationalError("away"), KeyError("a bug")], ids=["database away", "bug"])
def test_watching_outlives_a_database_that_goes_away_and_whatever_else_fails_altogether(
    ada, histories, impatient, monkeypatch, error
):
    is_asked = threading.Event()
    histories["ada"].page_size = 5
    histories["ada"].before_page = lambda number: is_asked.set()
    claim_next, failures = scheduling.claim_next, iter(range(3))

    def fail_at_first(rows):
        if next(failures, None) is not None:
            raise error
        return claim_next(rows)

    monkeypatch.setattr(scheduling, "claim_next", fail_at_first)
    with watching("lastfm"):
        assert is_asked.wait(60)

    assert Listen.objects.count() == 5


@pytest.mark.django_db(transaction=True)
def test_a_connection_to_the_database_that_is_cut_in_mid_page_is_made_anew(ada, histories, impatient):
    is_asked_again = threading.Event()

    def cut(number):
        histories["ada"].before_page = lambda number: is_asked_again.set() if number == 0 else None
        connection.connection.close()

    histories["ada"].page_size = 5
    histories["ada"].before_page = cut
    with watching("lastfm"):
        while not is_asked_again.wait(0.05):
            # Its lease runs out in time: here, at once.
            HistorySync.objects.update(lease_until=LONG_AGO)

    assert Listen.objects.count() == 5


@pytest.mark.parametrize("option", ["--user=ada", "--provider=lastfm", "--since=2026-01-01", "--dry-run", "--json"])
def test_to_watch_and_to_ask_for_something_is_wrong_usage(option):
    with pytest.raises(CommandError, match="--watch") as failure:
        call_command("fetch_history", "--watch", option)

    assert failure.value.returncode == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_the_command_stops_at_a_signal_between_two_pages_and_loses_nothing(number):
    """A real process and a real service; nothing sleeps: the service answers when the test lets it."""
    catalogue = Catalogue()
    service = LastFMSimulator(catalogue=catalogue)
    person = service.add_person("ada")
    now = datetime.now(UTC).replace(microsecond=0)
    for hours in range(450):
        person.listen(catalogue.tracks[hours % len(catalogue.tracks)], now - timedelta(hours=1 + hours))
    LastFMAuth.objects.create(
        user=User.objects.create_user("ada"), username="ada", session_key=service.issue_session(person)
    )
    is_asked, answer = threading.Event(), threading.Event()

    def held(environ, start_response):
        is_asked.set()
        assert answer.wait(60)
        return service.api(environ, start_response)

    with serving(held) as address:
        environment = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "LASTFM_API_KEY": service.api_key,
            "LASTFM_API_SECRET": service.api_secret,
            "LASTFM_API_URL": f"{address}/2.0/",
            "PROVIDER_RATE_LIMITS": "none",
            "DJANGO_SETTINGS_MODULE": "tests.settings",
        }
        process = subprocess.Popen(
            [sys.executable, "manage.py", "fetch_history", "--watch"],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert is_asked.wait(60)
            process.send_signal(number)
            answer.set()
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
        assert process.returncode == 0, said

        sync = HistorySync.objects.get()
        assert (sync.lease_until, sync.lease_token) == (None, "")
        assert sync.window_since is not None
        stored = Listen.objects.count()
        assert 0 < stored < 450
        left = subprocess.run(
            [sys.executable, "manage.py", "fetch_history"], env=environment, check=True, capture_output=True, text=True
        )

    assert f"{450 - stored} stored, complete" in left.stdout
    assert Listen.objects.count() == 450
