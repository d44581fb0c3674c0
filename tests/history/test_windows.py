"""The promise of history: what is offered in a closed window is stored, exactly once, whatever happens meanwhile."""

from collections.abc import Generator
from contextlib import suppress
from datetime import datetime, timedelta
from unittest import mock

from django.contrib.auth.models import User
from django.test import override_settings
from django.utils import timezone
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from providers import registry
from providers.datatypes import HistoryEnd, Track
from providers.exceptions import ServiceUnavailableError
from providers.history import ingest
from providers.history.fetch import FetchOutcome, fetch
from providers.models import Connection, HistorySync, Listen
from tests.history.fakes import START, ListHistory

OVERLAP = timedelta(minutes=5)


class Killed(BaseException):
    """The process ends in the middle of it."""


class World:
    """A service, a clock, and what the fetches are told and do."""

    def __init__(self, *, is_resumable: bool, page_size: int) -> None:
        self.now = START
        self.service = OfferingHistory(page_size)
        self.service.history_is_resumable = is_resumable
        self.promised: set[str] = set()
        self.complete_until: datetime | None = None
        user = User.objects.create_user("ada")
        self.connection = Connection.objects.create(user=user, provider_type="lastfm")

    def play(self, *, age: timedelta = timedelta(0)) -> None:
        """Let a listen arrive that was heard `age` ago; a negative one comes from a clock that is ahead."""
        listen = Track(id="", name=f"Track {len(self.service.listens)}", artist="Ana", played_at=self.now - age)
        self.service.listens.append(listen)
        if listen.played_at > self.reach() - OVERLAP:
            self.promised.add(listen.name)

    def reach(self) -> datetime:
        """How far the history is complete, or will be when the open window is closed."""
        sync = HistorySync.objects.filter(connection=self.connection).first() or HistorySync()
        reached = [moment for moment in (sync.complete_until,) if moment]
        if sync.window_newest and sync.window_began_at:
            reached.append(min(sync.window_newest, sync.window_began_at))
        return max(reached, default=START - timedelta(days=365))

    def fetch(
        self, page: int, trouble: str, *, since: datetime | None = None, max_seconds: float | None = None
    ) -> None:
        """Fetch, and meet this trouble before, in or after this page."""

        def before_page(number: int) -> None:
            if number == page and trouble == "down":
                raise ServiceUnavailableError("down", provider="lastfm")
            if number == page and trouble == "killed between pages":
                raise Killed

        def store(*args: object, **kwargs: object) -> int:
            stored = real_store(*args, **kwargs)
            if self.service.page == page and trouble == "killed in the transaction":
                raise Killed
            return stored

        self.service.before_page = before_page
        real_store = ingest.store
        with (
            mock.patch.object(registry, "build", return_value=self.service),
            mock.patch.object(timezone, "now", return_value=self.now),
            mock.patch.object(ingest, "store", store),
            override_settings(HISTORY_OVERLAP_SECONDS=OVERLAP.total_seconds()),
            suppress(Killed),
        ):
            self.report = fetch(Connection.objects.get(), since=since, max_seconds=max_seconds)

    def stored(self) -> list[str]:
        return list(Listen.objects.values_list("name", flat=True))


class OfferingHistory(ListHistory):
    """Remembers what it offered, and which page it is on."""

    def __init__(self, page_size: int) -> None:
        super().__init__([], page_size=page_size)
        self.offered: dict[str, datetime] = {}
        self.page = -1

    def iter_recent_listens(
        self, since: datetime, until: datetime | None = None
    ) -> Generator[list[Track], None, HistoryEnd]:
        batches = super().iter_recent_listens(since, until)
        self.page = -1
        while True:
            try:
                batch = next(batches)
            except StopIteration as stop:
                end: HistoryEnd = stop.value
                return end
            self.page += 1
            self.offered |= {track.name: track.played_at for track in batch}
            yield batch


MINUTES = [timedelta(minutes=count) for count in range(41)]
minutes = st.sampled_from(MINUTES)
steps = st.one_of(
    st.tuples(st.just("play"), st.lists(minutes, min_size=1, max_size=10)),
    st.tuples(st.just("late play"), minutes),
    st.tuples(st.just("play dated in the future"), minutes),
    st.tuples(
        st.just("fetch"),
        st.integers(0, 2),
        st.sampled_from(["", "down", "killed between pages", "killed in the transaction"]),
    ),
    st.tuples(st.just("fetch since"), minutes, st.integers(0, 2), st.sampled_from(["", "down"])),
    st.tuples(st.just("fetch a little")),
)


class TestWindows(TestCase):
    @settings(max_examples=150, deadline=None)
    @given(is_resumable=st.booleans(), page_size=st.integers(1, 5), story=st.lists(steps, max_size=10))
    # The stories that a faulty walk is most likely to fail at, so that none of these faults depends on luck.
    @example(
        is_resumable=True,
        page_size=3,
        story=[("play", [MINUTES[20]] * 4), ("fetch", 0, "killed in the transaction")],
    )
    @example(is_resumable=True, page_size=1, story=[("play", [MINUTES[20]] * 4), ("fetch", 1, "down")])
    @example(is_resumable=False, page_size=1, story=[("play", [MINUTES[20]] * 4), ("fetch", 1, "down")])
    @example(
        is_resumable=True, page_size=2, story=[("play", [MINUTES[1]]), ("fetch", 0, ""), ("late play", MINUTES[2])]
    )
    @example(
        is_resumable=True,
        page_size=2,
        story=[("play dated in the future", MINUTES[40]), ("fetch", 0, ""), ("play", [MINUTES[1]])],
    )
    @example(is_resumable=True, page_size=1, story=[("play", [MINUTES[20]] * 3), ("fetch since", MINUTES[10], 0, "")])
    def test_every_listen_that_was_in_time_is_stored_once_and_completeness_never_passes_one_that_is_not(
        self, is_resumable: bool, page_size: int, story: list[tuple[object, ...]]
    ) -> None:
        world = World(is_resumable=is_resumable, page_size=page_size)

        for name, *rest in story:
            tell(world, name, *rest)
            self.assert_nothing_is_passed_over(world)
        world.fetch(0, "")

        assert world.report.outcome is FetchOutcome.COMPLETE
        self.assert_nothing_is_passed_over(world)
        stored = world.stored()
        assert len(stored) == len(set(stored))
        assert set(stored) >= world.promised | set(world.service.offered)

    def assert_nothing_is_passed_over(self, world: World) -> None:
        sync = HistorySync.objects.filter(connection=world.connection).first() or HistorySync()
        # A late play may lie before it and wait in a window that is still open: it has not been passed, it came after.
        if sync.complete_until is None or sync.complete_until == world.complete_until:
            return
        world.complete_until = sync.complete_until
        stored = set(world.stored())
        passed = {name for name, moment in world.service.offered.items() if moment <= sync.complete_until}
        assert passed <= stored
        assert sync.complete_until <= world.now


def tell(world: World, name: object, *rest: object) -> None:
    """Let one thing happen."""
    match name, *rest:
        case "play", [*gaps]:
            for gap in gaps:
                world.now += gap
                world.play()
        case "late play", timedelta() as age:
            world.play(age=age)
        case "play dated in the future", timedelta() as ahead:
            world.play(age=-ahead)
        case "fetch", int() as page, str() as trouble:
            world.fetch(page, trouble)
        case "fetch since", timedelta() as ago, int() as page, str() as trouble:
            world.fetch(page, trouble, since=world.now - ago)
        case ("fetch a little",):
            world.fetch(0, "", max_seconds=-1)
