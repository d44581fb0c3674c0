"""The way here from the release before, with rows in the tables."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.apps.registry import Apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from providers.models import Connection, HistorySync, StatisticsScan

MOMENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db(transaction=True)


def migrate_providers(name: str) -> Apps:
    executor = MigrationExecutor(connection)
    state = executor.migrate([("providers", name)])
    apps: Apps = state.apps
    return apps


@pytest.fixture
def first_release() -> Iterator[Apps]:
    yield migrate_providers("0001_initial")
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.fixture
def before_statistics() -> Iterator[Apps]:
    yield migrate_providers("0003_playlists_carried_across")
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def test_what_came_home_before_there_were_statistics_is_noted_to_be_counted(before_statistics: Apps) -> None:
    people = before_statistics.get_model("auth", "User").objects
    ada, _ = people.create(username="ada"), people.create(username="bo")
    for days in (0, 800, 3):
        before_statistics.get_model("providers", "Listen").objects.create(
            user=ada, provider_type="lastfm", name="Song", played_at=MOMENT + timedelta(days=days), fingerprint=1
        )

    migrate_providers("0008_statistics")

    (scan,) = StatisticsScan.objects.all()
    assert (scan.user_id, scan.since, scan.until) == (ada.pk, MOMENT, MOMENT + timedelta(days=800))
    assert scan.due_at is not None


def test_histories_of_the_first_release_go_on_under_the_name_of_their_service(first_release: Apps) -> None:
    person = first_release.get_model("auth", "User").objects.create(username="ada")
    for provider_type, is_last_play_only in (("lastfm", None), ("navidrome", True)):
        linked = first_release.get_model("providers", "Connection").objects.create(
            user=person, provider_type=provider_type, history_is_last_play_only=is_last_play_only
        )
        first_release.get_model("providers", "HistorySync").objects.create(connection=linked, complete_until=MOMENT)

    migrate_providers("0002_history_that_loses_nothing")

    rows = HistorySync.objects.order_by("pk").values_list(
        "provider_type", "complete_until", "connection__provider_type"
    )
    # Where only last plays are told, all are read once more, to know how often each was played.
    assert list(rows) == [("lastfm", MOMENT, "lastfm"), ("navidrome", None, "navidrome")]
    assert not HistorySync.objects.filter(due_at=None).exists()


def test_people_are_reminded_of_links_that_were_there_before_reminders(first_release: Apps) -> None:
    before = migrate_providers("0003_playlists_carried_across")
    people = before.get_model("auth", "User").objects
    for name, status, expires_at in (("ada", "ok", MOMENT), ("bo", "ok", None), ("cy", "disconnected", MOMENT)):
        before.get_model("providers", "Connection").objects.create(
            user=people.create(username=name), provider_type="spotify", status=status, link_expires_at=expires_at
        )

    migrate_providers("0005_alerts")

    reminders = Connection.objects.order_by("pk").values_list("reminder_due_at", flat=True)
    assert list(reminders) == [MOMENT - timedelta(days=30), None, None]
