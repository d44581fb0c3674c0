"""The pages of somebody with half a million listens."""

from collections.abc import Iterator

from benchmarks.figures import Figure, at_most, say
from benchmarks.processes import run, scratch_folder, site_environment
from tests.on_postgres import find_binaries, server

TARGET_MS = {"statistics": 300.0}
"""What a page may take at most, where it may take only so much."""


def show_half_a_million_listens() -> Iterator[Figure]:
    """Show the statistics and the history of 500,000 listens: the time the server takes for a page."""
    with scratch_folder() as folder:
        yield from _measured("SQLite", f"sqlite:///{folder / 'pages.sqlite3'}")
    binaries = find_binaries()
    if binaries is None:
        yield Figure("pages on PostgreSQL", "not measured: it is not installed", is_met=False)
        return
    with server(binaries) as postgresql:
        yield from _measured("PostgreSQL", postgresql.database_url)


def _measured(database: str, url: str) -> Iterator[Figure]:
    found = run(["-m", "benchmarks.inside.pages"], site_environment(url)).json()
    yield Figure(f"counting 500,000 listens on {database}", f"{found['counting']:.1f} s")
    for name, page in found["pages"].items():
        # Beside other work the clock tells of that, too; how long the processor was at it tells of the page alone.
        detail = f"{page['at_work']:.0f} ms at work, {page['bytes'] / 1000:.0f} kB, {page['queries']} queries"
        say(f"{database}, {name}: {page['milliseconds']:.0f} ms ({detail})")
        what = f"{name} on {database}"
        target = TARGET_MS.get(name)
        if target is None:
            yield Figure(what, f"{page['milliseconds']:.0f} ms ({detail})")
        else:
            yield at_most(what, page["milliseconds"], target, "ms", detail)
