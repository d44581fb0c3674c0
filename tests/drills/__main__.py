"""Runs the drills, each until its end, and exits 1 where a listen, or a playlist, is lost or there twice.

`python -m tests.drills` runs them all at full length; `python -m tests.drills kills --database sqlite --kills 10` and
the like run one.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from tests import on_postgres
from tests.drills.drains import DrainDrill
from tests.drills.kills import LEASE_SECONDS, KillDrill
from tests.drills.lastfm import unruly_lastfm
from tests.drills.outages import OutageDrill
from tests.drills.playlists import PlaylistDrill
from tests.drills.redis_server import redis_server
from tests.drills.site import HistorySite
from tests.on_postgres import Server

OUTAGES: dict[str, Callable[[OutageDrill], None]] = {
    "worker": OutageDrill.kill_worker,
    "redis": OutageDrill.restart_redis,
    "redis-emptied": OutageDrill.restart_redis,
    "postgres": OutageDrill.restart_postgres,
}
FULL = [
    ["kills", "--database=sqlite"],
    ["kills", "--database=postgres"],
    ["playlists", "--kills=50", "--database=sqlite"],
    ["playlists", "--kills=50", "--database=postgres"],
    *([outage] for outage in OUTAGES),
    ["drain", "--people=1000"],
]


def say(text: str) -> None:
    """Tell the person who runs the drill."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@contextmanager
def postgres() -> Iterator[Server]:
    """Run a PostgreSQL for the drill alone."""
    binaries = on_postgres.find_binaries()
    if binaries is None:
        raise SystemExit("PostgreSQL's server is not installed (apt install postgresql)")
    with on_postgres.server(binaries) as server:
        yield server


@contextmanager
def database(options: argparse.Namespace) -> Iterator[str]:
    """Make a database of the kind asked for, and tell its address."""
    if options.database == "postgres":
        with postgres() as server:
            yield server.database_url
    else:
        with tempfile.TemporaryDirectory(prefix="musicbridge-drill-") as folder:
            yield f"sqlite:///{Path(folder) / 'drill.sqlite3'}"


def playlists(options: argparse.Namespace) -> list[str]:
    """Drill `sync_playlist`."""
    with database(options) as url:
        return PlaylistDrill(url, kills=options.kills, tracks=options.tracks, seed=options.seed, say=say).run()


def kills(options: argparse.Namespace) -> list[str]:
    """Drill `fetch_history`."""
    with ExitStack() as stack:
        url = stack.enter_context(database(options))
        lastfm = stack.enter_context(unruly_lastfm(seed=options.seed, people=1, listens=options.listens, mood="grumpy"))
        site = stack.enter_context(closing(HistorySite(url, lastfm, LEASE_SECONDS=LEASE_SECONDS)))
        drill = KillDrill(site, lastfm, kills=options.kills, listens=options.listens, seed=options.seed, say=say)
        return drill.run()


def outage(options: argparse.Namespace) -> list[str]:
    """Drill Celery's workers."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="musicbridge-drill-")))
        broker = stack.enter_context(redis_server(folder, is_durable=options.drill == "redis"))
        server = stack.enter_context(postgres())
        each = options.listens // options.people
        lastfm = stack.enter_context(unruly_lastfm(seed=options.seed, people=options.people, listens=each, mood="slow"))
        settings = {"LEASE_SECONDS": LEASE_SECONDS, "REDIS_URL": broker.url}
        site = stack.enter_context(closing(HistorySite(server.database_url, lastfm, **settings)))
        drill = OutageDrill(site, lastfm, broker, server, listens=options.listens, folder=folder, say=say)
        return drill.run(lambda: OUTAGES[options.drill](drill))


def drain(options: argparse.Namespace) -> list[str]:
    """Let Celery's workers drain many connections."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="musicbridge-drill-")))
        broker = stack.enter_context(redis_server(folder))
        server = stack.enter_context(postgres())
        each = options.listens // options.people
        lastfm = stack.enter_context(unruly_lastfm(seed=options.seed, people=options.people, listens=each, mood="calm"))
        site = stack.enter_context(closing(HistorySite(server.database_url, lastfm, REDIS_URL=broker.url)))
        return DrainDrill(site, server, connections=options.people, say=say).run()


def run(arguments: list[str]) -> bool:
    """Run one drill and tell whether nothing was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.drills")
    parser.add_argument("drill", choices=["kills", "playlists", "drain", *OUTAGES])
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite", help="for kills and playlists")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--tracks", type=int, default=500, help="for playlists: how long the list is")
    parser.add_argument("--people", type=int, default=10, help="for outages")
    parser.add_argument("--listens", type=int, default=20_000, help="of all people together")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    options = parser.parse_args(arguments)
    say(f"{' '.join(arguments)}, seed {options.seed}")
    wrong = {"kills": kills, "playlists": playlists, "drain": drain}.get(options.drill, outage)(options)
    for line in wrong:
        say(f"  WRONG: {line}")
    say("  FAILED" if wrong else "  all is as it should be, once")
    return not wrong


def main(arguments: list[str]) -> int:
    """Run one drill, or all of them."""
    outcomes = [run(drill) for drill in ([arguments] if arguments else FULL)]
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
