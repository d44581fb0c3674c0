import json
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.datatypes import Playlist, Track
from providers.exceptions import InvalidResponseError
from providers.navidrome import parse
from providers.navidrome.parse import (
    Account,
    PlayedAlbum,
    Scrobble,
    account_id,
    parse_account,
    parse_created_id,
    parse_last_plays,
    parse_playlists,
    parse_recent_albums,
    parse_scrobbles,
    parse_song,
)
from tests.navidrome.conftest import PAYLOADS

Payload = Callable[[str], Any]

BASE_URL = "https://music.example/nd"
ALBUM_URL = f"{BASE_URL}/app/#/album/5xkq0mZpTn1uYd3GhRwVcB/show"
PARSERS: dict[str, Callable[[Any], object]] = {
    "getAlbum__played": lambda response: parse_last_plays(response, BASE_URL),
    "getAlbumList2__recent": parse_recent_albums,
    "getPlaylists__own_and_foreign": lambda response: parse_playlists(response, BASE_URL),
    "getPlaylist__two_entries": lambda response: parse_playlist(response, BASE_URL),
    "getUser__admin": parse_account,
}


def parse_playlist(response: Any, base_url: str) -> Playlist:
    return parse.parse_playlist(_body(response), base_url)


def parse_songs(response: Any, base_url: str) -> list[Track]:
    return parse.parse_songs(_body(response), base_url)


def _body(response: Any) -> bytes:
    return json.dumps({"subsonic-response": {"status": "ok"} | response}).encode()


@pytest.mark.req("PROV-020")
@pytest.mark.req("PROV-022")
def test_a_played_song_becomes_a_track_with_all_that_subsonic_tells(payload: Payload) -> None:
    buoy, anchor = parse_last_plays(payload("getAlbum__played"), BASE_URL)
    assert anchor == Track(
        id="1AnchorAnchorAnchor000",
        name="Anchor",
        artist="Moon Harbour • Ólöf",
        artists=("Moon Harbour", "Ólöf"),
        album="Low Tide",
        duration_ms=215_000,
        played_at=datetime(2026, 11, 19, 8, tzinfo=UTC),
        url=ALBUM_URL,
        isrc="GBAYE2600001",
        mbid="0b5ad5e6-0f6a-4a73-8a3b-0c2f0b3f2a11",
        play_count=5,
    )
    assert (buoy.artist, buoy.artists, buoy.isrc, buoy.mbid) == ("Moon Harbour", (), "", "")


def test_last_plays_are_whole_seconds_in_utc_newest_first(payload: Payload) -> None:
    plays = parse_last_plays(payload("getAlbum__played"), BASE_URL)
    assert [(play.name, play.played_at) for play in plays] == [
        ("Buoy", datetime(2026, 11, 20, 21, 14, 9, tzinfo=UTC)),
        ("Anchor", datetime(2026, 11, 19, 8, tzinfo=UTC)),
    ]


def test_a_song_with_little_to_tell_reads_as_empty(payload: Payload) -> None:
    song = payload("getAlbum__played")["album"]["song"][3]
    assert parse_song({"song": song}, BASE_URL) == Track(
        id="4DawnDawnDawnDawnDawn0", name="Dawn", artist="", duration_ms=205_000
    )


def test_an_album_without_songs_has_no_plays() -> None:
    assert parse_last_plays({"album": {"id": "x"}}, BASE_URL) == []


def test_albums_that_were_never_played_are_left_out(payload: Payload) -> None:
    assert parse_recent_albums(payload("getAlbumList2__recent")) == [
        PlayedAlbum(id="al-1", played_at=datetime(2026, 11, 20, 21, 14, 9, tzinfo=UTC)),
        PlayedAlbum(id="al-2", played_at=datetime(2026, 11, 18, 7, tzinfo=UTC)),
    ]


@pytest.mark.req("PROV-021")
def test_a_playlist_is_read_and_has_no_picture(payload: Payload) -> None:
    road_trip, recently_added = parse_playlists(payload("getPlaylists__own_and_foreign"), BASE_URL)
    assert road_trip == Playlist(
        id="3gh/1?x",
        name="Road trip",
        description="Windows down",
        image_url="",
        url=f"{BASE_URL}/app/#/playlist/3gh%2F1%3Fx/show",
        track_count=12,
        owner="ada",
    )
    assert (recently_added.owner, recently_added.is_readable) == ("bob", True)
    assert (road_trip.is_editable, recently_added.is_editable) == (True, False)


def test_no_playlists_are_no_error(payload: Payload) -> None:
    assert parse_playlists(payload("getPlaylists__none"), BASE_URL) == []


def test_a_playlist_keeps_the_order_of_its_entries(payload: Payload) -> None:
    playlist = parse_playlist(payload("getPlaylist__two_entries"), BASE_URL)
    assert [track.id for track in playlist.tracks] == ["b", "a"]


@pytest.mark.parametrize("odd", [{}, {"entry": [None]}])
def test_a_playlist_that_the_server_fills_is_not_editable(odd: dict[str, Any]) -> None:
    told = {"id": "7kl", "name": "Recently added"} | odd
    assert parse_playlist({"playlist": told}, BASE_URL).is_editable
    assert not parse_playlist({"playlist": told | {"readonly": True}}, BASE_URL).is_editable


def test_an_empty_playlist_has_no_entries_at_all() -> None:
    assert list(parse_playlist({"playlist": {"id": "7kl", "name": "Two"}}, BASE_URL).tracks) == []


