"""Runs every measurement and prints, per job, the median of each way to do it and its ratio to the first."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import django

ROUNDS = 5


def main() -> None:
    """Prepare a database of its own, then measure."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DATABASE_URL"] = f"sqlite:///{Path(folder) / 'bench.sqlite3'}"
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        django.setup()
        # Models can be imported only now.
        from django.core.management import call_command

        from benchmarks import jobs

        call_command("migrate", verbosity=0)
        for job in jobs.ALL:
            print(f"\n{job.__doc__}")
            with job() as ways:
                report(ways)


def report(ways: dict[str, Callable[[], object]]) -> None:
    """Do each way in turn, round after round, so that all of them meet the same machine."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    floor = next(iter(medians.values()))
    for name, median in medians.items():
        print(f"  {name:<40} {median:8.3f} s   {median / floor:6.2f} x")


if __name__ == "__main__":
    main()
