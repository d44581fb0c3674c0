"""What stands around the site: the Redis, whoever does the work, and the disk."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from django.db import connection

from providers import conf, worker
from providers.doctor.findings import Finding, ok, problem, warning
from providers.doctor.timeouts import TIMEOUT_SECONDS

LITTLE_SPACE = 2**30
TOO_LITTLE_SPACE = 100 * 2**20


def examine_redis() -> Iterator[Finding]:
    """See whether the Redis that processes share is there, if one is set."""
    url = conf.redis_url()
    if not url:
        yield ok("REDIS_URL is not set: each process keeps the limits of services by itself.")
        return
    # A site without one need not have the package.
    from redis import Redis, RedisError

    try:
        with Redis.from_url(url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS) as client:
            client.ping()
    except (RedisError, OSError, ValueError) as error:
        yield problem(
            f"The Redis of REDIS_URL does not answer: {type(error).__name__}.",
            "Is it running, and are host, port, number and password right?",
        )
    else:
        yield ok("The Redis answers.")


def examine_work() -> Iterator[Finding]:
    """See whether what falls due is done."""
    late = worker.late_queues()
    for name, lag in late.items():
        yield warning(
            f"Nobody has come to {name} for {lag.total_seconds() / 60:.0f} minutes.",
            "Start the watcher (manage.py fetch_history --watch), or workers and a beat, and look at what they log.",
        )
    if not late:
        yield ok("Nothing lies about: whatever fell due was done.")


def examine_disk() -> Iterator[Finding]:
    """See whether there is room, for the database where it is a file, and for what people upload."""
    places = {"MEDIA_ROOT": Path(conf.get("MEDIA_ROOT") or ".").resolve()}
    if connection.vendor == "sqlite":
        places["The folder of the database"] = Path(connection.settings_dict["NAME"]).resolve().parent
    for name, place in places.items():
        yield _space(name, place)


def _space(name: str, place: Path) -> Finding:
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        return problem(f"{name} ({place}) cannot be written to.", "Give it to the user that the site runs as.")
    free = shutil.disk_usage(there).free
    if free >= LITTLE_SPACE:
        return ok(f"{name} ({place}) has {free // 2**30} GB to spare.")
    judge = problem if free < TOO_LITTLE_SPACE else warning
    return judge(f"{name} ({place}) has {free // 2**20} MB to spare.", "Make room.")
