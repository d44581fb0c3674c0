import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from threading import Lock
from typing import Any

import pytest

from providers.contracts import (
    Authenticator,
    HistoryCounter,
    HistoryFetcher,
    PlaylistManager,
    PlaylistSyncer,
    Provider,
)
from providers.datatypes import HistoryEnd, Track
from providers.exceptions import (
    InvalidResponseError,
    PermissionDeniedError,
    ProviderError,
    ReauthorizationRequiredError,
    ServiceUnavailableError,
)
from providers.lastfm.client import LastFMApplication, LastFMClient
from providers.lastfm.provider import LastFMProvider
from providers.testing.simulators.faults import READY_MADE
from providers.testing.simulators.lastfm import LastFMSimulator, Person
from tests.lastfm.conftest import CATALOGUE

OPERATION = "user.getRecentTracks"
NOW = datetime.now(UTC).replace(microsecond=0)
EPOCH = datetime.fromtimestamp(0, UTC)
WEEK_AGO = NOW - timedelta(days=7)
BACKEND_FAILED = json.dumps({"error": 8, "message": "Operation failed - Most likely the backend service failed."})


@pytest.fixture
def provider(application: LastFMApplication, lastfm: LastFMSimulator, ada: Person) -> LastFMProvider:
    return LastFMProvider(application, username="Ada", session_key=lastfm.issue_session(ada))


def hear(person: Person, count: int, newest: datetime = NOW - timedelta(hours=1)) -> list[datetime]:
    """Let a person hear so many tracks, three minutes apart; return when, newest first."""
    moments = [newest - timedelta(minutes=3) * number for number in range(count)]
    for number, moment in enumerate(moments):
        person.listen(CATALOGUE.tracks[number % len(CATALOGUE.tracks)], moment)
    return moments


def walk(
    provider: LastFMProvider, since: datetime, until: datetime | None = None
) -> tuple[list[list[Track]], HistoryEnd]:
    batches: list[list[Track]] = []
    iterator = provider.iter_recent_listens(since, until)
    while True:
        try:
            batches.append(next(iterator))
        except StopIteration as stop:
            return batches, stop.value


def moments(batches: Sequence[Sequence[Track]]) -> list[datetime | None]:
    return [track.played_at for batch in batches for track in batch]


def asked(lastfm: LastFMSimulator, name: str) -> list[str]:
    return [seen.query[name][0] for seen in lastfm.faults.seen(OPERATION)]


def page(*uts: int, total_pages: int) -> str:
    rows = [{"name": f"At {at}", "artist": {"#text": "A"}, "date": {"uts": str(at)}} for at in uts]
    return json.dumps({"recenttracks": {"track": rows, "@attr": {"totalPages": str(total_pages)}}})


@pytest.mark.req("PROV-001")
@pytest.mark.req("PROV-040")
def test_it_tells_and_counts_history_and_links_accounts_and_nothing_else(provider: LastFMProvider) -> None:
    assert isinstance(provider, Provider)
    assert provider.type() == "lastfm"
    assert type(provider.type()) is str
    assert isinstance(provider, HistoryFetcher)
    assert isinstance(provider, HistoryCounter)
    assert isinstance(provider, Authenticator)
    assert not isinstance(provider, PlaylistManager | PlaylistSyncer)
    assert provider.client_id == "k" * 32


@pytest.mark.req("PROV-002")
@pytest.mark.req("PROV-042")
def test_scenario_3_a_history_of_several_pages_is_fetched_since_the_last_sync(
    provider: LastFMProvider, lastfm: LastFMSimulator, ada: Person
) -> None:
    newer = hear(ada, 450)
    hear(ada, 30, newest=WEEK_AGO - timedelta(seconds=1))
    calls: list[list[Track]] = []
    pages_asked_when_called: list[list[str]] = []

    def callback(batch: list[Track]) -> None:
        calls.append(batch)
        pages_asked_when_called.append(asked(lastfm, "page"))

    end = provider.get_recent_listens(WEEK_AGO, callback)

    assert end is HistoryEnd.REACHED_SINCE
    assert asked(lastfm, "from") == [str(math.floor(WEEK_AGO.timestamp()))] * 3
    assert asked(lastfm, "page") == ["1", "2", "3"]
    assert [len(batch) for batch in calls] == [200, 200, 50]
    assert pages_asked_when_called == [["1"], ["1", "2"], ["1", "2", "3"]]
    assert moments(calls) == newer


