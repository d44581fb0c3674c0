import json

import pytest

from providers.datatypes import LazyTracks, Playlist, SyncPlaylistRequest, Track
from providers.exceptions import (
    InvalidRequestError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    ReauthorizationRequiredError,
    ServiceUnavailableError,
)
from providers.navidrome.parse import Account
from providers.navidrome.provider import NavidromeProvider
from providers.testing.simulators.faults import READY_MADE
from providers.testing.simulators.navidrome import NavidromeSimulator, Person
from tests.navidrome.conftest import BASE_URL, CATALOGUE, PASSWORD

SONGS = CATALOGUE.tracks[:6]
TRACKS = [Track(id=song.key, name=song.name, artist=song.artist) for song in SONGS]
STRANGER = Track(id="notinthislibrary", name="Elsewhere", artist="Nobody")


def ids(playlist: Playlist) -> list[str]:
    return [track.id for track in playlist.tracks]


def reread(provider: NavidromeProvider, playlist_id: str) -> Playlist:
    (playlist,) = [playlist for playlist in provider.get_playlists() if playlist.id == playlist_id]
    return playlist


class TestReading:
    @pytest.mark.req("PROV-003")
    @pytest.mark.req("PROV-021")
    def test_all_of_the_persons_lists_are_told_smart_and_empty_ones_too(
        self, provider: NavidromeProvider, ada: Person
    ) -> None:
        made = [
            ada.add_playlist("Road trip", SONGS[:2], comment="Windows down"),
            ada.add_playlist("Smart", SONGS, readonly=True),
            ada.add_playlist("To be filled"),
        ]
        assert provider.get_playlists() == [
            Playlist(
                id=playlist.id,
                name=playlist.name,
                description=playlist.comment,
                image_url="",
                url=f"{BASE_URL}/app/#/playlist/{playlist.id}/show",
                track_count=len(playlist.song_ids),
                owner="ada",
                is_readable=True,
                is_editable=not playlist.readonly,
            )
            for playlist in made
        ]

    def test_no_lists_are_no_error(self, provider: NavidromeProvider) -> None:
        assert provider.get_playlists() == []

    def test_other_peoples_lists_are_left_out_whoever_may_see_them(self, navidrome: NavidromeSimulator) -> None:
        root = navidrome.add_person("root", PASSWORD, is_admin=True)
        bob = navidrome.add_person("bob", PASSWORD)
        bob.add_playlist("Bob's own")
        bob.add_playlist("Bob's for all", public=True)
        root.add_playlist("Root's")
        lists = NavidromeProvider(BASE_URL, username="root", password=PASSWORD).get_playlists()
        assert [playlist.name for playlist in lists] == ["Root's"]

    def test_a_name_typed_in_other_letters_still_owns_its_lists(
        self, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        ada.add_playlist("Mine")
        lists = NavidromeProvider(BASE_URL, username="ADA", password=PASSWORD).get_playlists()
        assert [playlist.name for playlist in lists] == ["Mine"]

    def test_listing_names_loads_no_songs_until_they_are_wanted(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        ada.add_playlist("Road trip", SONGS)
        (playlist,) = provider.get_playlists()
        assert isinstance(playlist.tracks, LazyTracks)
        assert navidrome.faults.seen("getPlaylist") == []
        assert ids(playlist) == [song.key for song in SONGS]
        assert len(navidrome.faults.seen("getPlaylist")) == 1

    def test_a_changed_password_asks_the_person_to_sign_in_again(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        navidrome.change_password(ada, "another")
        with pytest.raises(ReauthorizationRequiredError):
            provider.get_playlists()

    def test_the_account_is_told_in_the_servers_spelling(self, navidrome: NavidromeSimulator) -> None:
        navidrome.add_person("Root", PASSWORD, is_admin=True)
        account = NavidromeProvider(BASE_URL, username="rOOT", password=PASSWORD).get_account()
        assert account == Account(name="Root", is_admin=True)

    def test_another_account_than_the_one_asked_for_is_an_invalid_response(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator
    ) -> None:
        navidrome.faults.add("getUser", body='{"subsonic-response": {"status": "ok", "user": {"username": "root"}}}')
        with pytest.raises(InvalidResponseError):
            provider.get_account()

    @pytest.mark.parametrize(("told", "is_same"), [("ÉRIC", True), ("éric", False)])
    def test_a_name_is_the_same_account_where_navidrome_says_so(
        self, navidrome: NavidromeSimulator, told: str, is_same: bool
    ) -> None:
        navidrome.add_person("Éric", PASSWORD)
        provider = NavidromeProvider(BASE_URL, username="Éric", password=PASSWORD)
        answer = {"subsonic-response": {"status": "ok", "user": {"username": told}}}
        navidrome.faults.add("getUser", body=json.dumps(answer))
        if is_same:
            assert provider.get_account().name == told
        else:
            with pytest.raises(InvalidResponseError):
                provider.get_account()


class TestCreating:
    @pytest.mark.req("PROV-003")
    @pytest.mark.req("PROV-050")
    def test_a_new_list_has_name_description_and_songs_in_order(self, provider: NavidromeProvider) -> None:
        wanted = [TRACKS[3], TRACKS[0], TRACKS[3]]
        made = provider.create_playlist("Mélange & more", "Line one\nline two", wanted)
        for playlist in (made, reread(provider, made.id)):
            assert (playlist.name, playlist.description) == ("Mélange & more", "Line one\nline two")
            assert ids(playlist) == [track.id for track in wanted]
            assert playlist.track_count == 3

    def test_a_list_without_songs_or_description_can_be_made(self, provider: NavidromeProvider) -> None:
        made = provider.create_playlist("Empty", "", [])
        assert ids(reread(provider, made.id)) == []

    def test_a_name_that_is_taken_makes_a_second_list(self, provider: NavidromeProvider, ada: Person) -> None:
        ada.add_playlist("Road trip", SONGS)
        made = provider.create_playlist("Road trip", "", TRACKS[:1])
        assert sorted(playlist.track_count for playlist in provider.get_playlists()) == [1, len(SONGS)]
        assert ids(reread(provider, made.id)) == [TRACKS[0].id]

    def test_thousands_of_songs_arrive(self, provider: NavidromeProvider) -> None:
        made = provider.create_playlist("Long", "", TRACKS * 500)
        assert made.track_count == 3000

    def test_songs_the_library_misses_are_counted_and_nothing_half_made_stays(
        self, provider: NavidromeProvider
    ) -> None:
        with pytest.raises(NotFoundError, match="2 of the 4 songs"):
            provider.create_playlist("Half", "", [TRACKS[0], STRANGER, TRACKS[1], STRANGER])
        assert provider.get_playlists() == []

    @pytest.mark.parametrize("operation", ["updatePlaylist", "getPlaylist"])
    def test_a_list_that_cannot_be_finished_does_not_stay(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, operation: str
    ) -> None:
        navidrome.faults.add(f"/rest/{operation}", **READY_MADE["truncated_json"](), after=operation == "getPlaylist")
        with pytest.raises(InvalidResponseError):
            provider.create_playlist("Half", "described", TRACKS)
        assert provider.get_playlists() == []

    def test_the_first_error_is_told_when_the_clean_up_fails_too(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator
    ) -> None:
        navidrome.faults.add("updatePlaylist", status=503, times=None)
        navidrome.faults.add("deletePlaylist", **READY_MADE["not_json"](), times=None)
        with pytest.raises(ServiceUnavailableError):
            provider.create_playlist("Half", "described", TRACKS)

    def test_a_track_of_no_service_is_refused_before_anything_is_written(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator
    ) -> None:
        with pytest.raises(InvalidRequestError):
            provider.create_playlist("Nameless", "", [Track(id="", name="Anchor", artist="Moon Harbour")])
        assert navidrome.faults.requests_seen == []

    def test_a_server_that_neither_names_nor_shows_the_new_list_is_not_believed(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator
    ) -> None:
        navidrome.faults.add("createPlaylist", body='{"subsonic-response": {"status": "ok"}}')
        with pytest.raises(InvalidResponseError):
            provider.create_playlist("Vanished", "", TRACKS)


class TestUpdating:
    @pytest.mark.req("PROV-004")
    def test_all_songs_are_replaced_and_the_list_keeps_its_id(self, provider: NavidromeProvider, ada: Person) -> None:
        playlist = ada.add_playlist("Road trip", SONGS[:3], comment="Windows down", public=True)
        provider.update_playlist_tracks(playlist.id, [TRACKS[5], TRACKS[1]])
        shown = reread(provider, playlist.id)
        assert ids(shown) == [TRACKS[5].id, TRACKS[1].id]
        assert (shown.name, shown.description, playlist.public) == ("Road trip", "Windows down", True)

    @pytest.mark.req("PROV-004")
    @pytest.mark.parametrize("before", [0, 1, 6])
    def test_no_songs_empty_the_list(self, provider: NavidromeProvider, ada: Person, before: int) -> None:
        playlist = ada.add_playlist("Road trip", SONGS[:before])
        provider.update_playlist_tracks(playlist.id, [])
        assert ids(reread(provider, playlist.id)) == []

    def test_songs_the_library_misses_are_counted(self, provider: NavidromeProvider, ada: Person) -> None:
        playlist = ada.add_playlist("Road trip", SONGS[:3])
        with pytest.raises(NotFoundError, match="1 of the 2 songs"):
            provider.update_playlist_tracks(playlist.id, [TRACKS[5], STRANGER])

    def test_a_list_that_is_gone_is_not_found(self, provider: NavidromeProvider) -> None:
        with pytest.raises(NotFoundError):
            provider.update_playlist_tracks("gone", TRACKS)

    @pytest.mark.parametrize("tracks", [TRACKS, []])
    def test_a_smart_list_cannot_be_written(
        self, provider: NavidromeProvider, ada: Person, tracks: list[Track]
    ) -> None:
        playlist = ada.add_playlist("Smart", SONGS[:2], readonly=True)
        with pytest.raises(PermissionDeniedError):
            provider.update_playlist_tracks(playlist.id, tracks)

    @pytest.mark.parametrize(
        ("before", "after", "written"),
        [
            ("", "", None),
            ("abc", "abc", None),
            ("", "ab", {"songId": "ab"}),
            ("ab", "abca", {"songIdToAdd": "ca"}),
            ("abca", "abc", {"songIndexToRemove": "3"}),
            ("abca", "bca", {"songIndexToRemove": "0"}),
            ("abcabc", "ac", {"songIndexToRemove": "1345"}),
            ("abc", "", {"songIndexToRemove": "012"}),
            ("abc", "acb", {"songId": "acb"}),
            ("abc", "abdc", {"songId": "abdc"}),
            ("abc", "bd", {"songId": "bd"}),
            ("abc", "d", {"songId": "d"}),
        ],
    )
    def test_as_little_is_written_as_will_do_and_adding_and_removing_never_meet_in_a_request(
        self,
        provider: NavidromeProvider,
        navidrome: NavidromeSimulator,
        ada: Person,
        before: str,
        after: str,
        written: dict[str, str] | None,
    ) -> None:
        songs, tracks = dict(zip("abcdef", SONGS, strict=True)), dict(zip("abcdef", TRACKS, strict=True))
        letters = {song.key: letter for letter, song in songs.items()}
        playlist = ada.add_playlist("Road trip", [songs[letter] for letter in before])
        provider.update_playlist_tracks(playlist.id, [tracks[letter] for letter in after])
        assert [letters[song_id] for song_id in playlist.song_ids] == list(after)
        sent = [
            {name: "".join(letters.get(value, value) for value in values) for name, values in request.form.items()}
            for request in navidrome.faults.requests_seen
            if request.operation in ("createPlaylist", "updatePlaylist")
        ]
        named = ("songId", "songIdToAdd", "songIndexToRemove")
        assert [{name: form[name] for name in named if name in form} for form in sent] == [written] * bool(written)

    def test_a_smart_list_is_not_even_tried(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        playlist = ada.add_playlist("Smart", SONGS[:2], readonly=True)
        with pytest.raises(PermissionDeniedError, match="filled by the server"):
            provider.update_playlist_tracks(playlist.id, TRACKS)
        assert [request.operation for request in navidrome.faults.requests_seen] == ["getPlaylist"]

    def test_an_administrator_does_not_write_other_peoples_lists(
        self, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        navidrome.add_person("root", PASSWORD, is_admin=True)
        playlist = ada.add_playlist("Ada's", SONGS[:2])
        root = NavidromeProvider(BASE_URL, username="root", password=PASSWORD)
        with pytest.raises(PermissionDeniedError):
            root.update_playlist_tracks(playlist.id, TRACKS)
        with pytest.raises(PermissionDeniedError):
            root.sync_playlist(SyncPlaylistRequest(name="Root's", remote_playlist_id=playlist.id))
        assert (playlist.name, playlist.song_ids) == ("Ada's", [song.key for song in SONGS[:2]])

    def test_a_server_that_keeps_the_old_songs_is_found_out(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        playlist = ada.add_playlist("Road trip", SONGS[:3])
        navidrome.faults.add("updatePlaylist", body='{"subsonic-response": {"status": "ok"}}')
        with pytest.raises(InvalidResponseError):
            provider.update_playlist_tracks(playlist.id, [])


class TestSyncing:
    @pytest.mark.req("PROV-004")
    @pytest.mark.req("PROV-050")
    def test_without_an_id_a_list_is_made_and_its_id_returned(self, provider: NavidromeProvider) -> None:
        request = SyncPlaylistRequest(name="Mirror", description="of Spotify", tracks=tuple(TRACKS))
        shown = reread(provider, provider.sync_playlist(request))
        assert (shown.name, shown.description, ids(shown)) == ("Mirror", "of Spotify", [track.id for track in TRACKS])

    @pytest.mark.req("PROV-004")
    def test_with_an_id_the_list_is_renamed_described_and_replaced_in_place(
        self, provider: NavidromeProvider, ada: Person
    ) -> None:
        playlist = ada.add_playlist("Old name", SONGS[:3], comment="Old words")
        request = SyncPlaylistRequest(name="New", description="", tracks=(TRACKS[4],), remote_playlist_id=playlist.id)
        assert provider.sync_playlist(request) == playlist.id
        shown = reread(provider, playlist.id)
        assert (shown.name, shown.description, ids(shown)) == ("New", "", [TRACKS[4].id])

    def test_with_an_id_and_no_songs_the_list_is_emptied(self, provider: NavidromeProvider, ada: Person) -> None:
        playlist = ada.add_playlist("Road trip", SONGS)
        provider.sync_playlist(SyncPlaylistRequest(name="Road trip", remote_playlist_id=playlist.id))
        assert ids(reread(provider, playlist.id)) == []

    def test_a_list_that_looks_as_requested_is_not_written(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        playlist = ada.add_playlist("Road trip", SONGS, comment="Windows down")
        provider.sync_playlist(
            SyncPlaylistRequest(
                name="Road trip", description="Windows down", tracks=tuple(TRACKS), remote_playlist_id=playlist.id
            )
        )
        assert [request.operation for request in navidrome.faults.requests_seen] == ["getPlaylist"]

    def test_a_list_that_is_gone_is_not_made_anew_in_silence(self, provider: NavidromeProvider) -> None:
        with pytest.raises(NotFoundError):
            provider.sync_playlist(SyncPlaylistRequest(name="Gone", remote_playlist_id="gone"))
        assert provider.get_playlists() == []


class TestDeleting:
    @pytest.mark.req("PROV-004")
    def test_a_list_is_removed_and_removing_it_again_is_no_error(
        self, provider: NavidromeProvider, ada: Person
    ) -> None:
        playlist = ada.add_playlist("Road trip", SONGS)
        provider.delete_playlist(playlist.id)
        assert provider.get_playlists() == []
        provider.delete_playlist(playlist.id)

    def test_an_address_without_subsonic_is_not_taken_for_a_list_that_is_gone(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        navidrome.faults.add("deletePlaylist", status=404, body="404 page not found")
        with pytest.raises(InvalidResponseError):
            provider.delete_playlist("x")

    def test_other_peoples_lists_are_not_removed(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator
    ) -> None:
        bob = navidrome.add_person("bob", PASSWORD)
        playlist = bob.add_playlist("Bob's for all", public=True)
        with pytest.raises(PermissionDeniedError):
            provider.delete_playlist(playlist.id)
