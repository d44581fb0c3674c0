"""Importing a dump, and taking everything out and in again."""

import sqlite3
import statistics
from collections.abc import Iterator
from pathlib import Path

from benchmarks.dump import PLAYS, write_dump
from benchmarks.figures import Figure, at_least, at_most, in_turn, medians, say
from benchmarks.processes import Site, plain_environment, run, scratch_folder

_COPIED_FIELDS = (
    "provider_type, source, remote_track_id, name, artist, album, duration_ms, played_at, url, isrc, fingerprint"
)


def import_a_dump() -> Iterator[Figure]:
    """Import a Spotify dump of 500,000 plays with `import_history` into SQLite; the bare loop checks none of them."""
    with scratch_folder() as folder:
        site, dump = Site(folder), _dump_in(folder)
        peaks: list[int] = []

        def bare() -> float:
            done = run(
                ["-m", "benchmarks.peers", "bare-dump", str(dump), str(site.new_database())], plain_environment()
            )
            assert done.json()["listens"] == PLAYS
            return done.seconds

        def ours() -> float:
            done = site.manage(site.new_database(), "import_history", str(dump), "--user", "ada", "--json")
            assert [result["stored"] for result in done.json()] == [PLAYS], done.output
            peaks.append(done.peak_bytes)
            return done.seconds

        seconds = medians(in_turn({"bare loop": bare, "import_history": ours}))
        ours_seconds, bare_seconds = seconds["import_history"], seconds["bare loop"]
        yield at_least("plays a second", PLAYS / ours_seconds, 40_000, "plays")
        yield Figure("plays a second, bare loop", f"{PLAYS / bare_seconds:,.0f}")
        yield Figure("import / bare loop", f"{ours_seconds / bare_seconds:.2f} x")
        yield at_most("peak memory", statistics.median(peaks) / 1e6, 200, "MB")


def round_trip() -> Iterator[Figure]:
    """Import 500,000 plays, export them, import that for another person, and compare row by row."""
    with scratch_folder() as folder:
        site, dump = Site(folder), _dump_in(folder)
        database = site.new_database()
        site.manage(database, "import_history", str(dump), "--user", "ada")
        for form in ("jsonl", "csv"):
            exported = folder / f"export.{form}"
            done = site.manage(database, "export_history", "--user", "ada", "--format", form, output=exported)
            say(f"export as {form}: {done.seconds:.1f} s, {done.peak_bytes / 1e6:.0f} MB at its peak")
            yield Figure(f"export as {form}, plays a second", f"{PLAYS / done.seconds:,.0f}")
            _forget(database, "bo")
            done = site.manage(database, "import_history", str(exported), "--user", "bo", "--json")
            say(f"import of {form}: {done.seconds:.1f} s, {done.peak_bytes / 1e6:.0f} MB at its peak")
            yield Figure(f"import of {form}, plays a second", f"{PLAYS / done.seconds:,.0f}")
            yield at_most(f"differences after a round trip, {form}", _differences(database), 0, "plays")


def _dump_in(folder: Path) -> Path:
    dump = folder / "my_spotify_data.zip"
    write_dump(dump)
    say(f"a dump of {dump.stat().st_size / 1e6:.0f} MB")
    return dump


def _forget(database: Path, person: str) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute(
            "DELETE FROM providers_listen WHERE user_id = (SELECT id FROM auth_user WHERE username = ?)", [person]
        )


def _differences(database: Path) -> int:
    """Count the rows that one of the two has and the other has not, and those that one has more of."""
    listens = (
        f"SELECT {_COPIED_FIELDS} FROM providers_listen "
        "WHERE user_id = (SELECT id FROM auth_user WHERE username = '{}')"
    )
    ada, bo = listens.format("ada"), listens.format("bo")
    with sqlite3.connect(database) as connection:
        counts = [
            connection.execute(f"SELECT count(*) FROM ({query})").fetchone()[0]
            for query in (f"{ada} EXCEPT {bo}", f"{bo} EXCEPT {ada}", ada, bo)
        ]
    only_ada, only_bo, all_of_ada, all_of_bo = counts
    assert all_of_ada == PLAYS
    return max(only_ada + only_bo, abs(all_of_ada - all_of_bo))
