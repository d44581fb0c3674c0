"""The listens of a service, deleted as their person wished: all of them, nothing else, whatever happens meanwhile."""

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.db.models import F

from providers import registry, scheduling, statistics, worker
from providers.datatypes import Track
from providers.history import deletion, duplicates, fetch, imports, ingest
from providers.history.deletion import pending
from providers.models import (
    Connection,
    DuplicateScan,
    DuplicateVerdict,
    HistoryDeletion,
    HistoryGap,
    HistorySync,
    Listen,
    PlayCount,
)
from providers.statistics.spans import MOMENTS_BEGIN, Span
from tests.history.dump_files import LineDump, write_dump
from tests.history.fakes import START, ListHistory, listen_at
from tests.test_refresh_across_processes import database_url

pytestmark = pytest.mark.django_db

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    monkeypatch.setattr(deletion, "CHUNK", 3)


@pytest.fixture
def ada(user):
    return Connection.objects.create(user=user, provider_type="lastfm", account_id="ada")


def store(user, provider_type, *minutes):
    ingest.store(user.pk, provider_type, [listen_at(number) for number in minutes])


def names(**filters):
    return sorted(Listen.objects.filter(**filters).values_list("name", flat=True))


def counted(user):
    everything = Span(MOMENTS_BEGIN, datetime(2200, 1, 1, tzinfo=UTC))
    return sum(map(sum, statistics.count(user.pk, everything).quarters.values()))


def test_what_is_deleted_counts_no_more(user, ada):
    store(user, "lastfm", *range(8))
    store(user, "spotify", 100, 101)
    for queue in (worker.DUPLICATES, worker.STATISTICS):
        worker.drain(queue)
    assert counted(user) == 10

    deletion.request(user.pk, "lastfm")
    for queue in (worker.DELETIONS, worker.DUPLICATES, worker.STATISTICS):
        worker.drain(queue)

    assert counted(user) == 2


def claim():
    # What fell due this very millisecond may be due only in the next by the database's clock.
    HistoryDeletion.objects.filter(due_at__isnull=False).update(due_at=LONG_AGO)
    lease = scheduling.claim_next(HistoryDeletion.objects.all())
    assert lease is not None
    return lease


def delete_all():
    deletion.work(claim(), lambda: False)


def test_every_listen_of_the_service_is_deleted_and_no_other(user, ada):
    other = User.objects.create_user("bo")
    store(user, "lastfm", *range(8))
    store(user, "spotify", 100, 101)
    store(other, "lastfm", *range(8))

    deletion.request(user.pk, "lastfm")
    delete_all()

    assert names(user=user) == ["Track 100", "Track 101"]
    assert len(names(user=other)) == 8
    assert not pending(user.pk).exists()


def test_asking_deletes_nothing_in_the_request_but_the_place_where_to_go_on(user, ada):
    store(user, "lastfm", 0, 1)
    HistorySync.objects.create(connection=ada, complete_until=START)
    HistoryGap.objects.create(connection=ada, since=START, until=START, reason=HistoryGap.Reason.NOT_KEPT)
    PlayCount.objects.create(connection=ada, remote_track_id="1", play_count=2)

    deletion.request(user.pk, "lastfm")

    assert Listen.objects.count() == 2
    assert Connection.objects.get() == ada
    assert not HistorySync.objects.exists()
    assert not HistoryGap.objects.exists()
    assert not PlayCount.objects.exists()
    assert [row.provider_type for row in pending(user.pk)] == ["lastfm"]


def test_the_newest_go_first_a_chunk_at_a_time_and_the_rest_is_due_at_once(user, ada):
    store(user, "lastfm", *range(8))
    deletion.request(user.pk, "lastfm")

    deletion.work(claim(), lambda: True)

    assert names() == [f"Track {number}" for number in range(5)]
    delete_all()
    assert names() == []


def test_many_listens_of_one_moment_go_together(user, ada):
    ingest.store(user.pk, "lastfm", [listen_at(0, f"Track {number}") for number in range(8)])
    deletion.request(user.pk, "lastfm")

    delete_all()

    assert names() == []


def test_what_comes_home_later_stays(user, ada):
    store(user, "lastfm", *range(8))
    deletion.request(user.pk, "lastfm")
    store(user, "lastfm", 4.5, 90)

    delete_all()

    assert names() == ["Track 4.5", "Track 90"]


