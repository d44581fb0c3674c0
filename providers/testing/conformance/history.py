"""The rules of a listening history (REQ-PROV-002), as `contracts.BatchedHistory` states them."""

import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterable
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest

from providers.contracts import BatchedHistory, HistoryCounter, HistoryFetcher
from providers.datatypes import HistoryEnd, Track
from providers.exceptions import RateLimitedError
from providers.readahead import MAX_AHEAD
from providers.testing.conformance.assertions import assert_normalised, provider_error
from providers.testing.conformance.kit import Kit, Trouble, every_bad_answer, wanted
from providers.testing.simulators.faults import Answer

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

PAGES_AHEAD = MAX_AHEAD
"""How many pages may be fetched before the callback has taken the ones in front of them."""

PAUSE = timedelta(hours=1)
"""A pause that nobody sleeps through."""

_NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001, naive is what it is for

Listen = Callable[[datetime], object]


class HistoryFetcherConformance(Kit):
    """For a `HistoryFetcher` (REQ-PROV-002). The rules are those of `contracts.BatchedHistory`."""

    listen = wanted(
        "a callable that takes a moment (aware UTC, whole seconds) and lets the person hear, on the service, "
        "a track they have not heard yet, which the service then tells as played at that moment"
    )
    page_size = wanted("how many listens the service tells in one answer at most")

    @pytest.fixture
    def heard(self, provider: HistoryFetcher, listen: Listen, page_size: int) -> list[datetime]:
        """Two pages of listens and one more, or as many as the service keeps, newest first."""
        return _heard(provider, listen, 2 * page_size + 1)

    def test_every_listen_is_offered_once(self, provider: HistoryFetcher, heard: list[datetime]) -> None:
        offered = Counter(_moments(_flat(_batches(provider, BEGINNING))))
        missing, more = Counter(heard) - offered, offered - Counter(heard)
        assert not missing, f"{missing.total()} of {len(heard)} listens were not offered, e.g. {_some(missing)}"
        assert not more, f"{more.total()} listens were offered twice or never heard, e.g. {_some(more)}"

    def test_since_is_exclusive(self, provider: HistoryFetcher, heard: list[datetime]) -> None:
        offered = _moments(_flat(_batches(provider, heard[2])))
        early = [moment for moment in offered if moment <= heard[2]]
        assert not early, f"since is exclusive: with since={heard[2]} a listen at {_some(early)} was offered"
        assert len(offered) == 2, f"of 2 listens after since {len(offered)} were offered"

    def test_since_may_be_in_any_time_zone(self, provider: HistoryFetcher, heard: list[datetime]) -> None:
        elsewhere = heard[2].astimezone(timezone(timedelta(hours=-9, minutes=-30)))
        here, there = _flat(_batches(provider, heard[2])), _flat(_batches(provider, elsewhere))
        assert _moments(there) == _moments(here), f"since={elsewhere} offered other listens than since={heard[2]}"

    def test_a_naive_since_is_refused_before_any_request(
        self, provider: HistoryFetcher, requests_made: Callable[[], int]
    ) -> None:
        before = requests_made()
        _assert_naive_refused("since", lambda: provider.get_recent_listens(_NAIVE, _take))
        assert requests_made() == before, "the service was asked before a naive since was refused"

    def test_batches_are_neither_empty_nor_larger_than_a_page(
        self, provider: HistoryFetcher, heard: list[datetime], page_size: int
    ) -> None:
        sizes = [len(batch) for batch in _batches(provider, BEGINNING)]
        assert 0 not in sizes, "the callback got an empty batch"
        assert max(sizes) <= page_size, f"a batch of {max(sizes)} listens is more than one page of {page_size}"

    def test_a_page_is_one_batch(
        self, provider: HistoryFetcher, heard: list[datetime], requests_made: Callable[[], int]
    ) -> None:
        before = requests_made()
        batches = _batches(provider, BEGINNING)
        asked = requests_made() - before
        assert len(batches) <= asked, f"{asked} requests became {len(batches)} batches: a page is one batch"

    def test_pages_are_fetched_a_few_ahead_at_most(
        self,
        provider: HistoryFetcher,
        listen: Listen,
        page_size: int,
        requests_made: Callable[[], int],
    ) -> None:
        count = len(_heard(provider, listen, (PAGES_AHEAD + 4) * page_size))
        pages = -(-count // page_size)
        made_at_batch: list[int] = []
        provider.get_recent_listens(BEGINNING, lambda batch: made_at_batch.append(requests_made()))
        asked_later = requests_made() - made_at_batch[0]
        assert asked_later >= pages - 1 - PAGES_AHEAD, (
            f"when the first of {pages} pages was delivered only {asked_later} requests were still to come: "
            f"at most {PAGES_AHEAD} pages may be fetched ahead"
        )

    def test_the_callback_runs_in_the_callers_thread(self, provider: HistoryFetcher, heard: list[datetime]) -> None:
        threads: set[int] = set()
        provider.get_recent_listens(BEGINNING, lambda batch: threads.add(threading.get_ident()))
        assert threads == {threading.get_ident()}, (
            "the callback was called in another thread: a batch could come before the last one was taken"
        )

    def test_listens_come_newest_first_within_a_batch(self, provider: HistoryFetcher, heard: list[datetime]) -> None:
        for batch in _batches(provider, BEGINNING):
            moments = _moments(batch)
            assert moments == sorted(moments, reverse=True), "a batch is not newest first"

    def test_batches_come_newest_first(self, provider: HistoryFetcher, heard: list[datetime]) -> None:
        batches: list[list[datetime]] = []

        def take(batch: list[Track]) -> None:
            # What cannot be resumed is newest first within a batch only.
            if batch and getattr(provider, "history_is_resumable", True):
                batches.append(_moments(batch))

        provider.get_recent_listens(BEGINNING, take)
        for newer, older in pairwise(batches):
            assert min(newer) >= max(older), f"a batch down to {min(newer)} came before one up to {max(older)}"

    def test_every_moment_is_aware_utc(self, provider: HistoryFetcher, heard: list[datetime]) -> None:
        for track in _flat(_batches(provider, BEGINNING)):
            assert track.played_at is not None, f"{track.name!r} comes from a history without played_at"
            assert track.played_at.utcoffset() == timedelta(0), f"played_at is not aware UTC: {track.played_at!r}"
        seen: datetime | None = getattr(provider, "oldest_seen", None)
        assert seen is None or seen.utcoffset() == timedelta(0), f"oldest_seen is not aware UTC: {seen!r}"

    def test_an_exception_in_the_callback_stops_everything(
        self, provider: HistoryFetcher, heard: list[datetime]
    ) -> None:
        error = _CallbackError()
        calls: list[int] = []

        def fail(batch: list[Track]) -> None:
            calls.append(len(batch))
            raise error

        raised: BaseException | None = None
        try:
            provider.get_recent_listens(BEGINNING, fail)
        except _CallbackError as propagated:
            raised = propagated
        assert raised is error, "an exception in the callback did not propagate"
        assert len(calls) == 1, f"after its exception the callback was called {len(calls) - 1} times more"

    def test_reaching_since_is_told(self, provider: HistoryFetcher, heard: list[datetime]) -> None:
        end = provider.get_recent_listens(heard[-1], _take)
        assert end is HistoryEnd.REACHED_SINCE, (
            f"every listen after since was offered, but get_recent_listens returned {end!r}"
        )

    def test_running_out_of_history_is_told(self, provider: HistoryFetcher, listen: Listen, page_size: int) -> None:
        limit = getattr(provider, "history_limit", None)
        for moment in reversed(_spread(page_size if limit is None else limit + 1)):
            listen(moment)
        end = provider.get_recent_listens(BEGINNING, _take)
        if limit is None:
            assert isinstance(end, HistoryEnd), f"get_recent_listens returned {end!r}, which is no HistoryEnd"
        else:
            assert end is HistoryEnd.EXHAUSTED, f"the service keeps {limit} listens and had one more, but said {end!r}"

    def test_an_empty_history_is_no_batch(self, provider: HistoryFetcher) -> None:
        batches: list[list[Track]] = []
        end = provider.get_recent_listens(BEGINNING, batches.append)
        assert batches == [], "someone who heard nothing yet has a batch of listens"
        assert isinstance(end, HistoryEnd), f"get_recent_listens returned {end!r}, which is no HistoryEnd"

    def test_listens_are_normalised(self, provider: HistoryFetcher, heard: list[datetime], secrets: list[str]) -> None:
        for track in _flat(_batches(provider, BEGINNING)):
            assert_normalised(track, secrets)

    @every_bad_answer
    def test_a_bad_answer_to_history_is_a_named_error(
        self,
        provider: HistoryFetcher,
        heard: list[datetime],
        trouble: Trouble,
        kind: str,
    ) -> None:
        trouble.begin(kind)
        trouble.assert_named(lambda: provider.get_recent_listens(BEGINNING, _take))

    def test_a_long_pause_is_told_and_not_slept(
        self,
        provider: HistoryFetcher,
        heard: list[datetime],
        break_service: Callable[[Answer], object],
        sleeps: list[float],
    ) -> None:
        seconds = round(PAUSE.total_seconds())
        break_service(Answer(status=429, headers={"Retry-After": str(seconds)}, body=b""))
        expected = datetime.now(UTC) + PAUSE
        error = provider_error(lambda: provider.get_recent_listens(BEGINNING, _take), "429 Too Many Requests")
        assert isinstance(error, RateLimitedError), f"429 became {type(error).__name__} instead of RateLimitedError"
        assert error.retry_at is not None, "RateLimitedError lacks the time to come back that the service named"
        off = abs(error.retry_at - expected)
        assert off < PAUSE / 4, (
            f"the service named {expected} as the time to come back, the error says {error.retry_at}"
        )
        assert sum(sleeps) < seconds / 4, f"{sum(sleeps):.0f} seconds were slept instead of being told"


class BatchedHistoryConformance(HistoryFetcherConformance):
    """For a `BatchedHistory`: the generator underneath, from which a fetch that broke off goes on."""

    def test_until_is_inclusive(self, provider: BatchedHistory, heard: list[datetime]) -> None:
        offered = _moments(_flat(_drained(provider.iter_recent_listens(BEGINNING, heard[1]))[0]))
        late = [moment for moment in offered if moment > heard[1]]
        assert not late, f"with until={heard[1]} a listen at {_some(late)} was offered"
        assert heard[1] in offered, f"until is inclusive: with until={heard[1]} the listen at that moment is missing"

    def test_since_and_until_bound_a_window(self, provider: BatchedHistory, heard: list[datetime]) -> None:
        since, until = heard[4] - timedelta(seconds=30), heard[1] + timedelta(seconds=30)
        offered = _moments(_flat(_drained(provider.iter_recent_listens(since, until))[0]))
        assert Counter(offered) == Counter(heard[1:5]), f"of 4 listens in the window {len(offered)} were offered"

    def test_a_naive_until_is_refused_before_any_request(
        self, provider: BatchedHistory, requests_made: Callable[[], int]
    ) -> None:
        before = requests_made()
        _assert_naive_refused("until", lambda: _drained(provider.iter_recent_listens(BEGINNING, _NAIVE)))
        assert requests_made() == before, "the service was asked before a naive until was refused"

    def test_listens_of_one_moment_are_all_offered(
        self, provider: BatchedHistory, listen: Listen, page_size: int
    ) -> None:
        limit = getattr(provider, "history_limit", None) or page_size + 1
        newer = _spread(min(page_size - 1, limit - 2))
        moment = newer[-1] - timedelta(minutes=1)
        for heard_at in (moment, moment, *reversed(newer)):
            listen(heard_at)
        for until in (None, moment):
            batches, _ = _drained(provider.iter_recent_listens(BEGINNING, until))
            offered = _moments(_flat(batches)).count(moment)
            assert offered != 1, f"of two listens at {moment} one was offered, with until={until}"

    def test_the_generator_returns_how_the_history_ended(self, provider: BatchedHistory, heard: list[datetime]) -> None:
        _, end = _drained(provider.iter_recent_listens(heard[2]))
        assert isinstance(end, HistoryEnd), f"iter_recent_listens returned {end!r}, which is no HistoryEnd"

    def test_as_many_listens_are_expected_as_the_window_holds(
        self, provider: BatchedHistory, heard: list[datetime]
    ) -> None:
        for since, until in ((BEGINNING, None), (heard[4] - timedelta(seconds=30), heard[1])):
            batches, _ = _drained(provider.iter_recent_listens(since, until))
            offered, expected = len(set(_moments(_flat(batches)))), provider.expected_listens
            assert expected in (None, offered), (
                f"expected_listens is {expected} after a walk that offered {offered}: None where the service does "
                "not tell, and anew for each walk"
            )

    def test_how_far_back_a_walk_has_seen_is_told(self, provider: BatchedHistory, heard: list[datetime]) -> None:
        for batch in provider.iter_recent_listens(BEGINNING):
            if provider.oldest_seen is not None:
                seen, offered = _aware(provider.oldest_seen), _moments(batch)
                assert all(seen <= moment for moment in offered), f"oldest_seen is {seen} after {min(offered)}"

    def test_a_walk_that_broke_off_goes_on(self, provider: BatchedHistory, heard: list[datetime]) -> None:
        walk = provider.iter_recent_listens(BEGINNING)
        seen = _moments(next(walk))
        walk.close()
        until = min(seen) if provider.history_is_resumable else None
        batches, _ = _drained(provider.iter_recent_listens(BEGINNING, until))
        missing = set(heard) - {*seen, *_moments(_flat(batches))}
        assert not missing, f"a walk resumed with until={until} never offered {len(missing)} listens"


class HistoryCounterConformance(Kit):
    """For a `HistoryCounter`. Asks for the `listen` of `HistoryFetcherConformance`."""

    listen = HistoryFetcherConformance.listen

    def test_listens_are_counted_as_they_are_offered(self, provider: HistoryCounter, listen: Listen) -> None:
        heard = _heard(provider, listen, 7)
        counted = provider.count_listens(heard[5], heard[1])
        assert counted == 4, f"of 4 listens after since, up to and including until, {counted} were counted"

    @pytest.mark.parametrize("name", ["since", "until"])
    def test_a_naive_span_is_not_counted(self, provider: HistoryCounter, name: str) -> None:
        span = {"since": BEGINNING, "until": datetime.now(UTC)} | {name: _NAIVE}
        _assert_naive_refused(name, lambda: provider.count_listens(**span))


class _CallbackError(Exception):
    """What a callback raises that cannot take its batch."""


def _take(batch: list[Track]) -> None:
    """Take a batch and leave it."""


def _spread(count: int) -> list[datetime]:
    """Moments in whole seconds, a minute apart, all past, newest first."""
    newest = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    return [newest - timedelta(minutes=number) for number in range(count)]


def _heard(provider: object, listen: Listen, count: int) -> list[datetime]:
    limit: int | None = getattr(provider, "history_limit", None)
    moments = _spread(count if limit is None else min(count, limit))
    for moment in reversed(moments):
        listen(moment)
    return moments


def _batches(provider: HistoryFetcher, since: datetime) -> list[list[Track]]:
    batches: list[list[Track]] = []
    provider.get_recent_listens(since, batches.append)
    return batches


def _drained(batches: Generator[list[Track], None, HistoryEnd]) -> tuple[list[list[Track]], HistoryEnd]:
    drained: list[list[Track]] = []
    while True:
        try:
            drained.append(next(batches))
        except StopIteration as stop:
            return drained, stop.value


def _flat(batches: Iterable[list[Track]]) -> list[Track]:
    return [track for batch in batches for track in batch]


def _moments(tracks: Iterable[Track]) -> list[datetime]:
    """When the tracks were heard. A naive moment counts as UTC here: one check of its own speaks of time zones."""
    return [_aware(track.played_at) for track in tracks if track.played_at is not None]


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _some(moments: Iterable[datetime]) -> str:
    return next((str(moment) for moment in moments), "none")


def _assert_naive_refused(name: str, call: Callable[[], object]) -> None:
    try:
        call()
    except ValueError:
        return
    pytest.fail(f"a naive {name} was accepted instead of being a ValueError")
