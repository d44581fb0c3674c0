"""Having the method is the capability, and one generator makes a history."""

from collections.abc import Callable, Generator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from providers.contracts import (
    Authenticator,
    BatchedHistory,
    HistoryCounter,
    HistoryFetcher,
    LibraryLister,
    PlaylistManager,
    PlaylistSyncer,
    Provider,
    TrackFinder,
    Type,
    is_within,
    require_aware,
)
from providers.datatypes import AuthResult, HistoryEnd, Playlist, SyncPlaylistRequest, Track
from providers.lastfm.provider import LastFMProvider
from providers.navidrome.provider import NavidromeProvider
from providers.spotify.provider import SpotifyProvider

AWARE = datetime(2026, 1, 1, tzinfo=UTC)
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001, being naive is the point


def track(key: str) -> Track:
    return Track(id=key, name=key, artist="x", played_at=AWARE)


class Radio:
    """Has the method of `Provider` and of nothing else."""

    def type(self) -> str:
        return "radio"


class Playlists(Radio):
    def get_playlists(self) -> list[Playlist]:
        return []

    def create_playlist(self, name: str, description: str, tracks: Sequence[Track]) -> Playlist:
        return Playlist(id="1", name=name)


class Synced(Radio):
    def sync_playlist(self, request: SyncPlaylistRequest) -> str:
        return "1"

    def delete_playlist(self, remote_playlist_id: str) -> None: ...

    def update_playlist_tracks(self, remote_playlist_id: str, tracks: Sequence[Track]) -> None: ...


class Linkable(Radio):
    def supports_auth(self) -> bool:
        return True

    def get_auth_url(self, state: str) -> str:
        return ""

    def exchange_code(self, code: str) -> AuthResult:
        return AuthResult(access_token="x")

    def refresh_token(self, refresh_token: str) -> AuthResult:
        return AuthResult(access_token="x")

    def disconnect(self) -> None: ...


