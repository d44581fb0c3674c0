"""The whole product at work on this machine, against the built-in simulators."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import requests
from django.conf import settings
from django.core.management.base import CommandError

from musicbridge.demo import DemoError, Visitor
from providers import registry
from providers.management.commandline import PlainSpokenCommand, port

START_WITHIN_SECONDS = 60
ADMINISTRATOR = "admin"


class Command(PlainSpokenCommand):
    """Starts simulators and the site, links a person's services, fetches, and goes on serving and fetching.

    One parent for all: whatever ends it ends the parts. Database, uploads and keys are its own and go with it, because
    the simulators begin anew each time as well.
    """

    help = "Show the product at work against built-in simulators: link, fetch, then serve the site."
    requires_system_checks = []  # The site it starts has settings of its own, and checks them.

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--port", type=port, default=8000, help="where the site listens (default: 8000)")
        parser.add_argument("--no-serve", action="store_true", help="stop when the job is done")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do the main job, print what came home, then serve until told to stop."""
        # Here and not above: the simulators need werkzeug, which a site that runs no demo need not have.
        from providers.testing.simulators.household import PASSWORD, USERNAME, serving_household

        # SIGINT as well: a shell that starts the demo in the background has it ignored.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _interrupt)
        number_of_port = options["port"] if _is_free(options["port"]) else _free_port()
        site_url = f"http://127.0.0.1:{number_of_port}"
        try:
            with (
                serving_household(f"{site_url}/connections/spotify/callback/") as household,
                tempfile.TemporaryDirectory(prefix="musicbridge-demo-") as folder,
            ):
                environment = _environment(site_url, Path(folder), household.settings)
                _manage(environment, "migrate", "--verbosity=0")
                _make_administrator(environment, PASSWORD)
                with _site(number_of_port, environment) as site:
                    visitor = Visitor(site_url)
                    self._say(f"{USERNAME} signs in with Navidrome")
                    visitor.sign_in(USERNAME, PASSWORD)
                    for provider_type, consent in household.consents.items():
                        self._say(f"{USERNAME} links {provider_type}")
                        visitor.link(provider_type, consent)
                    self._say("fetching what there is to hear")
                    counts = _fetch(environment)
                    for provider_type, count in counts.items():
                        self.stdout.write(f"{provider_type:>10}: {count} listens came home")
                    self.stdout.write(_carry(environment, USERNAME, household.mirror))
                    if not options["no_serve"]:
                        self._say(f"the site: {site_url}/ (sign in as {USERNAME!r}, password {PASSWORD!r})")
                        self._say(f"its administration: {site_url}/admin/ (as {ADMINISTRATOR!r}, the same password)")
                        self._say("Ctrl-C stops everything")
                        with _part(environment, "manage.py", "fetch_history", "--watch") as watcher:
                            _wait_for_an_end(site, watcher)
        except (DemoError, requests.RequestException) as error:
            raise CommandError(str(error)) from None
        except subprocess.CalledProcessError as error:
            raise CommandError(f"{' '.join(error.cmd[2:])} ended with {error.returncode}.") from None
        except KeyboardInterrupt:
            self._say("stopped")
            return
        self.stdout.write(json.dumps(counts))

    def _say(self, text: str) -> None:
        self.stderr.write(f"demo: {text}")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _environment(site_url: str, folder: Path, service_settings: dict[str, str]) -> dict[str, str]:
    """Return an environment in which nothing of the machine's own site is used."""
    return {
        **os.environ,
        **service_settings,
        "DJANGO_SETTINGS_MODULE": "musicbridge.settings",
        "MUSICBRIDGE_ENV_FILE": os.devnull,
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FERNET_KEYS": secrets.token_urlsafe(32),
        "DATABASE_URL": f"sqlite:///{folder / 'demo.sqlite3'}",
        "MEDIA_ROOT": str(folder / "uploads"),
        "PUBLIC_URL": site_url,
    }


def _manage(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603


def _make_administrator(environment: dict[str, str], password: str) -> None:
    options = ("--noinput", f"--username={ADMINISTRATOR}", "--email=admin@example.org")
    _manage({**environment, "DJANGO_SUPERUSER_PASSWORD": password}, "createsuperuser", *options)


def _fetch(environment: dict[str, str]) -> dict[str, int]:
    """Fetch once and return how many listens came home, per service, in the order of the settings."""
    reports = json.loads(_manage(environment, "fetch_history", "--json"))
    stored = {report["provider"]: report["stored"] for report in reports}
    return {spec.type: stored.get(spec.type, 0) for spec in registry.specs()}


def _carry(environment: dict[str, str], username: str, mirror: dict[str, str]) -> str:
    """Carry a playlist, and return in a line what came of it."""
    where = (f"--from={mirror['source']}", f"--playlist={mirror['playlist']}", f"--to={mirror['target']}")
    told = _manage(environment, "sync_playlist", f"--user={username}", *where).splitlines()
    return f"playlist {next(line for line in told if line.startswith(mirror['playlist']))}"


@contextmanager
def _part(environment: dict[str, str], *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run Python with these arguments meanwhile."""
    part = subprocess.Popen([sys.executable, *arguments], env=environment, cwd=settings.BASE_DIR)  # noqa: S603
    try:
        yield part
    finally:
        part.terminate()
        part.wait(timeout=60)


@contextmanager
def _site(port: int, environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the site under gunicorn and wait until it answers. Raises `DemoError`."""
    options = (f"--bind=127.0.0.1:{port}", "--workers=2", "--no-control-socket", "--log-level=warning")
    with _part(environment, "-m", "gunicorn", "musicbridge.wsgi", *options) as server:
        give_up_at = time.monotonic() + START_WITHIN_SECONDS
        while _is_free(port):
            if server.poll() is not None or time.monotonic() > give_up_at:
                raise DemoError("The site did not start.")
            time.sleep(0.1)
        yield server


def _wait_for_an_end(*parts: "subprocess.Popen[bytes]") -> None:
    """Wait until one of the parts ends by itself. Raises `DemoError` then."""
    while all(part.poll() is None for part in parts):
        time.sleep(0.5)
    raise DemoError("A part of the demo ended by itself.")
