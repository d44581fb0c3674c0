"""A Redis of its own, to stop and to start again."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.on_postgres import free_port


def is_installed() -> bool:
    """Whether there is a server to run."""
    return shutil.which("redis-server") is not None


class RedisServer:
    """A server on 127.0.0.1 that nobody else uses. It keeps nothing on the disk unless `is_durable`."""

    def __init__(self, folder: Path, *, is_durable: bool) -> None:
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        keeping = ["--appendonly", "yes", "--appendfsync", "always"] if is_durable else ["--appendonly", "no"]
        options = ["--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        self._command = ["redis-server", *options, *keeping]

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            assert self._process.poll() is None, "Redis ended by itself"
            time.sleep(0.02)

    def kill(self) -> None:
        """End it where it stands."""
        self._process.kill()
        self._process.wait()


@contextmanager
def redis_server(folder: Path, *, is_durable: bool = False) -> Iterator[RedisServer]:
    """Run a server, with its files in a folder that has to exist."""
    server = RedisServer(folder, is_durable=is_durable)
    server.start()
    try:
        yield server
    finally:
        server.kill()
