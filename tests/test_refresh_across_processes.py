"""However many processes need a token at once, and whatever becomes of them: one refresh.

Real processes, a real token endpoint on a socket, and the database that `DATABASE_URL` names. Nothing sleeps: the
endpoint answers when the test lets it.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import timedelta
from queue import SimpleQueue
from threading import Event, Thread
from typing import IO, TYPE_CHECKING, Self
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


class Crew:
    """Processes that build the person's provider when they are told to, and what they say."""

    def __init__(self, address: str, count: int) -> None:
        environment = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "SPOTIFY_CLIENT_ID": "musicbridge-demo",
            "SPOTIFY_ACCOUNTS_URL": f"{address}/accounts",
            "SPOTIFY_API_URL": f"{address}/api/v1",
            "PROVIDER_RATE_LIMITS": "none",
        }
        self.processes = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.build_spotify", "ada"],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(count)
        ]
        self._said: SimpleQueue[str] = SimpleQueue()
        for process in self.processes:
            Thread(target=self._listen, args=(process.stdout,), daemon=True).start()

    def __enter__(self) -> Self:
        self.hear("ready", len(self.processes))
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
            assert process.stdin is not None
            process.stdin.close()

    def _listen(self, stdout: IO[str]) -> None:
        with stdout:
            for line in stdout:
                self._said.put(line.strip())

    def hear(self, word: str, times: int) -> None:
        """Wait until this was said so often, and nothing else meanwhile."""
        assert [self._said.get(timeout=60) for _ in range(times)] == [word] * times

    def let_build(self, *processes: "subprocess.Popen[str]") -> None:
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()


def database_url() -> str:
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    account = quote(database["USER"]) + (f":{quote(database['PASSWORD'])}" if database["PASSWORD"] else "")
    return f"postgres://{account}@{database['HOST']}:{database['PORT']}/{database['NAME']}"


def kill_the_one_that_refreshes(crew: Crew, endpoint: HeldTokenEndpoint) -> None:
    """Kill it while the others wait for it, and let the time of its lease pass."""
    winner, *others = crew.processes
    crew.let_build(winner)
    assert endpoint.arrived.wait(60)
    crew.let_build(*others)
    crew.hear("waiting", len(others))
    winner.kill()
    assert winner.wait() == -signal.SIGKILL
    assert SpotifyAuth.objects.filter(refresh_lease_until__gt=timezone.now()).update(refresh_lease_until=timezone.now())


@pytest.mark.req("PROV-013")
@pytest.mark.req("PROV-032")
def test_twenty_processes_at_once_cause_one_refresh_and_all_get_a_working_provider(
    spotify: SpotifySimulator, expired: SpotifyAuth
) -> None:
    endpoint = HeldTokenEndpoint(spotify.wsgi, answered_when_released)
    with serving(endpoint) as address, Crew(address, PROCESSES) as crew:
        crew.let_build(*crew.processes)
        crew.hear("waiting", PROCESSES - 1)
        endpoint.released.set()
        crew.hear("working", PROCESSES)
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
    with serving(endpoint) as address, Crew(address, 3) as crew:
        kill_the_one_that_refreshes(crew, endpoint)
        crew.hear("working", 2)
        endpoint.released.set()
    assert len(spotify.seen("token")) == 1
    assert Connection.objects.get().status == Connection.Status.OK


def test_a_rotated_token_that_is_lost_with_its_process_means_linking_again(
    spotify: SpotifySimulator, expired: SpotifyAuth
) -> None:
    endpoint = HeldTokenEndpoint(spotify.wsgi, granted_but_lost_on_the_way_back)
    with serving(endpoint) as address, Crew(address, 3) as crew:
        kill_the_one_that_refreshes(crew, endpoint)
        crew.hear("ReauthorizationRequiredError", 2)
        endpoint.released.set()
    assert len(spotify.seen("token")) == 2
    link = Connection.objects.get()
    assert link.status == Connection.Status.NEEDS_REAUTH
    assert "Link Spotify again" in link.status_detail