def test_a_wish_that_is_repeated_while_it_is_worked_is_worked_once_more(user, ada):
    store(user, "lastfm", *range(4))
    deletion.request(user.pk, "lastfm")
    lease = claim()
    store(user, "lastfm", 90)
    deletion.request(user.pk, "lastfm")

    deletion.work(lease, lambda: False)

    assert names() == ["Track 90"]
    assert pending(user.pk).exists()
    delete_all()
    assert names() == []


def test_a_service_of_which_nothing_came_home_is_deleted_without_ado(user, ada):
    deletion.request(user.pk, "lastfm")
    delete_all()
    assert not pending(user.pk).exists()


# --- duplicates ------------------------------------------------------------------------------------------------------


@pytest.fixture
def told_thrice(user, ada):
    """Return nothing; have three services tell of five plays, linked to the one service that is to be deleted."""
    for provider_type in ("lastfm", "navidrome", "spotify"):
        ingest.store(
            user.pk,
            provider_type,
            [Track(id="", name="Song", artist="Ana", played_at=START + timedelta(hours=number)) for number in range(5)],
        )
    worker.drain(worker.DUPLICATES)
    Listen.objects.filter(duplicate_of__isnull=False).update(duplicate_of=None)
    for first in Listen.objects.filter(provider_type="lastfm"):
        Listen.objects.filter(played_at=first.played_at).exclude(pk=first.pk).update(duplicate_of=first)


@pytest.mark.usefixtures("told_thrice")
def test_no_listen_is_left_a_duplicate_of_one_that_is_gone(user):
    deletion.request(user.pk, "lastfm")

    deletion.work(claim(), lambda: True)

    gone = set(Listen.objects.exclude(duplicate_of=None).values_list("duplicate_of", flat=True))
    assert gone <= set(Listen.objects.values_list("pk", flat=True))
    assert Listen.objects.filter(provider_type="lastfm").count() == 2


@pytest.mark.usefixtures("told_thrice")
def test_what_two_others_tell_as_well_is_shown_once_when_it_was_compared(user):
    deletion.request(user.pk, "lastfm")
    delete_all()
    worker.drain(worker.DUPLICATES)

    assert Listen.objects.filter(duplicate_of=None).count() == 5
    assert Listen.objects.filter(duplicate_of__isnull=False).count() == 5


def test_nothing_is_compared_anew_where_nothing_was_linked(user, ada):
    store(user, "lastfm", *range(8))
    DuplicateScan.objects.all().delete()
    deletion.request(user.pk, "lastfm")
    delete_all()
    assert not DuplicateScan.objects.exists()


def test_what_the_person_said_of_a_listen_goes_with_it(user, ada):
    store(user, "lastfm", 0, 1)
    store(user, "spotify", 100)
    first, second = Listen.objects.filter(provider_type="lastfm")
    kept = Listen.objects.get(provider_type="spotify")
    duplicates.decide(user, first, kept, is_duplicate=True)
    duplicates.decide(user, first, second, is_duplicate=False)

    deletion.request(user.pk, "lastfm")
    delete_all()

    assert not DuplicateVerdict.objects.exists()
    assert Listen.objects.get() == kept
    assert Listen.objects.get().duplicate_of is None


# --- whoever else is at work -----------------------------------------------------------------------------------------


@pytest.fixture
def history(monkeypatch):
    service = ListHistory([listen_at(minutes) for minutes in range(8)])
    monkeypatch.setattr(registry, "build", lambda provider_type, user: service)
    return service


def test_the_history_is_fetched_anew_and_whole_though_the_old_listens_are_still_there(user, ada, history):
    fetch.fetch(ada)
    deletion.request(user.pk, "lastfm")

    report = fetch.fetch(ada)

    assert report is not None
    assert report.stored == 8
    assert names() == [f"Track {number}" for number in range(8)]
    assert not pending(user.pk).exists()


def test_a_fetch_that_has_to_stop_before_all_is_deleted_fetches_nothing(user, ada, history):
    store(user, "lastfm", *range(20))
    deletion.request(user.pk, "lastfm")
    HistorySync.request(ada)
    HistorySync.objects.update(due_at=LONG_AGO)
    lease = scheduling.claim_next(fetch.due_histories("lastfm"))
    assert lease is not None

    fetch.work(lease, lambda: True)

    assert history.asked == []
    assert HistorySync.objects.get().due_at is not None
    assert pending(user.pk).exists()


