"""A service that tells only the last play of each track: how many plays could not be had."""

from dataclasses import replace
from datetime import timedelta

import pytest

from providers import registry
from providers.history.fetch import fetch
from providers.models import Connection, HistoryGap, Listen
from tests.history.fakes import START, ListHistory, listen_at

pytestmark = pytest.mark.django_db


def last_play(minutes, name, play_count):
    return replace(listen_at(minutes, name), id=f"id of {name}", play_count=play_count)


@pytest.fixture
def connection(user):
    return Connection.objects.create(user=user, provider_type="lastfm")


@pytest.fixture
def history(monkeypatch):
    provider = ListHistory([last_play(0, "Old", 40), last_play(10, "Older", 1)])
    provider.history_is_last_play_only = True
    provider.history_is_resumable = False
    monkeypatch.setattr(registry, "build", lambda provider_type, user: provider)
    return provider


def test_what_was_played_before_the_first_fetch_is_no_gap(connection, history):
    report = fetch(connection)

    assert report.stored == 2
    assert report.gaps == []


def test_plays_between_two_fetches_are_counted_and_all_but_the_last_are_missing(connection, history):
    fetch(connection)
    history.listens[0] = last_play(60, "Old", 44)
    history.listens.append(last_play(70, "New", 3))

    (gap,) = fetch(connection).gaps

    assert (gap.reason, gap.missing_plays) == (HistoryGap.Reason.LAST_PLAY_ONLY, 3 + 2)
    assert (gap.since, gap.until) == (START + timedelta(minutes=10), START + timedelta(minutes=70))
    assert Listen.objects.count() == 4


def test_plays_that_arrive_late_are_missing_from_before_what_was_complete(connection, history, settings):
    settings.HISTORY_OVERLAP_SECONDS = 900
    fetch(connection)
    history.listens[0] = last_play(5, "Old", 43)

    (gap,) = fetch(connection).gaps

    assert gap.missing_plays == 2
    assert (gap.since, gap.until) == (START - timedelta(minutes=5), START + timedelta(minutes=10))


def test_a_track_played_once_between_two_fetches_is_no_gap(connection, history):
    fetch(connection)
    history.listens[0] = last_play(60, "Old", 41)

    assert fetch(connection).gaps == []


def test_what_is_offered_again_counts_once(connection, history):
    fetch(connection)
    history.listens[0] = last_play(60, "Old", 43)
    fetch(connection)

    (gap,) = fetch(connection).gaps

    assert gap.missing_plays == 2


def test_gaps_that_follow_one_another_grow_together_until_a_day_goes_well(connection, history):
    fetch(connection)
    for minutes, count in ((60, 43), (120, 45)):
        history.listens[0] = last_play(minutes, "Old", count)
        fetch(connection)
    (gap,) = HistoryGap.objects.all()
    assert (gap.missing_plays, gap.until) == (3, START + timedelta(minutes=120))

    for days, count in ((2, 46), (3, 48)):
        history.listens[0] = last_play(days * 24 * 60, "Old", count)
        fetch(connection)

    assert [gap.missing_plays for gap in HistoryGap.objects.all()] == [1, 3]


def test_counts_that_a_service_does_not_tell_are_not_missed(connection, history):
    fetch(connection)
    history.listens[0] = last_play(60, "Old", 0)

    assert fetch(connection).gaps == []
