"""Months counted in the background: again whenever anything about their listens changed, and nothing noted is lost."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers import scheduling, statistics, worker
from providers.datatypes import Track
from providers.history import duplicates, ingest
from providers.models import Listen, MonthCount, StatisticsScan
from providers.scheduling import Lease, LeaseLostError
from providers.statistics import background
from providers.statistics.spans import MOMENTS_BEGIN, Span
from providers.statistics.tally import Ranked, Summary

pytestmark = pytest.mark.django_db

START = datetime(2026, 1, 20, 12, tzinfo=UTC)
EVERYTHING = Span(MOMENTS_BEGIN, datetime(2200, 1, 1, tzinfo=UTC))


def never() -> bool:
    return False


def store(user, *days: int, provider_type: str = "lastfm", name: str = "Song") -> None:
    tracks = [Track(id="", name=name, artist="Ana", played_at=START + timedelta(days=day)) for day in days]
    ingest.store(user.pk, provider_type, tracks)


def drain(name: str) -> None:
    # What fell due this very millisecond may be due only in the next by the database's clock.
    worker.queues()[name].rows().filter(due_at__isnull=False).update(due_at=START)
    worker.drain(name)


def work_all() -> None:
    drain(worker.DUPLICATES)
    drain(worker.STATISTICS)


def claim() -> Lease[StatisticsScan]:
    StatisticsScan.objects.filter(due_at__isnull=False).update(due_at=START, lease_until=None)
    lease = scheduling.claim_next(StatisticsScan.objects.all())
    assert lease is not None
    return lease


def note(user, *days: int) -> None:
    moments = [START + timedelta(days=day) for day in days]
    StatisticsScan.note(user.pk, min(moments), max(moments))


def counts() -> dict[date, int]:
    """Return the listens of each month, as they were counted."""
    return {
        row.month: sum(map(sum, statistics.count(row.user_id, _month(row.month)).quarters.values()))
        for row in MonthCount.objects.all()
    }


def _month(first: date) -> Span:
    since = datetime(first.year, first.month, 1, tzinfo=UTC)
    return Span(since, (since + timedelta(days=32)).replace(day=1))


def all_time(user) -> dict[str, Summary]:
    stored = StatisticsScan.objects.get(user=user).all_time
    return {name: Summary(heard, [Ranked(*one) for one in most]) for name, (heard, most) in stored.items()}


def listens_by_month() -> dict[date, int]:
    months: dict[date, int] = {}
    for moment in Listen.objects.filter(duplicate_of=None).values_list("played_at", flat=True):
        month = moment.date().replace(day=1)
        months[month] = months.get(month, 0) + 1
    return months


def is_all_done() -> bool:
    scan = StatisticsScan.objects.get()
    return scan.due_at is scan.since is scan.until is scan.begun_since is scan.begun_until is None


def test_what_was_stored_is_counted_and_then_nothing_is_due(user):
    store(user, 0, 1, 2, 30, 400)
    work_all()
    assert counts() == {date(2026, 1, 1): 3, date(2026, 2, 1): 1, date(2027, 2, 1): 1}
    assert is_all_done()


def test_late_listens_are_counted_and_known_ones_are_not_counted_again(user):
    store(user, 0, 40)
    work_all()
    store(user, 0, 1, 40)
    work_all()
    assert counts() == {date(2026, 1, 1): 2, date(2026, 3, 1): 1}


def test_what_two_services_tell_of_counts_once_until_the_person_says_otherwise(user):
    store(user, 0)
    work_all()
    store(user, 0, provider_type="navidrome")
    work_all()
    assert counts() == {date(2026, 1, 1): 1}

    one, other = Listen.objects.all()
    duplicates.decide(user, one, other, is_duplicate=False)
    work_all()
    assert counts() == {date(2026, 1, 1): 2}

    duplicates.withdraw(user, one, other)
    work_all()
    assert counts() == {date(2026, 1, 1): 1}


def test_what_links_across_the_end_of_a_month_is_counted_in_both(user):
    one = Track(id="", name="Song", artist="Ana", played_at=datetime(2026, 1, 31, 23, 59, tzinfo=UTC))
    two = Track(id="", name="Song", artist="Ana", played_at=datetime(2026, 2, 1, 0, 1, tzinfo=UTC))
    ingest.store(user.pk, "lastfm", [one])
    ingest.store(user.pk, "navidrome", [two])
    work_all()
    duplicates.decide(user, *Listen.objects.all(), is_duplicate=True)
    work_all()
    assert counts() == listens_by_month()
    assert sum(counts().values()) == 1


def test_a_month_whose_listens_are_gone_has_no_count(user):
    store(user, 0, 40)
    work_all()
    Listen.objects.filter(played_at__gte=START + timedelta(days=30)).delete()
    note(user, 40)
    work_all()
    assert list(MonthCount.objects.values_list("month", flat=True)) == [date(2026, 1, 1)]


def test_what_is_noted_for_comparing_is_counted_again_as_well(user):
    store(user, 0, 40)
    work_all()
    Listen.objects.all().delete()
    store(user, 80)
    duplicates_scan = user.duplicate_scan
    type(duplicates_scan).note(user.pk, START, START + timedelta(days=80))
    work_all()
    assert counts() == listens_by_month() == {date(2026, 4, 1): 1}


def test_a_person_who_is_deleted_takes_the_counts_along(user):
    store(user, 0)
    work_all()
    user.delete()
    assert not MonthCount.objects.exists()
    assert not StatisticsScan.objects.exists()


def test_work_goes_on_where_it_stopped(user):
    store(user, *range(0, 300, 30))
    drain(worker.DUPLICATES)
    answers = iter([False, False, False, True])

    statistics.work(claim(), lambda: next(answers))

    assert MonthCount.objects.count() == 3
    assert StatisticsScan.objects.get().due_at is not None
    statistics.work(claim(), never)
    assert counts() == listens_by_month()
    assert is_all_done()


def test_all_time_is_summed_up_when_all_months_are_counted_and_unknown_while_they_change(user):
    store(user, 0, 1, 2)
    store(user, 100, name="Tune")
    work_all()
    (track, other), (artist,) = (all_time(user)[name].most for name in ("tracks", "artists"))
    assert (track.listens, other.listens, artist.listens) == (3, 1, 4)
    assert {Listen.objects.get(pk=one.listen_id).name for one in (track, other)} == {"Song", "Tune"}

    store(user, 3, 101)
    drain(worker.DUPLICATES)
    answers = iter([False, True])
    statistics.work(claim(), lambda: next(answers))
    assert all_time(user) == {}
    drain(worker.STATISTICS)
    assert all_time(user)["artists"].most[0].listens == 6


def test_all_time_does_not_count_what_is_to_come(user):
    store(user, 0, 1)
    store(user, 365 * 20)
    work_all()
    assert all_time(user)["artists"].most[0].listens == 2


def test_all_time_is_summed_up_although_who_counted_the_last_month_died(user, monkeypatch):
    store(user, 0)
    drain(worker.DUPLICATES)
    lease = claim()
    with monkeypatch.context() as patched:
        patched.setattr(background, "count_months", None)
        with pytest.raises(TypeError):
            statistics.work(lease, never)
    statistics.work(claim(), never)
    assert all_time(user)["artists"].heard == 1


def test_work_that_takes_long_lets_others_have_their_turn(user, monkeypatch):
    monkeypatch.setattr(background, "RUN_SECONDS", -1.0)
    note(user, 0)
    statistics.work(claim(), never)
    assert not is_all_done()


def test_work_whose_lease_was_lost_leaves_nothing_of_its_month(user):
    store(user, 0)
    drain(worker.DUPLICATES)
    others = []

    def lose_the_lease() -> bool:
        others.append(claim())
        return False

    with pytest.raises(LeaseLostError):
        statistics.work(claim(), lose_the_lease)

    assert not MonthCount.objects.exists()
    statistics.work(others[0], never)
    assert counts() == listens_by_month()


def test_the_ends_of_time_are_counted(user):
    for moment in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        ingest.store(user.pk, "lastfm", [Track(id="", name="Song", artist="Ana", played_at=moment)])
    work_all()
    assert list(MonthCount.objects.order_by("month").values_list("month", flat=True)) == [
        date(1, 1, 1),
        date(9999, 12, 1),
    ]
    assert is_all_done()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from(["lastfm", "navidrome"])), max_size=12), st.data())
def test_whatever_is_stored_meanwhile_and_whoever_dies_all_is_counted_in_the_end(user, later, data):
    for model in (Listen, MonthCount, StatisticsScan):
        model.objects.all().delete()
    store(user, *range(0, 200, 25))
    waiting = list(later)

    def happens() -> bool:
        for _ in range(data.draw(st.integers(0, 2))):
            if waiting:
                day, provider_type = waiting.pop()
                store(user, day, provider_type=provider_type)
                if data.draw(st.booleans()):
                    drain(worker.DUPLICATES)
        if data.draw(st.integers(0, 9)) == 9:
            raise RuntimeError("killed")
        return data.draw(st.integers(0, 4)) == 4

    while True:
        drain(worker.DUPLICATES)
        if not StatisticsScan.objects.filter(due_at__isnull=False).exists():
            if not waiting:
                break
            day, provider_type = waiting.pop()
            store(user, day, provider_type=provider_type)
            continue
        try:
            statistics.work(claim(), happens)
        except RuntimeError:
            continue

    assert counts() == listens_by_month()
    assert is_all_done()
    assert all_time(user) == statistics.count(user.pk, EVERYTHING).summaries()


@pytest.mark.django_db(transaction=True)
def test_a_month_and_how_far_it_got_are_stored_together(user, monkeypatch):
    note(user, 0)
    store(user, 0)
    in_transaction = []
    update = Lease.update

    def watched(self, **changes):
        in_transaction.append((connection.in_atomic_block, MonthCount.objects.count()))
        update(self, **changes)

    monkeypatch.setattr(Lease, "update", watched)
    statistics.work(claim(), never)

    assert in_transaction == [(False, 0), (True, 1), (False, 1)]
