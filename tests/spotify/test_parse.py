import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import pytest

from providers.datatypes import AuthResult, LeftOut, Track
from providers.exceptions import InvalidResponseError
from providers.spotify import parse
from providers.spotify.parse import (
    PLAYLIST_ITEMS_FIELDS,
    Profile,
    parse_found_tracks,
    parse_next_offset,
    parse_playlist,
    parse_playlists,
    parse_profile,
    parse_recently_played,
    parse_token,
)
from providers.testing.simulators.spotify.fields import parse_fields, select
from tests.spotify.conftest import Payload

NOW = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)
INES = Profile(user_id="ines.d", account_id="acc7f3e91b", name="Ines Dahl", sees_foreign_contents=False)
WORDS = ["new_words", "old_words", "both_words"]


def parse_playlist_items(document: Any) -> list[Track | LeftOut]:
    return parse.parse_playlist_items(json.dumps(document).encode(), offset=0, limit=50).entries


@pytest.mark.req("PROV-020")
def test_a_play_becomes_a_track_with_all_that_spotify_tells(payload: Payload) -> None:
    assert parse_recently_played(payload("recently_played__page")).listens[0] == Track(
        id="4bQ0rnLanternRoad00001",
        name="Lantern Road",
        artist="Mira Voss, The Tall Grass",
        artists=("Mira Voss", "The Tall Grass"),
        album="Northbound",
        duration_ms=214_506,
        played_at=datetime(2026, 11, 20, 18, 4, 9, 497_000, tzinfo=UTC),
        url="https://open.spotify.com/track/4bQ0rnLanternRoad00001",
        isrc="NOX0J1900011",
    )


def test_a_time_without_milliseconds_is_a_time(payload: Payload) -> None:
    listen = parse_recently_played(payload("recently_played__page")).listens[1]
    assert listen.played_at == datetime(2026, 11, 20, 18, 0, 31, tzinfo=UTC)


@pytest.mark.req("PROV-022")
@pytest.mark.parametrize(
    ("external_ids", "isrc"),
    [({"isrc": " no-x0j-19-00011"}, "NOX0J1900011"), ({}, ""), (None, ""), ({"isrc": None}, ""), ({"ean": "1"}, "")],
)
def test_the_isrc_is_brought_into_one_form_and_may_be_missing(payload: Payload, external_ids: Any, isrc: str) -> None:
    page = payload("recently_played__page")
    page["items"][0]["track"]["external_ids"] = external_ids
    assert parse_recently_played(page).listens[0].isrc == isrc


def test_a_play_of_an_unknown_track_is_no_listen_but_counts_as_the_oldest(payload: Payload) -> None:
    page = payload("recently_played__page")
    page["items"] = page["items"][:3]
    parsed = parse_recently_played(page)
    assert [listen.name for listen in parsed.listens] == ["Lantern Road", "Salt & Rust"]
    assert parsed.oldest == datetime(2026, 11, 20, 17, 57, 2, 101_000, tzinfo=UTC)


def test_listens_come_newest_first_even_when_the_page_does_not(payload: Payload) -> None:
    page = payload("recently_played__page")
    as_sent = parse_recently_played(page).listens
    page["items"].reverse()
    assert parse_recently_played(page).listens == as_sent


def test_a_page_says_where_the_one_behind_it_is(payload: Payload) -> None:
    assert parse_recently_played(payload("recently_played__page")).before == 1_795_197_104_000


@pytest.mark.parametrize("change", [{"next": None}, {"cursors": None}, {"cursors": {"after": "1", "before": None}}])
def test_nothing_is_behind_a_page_that_names_no_next_or_no_cursor(payload: Payload, change: dict[str, Any]) -> None:
    assert parse_recently_played(payload("recently_played__page") | change).before is None


def test_the_page_past_the_end_is_empty_and_the_last(payload: Payload) -> None:
    page = parse_recently_played(payload("recently_played__past_the_end"))
    assert (page.listens, page.oldest, page.before) == ([], None, None)


@pytest.mark.parametrize("answer", [{}, {"items": None}, {"items": {}}, {"items": "none"}, {"error": "x"}])
def test_an_answer_without_plays_is_not_mistaken_for_the_end_of_the_history(answer: dict[str, Any]) -> None:
    with pytest.raises(InvalidResponseError, match="items"):
        parse_recently_played(answer)


def test_an_error_names_the_place_and_keeps_the_value_to_itself(payload: Payload) -> None:
    page = payload("recently_played__page")
    page["items"][1]["track"]["name"] = {"sesame": "open"}
    with pytest.raises(InvalidResponseError) as caught:
        parse_recently_played(page)
    assert str(caught.value) == "In the answer items[1].track.name is not text."


