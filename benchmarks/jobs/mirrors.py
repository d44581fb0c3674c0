"""Planning a long playlist against a large library."""

import statistics
from collections.abc import Iterator

from benchmarks.figures import ROUNDS, Figure, at_least, at_most, say
from benchmarks.processes import Site, run, scratch_folder, site_environment

SONGS = 100_000
FEWER_SONGS = 10_000
TRACKS = 10_000


def plan_a_long_playlist() -> Iterator[Figure]:
    """Plan a playlist of 10,000 tracks against libraries of 10,000 and of 100,000 songs."""
    with scratch_folder() as folder:
        site = Site(folder)
        seconds: dict[int, float] = {}
        for songs in (FEWER_SONGS, SONGS):
            environment = site_environment(f"sqlite:///{site.new_database()}")
            indexed = run(["-m", "benchmarks.inside.mirrors", "index", str(songs)], environment)
            took = indexed.json()
            say(f"{songs:,} songs indexed in {took['first']:.1f} s, again in {took['again']:.1f} s")
            yield Figure(f"{songs:,} songs indexed, peak memory", f"{indexed.peak_bytes / 1e6:.0f} MB")
            done = [run(["-m", "benchmarks.inside.mirrors", "plan", str(TRACKS)], environment) for _ in range(ROUNDS)]
            plans = [one.json() for one in done]
            seconds[songs] = statistics.median(one["seconds"] for one in plans)
            say(f"{TRACKS:,} tracks planned in {seconds[songs]:.2f} s, {plans[0]['found']:,} found")
        yield at_most(f"{TRACKS:,} tracks planned against {SONGS:,} songs", seconds[SONGS], 5, "s")
        yield at_most("peak memory of that", statistics.median(one.peak_bytes for one in done) / 1e6, 500, "MB")
        yield at_most(f"cost per track, {SONGS:,} / {FEWER_SONGS:,} songs", seconds[SONGS] / seconds[FEWER_SONGS], 1.5)
        naive = statistics.median(one["naive_seconds_per_track"] for one in plans)
        yield at_least("all-pairs fuzzy match / ours, per track", naive / (seconds[SONGS] / TRACKS), 100)
