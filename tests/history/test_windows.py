"""The promise of history, as a state machine: whatever happens meanwhile, what was offered is stored, exactly once.

The clock is the machine's own, so that leases run out and pauses end without anybody waiting. Who else happens to be
at work on the same connection is at work between two pages: there, and nowhere else, a worker that was taken for dead
can find itself overtaken.
"""

import copy
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import Value
from django.test import override_settings
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from providers import registry, scheduling
from providers.datatypes import HistoryEnd, Track
from providers.exceptions import RateLimitedError, RateLimitScope, ServiceUnavailableError
from providers.history import fetch, ingest, late_plays, walk
from providers.history.reports import FetchOutcome, FetchReport
from providers.models import Connection, HistoryGap, HistorySync, Listen
from tests.history.fakes import CountingHistory, ListHistory

# Later than any test is run: rows that are new are due by the clock of this machine, not by ours.
START = datetime(2100, 3, 1, 12, 0, tzinfo=UTC)
OVERLAP = timedelta(minutes=30)
LEASE = timedelta(seconds=15)
LIMIT = 5

seconds = st.sampled_from([0, 0, 1, 60, 600, 3600])
ages = st.sampled_from([timedelta(minutes=minutes) for minutes in (1, 10, 29, 45, 120, 24 * 60, 10 * 24 * 60)])
TROUBLES = (
    "down",
    "a bug",
    "killed",
    "killed while storing",
    "a short pause of the account's",
    "a long pause of everybody's",
    "told to stop",
    "a play",
    "a late play",
    "fetch now",
    "slow",
    "overtaken",
    "overtaken by one that is killed",
    "overtaken by one that is killed while storing",
    "overtaken by one that is told to stop",
    "overtaken by a person's fetch",
)
some_troubles = st.lists(
    st.tuples(st.sampled_from([0, 0, 1, 1, 2, 3]), st.sampled_from(TROUBLES)), min_size=1, max_size=2
)
troubles = st.just([]) | some_troubles | some_troubles


class Killed(BaseException):
    """The process ends in the middle of it."""


@dataclass
class Run:
    """One worker at work on the connection."""

    troubles: list[tuple[int, str]]
    page: int = -1
    dies_storing: bool = False
    is_stopped: bool = False
    was_overtaken: bool = False
    left_behind: object = None


@dataclass
class Heard:
    """A play, and what can be said of it from the moment the service has it."""

    track: Track
    is_told: bool
    in_order: bool
    promised: bool


