"""What each examination finds, well and ill."""

import shutil
import threading
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import Error, OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from providers.doctor import addresses, configuration, database, keys, machine, services
from providers.doctor.findings import Finding, Level
from providers.models import Connection, EventCount, HistorySync, LastFMAuth, SpotifyAuth
from providers.testing.wsgi import serving
from tests.drills.redis_server import redis_server
from tests.on_postgres import free_port

pytestmark = pytest.mark.django_db

Examination = Callable[[], Iterator[Finding]]


def texts(examine: Examination, level: Level = Level.PROBLEM) -> list[str]:
    return [finding.text for finding in examine() if finding.level is level]


def advices(examine: Examination) -> str:
    return " ".join(finding.advice for finding in examine())


# --- settings -----------------------------------------------------------------------------------------------


def test_what_djangos_checks_say_is_passed_on_with_their_hint(settings: Settings) -> None:
    settings.LEASE_SECONDS, settings.SESSION_COOKIE_SAMESITE = 0, "Strict"
    assert any("LEASE_SECONDS" in text for text in texts(configuration.examine))
    assert any("SESSION_COOKIE_SAMESITE" in text for text in texts(configuration.examine, Level.WARNING))
    assert 'Set it to "Lax"' in advices(configuration.examine)


def test_what_is_missing_for_https_is_one_finding(settings: Settings) -> None:
    settings.SECURE_HSTS_SECONDS, settings.SESSION_COOKIE_SECURE, settings.SECURE_SSL_REDIRECT = 0, False, False
    told = [text for text in texts(configuration.examine, Level.WARNING) if "http" in text]
    assert told == ["The site can be used over plain http: passwords and sessions can be read on their way."]


def test_a_debug_site_is_warned_of(settings: Settings) -> None:
    settings.DEBUG = True
    assert "DEBUG is on: error pages tell strangers how the site is built." in texts(
        configuration.examine, Level.WARNING
    )


# --- addresses ----------------------------------------------------------------------------------------------


@pytest.fixture
def nowhere(settings: Settings) -> str:
    """Let the site be where nothing answers."""
    settings.PUBLIC_URL = f"http://127.0.0.1:{free_port()}"
    return str(settings.PUBLIC_URL)


def test_a_redirect_address_that_is_the_sites_own_is_in_order(settings: Settings, nowhere: str) -> None:
    settings.SPOTIFY_REDIRECT_URI = f"{nowhere}/connections/spotify/callback/"
    assert texts(addresses.examine) == []
    assert "SPOTIFY_REDIRECT_URI is where Spotify comes back to this site." in texts(addresses.examine, Level.OK)


@pytest.mark.parametrize(
    "registered",
    ["{}/connections/spotify/callback", "{}/callback/", "https://old.example/connections/spotify/callback/"],
)
def test_any_other_is_named_with_the_one_it_should_be(settings: Settings, nowhere: str, registered: str) -> None:
    settings.SPOTIFY_REDIRECT_URI = registered.format(nowhere)
    (text,) = texts(addresses.examine)
    assert f"waits for Spotify at {nowhere}/connections/spotify/callback/" in text
    assert "register exactly that" in advices(addresses.examine)


def test_without_a_public_url_the_path_alone_can_be_told(settings: Settings) -> None:
    settings.PUBLIC_URL, settings.SPOTIFY_REDIRECT_URI = "", "https://music.example/elsewhere/"
    (text,) = texts(addresses.examine)
    assert "https://music.example/connections/spotify/callback/" in text
    assert "PUBLIC_URL is not set" in texts(addresses.examine, Level.WARNING)[0]


def test_a_host_that_the_site_does_not_answer_to_is_a_problem(settings: Settings, nowhere: str) -> None:
    settings.ALLOWED_HOSTS = ["music.example"]
    assert texts(addresses.examine) == ["The site does not answer to 127.0.0.1, the host of PUBLIC_URL."]


