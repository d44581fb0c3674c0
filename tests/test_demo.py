"""The demo as a newcomer runs it: a process of its own, real HTTP, signals."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import requests
from django.conf import settings

from providers.testing.simulators.household import PASSWORD
from tests import on_postgres

pytestmark = [pytest.mark.own_database, pytest.mark.timeout(180)]


@contextmanager
def start(*arguments: str, **more: str) -> "Iterator[subprocess.Popen[str]]":
    environment = {**os.environ, "MUSICBRIDGE_ENV_FILE": os.devnull, "SECRET_KEY": "of no use to the site", **more}
    # Simulators need no sparing, and tests would wait.
    environment["PROVIDER_RATE_LIMITS"] = "none"
    for name in ("DATABASE_URL", "DJANGO_SETTINGS_MODULE"):  # those of the tests
        environment.pop(name, None)
    command = [sys.executable, "manage.py", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, text=True, **pipes) as process:
        try:
            yield process
        finally:
            # Where a test failed before it came to that.
            process.terminate()


def start_demo(*arguments: str, **more: str) -> "AbstractContextManager[subprocess.Popen[str]]":
    # A port of its own: two that begin at once would both find the usual one free.
    return start("demo", f"--port={on_postgres.free_port()}", *arguments, **more)


def test_a_person_signs_in_links_and_their_listens_come_home_from_every_service():
    with start_demo("--no-serve") as demo:
        out, err = demo.communicate()

    assert demo.returncode == 0, err
    counts = json.loads(out.splitlines()[-1])
    assert list(counts) == ["spotify", "lastfm", "navidrome"]
    assert all(count > 20 for count in counts.values())


def wait_until_it_serves(demo: "subprocess.Popen[str]") -> tuple[str, str]:
    """Return the site's address, and its administrator's name, once the demo says that only Ctrl-C stops it."""
    assert demo.stderr is not None
    site, name = next(
        found.groups() for line in demo.stderr if (found := re.search(r"(http://\S+)/admin/ \(as '(\w+)'", line))
    )
    assert any("Watching" in line for line in demo.stderr)
    return site, name


def sign_in_as_administrator(site: str, name: str) -> str:
    with requests.Session() as browser:
        browser.get(f"{site}/admin/login/", timeout=10)
        form = {"username": name, "password": PASSWORD, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        return browser.post(f"{site}/admin/login/?next=/admin/", data=form, timeout=10).text


def processes_of(parent: int) -> dict[int, str]:
    """Return the command lines of a process's children, by their ids."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return {int(child): Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ") for child in children}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_people_and_an_administrator_until_it_is_stopped_and_leaves_nothing_behind(number, tmp_path):
    with start_demo(TMPDIR=str(tmp_path)) as demo:
        site, administrator = wait_until_it_serves(demo)
        assert requests.get(f"{site}/", timeout=10).status_code == 200
        assert "Site administration" in sign_in_as_administrator(site, administrator)
        parts = processes_of(demo.pid)

        demo.send_signal(number)
        demo.communicate()

    assert demo.returncode == 0
    assert len(parts) == 2
    assert not [part for part in parts if Path(f"/proc/{part}").exists()]
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(site.rpartition(":")[2]))) != 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("part", ["fetch_history --watch", "gunicorn"])
def test_a_part_that_ends_by_itself_ends_the_demo(part):
    with start_demo() as demo:
        wait_until_it_serves(demo)
        parts = processes_of(demo.pid)

        os.kill(next(pid for pid, command in parts.items() if part in command), signal.SIGKILL)
        _, err = demo.communicate()

    assert demo.returncode == 1
    assert "ended by itself" in err
    assert not [pid for pid in parts if Path(f"/proc/{pid}").exists()]


def test_the_simulators_print_the_settings_that_lead_to_them_and_stop_when_told():
    with start("simulate_providers", "--port", "9411") as simulators:
        assert simulators.stdout is not None
        simulated = dict(simulators.stdout.readline().strip().split("=", 1) for _ in range(9))
        answer = requests.get(simulated["NAVIDROME_URL"] + "/rest/ping", timeout=10)

        simulators.send_signal(signal.SIGTERM)
        simulators.communicate()

    assert simulated["SPOTIFY_API_URL"] == "http://127.0.0.1:9411/api/v1"
    assert "subsonic-response" in answer.text
    assert simulators.returncode == 0


def test_a_port_that_is_taken_is_said_in_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 9421))
        taken.listen()
        with start("simulate_providers", "--port", "9421") as simulators:
            _, err = simulators.communicate()

    assert simulators.returncode == 1
    assert "Try another --port" in err