@pytest.mark.req("PROV-042")
def test_a_page_with_a_track_before_since_is_the_last_one(provider: LastFMProvider, lastfm: LastFMSimulator) -> None:
    since = datetime.fromtimestamp(1000, UTC)
    lastfm.faults.add(OPERATION, body=page(1300, 1200, total_pages=5))
    lastfm.faults.add(OPERATION, body=page(1100, 900, total_pages=5))
    batches, end = walk(provider, since)
    assert [[track.name for track in batch] for batch in batches] == [["At 1300", "At 1200"], ["At 1100"]]
    assert end is HistoryEnd.REACHED_SINCE
    assert len(asked(lastfm, "page")) == 2


def test_since_is_exclusive_and_until_inclusive(provider: LastFMProvider, ada: Person) -> None:
    heard = hear(ada, 5)
    batches, _ = walk(provider, since=heard[4], until=heard[1])
    assert moments(batches) == heard[1:4]


def test_fractions_of_a_second_lose_nothing_at_either_end(provider: LastFMProvider, ada: Person) -> None:
    newest, middle, oldest = hear(ada, 3)
    half = timedelta(milliseconds=500)
    assert moments(walk(provider, since=oldest - half, until=newest - half)[0]) == [middle, oldest]
    assert moments(walk(provider, since=oldest + half, until=newest + half)[0]) == [newest, middle]


@pytest.mark.req("PROV-042")
@pytest.mark.parametrize("microseconds", [0, 1, 999_999])
def test_from_is_since_in_unix_seconds_as_go_counts_them(
    provider: LastFMProvider, lastfm: LastFMSimulator, microseconds: int
) -> None:
    walk(provider, WEEK_AGO + timedelta(microseconds=microseconds))
    assert asked(lastfm, "from") == [str(int(WEEK_AGO.timestamp()))]


def test_since_in_another_time_zone_means_the_same_moment(provider: LastFMProvider, ada: Person) -> None:
    heard = hear(ada, 3)
    since = heard[2].astimezone(timezone(timedelta(hours=9)))
    batches, _ = walk(provider, since)
    assert moments(batches) == heard[:2]
    assert {moment.utcoffset() for moment in moments(batches) if moment} == {timedelta(0)}


@pytest.mark.parametrize("since", [EPOCH, datetime.min.replace(tzinfo=UTC)])
def test_a_whole_history_is_read_to_its_beginning_and_since_counts_as_reached(
    provider: LastFMProvider, lastfm: LastFMSimulator, ada: Person, since: datetime
) -> None:
    heard = hear(ada, 203)
    batches, end = walk(provider, since)
    assert moments(batches) == heard
    assert end is HistoryEnd.REACHED_SINCE
    assert asked(lastfm, "from") == ["0", "0"]


@pytest.mark.parametrize("old_empty_shape", [False, True])
def test_a_window_without_listens_has_no_batch(
    provider: LastFMProvider, lastfm: LastFMSimulator, ada: Person, old_empty_shape: bool
) -> None:
    hear(ada, 3, newest=WEEK_AGO - timedelta(days=1))
    lastfm.quirks.old_empty_shape = old_empty_shape
    assert walk(provider, WEEK_AGO) == ([], HistoryEnd.REACHED_SINCE)


def test_a_window_that_ends_before_it_begins_is_not_asked_for(
    provider: LastFMProvider, lastfm: LastFMSimulator
) -> None:
    for since, until in ((NOW, WEEK_AGO), (NOW + timedelta(days=1), None)):
        assert walk(provider, since, until) == ([], HistoryEnd.REACHED_SINCE)
    assert lastfm.faults.requests_seen == []