@pytest.mark.parametrize(
    ("status", "level"), [("200 OK", Level.OK), ("302 Found", Level.OK), ("502 Bad Gateway", Level.WARNING)]
)
def test_the_site_is_asked_where_browsers_find_it(settings: Settings, status: str, level: Level) -> None:
    with serving(answering(status)) as url:
        settings.PUBLIC_URL = url
        assert [finding.level for finding in addresses.examine()] == [level]


def test_where_nothing_answers_the_proxy_is_named(nowhere: str) -> None:
    assert f"Nothing answers at {nowhere}, seen from here." in texts(addresses.examine, Level.WARNING)
    assert "the proxy" in advices(addresses.examine)


# --- database -----------------------------------------------------------------------------------------------


def test_a_database_that_is_well_is_left_as_it_was() -> None:
    assert texts(database.examine) == texts(database.examine, Level.WARNING) == []
    assert "It can be written to." in texts(database.examine, Level.OK)
    assert not EventCount.objects.exists()


def test_a_database_that_is_away_is_the_one_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OperationalError("password authentication failed for seeded-secret")

    monkeypatch.setattr(connection, "ensure_connection", refuse)
    assert texts(database.examine) == ["The database is not to be had: OperationalError."]


@pytest.mark.django_db(transaction=True)
def test_migrations_that_are_not_applied_are_counted() -> None:
    call_command("migrate", "axes", "zero", verbosity=0)
    try:
        (text,) = texts(database.examine)
        assert text.endswith("migrations are not applied.")
    finally:
        call_command("migrate", verbosity=0)


def test_a_database_that_cannot_be_written_to_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise Error("attempt to write a readonly database")

    monkeypatch.setattr(EventCount.objects, "create", refuse)
    assert texts(database.examine) == ["The database cannot be written to: Error."]


def test_sqlite_on_a_disk_of_the_network_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "filesystem_of", lambda file: "nfs4")
    problems = texts(database.examine)
    assert len(problems) == (connection.vendor == "sqlite")
    assert all("on a disk of the network (nfs4)" in text for text in problems)


def test_the_file_system_is_that_of_the_nearest_mount() -> None:
    assert database.filesystem_of(Path("/proc/self/status")) == "proc"


def test_clocks_apart_are_warned_of_where_there_are_two() -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=5)):
        warnings = texts(database.examine, Level.WARNING)
    assert len(warnings) == (connection.vendor != "sqlite")
    assert all("seconds apart" in text for text in warnings)


# --- keys ---------------------------------------------------------------------------------------------------


@pytest.fixture
def linked(user: User) -> User:
    SpotifyAuth.objects.create(user=user, access_token="a", refresh_token="b")
    LastFMAuth.objects.create(user=user, username="ada", session_key="c")
    return user


def test_keys_that_open_everything_are_in_order(linked: User) -> None:
    assert [finding.level for finding in keys.examine()] == [Level.OK]


def test_other_keys_than_those_of_the_backup_are_a_problem(linked: User, settings: Settings) -> None:
    settings.FERNET_KEYS = ["another key"]
    assert texts(keys.examine) == [
        "2 secrets among the spotify auths are opened by none of FERNET_KEYS.",
        "1 secrets among the last fm auths are opened by none of FERNET_KEYS.",
    ]
    assert "Put back the keys" in advices(keys.examine)


def test_secrets_under_an_older_key_are_to_be_rotated(linked: User, settings: Settings) -> None:
    settings.FERNET_KEYS = ["a newer key", *settings.FERNET_KEYS]
    assert len(texts(keys.examine, Level.WARNING)) == 2
    assert "rotate_credentials" in advices(keys.examine)


def test_without_any_key_there_is_one_problem(linked: User, settings: Settings) -> None:
    settings.FERNET_KEYS = []
    assert texts(keys.examine) == ["FERNET_KEYS is not set: secrets can be neither stored nor read."]