@pytest.mark.parametrize(("response", "expected"), [({"playlist": {"id": "7kl"}}, "7kl"), ({"status": "ok"}, "")])
def test_the_new_playlists_id_is_read_where_the_server_tells_it(response: dict[str, Any], expected: str) -> None:
    assert parse_created_id(response) == expected


def test_an_account_is_read_in_the_servers_spelling(payload: Payload) -> None:
    assert parse_account(payload("getUser__admin")) == Account(name="Ada", is_admin=True)


def test_who_is_not_called_an_admin_is_none() -> None:
    assert parse_account({"user": {"username": "bob"}}) == Account(name="bob", is_admin=False)


def test_single_plays_are_read() -> None:
    rows = [
        {"id": 8, "mediaFileId": "b", "submissionTime": 1783050940},
        {"id": 7, "mediaFileId": "a", "submissionTime": 60},
    ]
    assert parse_scrobbles(rows) == [
        Scrobble(id=8, song_id="b", played_at=datetime(2026, 7, 3, 3, 55, 40, tzinfo=UTC)),
        Scrobble(id=7, song_id="a", played_at=datetime(1970, 1, 1, 0, 1, tzinfo=UTC)),
    ]


@pytest.mark.parametrize(
    "rows",
    [
        [{"id": 1, "mediaFileId": "a"}],
        [{"id": 1, "submissionTime": 60}],
        [{"id": "x", "mediaFileId": "a", "submissionTime": 60}],
        [{"id": 1, "mediaFileId": "a", "submissionTime": 1e30}],
        [{"id": 1, "mediaFileId": "a", "submissionTime": "soon"}],
        ["a"],
        [{"id": 1, "mediaFileId": "a", "submissionTime": 60}, {"id": 2, "mediaFileId": "a", "submissionTime": 61}],
    ],
)
def test_single_plays_that_make_no_sense_or_are_out_of_order_are_refused(rows: list[Any]) -> None:
    with pytest.raises(InvalidResponseError):
        parse_scrobbles(rows)


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [("Ada", "aDA", True), ("Éric", "éric", False), ("straße", "STRASSE", False), ("ada", "ada ", False)],
)
def test_names_are_one_account_where_navidrome_says_so(one: str, other: str, are_same: bool) -> None:
    assert (account_id(one) == account_id(other)) is are_same


WRONG_VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [None, [], {}, [[]], [7], "", "x", -1, 2**70, 1.5, True, float("inf")]
)


@given(data=st.data())
def test_whatever_is_wrong_with_an_answer_it_is_read_or_named_an_invalid_response(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(PARSERS)))
    document = json.loads((PAYLOADS / f"{name}.json").read_text())["subsonic-response"]
    _spoil(document, data)
    with suppress(InvalidResponseError):
        assert PARSERS[name](document) is not None


def _spoil(document: Any, data: st.DataObject) -> None:
    """Replace or remove one value somewhere in a document."""
    places = list(_places(document))
    container, key = data.draw(st.sampled_from(range(len(places))).map(places.__getitem__))
    if data.draw(st.booleans()):
        container[key] = deepcopy(data.draw(WRONG_VALUES))
    else:
        del container[key]


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _places(inner)


PLAIN = {
    "id": "a",
    "title": "Anchor",
    "album": "Low Tide",
    "artist": "Moon Harbour",
    "displayArtist": "Moon Harbour • Ólöf",
    "artists": [{"id": "1", "name": "Moon Harbour"}, {"id": "2", "name": "Ólöf"}],
    "albumId": "low/tide",
    "duration": 215,
    "isrc": ["qz-mrd-26-00001"],
    "musicBrainzId": "6b2c",
}


def test_a_song_is_read_alike_whether_or_not_another_one_is_odd() -> None:
    """An odd song, such as null, makes the whole list be read with care instead of at once."""
    with mock.patch.object(parse, "decode_object", side_effect=AssertionError):
        (track,) = parse_playlist(_list_of(PLAIN), BASE_URL).tracks
        assert parse_songs({"searchResult3": {"song": [PLAIN]}}, BASE_URL) == [track]
    assert (track.artist, track.artists) == ("Moon Harbour • Ólöf", ("Moon Harbour", "Ólöf"))
    assert (track.isrc, track.duration_ms, track.mbid) == ("QZMRD2600001", 215000, "6b2c")
    assert track.url == f"{BASE_URL}/app/#/album/low%2Ftide/show"
    values = [None, True, -1, 10**30, 1.5, "", "text", [], [[1]], {}, {"a": None}, "Nul\x00l", "\ud83d", "7"]
    values += [["a", "b"], ["", "b"], [None], [{"name": ""}, {"name": "b"}], [{"name": 7}], "a" * 300, 2**31]
    for key in PLAIN:
        for value in values:
            odd = PLAIN | {key: value}
            assert _read(_list_of(odd)) == _read(_list_of(odd, None)), (key, value)
            assert _found(odd) == _found(odd, None), (key, value)
        missing = {name: value for name, value in PLAIN.items() if name != key}
        assert _read(_list_of(missing)) == _read(_list_of(missing, None)), key
        assert _found(missing) == _found(missing, None), key


def _list_of(*songs: Any) -> dict[str, Any]:
    return {"playlist": {"id": "p", "name": "Mix", "entry": list(songs)}}


def _read(response: dict[str, Any]) -> object:
    try:
        return parse_playlist(response, BASE_URL).tracks
    except InvalidResponseError as error:
        return str(error)


def _found(*songs: Any) -> object:
    try:
        return parse_songs({"searchResult3": {"song": list(songs)}}, BASE_URL)
    except InvalidResponseError as error:
        return str(error)
