from datetime import UTC, datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from providers.models import DuplicateScan, HistoryDeletion, Listen, StatisticsScan
from tests.admin.acting import act, ask, changelist, told

pytestmark = pytest.mark.django_db


def listen(user, played_at):
    return Listen.objects.create(user=user, provider_type="lastfm", name="Anchor", artist="Ana", played_at=played_at)


def test_to_compare_again_notes_the_whole_history_and_compares_nothing_yet(admin_client, user):
    first, last = datetime(2024, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    listen(user, last)
    listen(user, first)
    scan = DuplicateScan.objects.create(user=user, due_at=None)

    question = ask(admin_client, changelist("duplicatescan"), "compare_again", scan).content.decode()
    assert "All listens of 1 person are compared again, in the background." in question
    said = told(act(admin_client, changelist("duplicatescan"), "compare_again", scan))

    assert said == ["ada: will be compared again."]
    scan.refresh_from_db()
    assert (scan.since, scan.until) == (first, last)
    assert scan.due_at is not None
    assert LogEntry.objects.get().object_id == str(scan.pk)


def test_there_is_nothing_to_compare_where_nothing_was_heard(admin_client, user):
    scan = DuplicateScan.objects.create(user=user, due_at=None)

    assert told(act(admin_client, changelist("duplicatescan"), "compare_again", scan)) == ["ada: has no listens."]
    assert not LogEntry.objects.exists()


def test_what_was_counted_for_a_person_is_neither_read_nor_shown(admin_client, user):
    scan = StatisticsScan.objects.create(user=user, all_time={"seeded": "artist"})

    with CaptureQueriesContext(database) as captured:
        pages = [
            admin_client.get(changelist("statisticsscan")),
            admin_client.get(reverse("admin:providers_statisticsscan_change", args=[scan.pk])),
        ]

    assert not any('"all_time"' in query["sql"] for query in captured)
    assert not any("seeded" in page.content.decode() for page in pages)


def test_a_deletion_under_way_names_its_service_and_cannot_be_called_off(admin_client, user):
    row = HistoryDeletion.objects.create(user=user, provider_type="lastfm", last_id=1)

    page = admin_client.get(changelist("historydeletion")).content.decode()
    answer = admin_client.post(reverse("admin:providers_historydeletion_delete", args=[row.pk]), {"post": "yes"})

    assert "Last.fm" in page
    assert answer.status_code == 403
    assert HistoryDeletion.objects.filter(pk=row.pk).exists()