class History(BatchedHistory, Radio):
    """Two pages, and a note of what was asked for and what came to an end."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def iter_recent_listens(
        self, since: datetime, until: datetime | None = None
    ) -> Generator[list[Track], None, HistoryEnd]:
        try:
            for page in ("newer", "older"):
                self.events.append(f"fetched {page}")
                yield [track(page)]
        finally:
            self.events.append("closed")
        return HistoryEnd.EXHAUSTED


class Counted(Radio):
    def count_listens(self, since: datetime, until: datetime) -> int:
        return 0


class Listed(Radio):
    def iter_library(self) -> Generator[list[Track], None, None]:
        yield []


class Searched(Radio):
    def find_tracks(self, track: Track) -> list[Track]:
        return []


PROTOCOLS = [
    *(Provider, HistoryFetcher, PlaylistManager, PlaylistSyncer, Authenticator),
    *(HistoryCounter, LibraryLister, TrackFinder),
]


class TestCapabilities:
    @pytest.mark.req("PROV-001")
    @pytest.mark.req("PROV-002")
    @pytest.mark.req("PROV-003")
    @pytest.mark.req("PROV-004")
    @pytest.mark.req("PROV-005")
    @pytest.mark.parametrize(
        ("kind", "has"),
        [
            (Radio, {Provider}),
            (History, {Provider, HistoryFetcher}),
            (Playlists, {Provider, PlaylistManager}),
            (Synced, {Provider, PlaylistSyncer}),
            (Linkable, {Provider, Authenticator}),
            (Counted, {Provider, HistoryCounter}),
            (Listed, {Provider, LibraryLister}),
            (Searched, {Provider, TrackFinder}),
            (object, set()),
        ],
    )
    def test_are_the_methods_that_are_there_for_classes_and_for_objects(self, kind: type, has: set[type]) -> None:
        assert {protocol for protocol in PROTOCOLS if issubclass(kind, protocol)} == has
        assert {protocol for protocol in PROTOCOLS if isinstance(kind(), protocol)} == has

    @pytest.mark.parametrize(
        ("whole", "protocol"),
        [(Playlists, PlaylistManager), (Synced, PlaylistSyncer), (Linkable, Authenticator)],
    )
    def test_a_method_less_is_no_capability(self, whole: type, protocol: type) -> None:
        for name in vars(whole):
            if not name.startswith("_"):
                part = type("Part", (), {key: value for key, value in vars(whole).items() if key != name})
                assert not issubclass(part, protocol)

    @pytest.mark.req("PROV-030")
    @pytest.mark.req("PROV-040")
    @pytest.mark.req("PROV-050")
    @pytest.mark.req("PROV-052")
    @pytest.mark.parametrize(
        ("kind", "has"),
        [
            # More than the specification asks for (REQ-PROV-030): playlists are carried to it too.
            (SpotifyProvider, {HistoryFetcher, PlaylistManager, PlaylistSyncer, Authenticator, TrackFinder}),
            (LastFMProvider, {HistoryFetcher, Authenticator, HistoryCounter}),
            (NavidromeProvider, {HistoryFetcher, PlaylistManager, PlaylistSyncer, HistoryCounter, LibraryLister}),
        ],
    )
    def test_of_the_built_in_services_are_those_of_the_specification_and_those_of_the_bridge(
        self, kind: type, has: set[type]
    ) -> None:
        assert {protocol for protocol in PROTOCOLS if issubclass(kind, protocol)} == {Provider, *has}

    @pytest.mark.req("PROV-001")
    def test_the_built_in_types_are_those_of_the_specification(self) -> None:
        assert [str(kind) for kind in Type] == ["spotify", "lastfm", "navidrome"]


class TestBatchedHistory:
    @pytest.mark.req("PROV-002")
    def test_hands_over_one_batch_per_page_and_returns_how_it_ended(self) -> None:
        batches: list[list[Track]] = []
        assert History().get_recent_listens(AWARE, batches.append) is HistoryEnd.EXHAUSTED
        assert batches == [[track("newer")], [track("older")]]

    def test_asks_for_the_next_page_when_the_one_before_was_taken(self) -> None:
        history = History()
        history.get_recent_listens(AWARE, lambda batch: history.events.append(f"took {batch[0].id}"))
        assert history.events == ["fetched newer", "took newer", "fetched older", "took older", "closed"]

    def test_stops_at_an_exception_of_the_callback_which_propagates(self) -> None:
        history = History()

        def refuse(batch: list[Track]) -> None:
            raise KeyError(batch[0].id)

        with pytest.raises(KeyError) as caught:
            history.get_recent_listens(AWARE, refuse)
        assert history.events == ["fetched newer", "closed"]
        assert caught.value.args == ("newer",)

    def test_refuses_a_naive_since_before_anything_is_fetched(self) -> None:
        history = History()
        with pytest.raises(ValueError, match="since must be an aware datetime"):
            history.get_recent_listens(NAIVE, lambda batch: None)
        assert history.events == []

    def test_tells_how_far_it_reaches_unless_a_service_says_otherwise(self) -> None:
        assert (History.history_limit, History.history_is_last_play_only, History.history_is_resumable) == (
            None,
            False,
            True,
        )

    def test_tells_of_no_walk_before_there_was_one(self) -> None:
        assert (History().expected_listens, History().oldest_seen) == (None, None)

    def test_oldest_seen_only_ever_goes_back_while_a_walk_lasts(self) -> None:
        history = History()
        history._note_seen([AWARE, AWARE - timedelta(days=1)])
        history._note_seen([AWARE, None])
        history._note_seen([])
        assert history.oldest_seen == AWARE - timedelta(days=1)

    def test_a_new_walk_begins_knowing_nothing(self) -> None:
        history = History()
        history.expected_listens = 7
        history._note_seen([AWARE])
        history._begin_walk()
        assert (history.expected_listens, history.oldest_seen) == (None, None)


class TestRequireAware:
    @pytest.mark.parametrize("moments", [{}, {"since": AWARE}, {"since": AWARE, "until": None}])
    def test_aware_moments_and_absent_ones_pass(self, moments: dict[str, datetime | None]) -> None:
        require_aware(**moments)

    def test_a_naive_one_is_named(self) -> None:
        check: Callable[..., None] = require_aware
        with pytest.raises(ValueError, match="until must be an aware datetime"):
            check(since=AWARE, until=NAIVE)


@pytest.mark.parametrize(
    ("seconds", "is_in"), [(-1, False), (0, False), (1, True), (59, True), (60, True), (61, False), (None, False)]
)
def test_a_window_is_without_its_since_and_with_its_until(seconds: int | None, is_in: bool) -> None:
    moment = None if seconds is None else AWARE + timedelta(seconds=seconds)
    assert is_within(moment, AWARE, AWARE + timedelta(minutes=1)) is is_in


def test_a_window_without_an_until_is_open() -> None:
    assert is_within(AWARE + timedelta(days=9999), AWARE, None)
