"""However many processes need a token at once, and whatever becomes of them: one refresh.

Real processes, a real token endpoint on a socket, and the database that `DATABASE_URL` names. Nothing sleeps: the
endpoint answers when the test lets it.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from werkzeug.wrappers import Response

from providers.models import Connection, SpotifyAuth
from providers.testing.simulators.spotify import SpotifySimulator
from providers.testing.wsgi import serving

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PROCESSES = 20

pytestmark = pytest.mark.django_db(transaction=True)


class HeldTokenEndpoint:
    """Holds the first request for a token until the test releases it; whatever comes later passes."""

    def __init__(self, app: "WSGIApplication", first: "First") -> None:
        self._app = app
        self._first: First | None = first
        self.arrived = Event()
        self.released = Event()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if not environ["PATH_INFO"].endswith("/api/token") or self._first is None:
            return self._app(environ, start_response)
        answer, self._first = self._first, None
        return answer(self, self._app)(environ, start_response)

    def hold(self) -> None:
        self.arrived.set()
        self.released.wait()


First = Callable[[HeldTokenEndpoint, "WSGIApplication"], "WSGIApplication"]


def answered_when_released(endpoint: HeldTokenEndpoint, app: "WSGIApplication") -> "WSGIApplication":
    endpoint.hold()
    return app


def lost_on_the_way(endpoint: HeldTokenEndpoint, app: "WSGIApplication") -> "WSGIApplication":
    endpoint.hold()
    return Response(status=503)


def granted_but_lost_on_the_way_back(endpoint: HeldTokenEndpoint, app: "WSGIApplication") -> "WSGIApplication":
    def wsgi(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        chunks = list(app(environ, start_response))
        endpoint.hold()
        return chunks

    return wsgi


@pytest.fixture
def spotify() -> SpotifySimulator:
    return SpotifySimulator(rotates_refresh_tokens=True)


@pytest.fixture
def expired(transactional_db: None, spotify: SpotifySimulator) -> SpotifyAuth:
    """Return the credentials of a person whose access token has expired."""
    person = spotify.add_person("Ada Lovelace")
    _, refresh_token = spotify.issue_tokens(person)
    return SpotifyAuth.objects.create(
        user=User.objects.create_user("ada"),
        access_token="expired",
        refresh_token=refresh_token,
        expires_at=timezone.now() - timedelta(minutes=1),
        client_id=spotify.client_id,
    )


@contextmanager
def processes(address: str, count: int) -> Iterator[list["subprocess.Popen[str]"]]:
    """Start processes that are ready to build the person's provider, and leave none behind."""
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "SPOTIFY_CLIENT_ID": "musicbridge-demo",
        "SPOTIFY_ACCOUNTS_URL": f"{address}/accounts",
        "SPOTIFY_API_URL": f"{address}/api/v1",
        "PROVIDER_RATE_LIMITS": "none",
    }
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.build_spotify", "ada"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    try:
        for process in started:
            assert said(process) == "ready"
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def database_url() -> str:
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    account = quote(database["USER"]) + (f":{quote(database['PASSWORD'])}" if database["PASSWORD"] else "")
    return f"postgres://{account}@{database['HOST']}:{database['PORT']}/{database['NAME']}"


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def let_build(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert said(process) == "building"


def end_the_lease() -> None:
    """Let the time pass that a process is given for a refresh."""
    assert SpotifyAuth.objects.filter(refresh_lease_until__gt=timezone.now()).update(refresh_lease_until=timezone.now())


@pytest.mark.req("PROV-013")
@pytest.mark.req("PROV-032")
def test_twenty_processes_at_once_cause_one_refresh_and_all_get_a_working_provider(
    spotify: SpotifySimulator, expired: SpotifyAuth
) -> None:
    endpoint = HeldTokenEndpoint(spotify.wsgi, answered_when_released)
    with serving(endpoint) as address, processes(address, PROCESSES) as all_of_them:
        for process in all_of_them:
            let_build(process)
        endpoint.released.set()
        assert [said(process) for process in all_of_them] == ["working"] * PROCESSES
    assert len(spotify.seen("token")) == 1
    row = SpotifyAuth.objects.get()
    assert row.token_version == 2
    assert row.refresh_token != expired.refresh_token
    assert len(spotify.seen("my_playlists")) >= PROCESSES
    assert {request.headers["Authorization"] for request in spotify.seen("my_playlists")} == {
        f"Bearer {row.access_token}"
    }


def test_when_the_one_that_refreshes_is_killed_another_takes_over_after_its_lease(
    spotify: SpotifySimulator, expired: SpotifyAuth
) -> None:
    endpoint = HeldTokenEndpoint(spotify.wsgi, lost_on_the_way)
    with serving(endpoint) as address, processes(address, 3) as (winner, *others):
        let_build(winner)
        assert endpoint.arrived.wait(30)
        for process in others:
            let_build(process)
        winner.send_signal(signal.SIGKILL)
        assert winner.wait() == -signal.SIGKILL
        end_the_lease()
        assert [said(process) for process in others] == ["working", "working"]
        endpoint.released.set()
    assert len(spotify.seen("token")) == 1
    assert Connection.objects.get().status == Connection.Status.OK


def test_a_rotated_token_that_is_lost_with_its_process_means_linking_again(
    spotify: SpotifySimulator, expired: SpotifyAuth
) -> None:
    endpoint = HeldTokenEndpoint(spotify.wsgi, granted_but_lost_on_the_way_back)
    with serving(endpoint) as address, processes(address, 3) as (winner, *others):
        let_build(winner)
        assert endpoint.arrived.wait(30)
        for process in others:
            let_build(process)
        winner.send_signal(signal.SIGKILL)
        assert winner.wait() == -signal.SIGKILL
        end_the_lease()
        assert [said(process) for process in others] == ["ReauthorizationRequiredError"] * 2
        endpoint.released.set()
    assert len(spotify.seen("token")) == 2
    link = Connection.objects.get()
    assert link.status == Connection.Status.NEEDS_REAUTH
    assert "Link Spotify again" in link.status_detail
