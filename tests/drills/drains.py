"""Two Celery workers and many connections that are due at once, of one page each: what does each cost?"""

import time
from collections.abc import Callable

from tests.drills.site import HistorySite
from tests.on_postgres import Server

GIVE_UP_SECONDS = 300.0


class DrainDrill:
    """Drains a few connections, then many, and counts what the database is asked."""

    def __init__(self, site: HistorySite, postgres: Server, *, connections: int, say: Callable[[str], None]) -> None:
        self._site = site
        self._postgres = postgres
        self._connections = connections
        self._say = say

    def run(self) -> list[str]:
        """Drain a quarter of the connections, then the rest, and return what is wrong afterwards."""
        self._site.database.execute("UPDATE providers_historysync SET due_at = NULL")
        for setting in ("log_statement = 'all'", "log_line_prefix = '%a|'"):
            self._site.database.execute(f"ALTER SYSTEM SET {setting}")
        self._site.database.execute("SELECT pg_reload_conf()")
        for number in (1, 2):
            self._site.start(
                "-m", "celery", "-A", "musicbridge", "worker", "--concurrency=2", f"--hostname=worker-{number}@%h"
            )
        self._site.start("-m", "celery", "-A", "tests.drills.hasty", "beat")
        few = self._connections // 4
        cost_of_few, cost_of_many = self._drain(few), self._drain(self._connections - few)
        wrong = self._site.differences()
        if not 0.9 < cost_of_many / cost_of_few < 1.1:
            wrong.append("a connection costs more where more of them are due")
        return wrong

    def _drain(self, connections: int) -> float:
        """Make so many due that were never fetched, wait until they are, and return the queries of each."""
        before = self._count_queries()
        self._site.database.execute(
            "UPDATE providers_historysync SET due_at = now() WHERE id IN "
            f"(SELECT id FROM providers_historysync WHERE complete_until IS NULL LIMIT {connections})"
        )
        began_at = time.monotonic()
        while not self._site.is_idle() or self._has_to_compare():
            if time.monotonic() > began_at + GIVE_UP_SECONDS:
                raise SystemExit("The workers did not finish.")
            time.sleep(0.2)
        seconds = time.monotonic() - began_at
        each = (self._count_queries() - before) / connections
        self._say(
            f"  {connections} connections in {seconds:.1f} s, duplicates and all, with {each:.1f} queries for each"
        )
        return each

    def _has_to_compare(self) -> bool:
        return bool(
            self._site.database.rows("SELECT COUNT(*) FROM providers_duplicatescan WHERE due_at IS NOT NULL")[0][0]
        )

    def _count_queries(self) -> int:
        lines = self._postgres.log.read_text().splitlines()
        return sum("statement: " in line and not line.startswith("drill|") for line in lines)
