"""Importing a long history, from the start of the process to its end."""

import http.client
import math
import statistics
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.figures import ROUNDS, Figure, at_least, at_most, in_turn, medians, say
from benchmarks.payloads import MAX_PAGE, SECONDS_BETWEEN_SCROBBLES
from benchmarks.processes import Server, Site, plain_environment, run, scratch_folder, serving

SCROBBLES = 200_000
FEWER_SCROBBLES = 20_000
PYLAST_READS_ONE_IN = 4
"""It takes so long that it reads a part; each page costs it the same. Its start counts once."""

PYLAST = f"pylast (1 in {PYLAST_READS_ONE_IN} read, scaled)"
OVERLAP_SECONDS = 7200
"""What HISTORY_OVERLAP_SECONDS is when nobody sets it."""


def import_a_history() -> Iterator[Figure]:
    """Import 200,000 scrobbles with `fetch_history`; pylast only reads them, the bare loop stores them as well."""
    with serving() as server, scratch_folder() as folder:
        url = server.lastfm_url(scrobbles=SCROBBLES)
        part_url = server.lastfm_url(scrobbles=SCROBBLES // PYLAST_READS_ONE_IN)
        yield _bare_throughput(server)
        site = Site(folder)
        imported: list[Path] = []
        peaks: list[int] = []

        def bare() -> float:
            database = site.new_database()
            done = run(["-m", "benchmarks.peers", "bare", url, str(database)], plain_environment())
            assert done.json()["listens"] == SCROBBLES
            return done.seconds

        def ours() -> float:
            imported[:] = [site.new_database()]
            done = site.manage(imported[0], "fetch_history", "--json", LASTFM_API_URL=url)
            assert [report["stored"] for report in done.json()] == [SCROBBLES], done.output
            peaks.append(done.peak_bytes)
            return done.seconds

        def ours_again() -> float:
            done = site.manage(imported[0], "fetch_history", "--json", LASTFM_API_URL=url)
            assert [report["stored"] for report in done.json()] == [0], done.output
            return done.seconds

        def ours_all_read_again() -> float:
            since = ("--since", "1970-01-02")
            done = site.manage(imported[0], "fetch_history", "--json", *since, LASTFM_API_URL=url)
            assert [(report["seen"], report["stored"]) for report in done.json()] == [(SCROBBLES, 0)], done.output
            return done.seconds

        def pylast() -> float:
            done = run(["-m", "benchmarks.peers", "pylast", part_url], plain_environment())
            part = done.json()
            assert part["listens"] == SCROBBLES // PYLAST_READS_ONE_IN
            return done.seconds + (PYLAST_READS_ONE_IN - 1) * float(part["seconds"])

        seconds = medians(
            in_turn(
                {
                    "bare loop": bare,
                    "import, all new": ours,
                    "run again": ours_again,
                    "import, all known": ours_all_read_again,
                    PYLAST: pylast,
                }
            )
        )
        new, pylast_seconds = seconds["import, all new"], seconds[PYLAST]
        yield at_least("pylast, reading only / import", pylast_seconds / new, 8)
        yield at_most("import / bare loop", new / seconds["bare loop"], 1.5)
        yield at_most("run again / all new", seconds["run again"] / new, 0.7)
        yield at_most("all known, all read again / all new", seconds["import, all known"] / new, 0.7)
        yield Figure("listens a second, all new", f"{SCROBBLES / new:,.0f}")
        yield _memory(site, server, peaks)


def _bare_throughput(server: Server) -> Figure:
    """Measure how fast the server hands out pages to somebody who throws them away."""
    path = server.lastfm_url(scrobbles=SCROBBLES).removeprefix(server.url)
    pages = SCROBBLES // MAX_PAGE

    def read() -> int:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        size = 0
        for page in range(1, pages + 1):
            connection.request("GET", f"{path}?format=json&limit={MAX_PAGE}&page={page}")
            size += len(connection.getresponse().read())
        connection.close()
        return size

    # The first time it makes the pages.
    read()
    started = time.perf_counter()
    size = read()
    seconds = time.perf_counter() - started
    say(f"the server alone: {pages} pages in {seconds:.2f} s")
    return Figure(
        "the server alone, listens a second", f"{SCROBBLES / seconds:,.0f} ({size / seconds / 1e6:,.0f} MB/s)"
    )


def _memory(site: Site, server: Server, peaks: list[int]) -> Figure:
    url = server.lastfm_url(scrobbles=FEWER_SCROBBLES)
    fewer = [site.manage(site.new_database(), "fetch_history", LASTFM_API_URL=url).peak_bytes for _ in range(ROUNDS)]
    most, least = statistics.median(peaks), statistics.median(fewer)
    say(f"memory at its peak: {least / 1e6:.1f} MB for {FEWER_SCROBBLES:,}, {most / 1e6:.1f} MB for {SCROBBLES:,}")
    return at_most("peak memory, 200,000 / 20,000", most / least, 1.10, detail=f"{most / 1e6:.0f} MB")


def requests_for_new_listens() -> Iterator[Figure]:
    """Count the requests of a fetch that finds some new listens, the count check among them."""
    with serving() as server, scratch_folder() as folder:
        site = Site(folder)
        for new in (0, 1, 150, 450):
            address = partial(server.lastfm_url, scrobbles=2000)
            database = site.new_database()
            site.manage(database, "fetch_history", LASTFM_API_URL=address(hidden=new))
            label = f"new{new}"
            done = site.manage(database, "fetch_history", "--json", LASTFM_API_URL=address(label=label))
            assert [report["stored"] for report in done.json()] == [new], done.output
            overlap = OVERLAP_SECONDS // SECONDS_BETWEEN_SCROBBLES
            allowed = max(1, math.ceil((new + overlap) / MAX_PAGE)) + 1
            yield at_most(f"{new} new, {overlap} in the overlap", len(server.arrivals(label)), allowed, "requests")