class Machine(RuleBasedStateMachine):
    """A service, people who listen, and workers who have a hard time."""

    # The world

    @initialize(
        is_resumable=st.booleans(),
        page_size=st.integers(1, 4),
        kind=st.sampled_from(["all", "limited", "counted"]),
        stores_each_page=st.booleans(),
    )
    def begin(self, is_resumable: bool, page_size: int, kind: str, stores_each_page: bool) -> None:
        self.now = START
        self.offered: dict[str, datetime] = {}
        self.heard: dict[str, Heard] = {}
        self.runs: list[Run] = []
        self.claims = 0
        self.is_checked = True
        self.now_was_asked = False
        self.complete_until: datetime | None = None
        self.first_reach: datetime | None = None
        self.gaps: set[int] = set()
        self.is_limited, self.counts = kind == "limited", kind == "counted"
        service: ListHistory = (
            OfferingCounter([], page_size=page_size)
            if self.counts
            else OfferingHistory([], page_size=page_size, limit=LIMIT if self.is_limited else None)
        )
        service.history_is_resumable = is_resumable
        service.offered = self.offered
        self.service = service

        self.surroundings = ExitStack()
        enter: Callable[[AbstractContextManager[Any]], Any] = self.surroundings.enter_context
        enter(rolled_back())
        enter(mock.patch.object(timezone, "now", self.clock))
        enter(mock.patch.object(scheduling, "database_now", self.database_clock))
        clock = mock.Mock(sleep=lambda seconds: self.pass_time(LEASE), monotonic=time.monotonic)
        enter(mock.patch.object(scheduling, "time", clock))
        enter(mock.patch.object(scheduling.Lease, "renewed", nullcontext))
        enter(mock.patch.object(registry, "build", self.build))
        enter(mock.patch.object(ingest, "store", self.storing(ingest.store)))
        enter(mock.patch.object(walk, "STORE_SECONDS", 1e9))
        if stores_each_page:
            enter(mock.patch.object(walk, "STORE_LISTENS", 1))
        enter(
            override_settings(HISTORY_OVERLAP_SECONDS=OVERLAP.total_seconds(), LEASE_SECONDS=LEASE.total_seconds() - 1)
        )
        self.connection = Connection.objects.create(user=User.objects.create_user("ada"), provider_type="lastfm")

    def build(self, provider_type: str, user: object) -> ListHistory:
        """Return the provider of the worker that just claimed the connection."""
        run = self.runs[-1]
        self.claims += 1
        self.now_was_asked = False
        provider = copy.copy(self.service)
        provider.before_page = lambda number: self.before_page(run)
        return provider

    def storing(self, store: Callable[..., int]) -> Callable[..., int]:
        def store_and_perhaps_die(*args: object, **kwargs: object) -> int:
            stored = store(*args, **kwargs)
            if self.runs[-1].dies_storing:
                raise Killed
            return stored

        return store_and_perhaps_die

    def before_page(self, run: Run) -> None:
        run.page += 1
        due = [trouble for page, trouble in run.troubles if page == run.page]
        run.troubles = [(page, trouble) for page, trouble in run.troubles if page != run.page]
        for trouble in due:
            # Whatever else befalls one that was overtaken, it is out of the game.
            if not run.was_overtaken:
                self.befall(run, trouble)

    def befall(self, run: Run, trouble: str) -> None:
        match trouble:
            case "down":
                raise ServiceUnavailableError("down", provider="lastfm")
            case "a bug":
                raise KeyError("a bug")
            case "killed":
                raise Killed
            case "killed while storing":
                run.dies_storing = True
            case "a short pause of the account's":
                raise self.limited(timedelta(seconds=40), RateLimitScope.ACCOUNT)
            case "a long pause of everybody's":
                raise self.limited(timedelta(hours=9), RateLimitScope.APPLICATION)
            case "told to stop":
                run.is_stopped = True
            case "a play":
                self.hear(timedelta(0))
            case "a late play":
                self.hear(timedelta(minutes=20))
            case "fetch now":
                self.fetch_now()
            case "slow":
                self.pass_time(2 * LEASE)
            case "overtaken by a person's fetch":
                self.overtake(run, lambda: self.fetch([], since=None))
            case _:
                others = {
                    "overtaken": [],
                    "overtaken by one that is killed": [(1, "killed")],
                    "overtaken by one that is killed while storing": [(0, "killed while storing")],
                    "overtaken by one that is told to stop": [(0, "told to stop")],
                }
                self.pass_time(2 * LEASE)
                self.overtake(run, lambda: self.work(others[trouble]))

    def limited(self, pause: timedelta, scope: RateLimitScope) -> RateLimitedError:
        return RateLimitedError("slow down", provider="lastfm", retry_at=self.now + pause, scope=scope)

    def overtake(self, run: Run, work: Callable[[], object]) -> None:
        if len(self.runs) > 1:
            return
        before = self.claims
        work()
        if self.claims > before:
            run.was_overtaken, run.left_behind = True, self.rows()

    def rows(self) -> object:
        """Return all that a fenced worker must not touch."""
        return [list(model._default_manager.order_by("pk").values()) for model in (Listen, HistorySync, HistoryGap)]

    def sync(self) -> HistorySync:
        return HistorySync.objects.filter(connection=self.connection).first() or HistorySync(due_at=self.now)

    def clock(self) -> datetime:
        return self.now

    def database_clock(self) -> Value:
        return Value(self.now, models.DateTimeField())

    def pass_time(self, time: timedelta) -> None:
        self.now += time

    def hear(self, age: timedelta, *, is_told: bool = True) -> None:
        """Let the service have a play that was heard `age` ago; a negative one comes from a clock that is ahead."""
        name = f"Track {len(self.heard)}"
        track = Track(id="", name=name, artist="Ana", played_at=self.now - age)
        sync = self.sync()
        reach = sync.complete_until or START - timedelta(days=3650)
        if sync.window_newest and sync.window_began_at:
            reach = max(reach, min(sync.window_newest, sync.window_began_at))
        if self.runs:
            # Of a walk that is under way nothing need be stored yet.
            reach = self.now
        self.heard[name] = Heard(
            track, is_told, in_order=not age, promised=is_told and self.now - age > reach - OVERLAP
        )
        if not is_told:
            self.service.untold.add(name)
        self.service.listens.append(track)

    # What people and clocks do

    @rule(pauses=st.lists(seconds, min_size=1, max_size=LIMIT + 2), is_told=st.booleans())
    def listen(self, pauses: list[int], is_told: bool) -> None:
        for pause in pauses:
            self.pass_time(timedelta(seconds=pause))
            self.hear(timedelta(0), is_told=is_told or pause < 600)

    @rule(age=ages, is_told=st.booleans())
    def come_late(self, age: timedelta, is_told: bool) -> None:
        self.hear(age, is_told=is_told)

    # A service that keeps little and is full of such plays shows nothing else, and nobody can tell what that hides.
    @precondition(lambda self: not self.is_limited)
    @rule(ahead=ages)
    def come_from_a_clock_that_is_ahead(self, ahead: timedelta) -> None:
        self.hear(-ahead)

    @rule()
    def come_from_a_clock_that_was_never_set(self) -> None:
        self.hear(self.now - datetime(1970, 1, 1, tzinfo=UTC) - timedelta(seconds=len(self.heard)))

    @rule(hours=st.sampled_from([1, 5, 24, 24 * 8]))
    def wait(self, hours: int) -> None:
        self.pass_time(timedelta(hours=hours))

    @rule()
    def fetch_now(self) -> None:
        # No two moments are the same.
        self.pass_time(timedelta(microseconds=1))
        HistorySync.request(self.connection)
        self.is_checked = False
        self.now_was_asked = True

    # What workers do

    @rule(troubles=troubles)
    def work_when_due(self, troubles: list[tuple[int, str]]) -> None:
        HistorySync.adopt([self.connection])
        due_at = self.sync().due_at
        assert due_at is not None
        self.now = max(self.now, due_at)
        self.work(troubles)

    @rule(troubles=troubles)
    def work(self, troubles: list[tuple[int, str]]) -> None:
        """Let a worker do what is due, if anything is."""
        lease = scheduling.claim_next(fetch.due_histories("lastfm"))
        if lease is None:
            return
        with self.running(troubles) as run:
            fetch.work(lease, lambda: run.is_stopped)

    @rule(troubles=troubles, since=st.none() | ages)
    def fetch(self, troubles: list[tuple[int, str]], since: timedelta | None) -> None:
        """Let a person fetch, whoever is at it."""
        promised = self.promised()
        is_undisturbed = not troubles and not self.runs
        with self.running(troubles):
            report = fetch.fetch(self.connection, since=None if since is None else self.now - since)
            assert report is not None
            self.assert_told(report)
            if is_undisturbed and since is None and report.outcome is FetchOutcome.COMPLETE:
                self.assert_stored(promised)

    @contextmanager
    def running(self, troubles: list[tuple[int, str]]) -> Iterator[Run]:
        run = Run(list(troubles))
        self.runs.append(run)
        self.is_checked = False
        try:
            with suppress(Killed):
                yield run
        finally:
            self.runs.pop()
        if run.was_overtaken:
            assert self.rows() == run.left_behind

    # What must hold

    @invariant()
    def the_promise_holds(self) -> None:
        if not self.is_checked:
            self.is_checked = True
            self.check()

    def check(self) -> None:
        self.nothing_is_stored_twice()
        self.completeness_never_passes_what_was_offered_and_is_not_stored()
        self.a_wish_to_fetch_now_is_never_lost()
        self.a_gap_is_never_noted_without_evidence()

    def nothing_is_stored_twice(self) -> None:
        names = self.stored_names()
        assert len(names) == len(set(names))

    def completeness_never_passes_what_was_offered_and_is_not_stored(self) -> None:
        reach = self.sync().complete_until
        # A late play may lie before it and wait in a window that is open: it was not passed, it came after.
        if reach is None or reach == self.complete_until:
            return
        self.complete_until = reach
        self.first_reach = self.first_reach or reach
        assert reach <= self.now
        kept = {track.name for track in self.service.kept()}
        passed = {name for name, moment in self.offered.items() if moment <= reach and name in kept}
        assert passed <= set(self.stored_names())

    def a_wish_to_fetch_now_is_never_lost(self) -> None:
        sync = self.sync()
        assert sync.due_at is not None
        if self.now_was_asked:
            assert sync.due_at <= self.now

    def a_gap_is_never_noted_without_evidence(self) -> None:
        kept = self.service.kept()
        lost = self.lost()
        for gap in HistoryGap.objects.exclude(pk__in=self.gaps):
            self.gaps.add(gap.pk)
            assert self.is_limited
            assert gap.since < gap.until <= self.now
            # Where the service is full of what is new, whether it dropped anything in between cannot be known.
            assert lost_in(gap, lost) or all(gap.since < moment_of(track) for track in kept)
            assert gap.until in {moment_of(heard.track) for heard in self.heard.values()}

    def assert_told(self, report: FetchReport) -> None:
        if report.outcome is FetchOutcome.COMPLETE:
            assert not report.detail
        else:
            assert report.outcome is FetchOutcome.OUT_OF_TIME or report.detail

    def promised(self) -> set[str]:
        """Return what the next fetch that comes to its end has to bring home, as things are."""
        midnight = self.now.replace(hour=0, minute=0, second=0)
        counted_from = midnight - timedelta(days=late_plays.DAYS - 1)
        is_counted = self.counts and self.sync().complete_until is not None
        kept = {track.name for track in self.service.kept()}
        return {
            name
            for name, heard in self.heard.items()
            if name in kept
            and heard.is_told
            and (heard.promised or (is_counted and counted_from <= moment_of(heard.track) <= self.now))
        }

    def assert_stored(self, names: set[str]) -> None:
        assert names <= set(self.stored_names())

    def stored_names(self) -> list[str]:
        return list(Listen.objects.values_list("name", flat=True))

    def lost(self) -> list[datetime]:
        """Return when the plays were that the service no longer has and that never came home."""
        out_of_reach = {track.name for track in self.service.kept()} | set(self.stored_names())
        return [
            moment_of(heard.track)
            for name, heard in self.heard.items()
            if heard.is_told and heard.in_order and name not in out_of_reach
        ]

    def teardown(self) -> None:
        """Let the service be reachable again, and see that everything came home."""
        if not hasattr(self, "surroundings"):
            return
        with self.surroundings:
            self.pass_time(timedelta(days=1))
            self.hear(timedelta(0))
            self.fetch_now()
            self.work([])
            assert not self.now_was_asked
            self.assert_stored(self.promised())
            kept = {track.name for track in self.service.kept()}
            self.assert_stored({name for name in self.offered if name in kept or not self.is_limited})
            self.check()
            gaps = HistoryGap.objects.all()
            for moment in self.lost():
                if self.first_reach is not None and moment > self.first_reach:
                    assert any(lost_in(gap, [moment]) for gap in gaps)
            before = self.rows_of_listens()
            self.fetch([], since=None)
            assert self.rows_of_listens() == before

    def rows_of_listens(self) -> object:
        return list(Listen.objects.order_by("pk").values())


