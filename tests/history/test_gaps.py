from datetime import timedelta

import pytest

from providers import registry
from providers.exceptions import ServiceUnavailableError
from providers.history import gaps
from providers.history.fetch import fetch
from providers.history.reports import FetchOutcome
from providers.models import Alert, Connection, HistoryGap, HistorySync, Listen
from tests.alerts.fakes import add_target
from tests.history.fakes import START, ListHistory, listen_at

pytestmark = pytest.mark.django_db

LIMIT = 4


@pytest.fixture
def connection(user):
    return Connection.objects.create(user=user, provider_type="lastfm")


@pytest.fixture
def history(monkeypatch, settings):
    """A service that keeps the last four plays, each ten minutes after the one before."""
    settings.HISTORY_OVERLAP_SECONDS = 900
    provider = ListHistory([listen_at(minutes) for minutes in range(0, 40, 10)], limit=LIMIT)
    monkeypatch.setattr(registry, "build", lambda provider_type, user: provider)
    return provider


def play(history, *minutes):
    history.listens += [listen_at(minute) for minute in minutes]


def down_at(page):
    def before_page(number):
        if number == page:
            raise ServiceUnavailableError("down", provider="lastfm")

    return before_page


def at(minutes):
    return START + timedelta(minutes=minutes)


def bounds(connection):
    return [(gap.since, gap.until) for gap in gaps.open_gaps(connection)]


def test_plays_that_the_service_dropped_between_two_fetches_become_a_gap(connection, history):
    fetch(connection)
    play(history, 40, 50, 60, 70, 80)

    report = fetch(connection)

    assert report.outcome is FetchOutcome.COMPLETE
    assert [(gap.since, gap.until, gap.reason) for gap in report.gaps] == [(at(30), at(50), HistoryGap.Reason.NOT_KEPT)]


def test_it_is_noted_once(connection, history):
    fetch(connection)
    play(history, 40, 50, 60, 70, 80)
    for _ in range(3):
        fetch(connection)

    assert len(bounds(connection)) == 1


def test_the_ceiling_of_a_first_fetch_is_no_gap(connection, history):
    play(history, 40, 50, 60)

    fetch(connection)

    assert bounds(connection) == []


def test_a_first_fetch_that_fails_before_its_first_page_makes_no_gap_later(connection, history, time_machine):
    time_machine.move_to(at(-60), tick=False)
    history.before_page = down_at(0)
    fetch(connection)
    history.before_page = lambda number: None
    time_machine.move_to(at(35), tick=False)

    assert fetch(connection).outcome is FetchOutcome.COMPLETE

    assert bounds(connection) == []
    assert HistorySync.objects.get().complete_until == at(30)


def test_a_service_that_keeps_everything_has_no_gaps_wherever_its_history_begins(connection, history):
    history.limit = history.history_limit = None
    fetch(connection)
    history.listens = [listen_at(100)]

    fetch(connection)

    assert bounds(connection) == []


def test_as_many_plays_as_fit_make_no_gap(connection, history):
    fetch(connection)
    play(history, 40, 50, 60)

    assert fetch(connection).gaps == []


def test_a_fetch_that_breaks_off_between_two_pages_makes_no_gap(connection, history):
    fetch(connection)
    play(history, 40, 50)
    history.before_page = down_at(1)
    fetch(connection)
    history.before_page = lambda number: None

    assert fetch(connection).gaps == []
    assert Listen.objects.count() == 6


def test_nothing_is_missing_where_the_part_that_was_walked_before_it_broke_off_saw_as_much(connection, history):
    fetch(connection)
    history.page_size = 3
    play(history, 40, 50)
    history.before_page = down_at(1)
    fetch(connection)
    history.before_page = lambda number: None
    # Until it goes on, the service has dropped what was seen and all that is left of the window.
    play(history, 60, 70, 80)

    assert fetch(connection).gaps == []