@pytest.mark.parametrize("count", [0, 1, 200, 201])
@pytest.mark.parametrize("single_as_object", [False, True])
def test_what_is_playing_now_is_never_a_listen(
    provider: LastFMProvider, lastfm: LastFMSimulator, ada: Person, count: int, single_as_object: bool
) -> None:
    lastfm.quirks.single_as_object = single_as_object
    ada.now_playing = CATALOGUE.tracks[0]
    heard = hear(ada, count)
    batches, _ = walk(provider, WEEK_AGO)
    assert moments(batches) == heard
    assert all(batches)


@pytest.mark.parametrize("until", [None, NOW + timedelta(days=1)])
def test_listens_that_arrive_while_pages_are_read_move_nothing(
    provider: LastFMProvider, lastfm: LastFMSimulator, ada: Person, until: datetime | None
) -> None:
    heard = hear(ada, 450)
    batches = provider.iter_recent_listens(WEEK_AGO, until)
    found = next(batches)
    hear(ada, 10, newest=datetime.now(UTC) + timedelta(minutes=40))
    for batch in batches:
        found += batch
    assert moments([found]) == heard
    assert len(set(asked(lastfm, "to"))) == 1


def test_listens_that_arrive_late_into_the_window_are_pushed_over_a_page_but_offered_once(
    provider: LastFMProvider, ada: Person
) -> None:
    heard = hear(ada, 450)
    batches = provider.iter_recent_listens(WEEK_AGO)
    found = next(batches)
    hear(ada, 10, newest=NOW - timedelta(minutes=1))
    for batch in batches:
        found += batch
    assert moments([found]) == heard


def test_a_listen_deleted_while_pages_are_read_pulls_none_past_the_walk(
    provider: LastFMProvider, lastfm: LastFMSimulator, ada: Person
) -> None:
    heard = hear(ada, 450)
    batches = provider.iter_recent_listens(WEEK_AGO)
    found = next(batches)
    ada.forget(heard[7])
    for batch in batches:
        found += batch
    assert moments([found]) == heard
    assert asked(lastfm, "page") == ["1", "2", "1", "2", "3"]