def test_a_fetch_of_another_service_does_not_wait(user, ada, history):
    store(user, "spotify", *range(8))
    deletion.request(user.pk, "spotify")
    fetch.fetch(ada)
    assert pending(user.pk).exists()


def test_a_fetch_that_is_under_way_stores_nothing_more(user, ada, history):
    def ask_for_it(number):
        if number == 2:
            deletion.request(user.pk, "lastfm")

    history.before_page = ask_for_it
    fetch.fetch(ada)
    delete_all()

    assert names() == []
    assert not HistorySync.objects.exists()


def test_a_file_is_imported_after_what_it_holds_was_deleted(user, ada, tmp_path, monkeypatch):
    monkeypatch.setattr(imports, "open_dump", LineDump)
    path = write_dump(tmp_path / "a.json", "play", "play", "play")
    imports.import_file(user.pk, path)
    provider_type = Listen.objects.values_list("provider_type", flat=True)[0]
    deletion.request(user.pk, provider_type)

    row = imports.import_file(user.pk, path)

    assert row is not None
    assert row.counts["stored"] == Listen.objects.count() == 3


def test_a_transaction_that_fails_deletes_nothing(user, ada, monkeypatch):
    store(user, "lastfm", 0, 1)
    store(user, "spotify", 0)
    Listen.objects.filter(provider_type="spotify").update(duplicate_of=Listen.objects.filter(provider_type="lastfm")[0])
    deletion.request(user.pk, "lastfm")

    def fail(*args):
        raise DatabaseError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(DuplicateScan, "note", fail)
        worker.drain(worker.DELETIONS)

    assert Listen.objects.count() == 3
    assert Listen.objects.filter(duplicate_of__isnull=False).count() == 1
    delete_all()
    assert names(provider_type="lastfm") == []


def test_a_worker_that_was_taken_for_dead_deletes_nothing_more(user, ada):
    store(user, "lastfm", *range(8))
    deletion.request(user.pk, "lastfm")
    late = claim()
    HistoryDeletion.objects.update(lease_until=LONG_AGO)
    delete_all()
    store(user, "lastfm", *range(8))

    with pytest.raises(scheduling.LeaseLostError):
        deletion.work(late, lambda: False)

    assert len(names()) == 8


def test_the_watcher_deletes_what_is_due(user, ada):
    store(user, "lastfm", *range(8))
    deletion.request(user.pk, "lastfm")
    HistoryDeletion.objects.update(due_at=LONG_AGO)
    assert worker.workers_wanted(1)[worker.DELETIONS] == 1
    assert worker.drain(worker.DELETIONS) == 1
    assert names() == []


@pytest.mark.django_db(transaction=True)
def test_a_process_that_is_killed_in_the_midst_leaves_nothing_half_done_and_another_ends_it(monkeypatch):
    monkeypatch.setattr(deletion, "CHUNK", 500)
    user = User.objects.create_user("ada")
    moments = range(10_000)
    for provider_type in ("lastfm", "spotify"):
        ingest.store(user.pk, provider_type, [listen_at(number, "Song") for number in moments])
    # Stored one after the other, in the order of their times.
    first, second = (Listen.objects.filter(provider_type=one).earliest("pk") for one in ("lastfm", "spotify"))
    Listen.objects.filter(provider_type="spotify").update(duplicate_of=F("pk") - (second.pk - first.pk))
    deletion.request(user.pk, "lastfm")

    environment = {**os.environ, "DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "tests.settings"}
    command = "import django; django.setup(); from providers import worker; worker.drain(worker.DELETIONS)"
    process = subprocess.Popen([sys.executable, "-c", command], env=environment)
    try:
        while Listen.objects.filter(provider_type="lastfm").count() == len(moments):
            assert process.poll() is None
            threading.Event().wait(0.01)
    finally:
        process.kill()
        process.wait()

    left = Listen.objects.filter(provider_type="lastfm").count()
    assert 0 < left < len(moments)
    # What is left of the service, and of it only, has a duplicate still.
    assert Listen.objects.filter(duplicate_of__isnull=False).count() == left
    assert set(Listen.objects.exclude(duplicate_of=None).values_list("duplicate_of__provider_type", flat=True)) == {
        "lastfm"
    }
    HistoryDeletion.objects.update(lease_until=LONG_AGO)
    assert worker.drain(worker.DELETIONS) >= 1
    assert Listen.objects.count() == Listen.objects.filter(duplicate_of=None).count() == len(moments)
