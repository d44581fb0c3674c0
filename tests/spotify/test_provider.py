from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug import Response

from providers.contracts import (
    Authenticator,
    BatchedHistory,
    HistoryFetcher,
    PlaylistManager,
    PlaylistSyncer,
    Provider,
    TrackFinder,
)
from providers.datatypes import HistoryEnd, LazyTracks, Playlist, SyncPlaylistRequest, Track
from providers.exceptions import (
    InvalidRequestError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    ProviderError,
    RateLimitedError,
    ServiceUnavailableError,
)
from providers.spotify.auth import SpotifyApplication
from providers.spotify.provider import SpotifyProvider
from providers.testing.simulators import faults
from providers.testing.simulators.spotify import Episode, LocalFile, Person, SpotifySimulator
from providers.testing.simulators.spotify import Playlist as SpotifyPlaylist
from providers.testing.wsgi import mounted
from tests.scripted import ScriptedService, json_answer
from tests.spotify.conftest import ACCOUNTS_URL, API_URL, CATALOGUE, REDIRECT_URI, IssuedToken

EIGHT = datetime(2026, 11, 20, 8, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def played(person: Person, count: int) -> list[datetime]:
    """Let a person play that many tracks, three minutes apart from eight o'clock on; return when, newest first."""
    moments = [EIGHT + timedelta(minutes=3 * number) for number in range(count)]
    for moment, track in zip(moments, CATALOGUE.tracks, strict=False):
        person.listen(track, moment)
    return moments[::-1]


def walked(batches: Generator[list[Track], None, HistoryEnd]) -> tuple[list[list[Track]], HistoryEnd]:
    found = []
    while True:
        try:
            found.append(next(batches))
        except StopIteration as stop:
            return found, stop.value


def moments_of(batches: list[list[Track]]) -> list[datetime | None]:
    return [listen.played_at for batch in batches for listen in batch]


def scripted(*pages: str) -> tuple[SpotifyProvider, ScriptedService]:
    """A provider of a Spotify that answers one page after the other."""
    application = SpotifyApplication(
        client_id="c", redirect_uri=REDIRECT_URI, accounts_url=ACCOUNTS_URL, api_url=API_URL
    )
    service = ScriptedService(*(json_answer(page) for page in pages))
    return SpotifyProvider(application, token_source=IssuedToken("t")), service


def page_of(moments: list[datetime], *, before: datetime | None) -> str:
    """A page of plays at these moments, in this order, that says that there is more before `before`."""
    items = ",".join(
        f'{{"track": {{"id": "t{number}", "name": "Track {number}"}}, "played_at": "{moment.isoformat()}"}}'
        for number, moment in enumerate(moments)
    )
    if before is None:
        return f'{{"items": [{items}], "next": null, "cursors": null}}'
    return f'{{"items": [{items}], "next": "https://x.example", "cursors": {{"before": "{_milliseconds(before)}"}}}}'


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


@pytest.mark.req("PROV-030")
def test_spotify_fetches_history_manages_and_syncs_playlists_finds_tracks_and_authenticates() -> None:
    for capability in (Provider, HistoryFetcher, PlaylistManager, PlaylistSyncer, TrackFinder, Authenticator):
        assert issubclass(SpotifyProvider, capability)
    assert issubclass(SpotifyProvider, BatchedHistory)


@pytest.mark.req("PROV-001")
def test_its_type_is_spotify(provider: SpotifyProvider) -> None:
    assert provider.type() == "spotify"
    assert type(provider.type()) is str


def test_it_tells_whose_limit_its_calls_count_against(provider: SpotifyProvider, spotify: SpotifySimulator) -> None:
    assert provider.client_id == spotify.client_id


@pytest.mark.req("PROV-033")
def test_a_history_is_read_newest_first_down_to_since(provider: SpotifyProvider, ada: Person) -> None:
    moments = played(ada, 30)
    batches, end = walked(provider.iter_recent_listens(moments[10]))
    assert moments_of(batches) == moments[:10]
    assert end is HistoryEnd.REACHED_SINCE


@pytest.mark.req("PROV-033")
def test_the_callback_gets_the_same_batches(provider: SpotifyProvider, ada: Person) -> None:
    moments = played(ada, 30)
    batches: list[list[Track]] = []
    assert provider.get_recent_listens(moments[10], batches.append) is HistoryEnd.REACHED_SINCE
    assert moments_of(batches) == moments[:10]


@pytest.mark.req("PROV-033")
def test_the_history_ends_with_the_fifty_plays_that_spotify_keeps(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person
) -> None:
    moments = played(ada, 80)
    batches, end = walked(provider.iter_recent_listens(LONG_AGO))
    assert moments_of(batches) == moments[:50]
    assert end is HistoryEnd.EXHAUSTED
    assert provider.history_limit == 50
    assert [seen.query.get("before") for seen in spotify.seen("recently_played")] == [
        None,
        [str(_milliseconds(moments[49]))],
    ]


def test_a_history_of_nothing_is_exhausted(provider: SpotifyProvider, ada: Person) -> None:
    assert walked(provider.iter_recent_listens(LONG_AGO)) == ([], HistoryEnd.EXHAUSTED)


@pytest.mark.parametrize("slack", [timedelta(0), timedelta(microseconds=1), timedelta(milliseconds=1)])
def test_since_is_exclusive_and_until_inclusive(provider: SpotifyProvider, ada: Person, slack: timedelta) -> None:
    moments = played(ada, 30)
    batches, end = walked(provider.iter_recent_listens(moments[20], moments[10] + slack))
    assert moments_of(batches) == moments[10:20]
    assert end is HistoryEnd.REACHED_SINCE


def test_a_moment_without_a_zone_is_refused(provider: SpotifyProvider) -> None:
    naive = datetime(2026, 11, 20)  # noqa: DTZ001, that is the point
    with pytest.raises(ValueError, match="since"):
        next(provider.iter_recent_listens(naive))
    with pytest.raises(ValueError, match="until"):
        next(provider.iter_recent_listens(LONG_AGO, naive))


@pytest.mark.req("PROV-033")
def test_pages_are_followed_by_their_cursor_until_since_is_reached() -> None:
    moments = [EIGHT - timedelta(minutes=number) for number in range(6)]
    provider, service = scripted(
        page_of(moments[:2], before=moments[1]),
        page_of(moments[2:4], before=moments[3]),
        page_of(moments[4:], before=moments[5]),
    )
    with mounted({API_URL: service}):
        batches, end = walked(provider.iter_recent_listens(moments[5]))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert moments_of(batches) == moments[:5]
    assert end is HistoryEnd.REACHED_SINCE
    assert [request.args.get("before") for request in service.requests] == [
        None, str(_milliseconds(moments[1])), str(_milliseconds(moments[3]))
    ]  # fmt: skip
    assert all("after" not in request.args for request in service.requests)


def test_the_next_page_is_not_asked_for_before_the_batch_was_taken() -> None:
    provider, service = scripted(page_of([EIGHT], before=EIGHT), page_of([], before=None))
    with mounted({API_URL: service}):
        batches = provider.iter_recent_listens(LONG_AGO)
        next(batches)
        assert len(service.requests) == 1
        batches.close()


@pytest.mark.parametrize("later", [timedelta(0), timedelta(minutes=5)])
def test_a_cursor_that_does_not_go_back_ends_the_walk(later: timedelta) -> None:
    stuck = page_of([EIGHT], before=EIGHT)
    provider, service = scripted(stuck, page_of([EIGHT], before=EIGHT + later))
    with mounted({API_URL: service}):
        _, end = walked(provider.iter_recent_listens(LONG_AGO))
    assert end is HistoryEnd.EXHAUSTED
    assert len(service.requests) == 2


def test_an_empty_page_ends_the_walk_whatever_it_says_is_behind_it() -> None:
    provider, service = scripted(
        page_of([EIGHT], before=EIGHT), page_of([], before=EIGHT - timedelta(hours=1)), page_of([LONG_AGO], before=None)
    )
    with mounted({API_URL: service}):
        _, end = walked(provider.iter_recent_listens(LONG_AGO))
    assert end is HistoryEnd.EXHAUSTED
    assert len(service.requests) == 2


def test_a_page_of_nothing_but_unknown_tracks_gives_no_batch_and_is_passed() -> None:
    play = f'{{"track": null, "played_at": "{EIGHT.isoformat()}"}}'
    unknown = f'{{"items": [{play}], "next": "x", "cursors": {{"before": "9"}}}}'
    provider, service = scripted(unknown, page_of([EIGHT - timedelta(hours=1)], before=None))
    with mounted({API_URL: service}):
        batches, _ = walked(provider.iter_recent_listens(LONG_AGO))
    assert [len(batch) for batch in batches] == [1]


def test_an_unknown_track_at_since_still_shows_that_since_is_reached(provider: SpotifyProvider, ada: Person) -> None:
    ada.listen(None, EIGHT)
    assert walked(provider.iter_recent_listens(EIGHT)) == ([], HistoryEnd.REACHED_SINCE)


def test_a_walk_tells_how_far_back_it_has_seen_also_where_the_track_is_unknown(
    provider: SpotifyProvider, ada: Person
) -> None:
    moments = played(ada, 3)
    ada.listen(None, moments[-1] - timedelta(minutes=5))
    walked(provider.iter_recent_listens(datetime.min.replace(tzinfo=UTC)))
    assert provider.oldest_seen == moments[-1] - timedelta(minutes=5)
    assert provider.expected_listens is None

    ada.plays.clear()
    walked(provider.iter_recent_listens(moments[-1]))
    assert provider.oldest_seen is None


def test_what_the_callback_raises_stops_everything(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person
) -> None:
    def refuse(batch: list[Track]) -> None:
        raise ZeroDivisionError

    played(ada, 50)
    with pytest.raises(ZeroDivisionError):
        provider.get_recent_listens(LONG_AGO, refuse)
    assert len(spotify.seen("recently_played")) == 1


def test_characters_that_no_database_stores_are_cut_out() -> None:
    provider, service = scripted(
        '{"items": [{"track": {"id": "1", "name": "A\\u0000B", "artists": [{"name": "\\ud800C"}]},'
        ' "played_at": "2026-11-20T08:00:00Z"}], "next": null}'
    )
    with mounted({API_URL: service}):
        [[listen]], _ = walked(provider.iter_recent_listens(LONG_AGO))
    assert (listen.name, listen.artist) == ("AB", "C")


def by_name(provider: SpotifyProvider) -> dict[str, Playlist]:
    return {playlist.name: playlist for playlist in provider.get_playlists()}


def test_all_playlists_are_listed_however_many_pages(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person
) -> None:
    for number in range(120):
        ada.add_playlist(f"List {number}", is_listed=number != 30)
    ada.library.insert(60, None)
    assert list(by_name(provider)) == [f"List {number}" for number in range(120) if number != 30]
    assert [seen.query["offset"] for seen in spotify.seen("my_playlists")] == [["0"], ["50"], ["100"]]


def test_listing_playlists_loads_no_tracks(provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person) -> None:
    ada.add_playlist("Mix", CATALOGUE.tracks[:3])
    provider.get_playlists()
    assert spotify.seen("playlist_items") == []


@pytest.mark.parametrize(
    "simulator_options",
    [{"playlist_shape": "new"}, {"playlist_shape": "both"}, {"playlist_shape": "old", "reduced_api": False}],
)
@pytest.mark.req("PROV-021")
def test_a_playlists_tracks_come_page_by_page_in_order(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person
) -> None:
    ada.add_playlist("Mix", CATALOGUE.tracks[:120])
    mix = by_name(provider)["Mix"]
    assert mix.track_count == 120
    assert [track.id for track in mix.tracks] == [track.key for track in CATALOGUE.tracks[:120]]
    assert len(spotify.seen("playlist_items")) == 3


@pytest.mark.req("PROV-022")
def test_a_playlists_tracks_keep_their_isrc(provider: SpotifyProvider, ada: Person) -> None:
    ada.add_playlist("Mix", CATALOGUE.tracks[:60])
    isrcs = [track.isrc for track in by_name(provider)["Mix"].tracks]
    assert isrcs == [track.isrc for track in CATALOGUE.tracks[:60]]
    assert any(isrcs)


def test_a_followed_playlist_is_listed_and_its_contents_are_refused(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person
) -> None:
    ola = spotify.add_person("Ola")
    ada.follow(ola.add_playlist("Ola's", CATALOGUE.tracks[:5]))
    playlist = by_name(provider)["Ola's"]
    assert (playlist.is_readable, playlist.owner, playlist.track_count) == (False, "Ola", 5)
    with pytest.raises(PermissionDeniedError):
        list(playlist.tracks)


@pytest.mark.parametrize("simulator_options", [{"reduced_api": False}])
def test_an_older_application_reads_followed_playlists(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person
) -> None:
    ada.follow(spotify.add_person("Ola").add_playlist("Ola's", CATALOGUE.tracks[:5]))
    playlist = by_name(provider)["Ola's"]
    assert playlist.is_readable
    assert len(list(playlist.tracks)) == 5


def test_everything_that_is_seeded_is_listed_and_read(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person
) -> None:
    spotify.seed(ada)
    playlists = by_name(provider)
    for playlist in playlists.values():
        if playlist.is_readable and playlist.name != "Odds and ends":
            assert len(list(playlist.tracks)) == playlist.track_count, playlist.name
    assert len(list(playlists["Odds and ends"].tracks)) == 5
    assert len(playlists) > 15


def tracks_of(count: int) -> list[Track]:
    return [Track(id=track.key, name=track.name, artist=track.artist) for track in CATALOGUE.tracks[:count]]


def test_a_playlist_is_made_of_all_tracks_in_their_order(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person
) -> None:
    tracks = [*tracks_of(250), tracks_of(1)[0]]
    made = provider.create_playlist("Mix", "All of it", tracks)
    assert (made.name, made.description, made.track_count, made.owner) == ("Mix", "All of it", 251, "Ada")
    assert [track.id for track in made.tracks] == [track.id for track in tracks]
    assert [playlist.id for playlist in provider.get_playlists()] == [made.id]
    assert len(spotify.seen("add_items")) == 3


def test_an_empty_playlist_can_be_made(provider: SpotifyProvider, spotify: SpotifySimulator) -> None:
    made = provider.create_playlist("Nothing yet", "", [])
    assert list(made.tracks) == []
    assert spotify.seen("add_items") == []


@pytest.mark.parametrize("track_id", ["", "navidrome-7f6a", "9b2/../me"])
def test_a_track_of_another_service_is_refused_before_anything_is_made(
    provider: SpotifyProvider, ada: Person, track_id: str
) -> None:
    with pytest.raises(InvalidRequestError, match="'Stray' has no Spotify id"):
        provider.create_playlist("Mix", "", [*tracks_of(2), Track(id=track_id, name="Stray", artist="X")])
    assert ada.made == []


def test_a_playlist_that_cannot_be_filled_is_taken_back(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person
) -> None:
    spotify.faults.add("add_items", status=503, after=1, times=None)
    with pytest.raises(ServiceUnavailableError, match="incomplete playlist 'Mix' was taken back"):
        provider.create_playlist("Mix", "", tracks_of(150))
    assert ada.library == []


def test_a_playlist_that_can_be_neither_filled_nor_taken_back_is_told_of(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person
) -> None:
    spotify.faults.add("add_items", status=429, headers={"Retry-After": "7200"}, after=1)
    spotify.faults.add("remove_from_library", status=429, headers={"Retry-After": "7200"})
    with pytest.raises(RateLimitedError, match="incomplete playlist 'Mix' was left behind") as caught:
        provider.create_playlist("Mix", "", tracks_of(150))
    assert caught.value.retry_at is not None
    assert len(ada.made[0].entries) == 100


def test_adding_is_not_repeated_when_nobody_knows_whether_it_was_done(
    provider: SpotifyProvider, spotify: SpotifySimulator
) -> None:
    spotify.faults.add("add_items", status=502)
    with pytest.raises(ServiceUnavailableError):
        provider.create_playlist("Mix", "", tracks_of(3))
    assert len(spotify.seen("add_items")) == 1


def written(spotify: SpotifySimulator) -> list[str]:
    """The operations so far that changed something."""
    writes = ("create_playlist", "change_details", "add_items", "replace_items", "remove_items", "remove_from_library")
    return [seen.operation for seen in spotify.faults.requests_seen if seen.operation in writes]


def keys_on(playlist: SpotifyPlaylist) -> list[str | None]:
    return [getattr(entry.content, "key", None) for entry in playlist.entries]


def request_of(playlist: SpotifyPlaylist, tracks: list[Track], **changes: str) -> SyncPlaylistRequest:
    same = SyncPlaylistRequest(
        name=playlist.name,
        description=playlist.description or "",
        tracks=tuple(tracks),
        remote_playlist_id=playlist.id,
    )
    return replace(same, **changes)


TAPE = LocalFile("Demo tape", "My cousin's band", "", 273_000)
HUM = Episode("Why harbours hum", "The Listening Hour", 2_754_000)


def test_own_and_shared_playlists_are_editable_and_followed_ones_are_not(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person
) -> None:
    ola = spotify.add_person("Ola")
    ada.add_playlist("Mine")
    ada.follow(ola.add_playlist("Flat share", is_public=False, is_collaborative=True))
    ada.follow(ola.add_playlist("Ola's"))
    assert {name: playlist.is_editable for name, playlist in by_name(provider).items()} == {
        "Mine": True, "Flat share": True, "Ola's": False
    }  # fmt: skip


@pytest.mark.parametrize("simulator_options", [{"playlist_shape": "new"}, {"playlist_shape": "old"}])
def test_entries_that_cannot_be_carried_are_told_with_the_reason(provider: SpotifyProvider, ada: Person) -> None:
    one, two = CATALOGUE.tracks[:2]
    ada.add_playlist("Odds and ends", [TAPE, one, None, HUM, two])
    tracks = by_name(provider)["Odds and ends"].tracks
    assert isinstance(tracks, LazyTracks)
    for _ in range(2):
        assert [track.id for track in tracks] == [one.key, two.key]
        assert [(entry.name, entry.reason) for entry in tracks.left_out] == [
            ("Demo tape", "a file of one's own"),
            ("", "no longer available"),
            ("Why harbours hum", "a podcast episode"),
        ]


@pytest.mark.req("PROV-004")
def test_syncing_without_an_id_makes_a_playlist(provider: SpotifyProvider, ada: Person) -> None:
    playlist_id = provider.sync_playlist(SyncPlaylistRequest(name="New", description="x", tracks=tuple(tracks_of(3))))
    assert (ada.made[0].id, ada.made[0].name, ada.made[0].description) == (playlist_id, "New", "x")
    assert keys_on(ada.made[0]) == [track.id for track in tracks_of(3)]


@pytest.mark.req("PROV-004")
def test_syncing_with_an_id_renames_describes_and_replaces_in_place(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person
) -> None:
    playlist = ada.add_playlist("Old", CATALOGUE.tracks[:4], description="As it was")
    wanted = tracks_of(3)[::-1]
    request = request_of(playlist, wanted, name="New", description="It's\nnew & <shiny>")
    assert provider.sync_playlist(request) == playlist.id
    assert (playlist.name, playlist.description) == ("New", "It's new & <shiny>")
    assert keys_on(playlist) == [track.id for track in wanted]
    assert written(spotify) == ["change_details", "replace_items"]
    provider.sync_playlist(request)
    assert written(spotify) == ["change_details", "replace_items"]


def test_what_is_there_already_is_not_written(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person
) -> None:
    playlist = ada.add_playlist("Mix", [TAPE, *CATALOGUE.tracks[:60], HUM], description="d" * 300)
    provider.sync_playlist(request_of(playlist, tracks_of(60), description="d" * 400))
    provider.update_playlist_tracks(playlist.id, tracks_of(60))
    assert written(spotify) == []
    # And nothing is read back: two pages each time.
    assert len(spotify.seen("playlist_items")) == 4


@pytest.mark.parametrize(
    ("before", "after", "operations"),
    [
        (0, 3, ["add_items"]),
        (60, 61, ["add_items"]),
        (60, 360, ["add_items"] * 3),
        (3, 2, ["replace_items"]),
        (3, 0, ["replace_items"]),
        (0, 0, []),
    ],
)
def test_as_little_is_written_as_will_do(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person, before: int, after: int, operations: list[str]
) -> None:
    playlist = ada.add_playlist("Mix", CATALOGUE.tracks[:before])
    provider.update_playlist_tracks(playlist.id, tracks_of(after))
    assert written(spotify) == operations
    assert keys_on(playlist) == [track.id for track in tracks_of(after)]


def test_a_long_playlist_is_written_anew_a_hundred_at_a_time_in_order(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person
) -> None:
    playlist = ada.add_playlist("Mix", CATALOGUE.tracks[:250])
    wanted = [*tracks_of(250)[::-1], tracks_of(1)[0]]
    provider.update_playlist_tracks(playlist.id, wanted)
    assert written(spotify) == ["replace_items", "add_items", "add_items"]
    assert keys_on(playlist) == [track.id for track in wanted]


def test_files_and_episodes_stay_when_tracks_are_added_and_go_when_the_list_is_written_anew(
    provider: SpotifyProvider, ada: Person
) -> None:
    playlist = ada.add_playlist("Mix", [TAPE, *CATALOGUE.tracks[:2], HUM])
    provider.update_playlist_tracks(playlist.id, tracks_of(3))
    assert [entry.content for entry in playlist.entries] == [TAPE, *CATALOGUE.tracks[:2], HUM, CATALOGUE.tracks[2]]
    provider.update_playlist_tracks(playlist.id, tracks_of(3)[::-1])
    assert [entry.content for entry in playlist.entries] == list(CATALOGUE.tracks[:3])[::-1]


@pytest.mark.req("PROV-004")
def test_a_playlist_taken_out_of_the_library_is_gone_though_it_can_be_read(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person
) -> None:
    playlist = ada.add_playlist("Mix", CATALOGUE.tracks[:2])
    provider.delete_playlist(playlist.id)
    provider.delete_playlist(playlist.id)
    assert (ada.library, ada.made) == ([], [playlist])
    with pytest.raises(NotFoundError):
        provider.update_playlist_tracks(playlist.id, tracks_of(3))
    with pytest.raises(NotFoundError):
        provider.sync_playlist(request_of(playlist, tracks_of(3), name="Again"))
    assert (playlist.name, len(playlist.entries)) == ("Mix", 2)


def test_an_id_of_two_deletes_neither(provider: SpotifyProvider, ada: Person) -> None:
    one, two = ada.add_playlist("One"), ada.add_playlist("Two")
    provider.delete_playlist(f"{one.id},spotify:playlist:{two.id}")
    assert ada.library == [one, two]


@pytest.mark.parametrize("simulator_options", [{"reduced_api": False}, {}])
def test_a_followed_playlist_is_not_written(provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person) -> None:
    playlist = spotify.add_person("Ola").add_playlist("Ola's", CATALOGUE.tracks[:2])
    ada.follow(playlist)
    with pytest.raises(PermissionDeniedError, match="somebody else's"):
        provider.sync_playlist(request_of(playlist, tracks_of(3), name="Mine"))
    assert written(spotify) == []


def test_tracks_of_a_shared_playlist_can_be_written_and_its_name_only_by_its_owner(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person
) -> None:
    playlist = spotify.add_person("Ola").add_playlist("Flat share", is_public=False, is_collaborative=True)
    ada.follow(playlist)
    provider.sync_playlist(request_of(playlist, tracks_of(3)))
    assert len(playlist.entries) == 3
    with pytest.raises(PermissionDeniedError):
        provider.sync_playlist(request_of(playlist, tracks_of(3), name="Mine"))


def test_a_track_of_another_service_is_refused_before_anything_is_written(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person
) -> None:
    playlist = ada.add_playlist("Mix")
    with pytest.raises(InvalidRequestError, match="'Stray' has no Spotify id"):
        provider.sync_playlist(request_of(playlist, [Track(id="", name="Stray", artist="X")], name="New"))
    assert spotify.faults.requests_seen == []


class LosesAnswers:
    """Spotify behind a gateway that does what it is asked to and then loses the answer to one kind of request."""

    def __init__(self, app: Any, lost: str, after: int) -> None:
        self._app = app
        self._lost = lost
        self._passing = after

    def __call__(self, environ: Any, start_response: Any) -> Any:
        response = Response.from_app(self._app, environ)
        if f"{environ['REQUEST_METHOD']} {environ['PATH_INFO'].rpartition('/')[2]}" == self._lost:
            self._passing -= 1
            if self._passing == -1:
                response = Response("upstream timed out", 504)
        return response(environ, start_response)


@pytest.mark.parametrize("before", [0, 40, 300])
@pytest.mark.parametrize("after", [0, 1])
def test_an_addition_whose_answer_is_lost_is_not_made_twice_and_the_next_run_completes_it(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person, before: int, after: int
) -> None:
    there = CATALOGUE.tracks[:before] if before < 100 else CATALOGUE.tracks[before:0:-1]
    playlist = ada.add_playlist("Mix", there)
    with mounted({API_URL.removesuffix("/v1"): LosesAnswers(spotify.api, "POST items", after)}):
        with pytest.raises(ServiceUnavailableError):
            provider.update_playlist_tracks(playlist.id, tracks_of(350))
        half = len(playlist.entries)
        assert keys_on(playlist) == [track.id for track in tracks_of(350)][:half]
        assert half < 350
        provider.update_playlist_tracks(playlist.id, tracks_of(350))
    assert keys_on(playlist) == [track.id for track in tracks_of(350)]


def test_a_replacement_whose_answer_is_lost_is_repeated(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person
) -> None:
    playlist = ada.add_playlist("Mix", CATALOGUE.tracks[:9])
    with mounted({API_URL.removesuffix("/v1"): LosesAnswers(spotify.api, "PUT items", 0)}):
        provider.update_playlist_tracks(playlist.id, tracks_of(9)[::-1])
    assert keys_on(playlist) == [track.id for track in tracks_of(9)][::-1]


def test_tracks_that_vanish_on_the_way_are_counted(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person
) -> None:
    playlist = ada.add_playlist("Mix", CATALOGUE.tracks[:2])
    spotify.faults.add("add_items", status=201, body='{"snapshot_id": "x"}')
    with pytest.raises(NotFoundError, match="3 of the 5 songs"):
        provider.update_playlist_tracks(playlist.id, tracks_of(5))


@pytest.mark.parametrize("gone", [{0}, {99}, {17, 18, 120}, {249}, {3, 101, 102, 103}])
@pytest.mark.parametrize("there", [0, 2, 50])
def test_tracks_that_spotify_no_longer_has_cost_themselves_only(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person, gone: set[int], there: int
) -> None:
    playlist = ada.add_playlist("Mix", CATALOGUE.tracks[:there])
    wanted = [replace(track, id=f"gone{n}") if n in gone else track for n, track in enumerate(tracks_of(250))]
    with pytest.raises(NotFoundError, match=f"{len(gone)} of the 250 songs"):
        provider.update_playlist_tracks(playlist.id, wanted)
    assert keys_on(playlist) == [track.id for n, track in enumerate(wanted) if n not in gone]
    assert len(spotify.seen("add_items")) < 60


def test_a_new_playlist_of_a_track_that_spotify_no_longer_has_is_taken_back(
    provider: SpotifyProvider, ada: Person
) -> None:
    with pytest.raises(NotFoundError, match=r"no longer has one of the tracks.*taken back"):
        provider.create_playlist("Mix", "", [*tracks_of(2), replace(tracks_of(1)[0], id="gone")])
    assert ada.library == []


def test_a_service_that_keeps_the_old_order_is_found_out(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person
) -> None:
    playlist = ada.add_playlist("Mix", CATALOGUE.tracks[:2])
    spotify.faults.add("replace_items", body='{"snapshot_id": "x"}')
    with pytest.raises(InvalidResponseError, match="does not hold what was written"):
        provider.update_playlist_tracks(playlist.id, tracks_of(2)[::-1])


def queries(spotify: SpotifySimulator) -> list[str]:
    return [seen.query["q"][0] for seen in spotify.seen("search")]


SOUGHT = next(track for track in CATALOGUE.tracks if track.isrc)


def test_a_track_is_looked_for_by_its_isrc_first_and_ten_are_asked_for(
    provider: SpotifyProvider, spotify: SpotifySimulator
) -> None:
    (found,) = provider.find_tracks(Track(id="nd-1", name="?", artist="?", isrc=SOUGHT.isrc))
    assert (found.id, found.isrc, found.duration_ms) == (SOUGHT.key, SOUGHT.isrc, SOUGHT.duration_ms)
    (seen,) = spotify.seen("search")
    assert seen.query == {"q": [f"isrc:{SOUGHT.isrc}"], "type": ["track"], "limit": ["10"]}


@pytest.mark.parametrize("isrc", ["", "ZZZZZ2699999"])
def test_without_an_isrc_that_spotify_knows_names_are_looked_for(
    provider: SpotifyProvider, spotify: SpotifySimulator, isrc: str
) -> None:
    asked = Track(id="nd-1", name=SOUGHT.name, artist=f"{SOUGHT.artist} & guest", artists=(SOUGHT.artist,), isrc=isrc)
    assert SOUGHT.key in [track.id for track in provider.find_tracks(asked)]
    assert queries(spotify)[-1] == f'track:"{SOUGHT.name}" artist:"{SOUGHT.artist}"'


@pytest.mark.parametrize(
    ("name", "artist", "query"),
    [
        ('Say "Hi"', "A", 'track:"Say Hi" artist:"A"'),
        ("7:45 to *", "isrc:X\\", 'track:"7 45 to" artist:"isrc X"'),
        ("one\ntwo\x00", "A", 'track:"one two" artist:"A"'),
        ("Don't (Live) - Ünïcode 夜", "P!nk", 'track:"Don\'t (Live) - Ünïcode 夜" artist:"P!nk"'),
        ("word " * 40, "", f'track:"{("word " * 10).strip()}"'),
        ("w" * 200, "x" * 200, f'track:"{"w" * 50}" artist:"{"x" * 30}"'),
    ],
)
def test_names_are_put_into_a_query_as_nothing_but_names(
    provider: SpotifyProvider, spotify: SpotifySimulator, name: str, artist: str, query: str
) -> None:
    provider.find_tracks(Track(id="", name=name, artist=artist))
    assert queries(spotify) == [query]


def test_a_name_of_nothing_but_signs_is_not_looked_for(provider: SpotifyProvider, spotify: SpotifySimulator) -> None:
    assert provider.find_tracks(Track(id="", name='":*"', artist="A")) == []
    assert queries(spotify) == []


@pytest.mark.parametrize(
    "operation", ["me", "my_playlists", "playlist_items", "recently_played", "create_playlist", "search"]
)
@pytest.mark.parametrize("kind", sorted(faults.READY_MADE))
def test_every_wrong_answer_ends_in_a_named_error(
    provider: SpotifyProvider, spotify: SpotifySimulator, ada: Person, operation: str, kind: str
) -> None:
    ada.add_playlist("Mix", CATALOGUE.tracks[:3])
    spotify.faults.add(operation, times=None, **faults.READY_MADE[kind]())
    with pytest.raises((InvalidResponseError, ServiceUnavailableError)):
        _use_everything(provider)


def _use_everything(provider: SpotifyProvider) -> None:
    walked(provider.iter_recent_listens(LONG_AGO))
    for playlist in provider.get_playlists():
        list(playlist.tracks)
    provider.create_playlist("Mix", "", [])
    provider.find_tracks(tracks_of(1)[0])


def test_a_history_page_that_is_wrong_in_the_middle_of_a_walk_stops_it() -> None:
    provider, service = scripted(page_of([EIGHT], before=EIGHT), '{"items": "none"}')
    batches: list[Any] = []
    with mounted({API_URL: service}), pytest.raises(ProviderError):
        provider.get_recent_listens(LONG_AGO, batches.append)
    assert len(batches) == 1
