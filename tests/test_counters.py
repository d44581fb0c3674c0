import threading

import pytest
from django.db import OperationalError, connection

from providers.counters import count
from providers.models import EventCount
from tests.conftest import Log

pytestmark = pytest.mark.django_db


def test_each_kind_of_event_is_counted_by_itself() -> None:
    count("fetches", service="lastfm", outcome="complete")
    count("fetches", outcome="complete", service="lastfm")
    count("fetches", 5, service="spotify", outcome="complete")
    count("fetches", 2, service="spotify", outcome="complete")

    assert set(EventCount.objects.values_list("labels", "times", "amount")) == {
        ('{"outcome": "complete", "service": "lastfm"}', 2, 0),
        ('{"outcome": "complete", "service": "spotify"}', 2, 7),
    }


@pytest.mark.django_db(transaction=True)
def test_nothing_is_lost_where_many_count_at_once() -> None:
    def count_often() -> None:
        for _ in range(10):
            count("fetches")
        connection.close()

    threads = [threading.Thread(target=count_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert EventCount.objects.get().times == 40


def test_what_was_done_stays_done_where_it_cannot_be_counted(monkeypatch: pytest.MonkeyPatch, log: Log) -> None:
    def refuse(**_: object) -> None:
        raise OperationalError("the database is locked")

    monkeypatch.setattr(EventCount.objects, "filter", refuse)

    count("fetches")

    assert "WARNING providers.counters: fetches could not be counted: OperationalError" in log.text
