"""A tick of the scheduler over a million connections, and two workers who drain what is due."""

from collections.abc import Iterator

from benchmarks.figures import Figure, say
from benchmarks.processes import Running, Server, run, scratch_folder, serving, site_environment
from tests.on_postgres import find_binaries
from tests.on_postgres import server as postgresql

DUE = 1000
ONE_PAGE = 100
"""Scrobbles of each person."""

_INDEX = "history_due"


def find_and_drain_what_is_due() -> Iterator[Figure]:
    """Find 1,000 due connections among 1,000,000, and have two workers fetch them, one page each."""
    with serving() as server:
        with scratch_folder() as folder:
            yield from _measured("SQLite", f"sqlite:///{folder / 'ticks.sqlite3'}", server)
        binaries = find_binaries()
        if binaries is None:
            yield Figure("a tick on PostgreSQL", "not measured: it is not installed", is_met=False)
            return
        with postgresql(binaries) as database:
            yield from _measured("PostgreSQL", database.database_url, server)


def _measured(database: str, url: str, server: Server) -> Iterator[Figure]:
    environment = site_environment(url, LASTFM_API_URL=server.lastfm_url(scrobbles=ONE_PAGE))
    tick = run(["-m", "benchmarks.inside.ticks"], environment).json()
    say(f"{database}: {tick['milliseconds']:.2f} ms, by this plan:")
    for line in tick["plan"].splitlines():
        say(f"    {line}")
    # A sort, or a scan, would read all that is due, or all there is.
    is_one_index = _INDEX in tick["plan"] and "SORT" not in tick["plan"].upper() and "SCAN p" not in tick["plan"]
    yield Figure(f"a tick on {database}", f"{tick['milliseconds']:.2f} ms", f"by the index {_INDEX}", is_one_index)

    workers = [Running(["-m", "benchmarks.inside.draining"], environment) for _ in range(2)]
    drained = [worker.finished().json() for worker in workers]
    for one in drained:
        say(f"a worker drained {one['worked']} connections with {one['queries']} queries in {one['seconds']:.1f} s")
    total = sum(one["worked"] for one in drained)
    yield Figure(f"drained by two workers on {database}", f"{total:,}", f"{DUE:,}", total == DUE)
    each = [one["queries"] / one["worked"] for one in drained]
    yield Figure(f"queries a connection on {database}", " and ".join(f"{one:.1f}" for one in each))
    seconds = max(one["seconds"] for one in drained)
    yield Figure(f"connections a second on {database}", f"{total / seconds:.0f}")