def test_what_is_dropped_before_a_broken_off_fetch_goes_on_is_a_gap_up_to_what_came_home(connection, history):
    fetch(connection)
    play(history, 40, 50, 60, 70)
    history.before_page = down_at(1)
    fetch(connection)
    history.before_page = lambda number: None
    play(history, 80, 90)

    fetch(connection)

    # Of the first walk 60 and 70 came home; 40 and 50 were dropped before the second.
    assert bounds(connection) == [(at(30), at(60))]
    assert HistorySync.objects.get().complete_until == at(90)


def test_what_is_dropped_before_a_fetch_that_cannot_be_resumed_begins_anew_is_a_gap(connection, history):
    history.history_is_resumable = False
    fetch(connection)
    play(history, 40, 50, 60)
    history.before_page = down_at(1)
    fetch(connection)
    history.before_page = lambda number: None
    play(history, 70, 80, 90, 100)

    fetch(connection)

    # 50 and 60 came home at the first try; 40 did not.
    assert bounds(connection) == [(at(30), at(70))]


def test_that_nothing_was_missing_when_it_was_first_tried_does_not_hide_what_is_dropped_before_it_begins_anew(
    connection, history
):
    history.history_is_resumable = False
    history.page_size = 3
    fetch(connection)
    play(history, 40)
    history.before_page = down_at(1)
    fetch(connection)
    history.before_page = lambda number: None
    play(history, 50, 60, 70, 80, 90)

    fetch(connection)

    assert bounds(connection) == [(at(30), at(60))]


def test_plays_that_are_no_longer_told_show_all_the_same_that_nothing_is_missing(connection, history):
    fetch(connection)
    history.untold |= {"Track 20", "Track 30"}
    play(history, 40, 50)

    assert fetch(connection).gaps == []


def test_a_page_of_nothing_that_is_told_does_not_hide_a_gap(connection, history):
    fetch(connection)
    play(history, 40, 50, 60, 70, 80)
    history.untold |= {"Track 50", "Track 60"}

    fetch(connection)

    # At 50 the service had something, though it does not say what.
    assert bounds(connection) == [(at(30), at(50))]


def test_a_play_that_arrived_late_shows_that_nothing_newer_is_missing(connection, history):
    fetch(connection)
    history.listens = [listen_at(25, "arrived late"), listen_at(40), listen_at(50), listen_at(60)]

    assert fetch(connection).gaps == []


@pytest.mark.parametrize("since", [-5, 15, 29])
def test_reading_back_further_than_needed_makes_no_gap(connection, history, since):
    fetch(connection)
    play(history, 40)

    assert fetch(connection, since=at(since)).gaps == []


def test_what_was_fetched_from_a_moment_of_ones_own_does_not_narrow_a_gap_before_it(connection, history):
    fetch(connection)
    play(history, 40, 50, 60)
    fetch(connection, since=at(45))
    play(history, 70, 80, 90, 100)

    fetch(connection)

    # 40 never came home, and nobody can tell what else did not.
    assert bounds(connection) == [(at(30), at(70))]


def test_what_a_file_brought_does_not_narrow_a_gap_that_begins_before_it(connection, history):
    fetch(connection)
    Listen.objects.create(
        user=connection.user, provider_type="lastfm", source="a file", name="From a file", played_at=at(31)
    )
    play(history, 40, 50, 60, 70, 80)

    fetch(connection)

    assert bounds(connection) == [(at(30), at(50))]


def test_last_plays_that_moved_on_are_no_gap(connection, history):
    history.history_is_last_play_only = True
    fetch(connection)
    history.listens = [listen_at(minutes) for minutes in range(50, 90, 10)]

    assert fetch(connection).gaps == []


def test_a_later_fetch_that_reaches_back_over_a_gap_closes_it(connection, history):
    fetch(connection)
    play(history, 40, 50, 60, 70, 80)
    fetch(connection)
    history.limit = None

    report = fetch(connection, since=at(15))

    assert report.gaps == []
    gap = HistoryGap.objects.get()
    assert gap.closed_at is not None
    assert gap.closed_by == "fetch"


def test_a_walk_over_last_plays_closes_no_gap(connection, history):
    history.history_is_last_play_only = True
    history.limit = None
    fetch(connection)
    gaps.note_lost_plays(connection, at(25), at(30), 3)

    report = fetch(connection)

    assert [gap.missing_plays for gap in report.gaps] == [3]


