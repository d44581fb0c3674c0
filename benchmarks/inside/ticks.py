"""Makes a million connections of which a thousand are due, and asks which those are; prints what it saw as JSON."""

import json
import statistics
import time
from datetime import timedelta

import django
from django.core.management import call_command
from django.db import connection, models
from django.utils import timezone

CONNECTIONS = 1_000_000
DUE = 1000
_TYPES = ("lastfm", "navidrome", "spotify")
_TIMES_ASKED = 200

_NUMBERS = {
    "sqlite": "(WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {}) "
    "SELECT n FROM numbers) AS numbers",
    "postgresql": "generate_series(0, {} - 1) AS numbers(n)",
}
_IN_SECONDS = {
    # In as many digits as Django writes: the same moment in fewer is another text.
    "sqlite": "strftime('%%Y-%%m-%%d %%H:%%M:%%f000', 'now', ({}) || ' seconds')",
    "postgresql": "now() + ({}) * interval '1 second'",
}


def main() -> None:
    """Measure, on whatever database the environment names."""
    django.setup()
    call_command("migrate", verbosity=0)
    _fill()

    from providers import scheduling
    from providers.history import fetch

    candidates = scheduling.due(fetch.due_histories("lastfm")).values_list("pk", flat=True)
    assert candidates.count() == DUE
    times = []
    for _ in range(_TIMES_ASKED):
        started = time.perf_counter()
        assert len(candidates[: scheduling.CANDIDATES]) == scheduling.CANDIDATES
        times.append(time.perf_counter() - started)
    plan = candidates[: scheduling.CANDIDATES].explain()
    print(json.dumps({"plan": plan, "milliseconds": statistics.median(times) * 1000}))


def _fill() -> None:
    """Make people, connections and cursors within the database; a third of the connections is with each service.

    Each row is a copy of one that Django made, so that every column is what it would be.
    """
    from django.contrib.auth import get_user_model

    from providers.models import Connection, HistorySync, LastFMAuth

    person = get_user_model().objects.create_user("pattern")
    auth = LastFMAuth.objects.create(user=person, username="ada", session_key="session")
    pattern = Connection.objects.get(user=person)
    HistorySync.adopt([pattern])
    cursor = HistorySync.objects.get(connection=pattern)
    HistorySync.objects.update(due_at=timezone.now() + timedelta(days=1))

    people = CONNECTIONS // len(_TYPES) + 1
    soon = _IN_SECONDS[connection.vendor]
    _copy(person, people, id="1000 + n", username="'person ' || n")
    # As many as will be drained: the others' tokens are asked for by nobody.
    _copy(auth, DUE, id="1000 + n", user_id="1000 + n")
    for number, provider_type in enumerate(_TYPES):
        place = f"1000 + {len(_TYPES)} * n + {number}"
        service = f"'{provider_type}'"
        # None of the others falls due while the thousand are drained.
        due_at = soon.format("3600 + n %% 86400")
        if provider_type == "lastfm":
            due_at = f"CASE WHEN n < {DUE} THEN {soon.format('0 - 1 - n')} ELSE {due_at} END"
        _copy(pattern, people, id=place, user_id="1000 + n", provider_type=service)
        _copy(cursor, people, id=place, connection_id=place, provider_type=service, due_at=due_at)
    with connection.cursor() as sql:
        sql.execute("ANALYZE")


def _copy(row: models.Model, count: int, **expressions: str) -> None:
    """Copy a row so many times, each copy with a number `n` from 0 on that the expressions may use."""
    table = row._meta.db_table
    names = [field.column for field in row._meta.concrete_fields]
    values = [expressions.get(name, f"pattern.{name}") for name in names]
    numbers = _NUMBERS[connection.vendor].format(count)
    with connection.cursor() as sql:
        sql.execute(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} "
            f"FROM {table} AS pattern, {numbers} WHERE pattern.id = %s",
            [row.pk],
        )


if __name__ == "__main__":
    main()