@pytest.mark.req("PROV-021")
@pytest.mark.parametrize("words", WORDS)
def test_playlists_are_understood_in_the_words_of_either_year(payload: Payload, words: str) -> None:
    mornings, fresh, shared, followed = parse_playlists(payload(f"my_playlists__{words}"), INES)
    assert (mornings.id, mornings.name, mornings.description) == ("1mineMornings", "Mornings", "Before eight")
    assert mornings.image_url == "https://mosaic.scdn.co/640/1mineMornings"
    assert mornings.url == "https://open.spotify.com/playlist/1mineMornings"
    assert (mornings.track_count, mornings.owner) == (38, "Ines Dahl")
    assert (fresh.description, fresh.image_url, fresh.track_count) == ("", "", 0)
    assert (shared.track_count, followed.track_count) == (7, 120)


def test_own_and_shared_playlists_are_readable_and_editable_and_followed_ones_are_not(payload: Payload) -> None:
    playlists = parse_playlists(payload("my_playlists__new_words"), INES)
    assert [playlist.is_readable for playlist in playlists] == [True, True, True, False]
    assert [playlist.is_editable for playlist in playlists] == [True, True, True, False]


def test_an_application_that_sees_everything_can_read_followed_playlists_too_but_not_change_them(
    payload: Payload,
) -> None:
    profile = parse_profile(payload("me__extended_quota"))
    playlists = parse_playlists(payload("my_playlists__old_words"), profile)
    assert all(playlist.is_readable for playlist in playlists)
    assert [playlist.is_editable for playlist in playlists] == [True, True, True, False]


def test_the_answer_to_making_a_playlist_is_the_playlist(payload: Payload) -> None:
    playlist = parse_playlist(payload("playlist__created"))
    assert (playlist.id, playlist.name, playlist.track_count, playlist.is_readable) == (
        "9mineMade",
        "Made here",
        0,
        True,
    )


@pytest.mark.parametrize("words", WORDS)
def test_local_files_episodes_and_what_is_gone_are_named_in_their_places(payload: Payload, words: str) -> None:
    entries = parse_playlist_items(payload(f"playlist_items__{words}"))
    assert [entry if isinstance(entry, LeftOut) else entry.name for entry in entries] == [
        "Lantern Road",
        LeftOut(name="Demo, side B", reason="a file of one's own"),
        LeftOut(name="", reason="no longer available"),
        LeftOut(name="Why harbours hum", reason="a podcast episode"),
        "Half a Winter",
        "",
        "Lantern Road",
    ]
    assert all(entry.played_at is None for entry in entries if isinstance(entry, Track))


def test_what_a_search_finds_is_read_in_its_order(payload: Payload) -> None:
    items = [entry["track"] for entry in payload("recently_played__page")["items"] if entry["track"]]
    found = parse_found_tracks({"tracks": {"items": [*items[:2], None, {"id": None, "name": "A file"}]}})
    assert [(track.name, track.played_at) for track in found] == [("Lantern Road", None), ("Salt & Rust", None)]


@pytest.mark.parametrize("answer", [{}, {"tracks": None}, {"tracks": {}}, {"tracks": {"items": "none"}}])
def test_an_answer_without_a_page_of_tracks_is_not_taken_for_having_found_none(answer: dict[str, Any]) -> None:
    with pytest.raises(InvalidResponseError):
        parse_found_tracks(answer)


def test_a_description_is_read_as_people_wrote_it(payload: Payload) -> None:
    told = payload("playlist__created") | {"description": "Rock &amp; roll, it&#x27;s &lt;3"}
    assert parse_playlist(told).description == "Rock & roll, it's <3"


@pytest.mark.parametrize("words", WORDS)
def test_what_is_asked_of_a_playlist_is_all_that_is_read_of_it(payload: Payload, words: str) -> None:
    whole = payload(f"playlist_items__{words}")
    cut = select(whole, parse_fields(PLAYLIST_ITEMS_FIELDS))
    assert parse_playlist_items(cut) == parse_playlist_items(whole)
    assert len(str(cut)) < len(str(whole)) * 0.6


def test_the_immutable_account_id_is_preferred_to_the_id(payload: Payload) -> None:
    assert parse_profile(payload("me__development_mode")) == INES


def test_a_profile_without_account_id_and_name_is_told_by_its_id(payload: Payload) -> None:
    profile = parse_profile(payload("me__extended_quota"))
    assert (profile.account_id, profile.name, profile.sees_foreign_contents) == ("ines.d", "ines.d", True)


def test_a_grant_is_read_whole(payload: Payload) -> None:
    assert parse_token(payload("token__with_refresh_token"), NOW) == AuthResult(
        access_token="BQ-access-1",
        refresh_token="AQ-refresh-2",
        expires_at=datetime(2026, 11, 20, 19, 30, tzinfo=UTC),
        scopes=("user-read-recently-played", "playlist-read-private"),
    )


def test_a_grant_may_leave_out_the_refresh_token_and_the_scopes(payload: Payload) -> None:
    result = parse_token(payload("token__without_refresh_token"), NOW)
    assert (result.access_token, result.refresh_token, result.scopes) == ("BQ-access-1", "", ())


