from datetime import UTC, datetime, timedelta

import pytest

from providers import registry
from providers.exceptions import NotFoundError, ServiceUnavailableError
from providers.history.fetch import fetch
from providers.history.reports import FetchOutcome
from providers.models import Connection, HistorySync, Listen
from tests.history.fakes import CountingHistory, listen_at

pytestmark = pytest.mark.django_db

DAY = 24 * 60
TODAY = datetime(2026, 3, 15, 18, 0, tzinfo=UTC)


@pytest.fixture
def connection(user):
    return Connection.objects.create(user=user, provider_type="lastfm")


@pytest.fixture
def history(monkeypatch, time_machine):
    """A service with plays of the last fortnight, all of which are home."""
    time_machine.move_to(TODAY, tick=False)
    # One at noon of each day.
    provider = CountingHistory([listen_at(day * DAY) for day in range(15)])
    monkeypatch.setattr(registry, "build", lambda provider_type, user: provider)
    return provider


@pytest.fixture
def fetched(connection, history):
    fetch(connection)
    history.asked.clear()
    history.counted.clear()
    return history


def read_again(history):
    """Return the days that were read anew after the window was walked."""
    return [until.date().isoformat() for _, until in history.asked if until is not None]


def differences(connection):
    return HistorySync.objects.get(connection=connection).count_differences


def test_equal_counts_cost_one_request(connection, fetched):
    assert fetch(connection).outcome is FetchOutcome.COMPLETE

    # Fourteen days, today's among them.
    assert fetched.counted == [(datetime(2026, 3, 2, tzinfo=UTC) - timedelta(microseconds=1), TODAY)]
    assert len(fetched.asked) == 1


def test_a_play_that_arrives_days_late_is_found_and_only_its_day_is_read_again(connection, fetched):
    fetched.listens.append(listen_at(9 * DAY + 30, "arrived late"))

    report = fetch(connection)

    assert (report.outcome, report.stored) == (FetchOutcome.COMPLETE, 1)
    assert Listen.objects.filter(name="arrived late").exists()
    assert read_again(fetched) == ["2026-03-10"]
    assert differences(connection) == {}


def test_plays_at_the_very_edges_of_a_day_belong_to_it(connection, fetched):
    midnight = 9 * DAY + 12 * 60
    fetched.listens += [
        listen_at(midnight, "first of the 11th"),
        listen_at(midnight - 1 / 60_000_000, "last of the 10th"),
    ]

    assert fetch(connection).stored == 2

    assert sorted(read_again(fetched)) == ["2026-03-10", "2026-03-11"]
    assert differences(connection) == {}


def test_days_that_differ_are_looked_for_no_longer_than_until_all_is_explained(connection, fetched):
    fetched.listens.append(listen_at(12 * DAY + 30, "arrived late"))

    fetch(connection)

    # All days together; then the 15th, the 14th, and the 13th, which explains it.
    assert len(fetched.counted) == 1 + 3


def test_a_play_from_before_the_counted_days_is_not_looked_for(connection, fetched):
    fetched.listens.append(listen_at(-30))

    assert fetch(connection).stored == 0
    assert len(fetched.counted) == 1


def test_a_difference_that_survives_is_remembered_and_not_chased(connection, fetched):
    fetched.listens.append(listen_at(9 * DAY + 30, "counted, never told"))
    fetched.untold.add("counted, never told")

    fetch(connection)
    assert differences(connection) == {"2026-03-10": 1}

    fetched.asked.clear()
    fetched.counted.clear()
    fetch(connection)
    assert (len(fetched.counted), read_again(fetched)) == (1, [])
    assert differences(connection) == {"2026-03-10": 1}


def test_a_difference_is_chased_again_when_it_changes(connection, fetched):
    fetched.listens.append(listen_at(9 * DAY + 30, "counted, never told"))
    fetched.untold.add("counted, never told")
    fetch(connection)
    fetched.asked.clear()
    fetched.listens.append(listen_at(9 * DAY + 40, "arrived late"))

    assert fetch(connection).stored == 1

    assert read_again(fetched) == ["2026-03-10"]
    assert differences(connection) == {"2026-03-10": 1}


def test_listens_deleted_at_the_service_stay_and_are_chased_once(connection, fetched):
    del fetched.listens[9]

    fetch(connection)
    fetched.asked.clear()
    fetch(connection)

    assert Listen.objects.count() == 15
    assert differences(connection) == {"2026-03-10": -1}
    assert read_again(fetched) == []


def test_a_difference_is_forgotten_with_its_day(connection, fetched, time_machine):
    del fetched.listens[1]
    fetch(connection)
    assert differences(connection) == {"2026-03-02": -1}
    time_machine.move_to(TODAY + timedelta(days=1), tick=False)

    fetch(connection)

    assert differences(connection) == {}


def test_what_came_from_a_file_is_not_counted_as_fetched(connection, fetched):
    Listen.objects.filter(name=f"Track {9 * DAY}").update(source="a file")

    fetch(connection)

    assert differences(connection) == {"2026-03-10": 1}


def test_nothing_is_counted_before_a_history_is_complete(connection, history):
    fetch(connection, since=TODAY - timedelta(days=2))

    assert history.counted == []


def test_a_service_that_turns_out_not_to_count_is_fetched_all_the_same(connection, history, monkeypatch):
    def refuse(since, until):
        raise NotFoundError("There is nothing to count.", provider="lastfm")

    monkeypatch.setattr(history, "count_listens", refuse)

    report = fetch(connection)

    assert (report.outcome, report.stored, report.detail) == (FetchOutcome.COMPLETE, 15, "")


def test_last_plays_are_not_counted(connection, history):
    history.history_is_last_play_only = True

    assert fetch(connection).outcome is FetchOutcome.COMPLETE
    assert history.counted == []


def test_a_service_that_goes_down_meanwhile_makes_the_fetch_fail_and_loses_nothing(connection, fetched):
    fetched.listens += [listen_at(9 * DAY + 30, "late on the 10th"), listen_at(11 * DAY + 30, "late on the 12th")]

    def down_on_the_10th(number):
        if fetched.asked[-1][1] is not None and fetched.asked[-1][1].day == 10:
            raise ServiceUnavailableError("down", provider="lastfm")

    fetched.before_page = down_on_the_10th
    report = fetch(connection)
    assert (report.outcome, report.stored) == (FetchOutcome.FAILED, 1)

    fetched.before_page = lambda number: None
    assert fetch(connection).stored == 1
    assert Listen.objects.count() == 17
