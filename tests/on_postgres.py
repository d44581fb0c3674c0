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
    with server(binaries) as database_url:
        environment = {**os.environ, "DATABASE_URL": database_url}
        command = [sys.executable, "-m", "pytest", "-m", "not browser", *arguments]
        return subprocess.run(command, env=environment, check=False).returncode


def find_binaries() -> Path | None:
    """Return the folder of the newest server that is installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return folders[-1] if folders else None


@contextmanager
def server(binaries: Path) -> Iterator[str]:
    """Start a server that nobody else uses, yield its DATABASE_URL, and remove it."""
    folder = Path(tempfile.mkdtemp(prefix="musicbridge-postgres-"))
    # PostgreSQL refuses to run as root.
    become = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if become:
        shutil.chown(folder, "postgres")
    port = free_port()
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"

    def run(name: str, *arguments: str) -> None:
        command = [*become, str(binaries / name), "-D", str(folder / "data"), *arguments]
        # The server keeps the streams it was started with: a pipe would never see its end.
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL)

    try:
        run("initdb", "--auth=trust", "--username=musicbridge", "--encoding=UTF8", "--no-sync")
        run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgres://musicbridge@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
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
