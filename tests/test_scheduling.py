import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction
from django.db.models import Q

from providers import scheduling
from providers.history.fetch import due_histories
from providers.models import Connection, HistorySync, Listen
from providers.scheduling import Lease, LeaseLostError

pytestmark = pytest.mark.django_db

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2099, 1, 1, tzinfo=UTC)
WORKERS = 6


def a_row(number=0, due_at=LONG_AGO, provider_type="lastfm"):
    user, _ = User.objects.get_or_create(username=f"person {number}")
    connection = Connection.objects.create(user=user, provider_type=provider_type)
    return HistorySync.objects.create(connection=connection, due_at=due_at)


def claim_next():
    return scheduling.claim_next(due_histories("lastfm"))


def run_out(*rows):
    HistorySync.objects.filter(pk__in=[row.pk for row in rows]).update(lease_until=LONG_AGO)


def in_threads(work: Callable[[], object], number=WORKERS) -> list[object]:
    """Let as many threads, each with a connection of its own, do this at the same moment."""
    together = threading.Barrier(number)

    def with_own_connection() -> object:
        try:
            connection.ensure_connection()
            together.wait(30)
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as pool:
        return [each.result() for each in [pool.submit(with_own_connection) for _ in range(number)]]


def test_only_what_is_due_is_claimed():
    a_row(1, due_at=LATER)
    a_row(2, due_at=None)
    a_row(3, provider_type="spotify")
    assert claim_next() is None

    row = a_row(4)
    assert claim_next().row == row


def test_what_somebody_holds_is_not_claimed_until_its_lease_runs_out():
    row = a_row()
    assert claim_next() is not None
    assert claim_next() is None

    run_out(row)

    assert claim_next().row == row


def test_a_lease_of_a_clock_that_was_ahead_holds_nothing_up():
    row = a_row()
    stale = claim_next()
    HistorySync.objects.update(lease_until=LATER)

    assert scheduling.workers_wanted(due_histories("lastfm"), 8) == 1
    assert claim_next().row == row
    with pytest.raises(LeaseLostError):
        stale.update(window_done=1)


def test_a_lease_is_as_long_as_it_is_set_to_by_the_databases_clock(settings):
    settings.LEASE_SECONDS = 40
    a_row()

    row = claim_next().row

    now = datetime.now(UTC)
    assert now + timedelta(seconds=20) < row.lease_until < now + timedelta(seconds=60)


@pytest.mark.django_db(transaction=True)
def test_of_workers_that_find_a_row_due_at_the_same_moment_one_gets_it(monkeypatch):
    row = a_row()
    claim, all_have_looked = scheduling._claim, threading.Barrier(WORKERS)

    def claim_together(*args):
        all_have_looked.wait(30)
        return claim(*args)

    monkeypatch.setattr(scheduling, "_claim", claim_together)
    for _ in range(5):
        leases = [lease for lease in in_threads(claim_next) if lease is not None]

        assert len(leases) == 1
        run_out(row)


@pytest.mark.django_db(transaction=True)
def test_workers_share_what_is_due_and_none_is_worked_twice():
    rows = [a_row(number) for number in range(20)]

    def take_all():
        taken = []
        while (lease := claim_next()) is not None:
            taken.append(lease.row.pk)
        return taken

    taken = [pk for each in in_threads(take_all) for pk in each]

    assert sorted(taken) == sorted(row.pk for row in rows)


def test_what_has_been_due_the_longest_is_claimed_first():
    for number in range(3 * scheduling.CANDIDATES):
        a_row(number, due_at=LONG_AGO + timedelta(minutes=number))

    claimed = [claim_next().row.due_at for _ in range(3 * scheduling.CANDIDATES)]

    assert claimed == sorted(claimed)


def test_what_is_given_back_goes_behind_all_that_was_due_before_it():
    rows = [a_row(number, due_at=LONG_AGO + timedelta(minutes=number)) for number in range(3)]
    worked = []
    for number in range(6):
        lease = claim_next()
        worked.append(lease.row)
        lease.release(due_at=LONG_AGO + timedelta(hours=1 + number))

    assert worked == [*rows, *rows]


