"""Celery workers at work for several people, while one of them, Redis or PostgreSQL falls over.

Nobody helps them afterwards: whoever is left, or comes back, has to finish by itself.
"""

import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import redis

from tests.drills.lastfm import LastFM
from tests.drills.redis_server import RedisServer
from tests.drills.site import HistorySite
from tests.on_postgres import Server

DOWN_SECONDS = 3.0
GIVE_UP_SECONDS = 240.0

Say = Callable[[str], None]


class OutageDrill:
    """Two workers, a beat, and the one thing that happens to them."""

    def __init__(
        self,
        site: HistorySite,
        lastfm: LastFM,
        redis_server: RedisServer,
        postgres: Server,
        *,
        listens: int,
        folder: Path,
        say: Say,
    ) -> None:
        self._site = site
        self._lastfm = lastfm
        self._redis = redis_server
        self._postgres = postgres
        self._listens = listens
        self._logs = [folder / name for name in ("worker-1.log", "worker-2.log", "beat.log")]
        self._say = say
        self._workers: list[subprocess.Popen[str]] = []

    def kill_worker(self) -> None:
        """End one of two workers where it stands."""
        self._workers[0].send_signal(signal.SIGKILL)
        self._workers[0].wait()

    def restart_redis(self) -> None:
        """Take the broker away for a while, in mid-run; what it holds then depends on what it keeps."""
        with redis.Redis.from_url(self._redis.url) as broker:
            self._say(f"  messages in Redis: {broker.llen('musicbridge')}")
        self._redis.kill()
        time.sleep(DOWN_SECONDS)
        self._redis.start()

    def restart_postgres(self) -> None:
        """Crash the database, and let it recover after a while."""
        self._postgres.stop()
        time.sleep(DOWN_SECONDS)
        self._postgres.start()

    def run(self, strike: Callable[[], None]) -> list[str]:
        """Let the workers begin, strike, let them finish, and return what is wrong afterwards."""
        began_at = time.monotonic()
        self._workers = [
            self._site.start(
                "-m", "celery", "-A", "musicbridge", "worker", "--concurrency=2", f"--hostname={log.stem}@%h", log=log
            )
            for log in self._logs[:2]
        ]
        beat = self._site.start("-m", "celery", "-A", "tests.drills.hasty", "beat", log=self._logs[2])
        self._wait_for(lambda: self._site.database.count_listens() > self._listens * 0.15, "begin")
        stored = self._site.database.count_listens()
        self._say(f"  struck with {stored} of {self._listens} listens stored, {self._held()} connections held")
        strike()
        self._wait_for(self._site.is_idle, "finish")
        self._lastfm.calm()
        # What was played meanwhile, or turned up late, is for the next fetch.
        self._site.database.execute("UPDATE providers_historysync SET due_at = now()")
        self._wait_for(self._site.is_idle, "fetch once more")
        wrong = self._site.differences()
        if any(process.poll() is not None for process in [*self._workers[1:], beat]):
            wrong.append("a worker or the beat ended by itself")
        if "deadlock" in self._postgres.log.read_text():
            wrong.append("there was a deadlock")
        stored = self._site.database.count_listens()
        self._say(f"  {stored} listens stored after {time.monotonic() - began_at:.0f} s; in the logs: {self._errors()}")
        return wrong

    def _held(self) -> int:
        return int(
            self._site.database.rows("SELECT COUNT(*) FROM providers_historysync WHERE lease_until > now()")[0][0]
        )

    def _wait_for(self, has_come: Callable[[], bool], what: str) -> None:
        give_up_at = time.monotonic() + GIVE_UP_SECONDS
        while not has_come():
            if time.monotonic() > give_up_at:
                logs = "\n".join(log.read_text()[-3000:] for log in self._logs)
                raise SystemExit(f"The workers did not {what} within {GIVE_UP_SECONDS:.0f} s.\n{logs}")
            time.sleep(0.05)

    def _errors(self) -> dict[str, int]:
        lines = [line for log in self._logs for line in log.read_text().splitlines()]
        return dict(Counter(line.split(" ", 3)[3][:90] for line in lines if " ERROR " in line or " CRITICAL " in line))
