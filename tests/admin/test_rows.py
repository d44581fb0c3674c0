"""What holds of every list and every page, whatever rows it shows."""

from datetime import timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from providers.models import (
    AlertTarget,
    Connection,
    DuplicateScan,
    HistoryDeletion,
    HistoryGap,
    HistoryImport,
    HistorySync,
    LibraryIndex,
    Listen,
    ManualMatch,
    PlaylistMirror,
    ServicePause,
    StatisticsScan,
)
from providers.scheduling import Scheduled
from tests.admin.acting import changelist

pytestmark = pytest.mark.django_db

EVERY = (
    AlertTarget,
    Connection,
    DuplicateScan,
    HistoryDeletion,
    HistoryGap,
    HistoryImport,
    HistorySync,
    LibraryIndex,
    Listen,
    ManualMatch,
    PlaylistMirror,
    ServicePause,
    StatisticsScan,
)

WORK = [model for model in EVERY if issubclass(model, Scheduled) and model is not LibraryIndex]


@pytest.fixture
def add_rows(django_user_model):
    def add(numbers):
        now = timezone.now()
        for number in numbers:
            person = django_user_model.objects.create_user(f"person {number}")
            source = Connection.objects.create(user=person, provider_type="spotify")
            target = Connection.objects.create(user=person, provider_type="navidrome")
            HistorySync.objects.create(connection=source)
            HistoryGap.objects.create(connection=source, since=now, until=now, reason="not_kept")
            HistoryImport.objects.create(user=person, name="a.zip", digest=str(number), size=1)
            LibraryIndex.objects.create(connection=target)
            Listen.objects.create(user=person, provider_type="spotify", name="Anchor", played_at=now)
            DuplicateScan.objects.create(user=person)
            StatisticsScan.objects.create(user=person)
            HistoryDeletion.objects.create(user=person, provider_type="spotify", last_id=1)
            AlertTarget.objects.create(user=person, label="Desk", service="mail", url="mailto://seeded-secret")
            ManualMatch.objects.create(user=person, source_type="a", source_key="id 1", target_type="b", song={})
            ServicePause.objects.create(provider_type="spotify", client_id=str(number), until=now)
            PlaylistMirror.objects.create(
                user=person, source=source, target=target, source_playlist_id="s", last_run_at=now
            )

    return add


def test_every_list_costs_the_same_few_queries_however_long_it_is(admin_client, add_rows):
    def count(model):
        with CaptureQueriesContext(database) as queries:
            page = admin_client.get(changelist(model._meta.model_name))
        assert page.status_code == 200
        return len(queries)

    add_rows(range(2))
    before = {model: count(model) for model in EVERY}
    add_rows(range(2, 12))
    after = {model: count(model) for model in EVERY}

    assert after == before
    assert max(after.values()) <= 10


@pytest.mark.parametrize("model", EVERY)
def test_every_row_is_shown_with_the_reason_why_it_cannot_be_edited(admin_client, add_rows, model):
    add_rows([1])
    row = model.objects.first()
    name = f"admin:providers_{model._meta.model_name}"

    page = admin_client.get(reverse(f"{name}_change", args=[row.pk])).content.decode()

    assert '<div class="description">' in page
    assert 'name="_save"' not in page
    assert admin_client.get(reverse(f"{name}_add")).status_code == 403
    assert admin_client.get(reverse(f"{name}_history", args=[row.pk])).status_code == 200


@pytest.mark.parametrize("model", WORK)
def test_what_waits_for_a_worker_is_listed_the_longest_due_first(admin_client, add_rows, model):
    add_rows(range(3))
    now = timezone.now()
    middle, oldest, newest = model.objects.order_by("pk")
    for hours, row in enumerate((newest, middle, oldest), 1):
        model.objects.filter(pk=row.pk).update(due_at=now - timedelta(hours=hours))

    page = admin_client.get(changelist(model._meta.model_name, "?work=due"))

    assert list(page.context["cl"].result_list) == [oldest, middle, newest]
