"""This site with a database of its own: its processes, and what is in its database.

A drill asks the database by itself, without Django: what it checks is not what it checks with, and Django can be set
up for one database only.
"""

import json
import os
import secrets
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg

from tests.drills.lastfm import LastFM, Row

ROOT = Path(__file__).parent.parent.parent

_LINK = """
import json
from django.contrib.auth.models import User
from providers.models import Connection, HistorySync, LastFMAuth
for username, session_key in json.loads({sessions!r}).items():
    LastFMAuth.objects.create(user=User.objects.create_user(username), username=username, session_key=session_key)
HistorySync.adopt(Connection.objects.all())
"""


class Database:
    """Looks into the site's database, by connections of their own, so that a restart breaks none."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        with self._connect() as connection:
            return [tuple(row) for row in connection.execute(query).fetchall()]

    def execute(self, statement: str) -> None:
        """Change something."""
        with self._connect() as connection:
            connection.execute(statement)

    def listens(self) -> dict[str, Counter[Row]]:
        """Return what is stored, by person, and how often each listen is."""
        stored: dict[str, Counter[Row]] = {}
        for person, played_at, name, artist in self.rows(
            "SELECT username, played_at, name, artist FROM providers_listen "
            "JOIN auth_user ON auth_user.id = providers_listen.user_id"
        ):
            stored.setdefault(person, Counter())[(_seconds(played_at), name, artist)] += 1
        return stored

    def count_listens(self) -> int:
        """Return how many listens are stored."""
        return int(self.rows("SELECT COUNT(*) FROM providers_listen")[0][0])

    def is_written_to(self) -> bool:
        """Whether anybody is in the midst of a transaction that writes. Quick enough to catch a short one."""
        if not self.is_sqlite:
            query = "SELECT COUNT(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL"
            return bool(self._probe.execute(query).fetchone()[0])
        try:
            self._probe.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        self._probe.execute("ROLLBACK")
        return False

    @cached_property
    def _probe(self) -> Any:
        return self._open(patience=0)

    @contextmanager
    def _connect(self) -> Iterator[Any]:
        connection = self._open()
        try:
            yield connection
        finally:
            connection.close()

    def _open(self, patience: float = 30) -> Any:
        if self.is_sqlite:
            return sqlite3.connect(self.url.removeprefix("sqlite:///"), timeout=patience, isolation_level=None)
        return psycopg.connect(self.url, autocommit=True, application_name="drill")


def _seconds(played_at: str | datetime) -> int:
    moment = datetime.fromisoformat(played_at) if isinstance(played_at, str) else played_at
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


class Site:
    """The site, and whatever of it runs. `link` is the Python that links its people."""

    def __init__(self, database_url: str, link: str, **settings: str) -> None:
        self.database = Database(database_url)
        self._environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "MUSICBRIDGE_ENV_FILE": os.devnull,
            "DJANGO_SETTINGS_MODULE": "musicbridge.settings",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "FERNET_KEYS": secrets.token_urlsafe(32),
            "DATABASE_URL": database_url,
            **settings,
        }
        self.processes: list[subprocess.Popen[str]] = []
        self._run("migrate", "--verbosity=0")
        self._run("shell", "--verbosity=0", "--command", link)

    def start(self, *arguments: str, log: Path | None = None) -> "subprocess.Popen[str]":
        """Start a process of the site: `-m` and a module, or else a command of manage.py."""
        with open(log or os.devnull, "a") as stderr:
            process = subprocess.Popen(
                [sys.executable, *(arguments if arguments[0] == "-m" else ("manage.py", *arguments))],
                cwd=ROOT,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        self.processes.append(process)
        return process

    def close(self) -> None:
        """End whatever still runs."""
        for process in self.processes:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()

    def _run(self, *arguments: str) -> None:
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(command, cwd=ROOT, env=self._environment, check=True, capture_output=True)


class HistorySite(Site):
    """A site whose people have linked Last.fm."""

    def __init__(self, database_url: str, lastfm: LastFM, **settings: str) -> None:
        link = _LINK.format(sessions=json.dumps(lastfm.sessions))
        super().__init__(database_url, link, PROVIDER_RATE_LIMITS="lastfm=100/1", **lastfm.settings, **settings)
        self._lastfm = lastfm

    def is_idle(self) -> bool:
        """Whether no connection is due, and none is being fetched."""
        busy = "SELECT COUNT(*) FROM providers_historysync WHERE due_at <= now() OR lease_until > now()"
        return not self.database.rows(busy)[0][0]

    def differences(self) -> list[str]:
        """Compare what Last.fm has to tell with what is stored, and say in words what differs."""
        stored, found = self.database.listens(), []
        for person, told in self._lastfm.listens().items():
            have = stored.get(person, Counter())
            missing, strange = told - have.keys(), have.keys() - told
            twice = [row for row, times in have.items() if times > 1]
            for what, rows in (("missing", missing), ("never told", strange), ("stored twice", twice)):
                if rows:
                    found.append(f"{person}: {len(rows)} {what}, e.g. {sorted(rows)[:3]}")
        return found
