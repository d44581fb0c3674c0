"""Whatever happens to listens, and whatever time is asked about: the counts are those of the listens."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers import worker
from providers.models import Listen, MonthCount, StatisticsScan
from providers.statistics import count, count_quarters
from providers.statistics.spans import MOMENTS_BEGIN, Span
from providers.statistics.tally import Chart

pytestmark = pytest.mark.django_db

NAMES = ["Song", "SONG", "Tune", ""]
moments = st.builds(
    lambda minutes: datetime(2025, 11, 20, tzinfo=UTC) + timedelta(minutes=minutes), st.integers(0, 160_000)
)
# At the ends of months, to the microsecond.
edges = st.builds(
    lambda month, ticks: datetime(2026, month, 1, tzinfo=UTC) + timedelta(microseconds=ticks),
    st.integers(1, 3),
    st.integers(-2, 2),
)
listens = st.tuples(moments | edges, *[st.sampled_from(NAMES)] * 3, st.booleans())


def store(user, rows) -> list[Listen]:
    return Listen.objects.bulk_create(
        Listen(
            user=user, provider_type="lastfm", played_at=at, fingerprint=number, name=name, artist=artist, album=album,
            duplicate_of_id=1 if is_duplicate else None,
        )
        for number, (at, name, artist, album, is_duplicate) in enumerate(rows)
    )  # fmt: skip


def count_all(user) -> None:
    StatisticsScan.note(user.pk, MOMENTS_BEGIN, datetime(2200, 1, 1, tzinfo=UTC))
    StatisticsScan.objects.update(due_at=MOMENTS_BEGIN)
    worker.drain(worker.STATISTICS)


def named(chart: Chart, *fields: str) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for times, listen_id in chart.summary(100).most:
        listen = Listen.objects.get(pk=listen_id)
        found[tuple(getattr(listen, field).casefold() for field in fields)] += times
    return found


def counted(listens, *fields: str) -> Counter[tuple[str, ...]]:
    texts = [tuple(getattr(listen, field).casefold() for field in fields) for listen in listens]
    return Counter(text for text in texts if text[0] or fields[0] == "name")


def quarters_of(listens) -> Counter[tuple[int, int]]:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return Counter(divmod((listen.played_at - epoch) // timedelta(minutes=15), 96) for listen in listens)


def flat(quarters) -> dict[tuple[int, int], int]:
    return {(day, quarter): n for day, of_day in quarters.items() for quarter, n in enumerate(of_day) if n}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(listens, max_size=30), moments | edges, moments | edges)
def test_any_span_is_whole_months_as_counted_and_the_rest_as_it_is_now(user, rows, one, other):
    Listen.objects.all().delete()
    MonthCount.objects.all().delete()
    store(user, rows)
    count_all(user)

    span = Span(min(one, other), max(one, other))
    tally = count(user.pk, span)

    inside = list(Listen.objects.filter(duplicate_of=None, played_at__gte=span.since, played_at__lt=span.until))
    assert flat(tally.quarters) == flat(count_quarters(user.pk, span)) == quarters_of(inside)
    assert named(tally.tracks, "name", "artist") == counted(inside, "name", "artist")
    assert named(tally.artists, "artist") == counted(inside, "artist")
    assert named(tally.albums, "album", "artist") == counted(inside, "album", "artist")


def test_a_span_without_a_whole_month_needs_no_count(user):
    store(user, [(datetime(2026, 2, 10, tzinfo=UTC), "Song", "Ana", "", False)])
    tally = count(user.pk, Span(datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 2, 28, tzinfo=UTC)))
    assert named(tally.artists, "artist") == {("ana",): 1}


def test_only_whole_months_come_from_what_was_counted(user):
    store(user, [(datetime(2026, month, 10, tzinfo=UTC), "Song", "Ana", "", False) for month in (1, 2, 3)])
    count_all(user)
    Listen.objects.all().delete()
    span = Span(datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC))
    assert sum(map(sum, count(user.pk, span).quarters.values())) == 1


def test_other_peoples_listens_do_not_count(user, django_user_model):
    other = django_user_model.objects.create_user("bo")
    store(other, [(datetime(2026, 2, 10, tzinfo=UTC), "Song", "Ana", "", False)])
    count_all(other)
    for since in (MOMENTS_BEGIN, datetime(2026, 2, 2, tzinfo=UTC)):
        assert count(user.pk, Span(since, datetime(2026, 4, 1, tzinfo=UTC))).quarters == {}


def test_equals_are_listed_in_one_order_however_they_were_counted():
    forth, back = Chart(), Chart()
    forth.count(list(range(-50, 50)), list(range(100)))
    back.add(list(range(49, -51, -1)), [1] * 100, list(range(99, -1, -1)).__getitem__)
    assert forth.summary(10) == back.summary(10)
