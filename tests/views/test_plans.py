"""Pages that stay fast at a million listens: no query of theirs reads all that a person ever heard, on SQLite."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from providers import worker
from providers.datatypes import Track
from providers.history import ingest
from providers.models import DuplicateScan, Listen, StatisticsScan

# PostgreSQL plans by what is in its tables: of a few rows it would read them all.
pytestmark = [pytest.mark.usefixtures("services"), pytest.mark.own_database]


@pytest.fixture
def _history(user: User) -> None:
    now = timezone.now()
    for service in ("spotify", "lastfm"):
        tracks = [
            Track(id="", name=f"Song {number}", artist="Ana", album="A", played_at=now - timedelta(days=10 * number))
            for number in range(1, 60)
        ]
        ingest.store(user.pk, service, tracks)
    for queue, scan in ((worker.DUPLICATES, DuplicateScan), (worker.STATISTICS, StatisticsScan)):
        scan.objects.update(due_at=datetime(2020, 1, 1, tzinfo=UTC))
        worker.drain(queue)
    assert Listen.objects.filter(duplicate_of=None).count() == 59


@pytest.mark.usefixtures("_history")
@pytest.mark.parametrize(
    "address",
    [
        "/history/",
        "/history/?before=1700000000000000-5",
        "/history/?after=1700000000000000-5",
        "/history/?service=spotify",
        "/history/?service=spotify&before=1800000000000000-5",
        "/history/?since=2020-01-01&until=2026-01-01",
        "/history/{listen_id}/",
        "/statistics/",
        "/statistics/?span=all",
        "/statistics/?span=7d&year=2025",
    ],
)
def test_no_query_walks_a_whole_history(visitor: Client, address: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        response = visitor.get(address.format(listen_id=Listen.objects.filter(duplicate_of=None)[0].pk))
    assert response.status_code == 200
    selects = [query["sql"] for query in queries.captured_queries if '"providers_listen"' in query["sql"]]
    assert selects
    for sql in selects:
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN QUERY PLAN " + sql.replace("%", "%%"))
            plan = [row[3] for row in cursor.fetchall()]
        # The newest page alone walks the index of a person's times, from its end on and no further than a page.
        is_a_page = " LIMIT " in sql and not any("TEMP B-TREE" in step for step in plan)
        assert is_a_page or not any(step.startswith("SCAN") or step.endswith("(user_id=?)") for step in plan), (
            sql,
            plan,
        )
