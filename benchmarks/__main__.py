"""Runs the jobs named, or all of them, and ends with a table: `python -m benchmarks [JOB…]`."""

import argparse
import time
import traceback

from benchmarks.figures import Figure, say, table
from benchmarks.jobs import JOBS


def main() -> None:
    """Measure, and say of each figure whether it is what it should be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("jobs", nargs="*", metavar="JOB", help=f"one of: {', '.join(JOBS)}")
    names = parser.parse_args().jobs
    if unknown := [name for name in names if name not in JOBS]:
        parser.error(f"there is no job {unknown[0]!r}, but {', '.join(JOBS)}")
    figures: list[tuple[str, Figure]] = []
    for name in names or JOBS:
        job = JOBS[name]
        say(f"{name}: {job.__doc__}")
        started = time.perf_counter()
        try:
            for figure in job():
                figures.append((name, figure))  # noqa: PERF401, what a job yields before it fails stays
        except (AssertionError, RuntimeError) as error:
            # One job that fails leaves the others their figures.
            traceback.print_exception(error)
            figures.append((name, Figure("the job itself", "failed, see above", is_met=False)))
        say(f"({time.perf_counter() - started:.0f} s)")
    print(f"\n{table(figures)}")


if __name__ == "__main__":
    main()