def test_an_update_changes_the_row_and_renews_the_lease():
    row = a_row()
    lease = claim_next()
    run_out(row)

    lease.update(window_done=7)

    row.refresh_from_db()
    assert (row.window_done, lease.row.window_done) == (7, 7)
    assert row.lease_until > datetime.now(UTC)
    assert claim_next() is None


def test_a_worker_whose_lease_was_taken_cannot_write_any_more():
    row = a_row()
    first = claim_next()
    run_out(row)
    second = claim_next()

    def store():
        with transaction.atomic():
            Listen.objects.create(user=row.connection.user, provider_type="lastfm", name="One", played_at=LONG_AGO)
            first.update(window_done=7)

    with pytest.raises(LeaseLostError):
        store()

    row.refresh_from_db()
    assert row.window_done == 0
    assert not Listen.objects.exists()
    second.update(window_done=8)


def test_a_worker_whose_row_is_gone_cannot_write_any_more():
    row = a_row()
    lease = claim_next()
    row.delete()

    with pytest.raises(LeaseLostError):
        lease.update(window_done=7)


@pytest.mark.django_db(transaction=True)
def test_a_claim_waits_for_a_transaction_that_renews_the_lease_and_then_fails():
    """Else the transaction would be committed after another worker began."""
    row = a_row()
    lease = claim_next()
    run_out(row)
    is_renewed, claims = threading.Event(), []

    def claim_meanwhile():
        try:
            is_renewed.wait(30)
            claims.append(claim_next())
        finally:
            connection.close()

    other = threading.Thread(target=claim_meanwhile)
    other.start()
    with transaction.atomic():
        lease.update(window_done=7)
        is_renewed.set()
        # The claim is either behind this transaction already or will be.
        Listen.objects.create(user=row.connection.user, provider_type="lastfm", name="One", played_at=LONG_AGO)
    other.join(30)

    assert claims == [None]
    assert HistorySync.objects.get().window_done == 7


def test_a_released_row_is_free_and_due_when_it_was_said():
    row = a_row()
    claim_next().release(due_at=LATER, failures=3, last_error="down")

    row.refresh_from_db()
    assert (row.due_at, row.failures, row.last_error) == (LATER, 3, "down")
    assert (row.lease_until, row.lease_token) == (None, "")


def test_a_wish_that_came_during_the_work_outlives_its_release():
    row = a_row()
    lease = claim_next()
    scheduling.make_due(HistorySync.objects.all())

    lease.release(due_at=LATER)

    row.refresh_from_db()
    assert LONG_AGO < row.due_at <= datetime.now(UTC)
    assert row.lease_until is None


def test_so_does_one_that_came_while_the_row_was_not_due_at_all():
    row = a_row(due_at=None)
    lease = scheduling.claim(HistorySync.objects.all(), row.pk)
    scheduling.make_due(HistorySync.objects.all())

    lease.release(due_at=None)

    row.refresh_from_db()
    assert row.due_at is not None


def test_a_row_that_was_not_due_stays_so_where_nobody_asked():
    row = a_row(due_at=None)

    scheduling.claim(HistorySync.objects.all(), row.pk).release(due_at=None)

    row.refresh_from_db()
    assert row.due_at is None


def test_to_release_a_lease_that_was_lost_changes_nothing():
    row = a_row()
    first = claim_next()
    run_out(row)
    second = claim_next()

    first.release(due_at=LATER, failures=9, last_error="late")

    row.refresh_from_db()
    assert (row.due_at, row.failures, row.last_error) == (LONG_AGO, 0, "")
    second.update()


def test_one_row_is_claimed_whether_it_is_due_or_not():
    row = a_row(due_at=LATER)

    assert scheduling.claim(HistorySync.objects.all(), row.pk).row == row


def test_a_claim_waits_until_whoever_holds_the_row_is_done(monkeypatch):
    row = a_row()
    holder = claim_next()
    waits = []

    def wait(seconds):
        waits.append(seconds)
        holder.release(due_at=LATER)

    monkeypatch.setattr(scheduling.time, "sleep", wait)

    assert scheduling.claim(HistorySync.objects.all(), row.pk).row == row
    assert len(waits) == 1


