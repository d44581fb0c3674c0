"""Processes of their own: what is measured from start to end, its site, and the server it talks to."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_KILOBYTE = 1024


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that ended well: how long it took, the most memory it had (bytes), and what it printed."""

    seconds: float
    peak_bytes: int
    output: str

    def json(self) -> Any:
        """Return what it printed, as JSON."""
        return json.loads(self.output)


class Running:
    """A process under way. `finished` waits for it; a process that fails raises `RuntimeError` with what it said."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], output: Path | None = None) -> None:
        self._arguments = arguments
        self._output_path = output
        # Files, not pipes: nobody reads along. `finished` closes them.
        self._stdout = output.open("w+b") if output else tempfile.TemporaryFile()  # noqa: SIM115
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
        self._started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env={**environment}, stdout=self._stdout, stderr=self._stderr
        )

    def finished(self) -> Finished:
        """Wait for the end."""
        # Not `wait`, which does not tell how much memory this one child had.
        _, status, usage = os.wait4(self._process.pid, 0)
        seconds = time.perf_counter() - self._started
        self._process.returncode = os.waitstatus_to_exitcode(status)
        with self._stdout, self._stderr:
            for stream in (self._stdout, self._stderr):
                stream.seek(0)
            if self._process.returncode:
                said = self._stderr.read().decode(errors="replace")[-2000:]
                raise RuntimeError(f"{' '.join(self._arguments)} failed ({self._process.returncode}):\n{said}")
            output = "" if self._output_path else self._stdout.read().decode()
        return Finished(seconds, usage.ru_maxrss * _KILOBYTE, output)


def run(arguments: Sequence[str], environment: Mapping[str, str], output: Path | None = None) -> Finished:
    """Run Python with these arguments to its end."""
    return Running(arguments, environment, output).finished()


def plain_environment() -> dict[str, str]:
    """Return an environment in which nothing of this machine's settings is left."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")
    return {name: os.environ[name] for name in kept if name in os.environ}


def site_environment(database_url: str, **settings: str) -> dict[str, str]:
    """Return the environment of a site of its own, its rate limits off unless set."""
    return {
        **plain_environment(),
        "MUSICBRIDGE_ENV_FILE": os.devnull,
        "DJANGO_SETTINGS_MODULE": "musicbridge.settings",
        "SECRET_KEY": "for-benchmarks-only-and-more-than-fifty-characters-long",
        "FERNET_KEYS": "for benchmarks only",
        "DATABASE_URL": database_url,
        "PROVIDER_RATE_LIMITS": "none",
        "LASTFM_API_KEY": "key",
        "LASTFM_API_SECRET": "secret",
        **settings,
    }


class Site:
    """Databases of two people, ada, who has linked Last.fm, and bo: made once, then copied for every run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._template = folder / "template.sqlite3"
        run(["-m", "benchmarks.inside.prepare"], site_environment(f"sqlite:///{self._template}"))

    def new_database(self) -> Path:
        """Return a fresh copy; the one before is gone then."""
        path = self._folder / "site.sqlite3"
        for old in self._folder.glob("site.sqlite3*"):
            old.unlink()
        shutil.copyfile(self._template, path)
        return path

    def manage(self, database: Path, *arguments: str, output: Path | None = None, **settings: str) -> Finished:
        """Run `manage.py` with this database."""
        return run(["manage.py", *arguments], site_environment(f"sqlite:///{database}", **settings), output)


class Server:
    """The server that stands in for the services: `benchmarks.server`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def lastfm_url(self, *, scrobbles: int, label: str = "all", latency_ms: int = 0, hidden: int = 0) -> str:
        """Return the address of a Last.fm with so many scrobbles, the newest of them not there yet."""
        return f"{self.url}/lastfm/{label}/{latency_ms}/{scrobbles}/{hidden}/"

    def arrivals(self, label: str) -> list[float]:
        """Return when the requests with this label came in, in seconds of some clock."""
        with urllib.request.urlopen(f"{self.url}/arrivals/{label}/") as answer:
            arrivals: list[float] = json.load(answer)
        return arrivals


@contextmanager
def serving() -> Iterator[Server]:
    """Run the server in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server"], cwd=ROOT, env=plain_environment(), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield Server(int(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder for one job and remove it."""
    with tempfile.TemporaryDirectory(prefix="musicbridge-bench-") as folder:
        yield Path(folder)