@pytest.mark.parametrize(
    ("since", "until", "left"),
    [
        (0, 60, []),
        (10, 50, []),
        # Files tell minutes at worst.
        (11, 49, []),
        (0, 30, [(30, 50)]),
        (30, 60, [(10, 30)]),
        (20, 40, [(10, 50)]),
        (50, 60, [(10, 50)]),
        (0, 10, [(10, 50)]),
    ],
)
def test_what_comes_home_closes_gaps_and_shortens_them_from_their_ends(connection, since, until, left):
    gaps.note(connection, at(10), at(50), HistoryGap.Reason.NOT_KEPT)

    closed = gaps.cover(connection.user_id, "lastfm", at(since), at(until), by="a file")

    assert closed == (not left)
    assert bounds(connection) == [(at(start), at(end)) for start, end in left]


def test_a_gap_that_was_shortened_from_both_ends_is_closed_when_they_meet(connection):
    gaps.note(connection, at(10), at(50), HistoryGap.Reason.NOT_KEPT)
    gaps.cover(connection.user_id, "lastfm", at(0), at(25), by="a file")
    gaps.cover(connection.user_id, "lastfm", at(40), at(60), by="a file")
    gaps.cover(connection.user_id, "lastfm", at(20), at(45), by="another file")

    assert bounds(connection) == []
    assert HistoryGap.objects.get().closed_by == "another file"


def test_only_gaps_of_the_same_person_and_service_are_covered(connection, django_user_model):
    stranger = Connection.objects.create(user=django_user_model.objects.create_user("bo"), provider_type="lastfm")
    other = Connection.objects.create(user=connection.user, provider_type="spotify")
    for each in (stranger, other):
        gaps.note(each, at(10), at(50), HistoryGap.Reason.NOT_KEPT)

    assert gaps.cover(connection.user_id, "lastfm", at(0), at(60), by="a file") == 0
    assert len(bounds(stranger)) == len(bounds(other)) == 1


def kinds_told():
    return list(Alert.objects.order_by("pk").values_list("kind", "facts__service"))


def test_of_a_gap_its_person_is_told_once(user, connection):
    add_target(user)
    gaps.note(connection, START, START + timedelta(hours=1), HistoryGap.Reason.NOT_KEPT)
    assert kinds_told() == [("gap_opened", "lastfm")]
    gaps.note(connection, START + timedelta(days=1), START + timedelta(days=2), HistoryGap.Reason.NOT_KEPT)
    assert len(kinds_told()) == 2


def test_a_gap_that_is_filled_before_it_was_told_is_not_told(user, connection):
    add_target(user)
    gaps.note(connection, START, START + timedelta(hours=1), HistoryGap.Reason.NOT_KEPT)
    gaps.cover(user.pk, "lastfm", START, START + timedelta(minutes=30), by="file")
    assert len(kinds_told()) == 1
    gaps.cover(user.pk, "lastfm", START, START + timedelta(hours=1), by="file")
    assert kinds_told() == []


def test_that_a_service_tells_last_plays_only_is_told_once_and_not_day_after_day(user, connection):
    add_target(user)
    for day in range(0, 9, 3):
        gaps.note_lost_plays(connection, START + timedelta(days=day), START + timedelta(days=day, hours=1), 2)
    assert HistoryGap.objects.count() == 3
    assert len(kinds_told()) == 1


@pytest.mark.parametrize("reason", list(HistoryGap.Reason))
def test_who_waits_to_be_told_of_a_gap_is_not_told_when_the_history_is_forgotten(connection, user, reason):
    add_target(user)

    def open_one():
        if reason is HistoryGap.Reason.LAST_PLAY_ONLY:
            gaps.note_lost_plays(connection, at(0), at(10), 3)
        else:
            gaps.note(connection, at(0), at(10), reason)

    open_one()
    assert Alert.waiting().count() == 1

    HistorySync.forget(connection)

    assert not Alert.objects.exists()
    # What comes later is news again.
    open_one()
    assert Alert.waiting().count() == 1