def test_a_grant_without_an_access_token_is_none() -> None:
    with pytest.raises(InvalidResponseError, match="access_token is missing"):
        parse_token({"token_type": "Bearer", "expires_in": 3600}, NOW)


@pytest.mark.parametrize(
    ("address", "offset"),
    [
        (None, None),
        ("", None),
        ("https://api.spotify.com/v1/me/playlists?offset=50&limit=50", 50),
        ("https://elsewhere.example/steal?offset=73", 73),
        ("https://api.spotify.com/v1/me/playlists?cursor=abc", 50),
    ],
)
def test_of_the_next_address_only_the_offset_is_taken(address: str | None, offset: int | None) -> None:
    assert parse_next_offset({"next": address}, offset=0, limit=50) == offset


@pytest.mark.parametrize("address", ["https://api.spotify.com/v1/me/playlists?offset=50", "?offset=-3", "?offset=two"])
def test_pages_that_lead_round_in_circles_are_refused(address: str) -> None:
    with pytest.raises(InvalidResponseError, match="next leads nowhere"):
        parse_next_offset({"next": address}, offset=50, limit=50)


PARSERS: list[tuple[str, Callable[[Any], object]]] = [
    ("recently_played__page", parse_recently_played),
    ("me__development_mode", parse_profile),
    ("my_playlists__new_words", lambda page: parse_playlists(page, INES)),
    ("my_playlists__old_words", lambda page: parse_next_offset(page, offset=0, limit=50)),
    ("playlist__created", parse_playlist),
    ("playlist_items__new_words", parse_playlist_items),
    ("playlist_items__old_words", parse_playlist_items),
    ("token__with_refresh_token", lambda token: parse_token(token, NOW)),
]
WRONG: list[Any] = [None, True, -1, 10**30, 1.5, "", "text", "https://[", [], [[1]], {}, {"a": None}]


@pytest.mark.parametrize(("name", "parse"), PARSERS, ids=[name for name, _ in PARSERS])
def test_an_answer_with_anything_wrong_in_it_is_read_or_refused_by_name(
    payload: Payload, name: str, parse: Callable[[Any], object]
) -> None:
    whole = payload(name)
    refused = 0
    for path in list(_paths(whole)):
        for wrong in WRONG:
            document = deepcopy(whole)
            _replace(document, path, wrong)
            try:
                parse(document)
            except InvalidResponseError:
                refused += 1
    assert refused > len(WRONG) / 2


PLAIN = {
    "is_local": False,
    "item": {
        "id": "4uLU6hMCjMI75M1A2tKUQC",
        "name": "Anchor",
        "type": "track",
        "is_local": False,
        "duration_ms": 215000,
        "album": {"name": "Low Tide"},
        "artists": [{"name": "Moon Harbour"}, {"name": "Ólöf"}],
        "external_ids": {"isrc": "qz-mrd-26-00001"},
        "external_urls": {"spotify": "https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC"},
    },
}


def test_an_entry_is_read_alike_whether_or_not_another_one_is_odd() -> None:
    """An odd entry, such as null, makes the whole page be read with care instead of at once."""
    with mock.patch.object(parse, "decode_object", side_effect=AssertionError):
        (track,) = parse_playlist_items({"items": [PLAIN], "next": None})
    assert (track.artist, track.artists) == ("Moon Harbour, Ólöf", ("Moon Harbour", "Ólöf"))
    assert (track.isrc, track.duration_ms, track.album) == ("QZMRD2600001", 215000, "Low Tide")
    both_words = PLAIN | {"track": PLAIN["item"]}
    for entry in (PLAIN, both_words, {"is_local": False, "track": PLAIN["item"]}):
        for path in list(_paths(entry)):
            for wrong in [*WRONG, False, "Nul\x00l", "half \ud83d", "local", "episode", 2**31]:
                odd = deepcopy(entry)
                _replace(odd, path, wrong)
                alone, in_company = ({"items": items, "next": None} for items in ([odd], [odd, None]))
                assert _read(alone) == _read(in_company), (path, wrong)


@pytest.mark.parametrize("odd", [[], [None]])
@pytest.mark.parametrize(
    ("address", "offset"), [(None, None), ("", None), ("https://api.spotify.com/x?offset=100", 100), ("https://x", 50)]
)
def test_a_page_of_a_playlist_tells_where_the_next_one_begins(
    address: str | None, offset: int | None, odd: list[None]
) -> None:
    body = json.dumps({"items": [PLAIN, *odd], "next": address}).encode()
    assert parse.parse_playlist_items(body, offset=0, limit=50).next_offset == offset


def _read(document: Any) -> object:
    try:
        return parse_playlist_items(document)
    except InvalidResponseError as error:
        return str(error)


def _paths(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from _paths(child, *path, key)


def _replace(document: Any, path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value
