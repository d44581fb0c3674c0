"""Runs the suite again on a PostgreSQL of its own: `python -m tests.on_postgres [pytest arguments]`.

Needs PostgreSQL's server binaries (Debian's package `postgresql`), not a running server. Where they are missing
it says so, and fails where `CI` is set.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Run pytest with these arguments and return its exit code."""
    binaries = find_binaries()
    if binaries is None:
        sys.stderr.write(
            "\n!!!!! NOT TESTED ON POSTGRESQL: its server is not installed (apt install postgresql) !!!!!\n"
        )
        return 1 if os.environ.get("CI") else 0
    with server(binaries) as postgres:
        environment = {**os.environ, "DATABASE_URL": postgres.database_url}
        command = [sys.executable, "-m", "pytest", "-m", "not browser and not own_database", *arguments]
        return subprocess.run(command, env=environment, check=False).returncode


def find_binaries() -> Path | None:
    """Return the folder of the newest server that is installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return folders[-1] if folders else None


class Server:
    """A server on 127.0.0.1 that nobody else uses, and its data in a folder that has to exist."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries = binaries
        self._data = folder / "data"
        self.log = folder / "log"
        # PostgreSQL refuses to run as root.
        self._become = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._become:
            shutil.chown(folder, "postgres")
        self._port = free_port()
        self.database_url = f"postgres://musicbridge@127.0.0.1:{self._port}/postgres"
        self._run("initdb", "--auth=trust", "--username=musicbridge", "--encoding=UTF8", "--no-sync")

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self._run("pg_ctl", "-w", "-l", str(self.log), "-o", options, "start")

    def stop(self) -> None:
        """Stop it at once, in the midst of whatever it is at."""
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def _run(self, name: str, *arguments: str) -> None:
        command = [*self._become, str(self._binaries / name), "-D", str(self._data), *arguments]
        # The server keeps the streams it was started with: a pipe would never see its end.
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL)


@contextmanager
def server(binaries: Path) -> Iterator[Server]:
    """Start a server, and remove it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="musicbridge-postgres-"))
    try:
        started = Server(binaries, folder)
        started.start()
        try:
            yield started
        finally:
            started.stop()
    finally:
        shutil.rmtree(folder)


def free_port() -> int:
    """Return a port that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
