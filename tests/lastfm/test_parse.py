import json
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.datatypes import Track
from providers.exceptions import InvalidResponseError
from providers.lastfm import parse
from providers.lastfm.parse import parse_session
from providers.paging import HistoryPage

Payload = Callable[[str], Any]

ANCHOR = Track(
    id="",
    name="Anchor",
    artist="Moon Harbour",
    artists=("Moon Harbour",),
    album="Low Tide",
    played_at=datetime(2026, 4, 12, 20, 3, 20, tzinfo=UTC),
    url="https://www.last.fm/music/Moon+Harbour/_/Anchor",
)
LISTEN = {"name": "Anchor", "artist": {"#text": "Moon Harbour"}, "date": {"uts": "1776024200"}}
WHOLE = LISTEN | {"album": {"#text": "Low Tide"}, "url": "https://www.last.fm/music/x", "mbid": "6b2c"}


def parse_recent_tracks(document: Any) -> HistoryPage:
    return parse.parse_recent_tracks(json.dumps(document).encode())


def page_of(*rows: Any) -> dict[str, Any]:
    return {"recenttracks": {"track": list(rows), "@attr": {"totalPages": "1", "total": "1"}}}


@pytest.mark.req("PROV-020")
def test_a_listen_becomes_a_track_with_all_that_lastfm_tells(payload: Payload) -> None:
    page = parse_recent_tracks(payload("recent_tracks__page"))
    assert page.total_pages == 7
    assert page.tracks[0] == Track(
        id="",
        name="Ninth Wave",
        artist="Ólöf & the Ferry",
        artists=("Ólöf & the Ferry",),
        album="Harbour Lights",
        duration_ms=0,
        played_at=datetime(2026, 4, 12, 20, 7, 39, tzinfo=UTC),
        url="https://www.last.fm/music/%C3%93l%C3%B6f+&+the+Ferry/_/Ninth+Wave",
        isrc="",
        mbid="6b2c3f39-7d5a-4a53-9c0b-b31f3f0a0c11",
    )


def test_the_track_that_is_playing_now_is_no_listen(payload: Payload) -> None:
    page = parse_recent_tracks(payload("recent_tracks__page"))
    assert [track.name for track in page.tracks] == ["Ninth Wave", "Anchor"]


@pytest.mark.parametrize("shape", ["single_object", "extended"])
def test_other_shapes_of_a_listen_are_the_same_track(payload: Payload, shape: str) -> None:
    page = parse_recent_tracks(payload(f"recent_tracks__{shape}"))
    assert page.tracks == [ANCHOR]
    assert page.total_pages == 1


@pytest.mark.parametrize("shape", ["empty", "empty_of_old", "only_now_playing"])
def test_a_window_without_listens_is_an_empty_page_of_none(payload: Payload, shape: str) -> None:
    page = parse_recent_tracks(payload(f"recent_tracks__{shape}"))
    assert (page.tracks, page.total_pages) == ([], 0)


def test_listens_are_newest_first_whatever_their_order_was(payload: Payload) -> None:
    tracks = parse_recent_tracks(payload("recent_tracks__strange_listens")).tracks
    assert [track.played_at and track.played_at.timestamp() for track in tracks] == [1776024459, 1776024200, 0]


