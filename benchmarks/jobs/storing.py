"""Storing listens, without fetching them."""

from collections.abc import Iterator

from benchmarks.figures import Figure, at_least, medians, say
from benchmarks.processes import run, scratch_folder, site_environment
from tests.on_postgres import find_binaries, server


def store_on_postgresql() -> Iterator[Figure]:
    """Store 50,000 listens in batches of 2,000, on both databases."""
    with scratch_folder() as folder:
        yield from _measured("SQLite", f"sqlite:///{folder / 'storing.sqlite3'}", None)
    binaries = find_binaries()
    if binaries is None:
        yield Figure("bulk_create / store on PostgreSQL", "not measured: it is not installed", ">= 2.5 x", is_met=False)
        return
    with server(binaries) as postgresql:
        yield from _measured("PostgreSQL", postgresql.database_url, 2.5)


def _measured(database: str, url: str, target: float | None) -> Iterator[Figure]:
    say(database)
    seconds = medians(run(["-m", "benchmarks.inside.storing"], site_environment(url)).json())
    ratio = seconds["bulk_create"] / seconds["store"]
    what = f"bulk_create / store on {database}"
    yield Figure(what, f"{ratio:.2f} x") if target is None else at_least(what, ratio, target)
    yield Figure(f"all known / all new on {database}", f"{seconds['store, all known'] / seconds['store']:.2f} x")