def test_waiting_ends_where_the_row_goes(monkeypatch):
    row = a_row()
    claim_next()
    monkeypatch.setattr(scheduling.time, "sleep", lambda seconds: HistorySync.objects.all().delete())

    assert scheduling.claim(HistorySync.objects.all(), row.pk) is None


def test_waiting_ends_where_it_is_stopped(monkeypatch):
    row = a_row()
    claim_next()
    stop = threading.Event()
    monkeypatch.setattr(scheduling.time, "sleep", lambda seconds: stop.set())

    assert scheduling.claim(HistorySync.objects.all(), row.pk, should_stop=stop.is_set) is None


class Renewals:
    """Counts how often a lease was prolonged, and lets a test wait for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._happened = threading.Semaphore(0)
        mine = Lease._mine
        self.trouble: list[Exception] = []

        def watched(lease):
            if threading.current_thread().name == "lease":
                self._happened.release()
                if self.trouble:
                    raise self.trouble.pop()
            return mine(lease)

        monkeypatch.setattr(Lease, "_mine", watched)

    def wait_for(self, number: int) -> None:
        for _ in range(number):
            assert self._happened.acquire(timeout=30)


@pytest.fixture
def renewals(monkeypatch, settings):
    settings.LEASE_SECONDS = 1
    return Renewals(monkeypatch)


@pytest.mark.django_db(transaction=True)
def test_a_lease_outlives_itself_while_an_answer_is_awaited(renewals):
    row = a_row()
    lease = claim_next()
    with lease.renewed():
        # Three times in each second of a lease: by the sixth, the first two leases would have run out.
        renewals.wait_for(7)
        assert claim_next() is None
        row.refresh_from_db()
        assert row.lease_until > lease.row.lease_until + timedelta(seconds=1)

    run_out(row)
    assert claim_next() is not None


@pytest.mark.django_db(transaction=True)
def test_a_database_that_fails_once_does_not_end_the_renewing(renewals):
    a_row()
    renewals.trouble.append(OperationalError("away"))
    with claim_next().renewed():
        renewals.wait_for(5)
        assert claim_next() is None


@pytest.mark.django_db(transaction=True)
def test_a_lease_that_was_taken_is_not_taken_back(renewals):
    row = a_row()
    with claim_next().renewed():
        row.refresh_from_db()
        HistorySync.objects.update(lease_token="another's", lease_until=LATER)
        renewals.wait_for(1)

    row.refresh_from_db()
    assert (row.lease_token, row.lease_until) == ("another's", LATER)


@pytest.mark.parametrize("delay", [timedelta(0), timedelta(seconds=10), timedelta(hours=6), timedelta(days=2)])
def test_jitter_is_a_tenth_and_never_long(delay):
    for _ in range(50):
        assert delay <= scheduling.jittered(delay) <= min(delay * 1.1, delay + timedelta(minutes=5))


def test_a_row_whose_turn_was_put_off_in_the_very_moment_of_its_claim_is_left_alone():
    row = a_row()
    put_off = HistorySync.objects.filter(pk=row.pk)

    class JustPutOff:
        """A queue whose row is put off between the look and the claim."""

        def __init__(self):
            self.rows = due_histories("lastfm")

        def filter(self, *args, **kwargs):
            if "pk" in kwargs:
                put_off.update(due_at=LATER)
            return self.rows.filter(*args, **kwargs)

    assert scheduling.claim_next(JustPutOff()) is None
    row.refresh_from_db()
    assert row.lease_until is None


def test_what_is_due_is_found_by_the_partial_index():
    a_row()
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # With one row in the table, or a few, it would not bother: what counts is that the index gives the order.
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        plan = scheduling.due(due_histories("lastfm")).values_list("pk")[: scheduling.CANDIDATES].explain()

    assert "history_due" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan
    (index,) = [index for index in HistorySync._meta.indexes if index.name == "history_due"]
    assert index.condition == Q(due_at__isnull=False)
