"""Subsonic as a server speaks it that nobody of this project wrote: an older protocol, with ways of its own."""

import secrets
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest
import requests

from providers.datatypes import HistoryEnd, Playlist, SyncPlaylistRequest, Track
from providers.exceptions import (
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    ReauthorizationRequiredError,
)
from providers.navidrome.client import subsonic_token
from providers.navidrome.provider import NavidromeProvider
from providers.testing.wsgi import mounted
from tests.navidrome.supysonic_server import Song, supysonic

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

BASE_URL = "https://subsonic.example"
PASSWORDS = {"ada": "sésame & Söhne", "bob": "another"}
SONGS = [Song(f"Søng № {number}", "Moon Harbour", "Low Tide", number + 1) for number in range(4)]

pytestmark = [pytest.mark.req("PROV-051"), pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator["WSGIApplication"]:
    with supysonic(tmp_path_factory.mktemp("supysonic"), PASSWORDS, SONGS) as app:
        yield app


@pytest.fixture(autouse=True)
def _server_is_mounted(server: "WSGIApplication") -> Iterator[None]:
    with mounted({BASE_URL: server}):
        yield


def provider_of(name: str) -> NavidromeProvider:
    return NavidromeProvider(BASE_URL, username=name, password=PASSWORDS[name])


@pytest.fixture
def provider() -> Iterator[NavidromeProvider]:
    provider = provider_of("ada")
    yield provider
    for playlist in provider.get_playlists():
        provider.delete_playlist(playlist.id)


@pytest.fixture
def song_ids() -> list[str]:
    credentials = {"u": "ada", "t": subsonic_token(PASSWORDS["ada"], salt := secrets.token_hex()), "s": salt}
    form = {**credentials, "v": "1.12.0", "c": "tests", "f": "json", "query": "", "songCount": 50}
    answer = requests.post(f"{BASE_URL}/rest/search3", data=form, timeout=5).json()["subsonic-response"]
    return [song["id"] for song in sorted(answer["searchResult3"]["song"], key=lambda song: song["title"])]


@pytest.fixture
def tracks(song_ids: list[str]) -> list[Track]:
    return [
        Track(id=song_id, name=song.title, artist=song.artist) for song_id, song in zip(song_ids, SONGS, strict=True)
    ]


def titles(playlist: Playlist) -> list[str]:
    return [track.name for track in playlist.tracks]


def reread(provider: NavidromeProvider, playlist_id: str) -> Playlist:
    (playlist,) = [playlist for playlist in provider.get_playlists() if playlist.id == playlist_id]
    return playlist


def test_name_and_password_are_checked_by_token_and_salt(provider: NavidromeProvider) -> None:
    account = provider.get_account()
    assert (account.name, account.is_admin) == ("ada", False)
    with pytest.raises(ReauthorizationRequiredError):
        NavidromeProvider(BASE_URL, username="ada", password="wrong").get_account()
    with pytest.raises(ReauthorizationRequiredError):
        NavidromeProvider(BASE_URL, username="nobody", password="").get_account()


@pytest.mark.req("PROV-003")
def test_a_new_list_is_found_though_the_server_does_not_tell_which_it_made(
    provider: NavidromeProvider, tracks: list[Track]
) -> None:
    made = [provider.create_playlist("Road trip", "Windows down", tracks[:number]) for number in (1, 3)]
    assert made[0].id != made[1].id
    for playlist, number in zip(made, (1, 3), strict=True):
        for shown in (playlist, reread(provider, playlist.id)):
            assert titles(shown) == [song.title for song in SONGS[:number]]
            assert (shown.name, shown.owner, shown.track_count) == ("Road trip", "ada", number)


@pytest.mark.req("PROV-020")
def test_entries_carry_what_the_files_are_tagged_with(provider: NavidromeProvider, tracks: list[Track]) -> None:
    (track,) = provider.create_playlist("One", "", [tracks[2]]).tracks
    assert (track.name, track.artist, track.album, track.duration_ms) == ("Søng № 2", "Moon Harbour", "Low Tide", 3000)


@pytest.mark.req("PROV-004")
def test_songs_are_replaced_in_place_order_and_repeats_kept(provider: NavidromeProvider, tracks: list[Track]) -> None:
    playlist = provider.create_playlist("Road trip", "", tracks[:2])
    provider.update_playlist_tracks(playlist.id, [tracks[3], tracks[1], tracks[3]])
    assert titles(reread(provider, playlist.id)) == [SONGS[number].title for number in (3, 1, 3)]


@pytest.mark.req("PROV-004")
def test_no_songs_empty_a_list(provider: NavidromeProvider, tracks: list[Track]) -> None:
    playlist = provider.create_playlist("Road trip", "", tracks)
    provider.update_playlist_tracks(playlist.id, [])
    assert titles(reread(provider, playlist.id)) == []


@pytest.mark.req("PROV-004")
def test_a_list_is_made_renamed_and_replaced_by_syncing(provider: NavidromeProvider, tracks: list[Track]) -> None:
    remote_id = provider.sync_playlist(SyncPlaylistRequest(name="Mirror", tracks=tuple(tracks[:2])))
    request = SyncPlaylistRequest(name="New name", tracks=(tracks[3],), remote_playlist_id=remote_id)
    assert provider.sync_playlist(request) == remote_id
    shown = reread(provider, remote_id)
    assert (shown.name, titles(shown)) == ("New name", [SONGS[3].title])


def test_the_whole_library_is_listed_once_in_pages_though_it_tells_less_of_each_song(
    provider: NavidromeProvider, song_ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers.navidrome.provider.SONG_PAGE", 3)
    pages = list(provider.iter_library())
    assert [len(page) for page in pages] == [3, 1]
    songs = sorted([song for page in pages for song in page], key=lambda song: song.name)
    assert [song.id for song in songs] == song_ids
    assert [(song.name, song.artist, song.album, song.duration_ms // 1000) for song in songs] == SONGS
    assert {(song.isrc, song.mbid) for song in songs} == {("", "")}


@pytest.mark.req("PROV-004")
@pytest.mark.parametrize(
    ("before", "after", "written"),
    [
        ("01", "01", []),
        ("01", "0123", ["songIdToAdd"]),
        ("0120", "012", ["songIndexToRemove"]),
        ("0120", "120", ["songIndexToRemove"]),
        ("012", "", ["songIndexToRemove"]),
        ("012", "210", ["songId"]),
        ("012", "13", ["songId"]),
    ],
)
def test_as_little_is_written_as_will_do(
    provider: NavidromeProvider,
    server: "WSGIApplication",
    tracks: list[Track],
    before: str,
    after: str,
    written: list[str],
) -> None:
    playlist = provider.create_playlist("Road trip", "", [tracks[int(digit)] for digit in before])
    asked: list[set[str]] = []

    def listening(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        asked.append({name for name, _ in parse_qsl(body.decode())} & {"songId", "songIdToAdd", "songIndexToRemove"})
        return server(environ | {"wsgi.input": BytesIO(body)}, start_response)

    with mounted({BASE_URL: listening}):
        provider.update_playlist_tracks(playlist.id, [tracks[int(digit)] for digit in after])
    assert titles(reread(provider, playlist.id)) == [SONGS[int(digit)].title for digit in after]
    assert [name for names in asked for name in names] == written


def test_hundreds_of_songs_arrive(provider: NavidromeProvider, tracks: list[Track]) -> None:
    assert provider.create_playlist("Long", "", tracks * 75).track_count == 300


def test_songs_the_library_misses_leave_no_list_behind(provider: NavidromeProvider, tracks: list[Track]) -> None:
    stranger = Track(id="00000000-0000-4000-8000-000000000000", name="Elsewhere", artist="Nobody")
    with pytest.raises(NotFoundError):
        provider.create_playlist("Half", "", [tracks[0], stranger])
    with pytest.raises(InvalidRequestError):
        provider.create_playlist("Half", "", [tracks[0], Track(id="no id of this server", name="x", artist="y")])
    assert provider.get_playlists() == []


@pytest.mark.req("PROV-004")
def test_deleting_twice_is_no_error(provider: NavidromeProvider, tracks: list[Track]) -> None:
    playlist = provider.create_playlist("Road trip", "", tracks)
    provider.delete_playlist(playlist.id)
    provider.delete_playlist(playlist.id)
    assert provider.get_playlists() == []


def test_other_peoples_lists_are_neither_shown_nor_touched(provider: NavidromeProvider, tracks: list[Track]) -> None:
    playlist = provider.create_playlist("Ada's", "", tracks)
    bob = provider_of("bob")
    assert bob.get_playlists() == []
    with pytest.raises(PermissionDeniedError):
        bob.delete_playlist(playlist.id)


def test_a_server_that_tells_no_last_plays_has_no_history(provider: NavidromeProvider) -> None:
    batches: list[list[Track]] = []
    assert provider.get_recent_listens(datetime.fromtimestamp(0, UTC), batches.append) is HistoryEnd.EXHAUSTED
    assert batches == []
    assert provider.history_is_last_play_only
