"""Where a service's slowness, or its limit, is what takes the time."""

import math
from collections.abc import Iterator

from benchmarks.figures import ROUNDS, Figure, at_least, at_most, in_turn, medians, say
from benchmarks.payloads import MAX_PAGE
from benchmarks.processes import Running, Site, plain_environment, run, scratch_folder, serving, site_environment

SLOW_PAGES = 80
SLOW_MS = 150
LIMITED_PAGES = 200
LIMITED_MS = 400
REQUESTS_A_SECOND = 5


def wait_for_a_slow_service() -> Iterator[Figure]:
    """Import 16,000 scrobbles from a service that takes 150 ms for an answer, against one request after the other."""
    with serving() as server, scratch_folder() as folder:
        site = Site(folder)
        scrobbles = SLOW_PAGES * MAX_PAGE
        url = server.lastfm_url(scrobbles=scrobbles, latency_ms=SLOW_MS)

        def serial() -> float:
            database = site.new_database()
            return run(["-m", "benchmarks.peers", "bare", url, str(database)], plain_environment()).seconds

        def ours() -> float:
            done = site.manage(site.new_database(), "fetch_history", "--json", LASTFM_API_URL=url)
            assert [report["stored"] for report in done.json()] == [scrobbles], done.output
            return done.seconds

        seconds = medians(in_turn({"one after the other": serial, "import": ours}))
        yield at_least("serial client / import", seconds["one after the other"] / seconds["import"], 3.5)


def use_a_rate_limit() -> Iterator[Figure]:
    """Import 40,000 scrobbles at 5 requests a second from a service that takes 400 ms, five imports side by side."""
    with serving() as server, scratch_folder() as folder:
        site = Site(folder)
        labels = [f"limited{number}" for number in range(ROUNDS)]
        imports = []
        for label in labels:
            database = folder / f"{label}.sqlite3"
            site.new_database().rename(database)
            url = server.lastfm_url(scrobbles=LIMITED_PAGES * MAX_PAGE, label=label, latency_ms=LIMITED_MS)
            limits = {"LASTFM_API_URL": url, "PROVIDER_RATE_LIMITS": f"lastfm={REQUESTS_A_SECOND}/1"}
            environment = site_environment(f"sqlite:///{database}", **limits)
            imports.append(Running(["manage.py", "fetch_history"], environment))
        for one in imports:
            one.finished()
        arrivals = [sorted(server.arrivals(label)) for label in labels]
        shares = sorted(_share_used(times) for times in arrivals)
        say(f"of what the limit allows: {', '.join(f'{share:.1%}' for share in shares)}")
        yield at_least("used of what the limit allows", 100 * shares[ROUNDS // 2], 95, "%")
        most = max(_most_in_a_second(times) for times in arrivals)
        yield at_most("most requests in any second", most, REQUESTS_A_SECOND, "requests")


def _share_used(arrivals: list[float]) -> float:
    """Return how much of the shortest time it could have taken, from the first request to the last, it took."""
    shortest = math.ceil(len(arrivals) / REQUESTS_A_SECOND) - 1
    return shortest / (arrivals[-1] - arrivals[0])


def _most_in_a_second(arrivals: list[float]) -> int:
    # A tenth less: requests take turns at one end and are seen at the other, on a machine that is busy.
    return max(sum(1 for other in arrivals if 0 <= other - one < 0.9) for one in arrivals)
