"""Playlists read and made (REQ-PROV-003, 021), and written back to (REQ-PROV-004)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import pytest

from providers.contracts import PlaylistManager, PlaylistSyncer
from providers.datatypes import Playlist, SyncPlaylistRequest, Track
from providers.exceptions import NotFoundError, ProviderError
from providers.testing.conformance.assertions import assert_address, assert_normalised, assert_texts, provider_error
from providers.testing.conformance.kit import Kit, Trouble, every_bad_answer, every_refusal, wanted

TrackIds = Callable[[str], Sequence[str] | None]

_TRACKS = "a list of three or more tracks of the service, each as its provider tells them, at least one with an ISRC"


class PlaylistManagerConformance(Kit):
    """For a `PlaylistManager` (REQ-PROV-003, 021)."""

    tracks = wanted(_TRACKS)

    def test_a_created_playlist_is_listed_with_its_tracks(self, provider: PlaylistManager, tracks: list[Track]) -> None:
        created = provider.create_playlist("Rainy Sundays", "For the window seat", tracks)
        listed = _listed(provider, created.id)
        assert created.name == listed.name == "Rainy Sundays", f"it is listed as {listed.name!r}"
        _assert_same_tracks(listed.tracks, tracks)

    def test_a_playlist_of_hundreds_of_tracks_keeps_their_order(
        self, provider: PlaylistManager, tracks: list[Track]
    ) -> None:
        many = (tracks * 250)[:250]
        created = provider.create_playlist("Long way home", "", many)
        _assert_same_tracks(_listed(provider, created.id).tracks, many)

    def test_a_created_playlist_may_be_empty(self, provider: PlaylistManager) -> None:
        created = provider.create_playlist("To be filled", "", [])
        _assert_same_tracks(_listed(provider, created.id).tracks, [])

    def test_two_playlists_may_have_one_name(self, provider: PlaylistManager, tracks: list[Track]) -> None:
        ids = {provider.create_playlist("Twice", "", tracks).id for _ in range(2)}
        assert len(ids) == 2, "creating a second playlist of the same name did not make a second playlist"
        listed = {playlist.id for playlist in provider.get_playlists()}
        assert ids <= listed, f"of two playlists with one name {len(ids & listed)} are listed"

    def test_listing_does_not_load_tracks(
        self, provider: PlaylistManager, tracks: list[Track], requests_made: Callable[[], int]
    ) -> None:
        def requests_for_a_list() -> int:
            before = requests_made()
            provider.get_playlists()
            return requests_made() - before

        provider.create_playlist("One", "", tracks)
        requests_for_a_list()
        few = requests_for_a_list()
        for number in range(6):
            provider.create_playlist(f"Another {number}", "", tracks)
        many = requests_for_a_list()
        assert many - few < 6, f"listing 6 playlists more took {many - few} requests more: names only, no tracks"

    def test_tracks_may_be_read_again(self, provider: PlaylistManager, tracks: list[Track]) -> None:
        playlist = _listed(provider, provider.create_playlist("Again", "", tracks).id)
        first, again = list(playlist.tracks), list(playlist.tracks)
        assert len(again) == len(first), f"iterated again, {len(first)} tracks became {len(again)}"

    def test_playlists_are_normalised(self, provider: PlaylistManager, tracks: list[Track], secrets: list[str]) -> None:
        created = provider.create_playlist("Normal", "As all are", tracks)
        for playlist in (created, *provider.get_playlists()):
            assert_texts(playlist, ("id", "name", "description", "image_url", "url", "owner"))
            assert playlist.id, "Playlist.id is empty"
            assert type(playlist.track_count) is int, f"Playlist.track_count is no int: {playlist.track_count!r}"
            assert_address(playlist.url, secrets, "Playlist.url")
            assert_address(playlist.image_url, secrets, "Playlist.image_url")
        counted = _listed(provider, created.id).track_count
        assert counted == len(tracks), f"Playlist.track_count is {counted} for {len(tracks)} tracks"

    def test_tracks_of_a_playlist_are_normalised(
        self, provider: PlaylistManager, tracks: list[Track], secrets: list[str]
    ) -> None:
        for track in _listed(provider, provider.create_playlist("Normal", "", tracks).id).tracks:
            assert_normalised(track, secrets)

    def test_every_isrc_the_service_tells_is_kept(self, provider: PlaylistManager, tracks: list[Track]) -> None:
        assert any(track.isrc for track in tracks), "give at least one of the fixture's tracks an ISRC"
        read = _listed(provider, provider.create_playlist("With codes", "", tracks).id).tracks
        for given, track in zip(tracks, read, strict=True):
            assert track.isrc == given.isrc, f"{given.name!r} has ISRC {given.isrc!r}, read as {track.isrc!r}"

    @every_bad_answer
    def test_a_bad_answer_to_playlists_is_a_named_error(
        self,
        provider: PlaylistManager,
        tracks: list[Track],
        trouble: Trouble,
        kind: str,
    ) -> None:
        playlist = _listed(provider, provider.create_playlist("Before the storm", "", tracks).id)
        trouble.begin(kind)
        trouble.assert_named(provider.get_playlists)
        trouble.assert_named(lambda: list(playlist.tracks))
        trouble.assert_named(lambda: provider.create_playlist("In the storm", "", tracks))


class PlaylistSyncerConformance(Kit):
    """For a `PlaylistSyncer` (REQ-PROV-004)."""

    tracks = wanted(_TRACKS)
    tracks_on_service = wanted(
        "a callable that takes a remote playlist id and returns the ids of the tracks which that playlist has on the "
        "service, in order; None where there is no such playlist"
    )
    name_on_service = wanted(
        "a callable that takes a remote playlist id and returns the name which that playlist has on the service"
    )

    def test_syncing_without_an_id_creates(
        self, provider: PlaylistSyncer, tracks: list[Track], tracks_on_service: TrackIds
    ) -> None:
        remote_id = provider.sync_playlist(_request(tracks))
        assert isinstance(remote_id, str), f"sync_playlist returned {remote_id!r}, which is no id"
        _assert_on_service(tracks_on_service, remote_id, tracks)

    def test_syncing_with_an_id_updates(
        self, provider: PlaylistSyncer, tracks: list[Track], tracks_on_service: TrackIds
    ) -> None:
        remote_id = provider.sync_playlist(_request(tracks[:2]))
        changed = tracks[::-1]
        again = provider.sync_playlist(_request(changed, remote_id))
        assert again == remote_id, f"an update moved the playlist from id {remote_id!r} to {again!r}"
        _assert_on_service(tracks_on_service, remote_id, changed)

    def test_syncing_with_an_id_renames(
        self, provider: PlaylistSyncer, tracks: list[Track], name_on_service: Callable[[str], str]
    ) -> None:
        remote_id = provider.sync_playlist(_request(tracks))
        provider.sync_playlist(replace(_request(tracks, remote_id), name="Under another name"))
        name = name_on_service(remote_id)
        assert name == "Under another name", f"a playlist that was to be renamed is called {name!r}"

    def test_syncing_twice_changes_nothing(
        self, provider: PlaylistSyncer, tracks: list[Track], tracks_on_service: TrackIds
    ) -> None:
        remote_id = provider.sync_playlist(_request(tracks))
        provider.sync_playlist(_request(tracks, remote_id))
        _assert_on_service(tracks_on_service, remote_id, tracks)

    def test_syncing_no_tracks_empties(
        self, provider: PlaylistSyncer, tracks: list[Track], tracks_on_service: TrackIds
    ) -> None:
        remote_id = provider.sync_playlist(_request(tracks))
        provider.sync_playlist(_request([], remote_id))
        _assert_on_service(tracks_on_service, remote_id, [])

    def test_updating_replaces_all_tracks(
        self, provider: PlaylistSyncer, tracks: list[Track], tracks_on_service: TrackIds
    ) -> None:
        remote_id = provider.sync_playlist(_request(tracks))
        provider.update_playlist_tracks(remote_id, tracks[1:])
        _assert_on_service(tracks_on_service, remote_id, tracks[1:])

    def test_updating_with_the_tracks_that_are_there_changes_nothing(
        self, provider: PlaylistSyncer, tracks: list[Track], tracks_on_service: TrackIds
    ) -> None:
        remote_id = provider.sync_playlist(_request(tracks))
        provider.update_playlist_tracks(remote_id, tracks)
        _assert_on_service(tracks_on_service, remote_id, tracks)

    def test_tracks_added_at_the_end_come_behind_those_that_are_there(
        self, provider: PlaylistSyncer, tracks: list[Track], tracks_on_service: TrackIds
    ) -> None:
        remote_id = provider.sync_playlist(_request(tracks[:2]))
        longer = [*tracks, tracks[0]]
        provider.update_playlist_tracks(remote_id, longer)
        _assert_on_service(tracks_on_service, remote_id, longer)

    def test_a_track_that_is_there_twice_can_be_taken_away_once(
        self, provider: PlaylistSyncer, tracks: list[Track], tracks_on_service: TrackIds
    ) -> None:
        remote_id = provider.sync_playlist(_request([*tracks, tracks[0]]))
        provider.update_playlist_tracks(remote_id, [*tracks[1:], tracks[0]])
        _assert_on_service(tracks_on_service, remote_id, [*tracks[1:], tracks[0]])

    def test_updating_with_hundreds_of_tracks_keeps_their_order(
        self, provider: PlaylistSyncer, tracks: list[Track], tracks_on_service: TrackIds
    ) -> None:
        remote_id = provider.sync_playlist(_request(tracks))
        many = (tracks * 250)[:250]
        provider.update_playlist_tracks(remote_id, many)
        _assert_on_service(tracks_on_service, remote_id, many)

    def test_updating_with_no_tracks_empties(
        self, provider: PlaylistSyncer, tracks: list[Track], tracks_on_service: TrackIds
    ) -> None:
        remote_id = provider.sync_playlist(_request(tracks))
        provider.update_playlist_tracks(remote_id, [])
        _assert_on_service(tracks_on_service, remote_id, [])

    def test_updating_what_is_gone_is_an_error(self, provider: PlaylistSyncer, tracks: list[Track]) -> None:
        remote_id = provider.sync_playlist(_request(tracks))
        provider.delete_playlist(remote_id)
        error = provider_error(lambda: provider.update_playlist_tracks(remote_id, tracks), "a playlist that is gone")
        assert isinstance(error, NotFoundError), f"a playlist that is gone became {type(error).__name__}"

    def test_deleting_removes(self, provider: PlaylistSyncer, tracks: list[Track], tracks_on_service: TrackIds) -> None:
        remote_id = provider.sync_playlist(_request(tracks))
        provider.delete_playlist(remote_id)
        assert tracks_on_service(remote_id) is None, "a deleted playlist is still there"

    def test_deleting_twice_is_no_error(self, provider: PlaylistSyncer, tracks: list[Track]) -> None:
        remote_id = provider.sync_playlist(_request(tracks))
        provider.delete_playlist(remote_id)
        try:
            provider.delete_playlist(remote_id)
        except ProviderError as error:
            pytest.fail(f"deleting a playlist that is gone already raised {type(error).__name__}: {error}")

    @every_bad_answer
    def test_a_bad_answer_to_a_new_playlist_is_a_named_error(
        self,
        provider: PlaylistSyncer,
        tracks: list[Track],
        trouble: Trouble,
        kind: str,
    ) -> None:
        trouble.begin(kind)
        trouble.assert_named(lambda: provider.sync_playlist(_request(tracks)))

    @every_refusal
    def test_a_refused_change_is_a_named_error(
        self,
        provider: PlaylistSyncer,
        tracks: list[Track],
        trouble: Trouble,
        kind: str,
    ) -> None:
        remote_id = provider.sync_playlist(_request(tracks))
        trouble.begin(kind)
        trouble.assert_named(lambda: provider.sync_playlist(_request(tracks[1:], remote_id)))
        trouble.assert_named(lambda: provider.update_playlist_tracks(remote_id, tracks[1:]))
        trouble.assert_named(lambda: provider.delete_playlist(remote_id))


def _listed(provider: PlaylistManager, playlist_id: str) -> Playlist:
    for playlist in provider.get_playlists():
        if playlist.id == playlist_id:
            return playlist
    pytest.fail(f"the playlist just created, {playlist_id!r}, is not listed")


def _request(tracks: Iterable[Track], remote_playlist_id: str = "") -> SyncPlaylistRequest:
    return SyncPlaylistRequest(
        name="From elsewhere", description="Carried over", tracks=tuple(tracks), remote_playlist_id=remote_playlist_id
    )


def _assert_same_tracks(tracks: Iterable[Track], expected: Sequence[Track]) -> None:
    _assert_same_ids([track.id for track in tracks], expected)


def _assert_on_service(tracks_on_service: TrackIds, remote_id: str, expected: Sequence[Track]) -> None:
    ids = tracks_on_service(remote_id)
    assert ids is not None, f"there is no playlist {remote_id!r} on the service"
    _assert_same_ids(list(ids), expected)


def _assert_same_ids(ids: list[str], expected: Sequence[Track]) -> None:
    assert len(ids) == len(expected), f"of {len(expected)} tracks the playlist has {len(ids)}"
    assert ids == [track.id for track in expected], "the playlist has other tracks than it was given, or another order"