def test_what_lastfm_does_not_tell_or_tells_wrong_stays_empty(payload: Payload) -> None:
    nobodys, mangled, _ = parse_recent_tracks(payload("recent_tracks__strange_listens")).tracks
    assert (nobodys.artist, nobodys.artists, nobodys.album, nobodys.url, nobodys.mbid) == ("", (), "", "", "")
    assert mangled.url == ""


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"recenttracks": None},
        {"recenttracks": []},
        {"recenttracks": {"track": []}},
        {"recenttracks": {"track": [], "@attr": {"totalPages": "many"}}},
        {"recenttracks": {"track": [], "@attr": {"totalPages": "-1"}}},
        {"recenttracks": {"track": "none", "@attr": {"totalPages": "1"}}},
        page_of("Anchor"),
        page_of(LISTEN | {"name": None}),
        page_of(LISTEN | {"name": 7}),
        page_of(LISTEN | {"artist": "Moon Harbour"}),
        page_of(LISTEN | {"date": {}}),
        page_of(LISTEN | {"date": "yesterday"}),
        page_of(LISTEN | {"date": {"uts": "yesterday"}}),
        page_of(LISTEN | {"date": {"uts": "99999999999999999999"}}),
        page_of(LISTEN | {"date": {"uts": 1e400}}),
        page_of(LISTEN | {"date": {"uts": True}}),
    ],
)
def test_a_wrong_page_is_an_invalid_response(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidResponseError) as caught:
        parse_recent_tracks(document)
    assert caught.value.provider == "lastfm"


def test_a_listen_without_a_name_is_kept_for_it_must_not_hide_the_others() -> None:
    page = parse_recent_tracks(page_of(LISTEN | {"name": ""}, LISTEN))
    assert [track.name for track in page.tracks] == ["", "Anchor"]


def test_a_session_is_an_access_token_and_a_name(payload: Payload) -> None:
    result = parse_session(payload("get_session__granted"))
    assert result.access_token == "0123456789abcdef0123456789abcdef"
    assert (result.account_id, result.account_name) == ("ada", "Ada")
    assert (result.refresh_token, result.expires_at, result.scopes) == ("", None, ())


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"session": None},
        {"session": "key"},
        {"session": {"name": "Ada"}},
        {"session": {"name": "", "key": "k"}},
        {"session": {"name": "Ada", "key": 7}},
    ],
)
def test_a_wrong_session_is_an_invalid_response_that_does_not_tell_it(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidResponseError):
        parse_session(document)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PLACES = [
    ("recenttracks",),
    ("recenttracks", "track"),
    ("recenttracks", "@attr"),
    ("recenttracks", "@attr", "totalPages"),
    ("recenttracks", "track", 0),
    *(("recenttracks", "track", 0, key) for key in ("name", "artist", "album", "date", "url", "mbid")),
    ("recenttracks", "track", 0, "album", "#text"),
    ("recenttracks", "track", 0, "artist", "#text"),
    ("recenttracks", "track", 0, "date", "uts"),
]


def test_a_page_of_what_nearly_every_page_holds_is_read_without_decoding_the_rest() -> None:
    playing = {key: value for key, value in WHOLE.items() if key != "date"} | {"@attr": {"nowplaying": "true"}}
    with mock.patch.object(parse, "decode_object", side_effect=AssertionError):
        page = parse_recent_tracks(page_of(playing, WHOLE | {"image": [{"size": "small"}]}))
    assert [track.album for track in page.tracks] == ["Low Tide"]


@given(st.sampled_from(PLACES), JSON)
def test_whatever_stands_in_whatever_place_is_a_page_or_an_invalid_response(
    place: tuple[str | int, ...], value: Any
) -> None:
    page = _parsed(_with(place, value, page_of(WHOLE)))
    assert page is None or all(track.played_at is not None for track in page.tracks)


@given(
    st.sampled_from(PLACES[4:]), JSON | st.text("\x00\ud83d\nab") | st.sampled_from(["1776024200", "http://x", " 7 "])
)
def test_a_row_is_read_alike_whether_or_not_another_row_is_odd(place: tuple[str | int, ...], value: Any) -> None:
    """An odd row, such as null, makes the whole page be read with care instead of at once."""
    alone, in_company = (_parsed(_with(place, value, page_of(WHOLE, *others))) for others in ([], [None]))
    assert alone == in_company


def _with(place: tuple[str | int, ...], value: Any, page: dict[str, Any]) -> dict[str, Any]:
    document: Any = deepcopy(page)
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return document  # type: ignore[no-any-return]


def _parsed(document: dict[str, Any]) -> HistoryPage | None:
    try:
        return parse_recent_tracks(document)
    except InvalidResponseError:
        return None