class Offering(ListHistory):
    """Remembers what it offered while a window was walked."""

    offered: dict[str, datetime]
    has_counted = False

    def iter_recent_listens(
        self, since: datetime, until: datetime | None = None
    ) -> Generator[list[Track], None, HistoryEnd]:
        batches = super().iter_recent_listens(since, until)
        while True:
            try:
                batch = next(batches)
            except StopIteration as stop:
                end: HistoryEnd = stop.value
                return end
            # Days that are read again belong to no window: what is lost of them differs still, and is read once more.
            if not self.has_counted:
                self.offered |= {track.name: moment_of(track) for track in batch}
            yield batch


class OfferingHistory(Offering):
    pass


class OfferingCounter(Offering, CountingHistory):
    def count_listens(self, since: datetime, until: datetime) -> int:
        self.has_counted = True
        return super().count_listens(since, until)


@contextmanager
def rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def moment_of(track: Track) -> datetime:
    assert track.played_at is not None
    return track.played_at


def lost_in(gap: HistoryGap, moments: list[datetime]) -> bool:
    # Of two plays within one second the service may have dropped one.
    return any(gap.since <= moment <= gap.until for moment in moments)


@pytest.mark.django_db
def test_every_listen_that_was_offered_is_stored_once_and_completeness_never_passes_one_that_is_not() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Machine, settings=settings(deadline=None, stateful_step_count=16, suppress_health_check=[HealthCheck.too_slow])
    )
