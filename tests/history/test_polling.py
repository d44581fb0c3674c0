import random
from collections import deque
from datetime import UTC, datetime, timedelta
from itertools import cycle, repeat

import pytest

from providers import registry
from providers.history import polling
from providers.history.reports import FetchOutcome, FetchReport
from providers.models import Connection, HistorySync

NOW = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
# Limited to its last fifty plays, and not: both of the shortest and longest intervals that are shipped.
LIMITED, UNLIMITED = registry.get("spotify"), registry.get("lastfm")


def plays(start, end, lengths):
    """Return when plays of these lengths end that follow each other from `start` on."""
    moments, moment = [], start
    for length in lengths:
        moment += timedelta(seconds=length)
        if moment > end:
            return moments
        moments.append(moment)
    return moments


def lost_plays(heard, time_machine):
    """Poll a virtual day and return how many plays were pushed out of the service's window unread."""
    limit = LIMITED.provider_class.history_limit
    sync = HistorySync(last_fetched_at=NOW, poll_interval=LIMITED.poll_interval[1])
    coming, window = deque(sorted(heard)), deque(maxlen=limit)
    now, read_until, read = NOW, NOW, 0
    while now < NOW + DAY:
        # The worst luck with the jitter, and a minute until a worker is free.
        interval = polling.next_interval(LIMITED, sync, read)
        sync.poll_interval, sync.last_fetched_at = interval, now
        now += interval * 1.1 + MINUTE
        time_machine.move_to(now, tick=False)
        arrived = [coming.popleft() for _ in range(sum(moment <= now for moment in coming))]
        window.extend(arrived)
        read = sum(moment > read_until for moment in window)
        if read < len(arrived):
            return len(arrived) - read
        read_until = now
    return 0


@pytest.mark.parametrize(
    ("start", "hours", "lengths"),
    [
        (0, 24, repeat(180)),
        (0, 24, repeat(31)),
        # Asleep, then up with the shortest songs there are.
        (8, 4, repeat(31)),
        (2, 1, repeat(60)),
        (3, 20, cycle([31] * 120 + [600] * 12)),
    ],
)
def test_nobody_listens_faster_than_a_limited_history_is_read(start, hours, lengths, time_machine):
    begin = NOW + timedelta(hours=start)

    assert lost_plays(plays(begin, begin + timedelta(hours=hours), lengths), time_machine) == 0


def test_bursts_after_any_idleness_are_read_in_time(time_machine):
    dice = random.Random(7)
    for _ in range(20):
        heard, moment = [], NOW
        while moment < NOW + DAY:
            burst = plays(moment, moment + timedelta(minutes=dice.uniform(5, 180)), repeat(dice.uniform(30.5, 240)))
            heard += burst
            moment = (burst[-1] if burst else moment) + timedelta(minutes=dice.uniform(1, 400))

        assert lost_plays(heard, time_machine) == 0


@pytest.mark.parametrize("spec", [LIMITED, UNLIMITED], ids=["limited", "unlimited"])
@pytest.mark.parametrize("stored", [0, 1, 50, 100_000])
@pytest.mark.parametrize("last", [None, MINUTE, DAY])
def test_an_interval_stays_within_what_the_service_asks_for(spec, stored, last, time_machine):
    time_machine.move_to(NOW, tick=False)
    shortest, longest = spec.poll_interval

    for fetched in (None, NOW - DAY, NOW, NOW + DAY):
        sync = HistorySync(poll_interval=last, last_fetched_at=fetched)
        assert shortest <= polling.next_interval(spec, sync, stored) <= longest


def test_who_listens_to_nothing_is_fetched_ever_more_seldom(time_machine):
    time_machine.move_to(NOW, tick=False)
    sync, intervals = HistorySync(last_fetched_at=NOW), []
    for _ in range(12):
        sync.poll_interval = polling.next_interval(UNLIMITED, sync, 0)
        intervals.append(sync.poll_interval)

    assert intervals == sorted(intervals)
    assert intervals[-1] == UNLIMITED.poll_interval[1]


def test_who_listens_much_is_fetched_more_often_than_who_listens_little(time_machine):
    time_machine.move_to(NOW, tick=False)
    sync = HistorySync(poll_interval=timedelta(hours=2), last_fetched_at=NOW - timedelta(hours=2))

    assert polling.next_interval(UNLIMITED, sync, 60) < polling.next_interval(UNLIMITED, sync, 20)


def test_a_first_fetch_of_years_says_nothing_of_the_pace(time_machine):
    time_machine.move_to(NOW, tick=False)

    assert polling.next_interval(UNLIMITED, HistorySync(), 200_000) == UNLIMITED.poll_interval[0]


def due_after(time_machine, outcome, *, interval=None, failures=0, **report):
    time_machine.move_to(NOW, tick=False)
    due = polling.next_due(FetchReport(Connection(), outcome=outcome, **report), interval, failures)
    return None if due is None else due - NOW


def test_a_complete_fetch_is_due_again_after_its_interval_and_a_little(time_machine):
    wait = due_after(time_machine, FetchOutcome.COMPLETE, interval=20 * MINUTE)

    assert 20 * MINUTE <= wait <= 22 * MINUTE


def test_what_ran_out_of_time_goes_to_the_back_of_the_queue(time_machine):
    assert due_after(time_machine, FetchOutcome.OUT_OF_TIME, interval=20 * MINUTE) == timedelta(0)


def test_who_has_to_link_again_is_not_due(time_machine):
    assert due_after(time_machine, FetchOutcome.FAILED, needs_person=True, failures=1) is None


@pytest.mark.parametrize("pause", [timedelta(seconds=30), timedelta(hours=1), timedelta(days=1)])
def test_what_is_parked_is_due_when_the_pause_is_over_and_not_much_later(time_machine, pause):
    wait = due_after(time_machine, FetchOutcome.PARKED, resumes_at=NOW + pause)

    assert pause <= wait <= pause + 5 * MINUTE


def test_a_pause_that_is_over_already_is_none(time_machine):
    assert due_after(time_machine, FetchOutcome.PARKED, resumes_at=NOW - DAY) == timedelta(0)


@pytest.mark.parametrize("outcome", [FetchOutcome.FAILED, FetchOutcome.PARKED])
def test_what_fails_is_tried_ever_more_seldom_but_no_more_seldom_than_when_all_is_well(time_machine, outcome):
    waits = [due_after(time_machine, outcome, interval=20 * MINUTE, failures=number) for number in range(1, 40)]

    assert MINUTE <= waits[0] <= 1.1 * MINUTE
    assert 2 * MINUTE <= waits[1] <= 2.2 * MINUTE
    assert all(20 * MINUTE <= wait <= 22 * MINUTE for wait in waits[5:])


def test_what_has_never_worked_is_tried_a_few_times_a_day(time_machine):
    wait = due_after(time_machine, FetchOutcome.FAILED, failures=1_000_000)

    assert timedelta(hours=6) <= wait < timedelta(hours=7)


def test_a_service_that_keeps_asking_for_a_moment_is_not_asked_every_moment(time_machine):
    wait = due_after(time_machine, FetchOutcome.FAILED, failures=4, resumes_at=NOW + timedelta(seconds=1))

    assert wait >= 8 * MINUTE
