"""A short form of each drill. `make drill` runs them at full length."""

import os
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.own_database, pytest.mark.postgres, pytest.mark.timeout(280)]


def drill(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.drills", *arguments, "--seed=7"]
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_fetch_that_is_killed_again_and_again_loses_nothing(database: str) -> None:
    result = drill("kills", f"--database={database}", "--kills=5")

    assert result.returncode == 0, result.stdout + result.stderr


def test_a_playlist_that_is_carried_by_killed_processes_is_there_once_and_right() -> None:
    result = drill("playlists", "--database=postgres", "--kills=4", "--tracks=150")

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.redis
@pytest.mark.parametrize("outage", ["worker", "redis-emptied", "postgres"])
def test_celery_workers_lose_nothing_when_something_falls_over(outage: str) -> None:
    result = drill(outage, "--people=6", "--listens=4800")

    assert result.returncode == 0, result.stdout + result.stderr
