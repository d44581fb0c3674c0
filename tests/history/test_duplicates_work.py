"""Duplicates linked in the background: noted, worked in chunks under a lease, and nothing noted is lost."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers import scheduling
from providers.datatypes import Track
from providers.history import duplicates, ingest
from providers.history.duplicates import background, linking
from providers.models import DuplicateScan, Listen
from providers.scheduling import Lease, LeaseLostError

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 1, 21, 0, 50, tzinfo=UTC)
LENGTH = timedelta(seconds=200)


def never() -> bool:
    return False


def store(user, *numbers: int) -> None:
    """Have both services tell some plays, an hour apart."""
    for provider_type, duration_ms, later in (("lastfm", 0, timedelta()), ("spotify", 200_000, LENGTH)):
        tracks = [
            Track(
                id="", name="Song", artist="Ana", duration_ms=duration_ms,
                played_at=START + number * timedelta(hours=1) + later,
            )
            for number in numbers
        ]  # fmt: skip
        ingest.store(user.pk, provider_type, tracks)


def claim_if_due() -> Lease[DuplicateScan] | None:
    # What fell due this very millisecond may be due only in the next by the database's clock.
    DuplicateScan.objects.filter(due_at__isnull=False).update(due_at=START)
    return scheduling.claim_next(DuplicateScan.objects.all())


def claim() -> Lease[DuplicateScan]:
    lease = claim_if_due()
    assert lease is not None
    return lease


def count_links() -> int:
    return Listen.objects.filter(duplicate_of__isnull=False).count()


def is_all_done() -> bool:
    scan = DuplicateScan.objects.get()
    return scan.due_at is scan.since is scan.until is scan.begun_since is scan.begun_until is None


def test_what_was_stored_is_compared_and_then_nothing_is_due(user):
    store(user, *range(5))

    duplicates.work(claim(), never)

    assert count_links() == 5
    assert is_all_done()
    assert claim_if_due() is None


def test_work_goes_on_where_it_stopped(user, monkeypatch):
    monkeypatch.setattr(linking, "CHUNK", 4)
    store(user, *range(10))
    answers = iter([False, False, True])

    duplicates.work(claim(), lambda: next(answers))

    scan = DuplicateScan.objects.get()
    assert 2 <= count_links() < 10
    assert START < scan.begun_since < scan.begun_until == START + timedelta(hours=9) + LENGTH
    duplicates.work(claim(), never)
    assert count_links() == 10
    assert is_all_done()


def test_work_that_takes_long_lets_others_have_their_turn(user, monkeypatch):
    monkeypatch.setattr(scheduling, "RUN_SECONDS", -1.0)
    store(user, 1)

    duplicates.work(claim(), never)

    assert count_links() == 0
    assert claim_if_due() is not None


def test_one_source_is_done_without_a_chunk(user, monkeypatch):
    monkeypatch.setattr(linking, "link_chunk", None)
    ingest.store(user.pk, "lastfm", [Track(id="", name="Song", artist="Ana", played_at=START)])

    duplicates.work(claim(), never)

    assert is_all_done()


@pytest.mark.parametrize("later_number", [-3, 2, 50])
def test_what_is_noted_while_a_chunk_is_compared_is_compared_as_well(user, monkeypatch, later_number):
    monkeypatch.setattr(linking, "CHUNK", 4)
    store(user, 0, 1, 3, 4)
    link_chunk = background.link_chunk
    calls = []

    def link_while_another_stores(user_id, since, until):
        rest = link_chunk(user_id, since, until)
        calls.append(since)
        if len(calls) == 2:
            store(user, later_number)
        return rest

    monkeypatch.setattr(background, "link_chunk", link_while_another_stores)

    duplicates.work(claim(), never)

    assert count_links() == 5
    assert DuplicateScan.objects.get().begun_since is None


def test_what_is_noted_just_before_the_release_is_due_again(user, monkeypatch):
    store(user, 0)
    release = Lease.release

    def release_after_another_stored(lease, **changes):
        monkeypatch.setattr(Lease, "release", release)
        store(user, 7)
        lease.release(**changes)

    monkeypatch.setattr(Lease, "release", release_after_another_stored)

    duplicates.work(claim(), never)
    assert count_links() == 1
    duplicates.work(claim(), never)
    assert count_links() == 2
    assert is_all_done()


def test_work_whose_lease_was_lost_leaves_nothing_of_its_chunk(user):
    store(user, 0)
    others = []

    def lose_the_lease() -> bool:
        DuplicateScan.objects.update(lease_until=START)
        others.append(claim())
        return False

    with pytest.raises(LeaseLostError):
        duplicates.work(claim(), lose_the_lease)

    assert count_links() == 0
    duplicates.work(others[0], never)
    assert count_links() == 1


def test_work_that_fails_in_a_chunk_is_taken_up_again(user, monkeypatch):
    monkeypatch.setattr(linking, "CHUNK", 4)
    store(user, *range(6))
    lease = claim()
    link_around = linking.link_around
    calls = []

    def break_off(user_id, spans):
        link_around(user_id, spans)
        calls.append(spans)
        if len(calls) == 2:
            raise RuntimeError

    monkeypatch.setattr(linking, "link_around", break_off)
    with pytest.raises(RuntimeError):
        duplicates.work(lease, never)

    DuplicateScan.objects.update(lease_until=START)
    duplicates.work(claim(), never)
    assert count_links() == 6


def test_a_note_widens_what_is_noted_already(user):
    hour = timedelta(hours=1)
    for moment in (START, START - hour, START + hour, START):
        DuplicateScan.note(user.pk, moment, moment)

    scan = DuplicateScan.objects.get()
    assert (scan.since, scan.until) == (START - hour, START + hour)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 40), max_size=12), st.data())
def test_whatever_is_stored_meanwhile_and_whoever_dies_all_is_linked_in_the_end(user, later, data):
    Listen.objects.all().delete()
    DuplicateScan.objects.all().delete()
    store(user, *range(0, 40, 5))
    waiting = list(later)

    def happens() -> bool:
        for _ in range(data.draw(st.integers(0, 2))):
            if waiting:
                store(user, waiting.pop())
        if data.draw(st.integers(0, 9)) == 9:
            raise RuntimeError("killed")
        return data.draw(st.integers(0, 4)) == 4

    chunk, linking.CHUNK = linking.CHUNK, 6
    try:
        while lease := claim_if_due():
            try:
                duplicates.work(lease, happens)
            except RuntimeError:
                DuplicateScan.objects.update(lease_until=START)
            if not DuplicateScan.objects.filter(due_at__isnull=False).exists() and waiting:
                store(user, waiting.pop())
    finally:
        linking.CHUNK = chunk

    assert count_links() == Listen.objects.count() // 2
    assert is_all_done()


@pytest.mark.django_db(transaction=True)
def test_a_chunk_and_how_far_it_got_are_stored_together(user, monkeypatch):
    store(user, 0)
    lease = claim()
    in_transaction = []
    update = Lease.update

    def watched(self, **changes):
        in_transaction.append((connection.in_atomic_block, count_links()))
        update(self, **changes)

    monkeypatch.setattr(Lease, "update", watched)
    duplicates.work(lease, never)

    assert in_transaction == [(False, 0), (True, 1), (False, 1)]
    assert not transaction.get_connection().in_atomic_block
