"""The documented drill, line by line: a site is backed up, used, lost, and restored."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from providers.testing.simulators.lastfm import LastFMSimulator
from providers.testing.wsgi import serving
from tests import on_postgres

pytestmark = [pytest.mark.own_database, pytest.mark.timeout(300)]

ROOT = Path(__file__).parent.parent
NOW = datetime.now(UTC).replace(microsecond=0)

_LINK = """
from django.contrib.auth.models import User
from providers.models import LastFMAuth
ada = User.objects.create_user("ada", password="sunday records")
LastFMAuth.objects.create(user=ada, username="ada", session_key={session_key!r})
"""
_SHOW = """
import json
from django.contrib.auth.models import User
from providers.models import LastFMAuth, Listen
print(json.dumps({
    "listens": sorted(Listen.objects.values_list("name", flat=True)),
    "session_key": LastFMAuth.objects.get().session_key,
    "signs_in": User.objects.get().check_password("sunday records"),
}))
"""


class Machine:
    """A machine with the site on it: the folders that the drill names lie in one, and nobody else's are touched."""

    def __init__(self, root: Path, **environment: str) -> None:
        self.root = root
        self.environment = {"PATH": f"{root}/bin:{os.environ['PATH']}", **environment}
        for name in ("bin", "etc", "opt", "root", "var/backups", "var/lib"):
            (root / name).mkdir(parents=True)
        (root / "opt/musicbridge").symlink_to(ROOT)
        # There is one user here and no service manager: who runs a line, and what is running, is left out.
        self._stand_in("sudo", 'if [ "$1" = -u ]; then shift 2; fi\nexec "$@"')
        self._stand_in("systemctl", f'echo "$@" >> {root}/systemctl.log')

    def _stand_in(self, name: str, script: str) -> None:
        (self.root / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.root / "bin" / name).chmod(0o755)

    def configure(self, **settings: str) -> None:
        (self.root / "etc/musicbridge.env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))

    def documented(self, *names: str) -> subprocess.CompletedProcess[str]:
        """Run these blocks of the documentation, as they are but for where folders are."""
        text = (ROOT / "docs/deployment/backup.md").read_text()
        blocks = dict(re.findall(r"^```sh ([a-z-]+)\n(.+?)^```$", text, re.MULTILINE | re.DOTALL))
        script = "\n".join(blocks[name] for name in names)
        script = re.sub(r"(?<![\w.])/(etc|opt|root|var)/", rf"{self.root}/\1/", script)
        script = script.replace("-o musicbridge ", "").replace(".venv/bin/python", sys.executable)
        command = ["bash", "-euo", "pipefail", "-c", script]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def manage(self, *arguments: str) -> str:
        environment = {**self.environment, "MUSICBRIDGE_ENV_FILE": str(self.root / "etc/musicbridge.env")}
        command = [sys.executable, "manage.py", *arguments]
        result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def show(self) -> dict[str, object]:
        shown: dict[str, object] = json.loads(self.manage("shell", "--verbosity=0", "--command", _SHOW))
        return shown


@contextmanager
def database(kind: str, root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Make a place for the site's database; yield its address, and what PostgreSQL's own commands have to know."""
    if kind == "sqlite":
        yield f"sqlite:///{root}/var/lib/musicbridge/musicbridge.sqlite3", {}
        return
    binaries = on_postgres.find_binaries()
    assert binaries is not None
    with on_postgres.server(binaries) as server:
        host, _, port = server.database_url.partition("@")[2].partition("/")[0].partition(":")
        environment = {"PGHOST": host, "PGPORT": port, "PGUSER": "musicbridge"}
        subprocess.run(["createdb", "musicbridge"], env={**os.environ, **environment}, check=True)
        yield f"postgres://musicbridge@{host}:{port}/musicbridge", environment


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_a_restored_site_goes_on_as_if_nothing_had_happened(kind: str, tmp_path: Path) -> None:
    lastfm = LastFMSimulator()
    ada = lastfm.add_person("ada")
    first, second, third = lastfm.catalogue.tracks[:3]
    ada.listen(first, NOW - timedelta(hours=3))
    with database(kind, tmp_path) as (database_url, environment), serving(lastfm.wsgi) as lastfm_url:
        machine = Machine(tmp_path, **environment)
        (tmp_path / "var/lib/musicbridge").mkdir()
        settings = {
            "SECRET_KEY": "of this drill",
            "FERNET_KEYS": "keys of this drill",
            "DATABASE_URL": database_url,
            "MEDIA_ROOT": f"{tmp_path}/var/lib/musicbridge/uploads",
            "PROVIDERS": "providers.lastfm",
            "LASTFM_API_KEY": lastfm.api_key,
            "LASTFM_API_SECRET": lastfm.api_secret,
            "LASTFM_API_URL": f"{lastfm_url}/ws/2.0/",
        }
        machine.configure(**settings)
        machine.manage("migrate", "--verbosity=0")
        session_key = lastfm.issue_session(ada)
        machine.manage("shell", "--verbosity=0", "--command", _LINK.format(session_key=session_key))
        machine.manage("fetch_history")
        backed_up = machine.show()
        assert backed_up == {"listens": [first.name], "session_key": session_key, "signs_in": True}

        # Back up, go on, and lose everything.
        done = machine.documented(f"backup-{kind}", "backup-settings")
        assert done.returncode == 0, done.stderr
        assert machine.documented(f"backup-{kind}").returncode == 0  # once more on the same day
        (backup,) = (tmp_path / "var/backups/musicbridge").iterdir()
        secrets = (session_key, settings["FERNET_KEYS"], settings["SECRET_KEY"])
        assert not any(secret.encode() in backup.read_bytes() for secret in secrets)
        ada.listen(second, NOW - timedelta(hours=2))
        machine.manage("fetch_history")
        shutil.rmtree(tmp_path / "var/lib/musicbridge")
        (tmp_path / "etc/musicbridge.env").unlink()
        ada.listen(third, NOW - timedelta(hours=1))

        # Other keys are found out before anything starts.
        (kept,) = (tmp_path / "root/musicbridge-settings").iterdir()
        right = kept.read_text()
        kept.write_text(right.replace("keys of this drill", "other keys"))
        refused = machine.documented("restore-settings", f"restore-{kind}", "restore-start")
        assert refused.returncode == 1
        assert "opened by none of FERNET_KEYS" in refused.stdout
        assert "start" not in (tmp_path / "systemctl.log").read_text()

        # The right ones, and it is as it was.
        kept.write_text(right)
        done = machine.documented("restore-settings", f"restore-{kind}", "restore-start")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "start musicbridge" in (tmp_path / "systemctl.log").read_text()
        assert machine.show() == backed_up

        # What came since comes home, and nothing twice.
        for _ in range(2):
            machine.manage("fetch_history")
        assert machine.show()["listens"] == sorted([first.name, second.name, third.name])