@pytest.mark.parametrize("change", ["late", "deleted", "none"])
def test_pages_answered_in_any_order_while_the_history_changes_lose_nothing(
    provider: LastFMProvider,
    lastfm: LastFMSimulator,
    ada: Person,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    heard = hear(ada, 4000)
    monkeypatch.setattr(LastFMClient, "latency", 1e6)
    lock, rng, listens, deleted = Lock(), Random(7), ada.listens, set()

    def listens_after_a_change(since: int | None, before: int | None) -> Any:
        with lock:
            if len(asked(lastfm, "page")) % 7 == 0 and change != "none":
                at = rng.choice(heard)
                if change == "late":
                    ada.listen(CATALOGUE.tracks[0], at + timedelta(seconds=1))
                else:
                    ada.forget(at)
                    deleted.add(at)
            return listens(since, before)

    monkeypatch.setattr(ada, "listens", listens_after_a_change)
    batches, end = walk(provider, NOW - timedelta(days=30))
    found = [moment for moment in moments(batches) if moment]
    assert end is HistoryEnd.REACHED_SINCE
    assert found == sorted(set(found), reverse=True)
    assert set(found) >= set(heard) - deleted
    assert change != "none" or sorted(map(int, asked(lastfm, "page"))) == list(range(1, 21))


def test_two_plays_in_one_second_both_come_home(provider: LastFMProvider, ada: Person) -> None:
    moment = NOW - timedelta(hours=2)
    for track in CATALOGUE.tracks[:2]:
        ada.listen(track, moment)
    batches, _ = walk(provider, WEEK_AGO)
    assert {track.name for track in batches[0]} == {track.name for track in CATALOGUE.tracks[:2]}


def test_a_page_out_of_order_is_put_in_order(provider: LastFMProvider, lastfm: LastFMSimulator) -> None:
    lastfm.faults.add(OPERATION, body=page(1100, 1300, 1200, total_pages=1))
    batches, _ = walk(provider, EPOCH)
    assert [track.name for track in batches[0]] == ["At 1300", "At 1200", "At 1100"]


def test_listens_outside_the_window_are_left_out_even_when_lastfm_sends_them(
    provider: LastFMProvider, lastfm: LastFMSimulator
) -> None:
    lastfm.faults.add(OPERATION, body=page(1300, 1200, total_pages=1))
    batches, _ = walk(provider, EPOCH, until=datetime.fromtimestamp(1250, UTC))
    assert [track.name for track in batches[0]] == ["At 1200"]


def test_characters_that_no_database_stores_are_cut_out(
    provider: LastFMProvider, lastfm: LastFMSimulator, payload: Callable[[str], Any]
) -> None:
    lastfm.faults.add(OPERATION, body=json.dumps(payload("recent_tracks__strange_listens")))
    batches, _ = walk(provider, EPOCH)
    _, mangled = batches[0]
    assert (mangled.name, mangled.artist, mangled.album) == ("Half a pair", "Null", "")


def test_a_hidden_history_is_read_with_the_persons_own_session(
    application: LastFMApplication, lastfm: LastFMSimulator, ada: Person
) -> None:
    shy = lastfm.add_person("Shy", hides_recent=True)
    heard = hear(shy, 3)
    own = LastFMProvider(application, username="Shy", session_key=lastfm.issue_session(shy))
    assert moments(walk(own, WEEK_AGO)[0]) == heard
    foreign = LastFMProvider(application, username="Shy", session_key=lastfm.issue_session(ada))
    with pytest.raises(PermissionDeniedError):
        walk(foreign, WEEK_AGO)


def test_a_revoked_session_asks_the_person_to_link_again(
    provider: LastFMProvider, lastfm: LastFMSimulator, ada: Person
) -> None:
    lastfm.revoke(ada)
    with pytest.raises(ReauthorizationRequiredError):
        walk(provider, WEEK_AGO)
    assert len(lastfm.faults.seen(OPERATION)) == 1


def test_a_deep_page_that_fails_once_is_asked_for_again(
    provider: LastFMProvider, lastfm: LastFMSimulator, ada: Person
) -> None:
    heard = hear(ada, 450)
    lastfm.faults.add(OPERATION, status=500, body=BACKEND_FAILED, after=1)
    batches, _ = walk(provider, WEEK_AGO)
    assert moments(batches) == heard
    assert asked(lastfm, "page") == ["1", "2", "2", "3"]


def test_a_deep_page_that_keeps_failing_is_raised_after_what_came_before_it(
    provider: LastFMProvider, lastfm: LastFMSimulator, ada: Person
) -> None:
    heard = hear(ada, 450)
    lastfm.faults.add(OPERATION, status=500, body=BACKEND_FAILED, after=1, times=None)
    found: list[list[Track]] = []
    with pytest.raises(ServiceUnavailableError):
        provider.get_recent_listens(WEEK_AGO, found.append)
    assert moments(found) == heard[:200]

    lastfm.faults.clear()
    rest, _ = walk(provider, WEEK_AGO, until=heard[199])
    assert moments(rest) == heard[199:]


def test_a_page_without_listens_before_the_last_one_is_no_end(
    provider: LastFMProvider, lastfm: LastFMSimulator
) -> None:
    lastfm.faults.add(OPERATION, body=page(total_pages=3))
    with pytest.raises(InvalidResponseError, match="Page 1 of 3"):
        walk(provider, WEEK_AGO)


@pytest.mark.parametrize("kind", sorted(READY_MADE))
def test_every_wrong_answer_ends_in_a_named_error(provider: LastFMProvider, lastfm: LastFMSimulator, kind: str) -> None:
    lastfm.faults.add(OPERATION, **READY_MADE[kind](), times=None)
    with pytest.raises(ProviderError):
        walk(provider, WEEK_AGO)


@pytest.mark.req("PROV-002")
def test_an_exception_in_the_callback_stops_the_walk_and_propagates(
    provider: LastFMProvider, lastfm: LastFMSimulator, ada: Person
) -> None:
    hear(ada, 450)

    def refuse(batch: Any) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        provider.get_recent_listens(WEEK_AGO, refuse)
    assert len(lastfm.faults.seen(OPERATION)) == 1


def test_moments_without_a_time_zone_are_refused_before_anything_is_asked(
    provider: LastFMProvider, lastfm: LastFMSimulator
) -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(ValueError, match="since"):
        provider.iter_recent_listens(naive)
    with pytest.raises(ValueError, match="until"):
        provider.iter_recent_listens(NOW, until=naive)
    assert lastfm.faults.requests_seen == []


def test_a_walk_tells_how_many_listens_to_expect_and_how_far_back_it_has_come(
    provider: LastFMProvider, ada: Person
) -> None:
    heard = hear(ada, 450)
    batches = provider.iter_recent_listens(WEEK_AGO)
    assert (provider.expected_listens, provider.oldest_seen) == (None, None)
    next(batches)
    assert (provider.expected_listens, provider.oldest_seen) == (450, heard[199])
    next(batches)
    assert provider.oldest_seen == heard[399]


def test_where_lastfm_does_not_tell_the_total_nothing_is_expected(
    provider: LastFMProvider, lastfm: LastFMSimulator
) -> None:
    lastfm.faults.add(OPERATION, body=page(1200, total_pages=1))
    walk(provider, EPOCH)
    assert provider.expected_listens is None
    assert provider.oldest_seen == datetime.fromtimestamp(1200, UTC)


class TestCounting:
    """What counts the listens of a span, as the walk would offer them."""

    def test_a_count_is_one_request_for_next_to_nothing(
        self, provider: LastFMProvider, lastfm: LastFMSimulator, ada: Person
    ) -> None:
        hear(ada, 450)
        assert provider.count_listens(WEEK_AGO, NOW) == 450
        assert asked(lastfm, "limit") == ["1"]

    def test_since_is_exclusive_and_until_inclusive_whatever_the_fractions(
        self, provider: LastFMProvider, ada: Person
    ) -> None:
        newest, middle, oldest = hear(ada, 3)
        half = timedelta(milliseconds=500)
        for since, until in (
            (oldest, newest),
            (oldest - half, newest - half),
            (oldest + half, newest + half),
            (oldest - half, newest),
            (middle, middle),
            (middle - half, middle),
            (middle, middle + half),
        ):
            assert provider.count_listens(since, until) == len(moments(walk(provider, since, until)[0]))

    def test_what_is_playing_now_does_not_count(
        self, provider: LastFMProvider, lastfm: LastFMSimulator, ada: Person
    ) -> None:
        ada.now_playing = CATALOGUE.tracks[0]
        assert provider.count_listens(WEEK_AGO, NOW) == 0
        hear(ada, 2)
        assert provider.count_listens(WEEK_AGO, NOW) == 2

    @pytest.mark.parametrize("old_empty_shape", [False, True])
    def test_a_span_without_listens_counts_none(
        self, provider: LastFMProvider, lastfm: LastFMSimulator, old_empty_shape: bool
    ) -> None:
        lastfm.quirks.old_empty_shape = old_empty_shape
        assert provider.count_listens(WEEK_AGO, NOW) == 0

    def test_a_span_from_before_all_time_begins_at_the_first_second(
        self, provider: LastFMProvider, lastfm: LastFMSimulator, ada: Person
    ) -> None:
        hear(ada, 2)
        assert provider.count_listens(datetime.min.replace(tzinfo=UTC), NOW) == 2
        assert asked(lastfm, "from") == ["0"]

    def test_a_span_that_ends_before_it_begins_is_not_asked_for(
        self, provider: LastFMProvider, lastfm: LastFMSimulator
    ) -> None:
        assert provider.count_listens(NOW, WEEK_AGO) == 0
        assert provider.count_listens(datetime.max.replace(tzinfo=UTC), NOW) == 0
        assert lastfm.faults.requests_seen == []

    def test_an_answer_without_a_total_is_no_count(self, provider: LastFMProvider, lastfm: LastFMSimulator) -> None:
        lastfm.faults.add(OPERATION, body=page(1200, total_pages=1))
        with pytest.raises(InvalidResponseError, match="how many"):
            provider.count_listens(EPOCH, NOW)


def test_its_representation_holds_no_secret(application: LastFMApplication) -> None:
    provider = LastFMProvider(application, username="Ada", session_key="5e55104e")
    assert "5e55104e" not in repr(provider) + repr(application)
    assert application.api_secret not in repr(provider) + repr(application)