# --- services -----------------------------------------------------------------------------------------------


def answering(status: str) -> Callable[..., list[bytes]]:
    """Return a WSGI application that answers everything so, and wants nobody's credentials."""

    def application(environ: dict[str, object], start_response: Callable[..., object]) -> list[bytes]:
        assert "HTTP_AUTHORIZATION" not in environ
        start_response(status, [])
        return [b""]

    return application


@pytest.fixture
def only(settings: Settings) -> Callable[[str], None]:
    """Set up one service only, at an address."""
    settings.SPOTIFY_CLIENT_ID = settings.LASTFM_API_KEY = settings.RADIOLA_URL = ""

    def at(address: str) -> None:
        settings.NAVIDROME_URL = address

    return at


def test_a_service_that_answers_anything_is_reachable(only: Callable[[str], None]) -> None:
    with serving(answering("404 Not Found")) as url:
        only(url)
        assert [finding.text for finding in services.examine()] == ["Navidrome answers (NAVIDROME_URL)."]


def test_one_that_cannot_be_reached_is_named_with_its_setting(only: Callable[[str], None]) -> None:
    only(f"http://127.0.0.1:{free_port()}")
    assert texts(services.examine) == ["Navidrome cannot be reached (NAVIDROME_URL)."]
    assert "firewall" in advices(services.examine)


def test_one_that_is_in_trouble_itself_is_warned_of(only: Callable[[str], None]) -> None:
    with serving(answering("503 Service Unavailable")) as url:
        only(url)
        assert texts(services.examine, Level.WARNING) == ["Navidrome answers 503 (NAVIDROME_URL)."]


@contextmanager
def serving_at(moment: datetime) -> Iterator[str]:
    """Serve nothing, by a clock that stands at this moment."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(moment, usegmt=True)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("hours", "where"), [(-1, "ahead of"), (1, "behind")])
def test_a_clock_that_is_off_is_told_by_what_services_say(only: Callable[[str], None], hours: int, where: str) -> None:
    with serving_at(datetime.now(UTC) + timedelta(hours=hours)) as url:
        only(url)
        (text,) = texts(services.examine)
        assert f"seconds {where} Navidrome's" in text
        assert "NTP" in advices(services.examine)


def test_a_site_without_services_is_told_so(only: Callable[[str], None]) -> None:
    only("")
    assert texts(services.examine, Level.WARNING) == ["No service is set up."]


# --- the machine --------------------------------------------------------------------------------------------


@pytest.mark.redis
def test_a_redis_that_is_there_answers_and_one_that_is_not_is_a_problem(settings: Settings, tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        settings.REDIS_URL = server.url
        assert [finding.text for finding in machine.examine_redis()] == ["The Redis answers."]
    (text,) = texts(machine.examine_redis)
    assert text.startswith("The Redis of REDIS_URL does not answer")


def test_work_that_lies_about_asks_for_a_watcher(user: User) -> None:
    assert texts(machine.examine_work, Level.OK)
    linked = Connection.objects.create(user=user, provider_type="lastfm")
    HistorySync.objects.create(connection=linked, due_at=timezone.now() - timedelta(hours=2))
    assert texts(machine.examine_work, Level.WARNING) == ["Nobody has come to lastfm for 120 minutes."]
    assert "fetch_history --watch" in advices(machine.examine_work)


@pytest.mark.parametrize(("free", "level"), [(2**40, Level.OK), (2**29, Level.WARNING), (2**20, Level.PROBLEM)])
def test_a_disk_that_is_nearly_full_is_told_in_time(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: Level
) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "not" / "made" / "yet")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(2**41, 0, free))
    assert {finding.level for finding in machine.examine_disk()} == {level}


def test_a_folder_that_cannot_be_written_to_is_a_problem(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda place, mode: False)
    assert "cannot be written to" in texts(machine.examine_disk)[0]
