"""The whole library, however large, and however it changes while it is read."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
from werkzeug import Request, Response

from providers.contracts import LibraryLister
from providers.datatypes import Track
from providers.exceptions import InvalidResponseError, ServiceUnavailableError
from providers.navidrome.provider import SONG_PAGE, NavidromeProvider
from providers.testing.simulators.catalogue import CatalogueTrack
from providers.testing.simulators.navidrome import NavidromeSimulator
from providers.testing.wsgi import mounted
from tests.navidrome.conftest import BASE_URL, CATALOGUE, PASSWORD
from tests.scripted import ScriptedService


def numbered(count: int) -> list[CatalogueTrack]:
    """That many songs, each with an id that is its number."""
    tracks = CATALOGUE.tracks
    return [replace(tracks[number % len(tracks)], key=f"{number:06}") for number in range(count)]


def numbers(pages: Iterator[list[Track]]) -> list[int]:
    return [int(track.id) for page in pages for track in page]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], NavidromeSimulator]]:
    """Makes a server with that many songs."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with ExitStack() as stack:

        def make(count: int) -> NavidromeSimulator:
            simulator = NavidromeSimulator(songs=numbered(count))
            simulator.add_person("ada", PASSWORD)
            stack.enter_context(mounted({BASE_URL: simulator.wsgi}))
            return simulator

        yield make


@pytest.fixture
def provider() -> NavidromeProvider:
    return NavidromeProvider(BASE_URL, username="ada", password=PASSWORD)


def test_navidrome_lists_its_library() -> None:
    assert issubclass(NavidromeProvider, LibraryLister)


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1000, 1234])
def test_all_songs_come_once_in_pages_that_are_not_empty(
    server: Callable[[int], NavidromeSimulator], provider: NavidromeProvider, count: int
) -> None:
    simulator = server(count)
    pages = list(provider.iter_library())
    assert numbers(iter(pages)) == list(range(count))
    assert all(pages)
    forms = [request.form for request in simulator.seen("search3")]
    assert all(form["query"] == [""] for form in forms)
    assert all(
        (form["artistCount"], form["albumCount"], form["songCount"]) == (["0"], ["0"], ["500"]) for form in forms
    )


def test_songs_come_with_all_that_matching_wants(
    server: Callable[[int], NavidromeSimulator], provider: NavidromeProvider
) -> None:
    simulator = server(30)
    ((first, *_),) = provider.iter_library()
    song = simulator.songs[0]
    assert (first.name, first.artists, first.album) == (song.name, song.artists, song.album)
    assert (first.isrc, first.mbid, first.duration_ms) == (song.isrc, song.mbid, song.duration_ms // 1000 * 1000)
    assert first.isrc
    assert first.mbid


def test_a_page_is_not_asked_for_before_the_one_before_was_taken(
    server: Callable[[int], NavidromeSimulator], provider: NavidromeProvider
) -> None:
    simulator = server(1200)
    pages = provider.iter_library()
    next(pages)
    assert len(simulator.seen("search3")) == 1


def test_pages_are_read_ahead_where_the_server_is_far_away(
    server: Callable[[int], NavidromeSimulator], provider: NavidromeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator = server(30 * SONG_PAGE)
    monkeypatch.setattr(type(provider._subsonic), "latency", 30.0)
    pages = provider.iter_library()
    for _ in range(3):
        next(pages)
    deadline = time.monotonic() + 20
    while len(simulator.seen("search3")) < 6 and time.monotonic() < deadline:
        pass
    assert len(simulator.seen("search3")) >= 6
    assert len(numbers(provider.iter_library())) == 30 * SONG_PAGE


@pytest.mark.parametrize("count", [500, 1500])
def test_a_song_that_comes_meanwhile_makes_none_come_twice_and_no_page_empty(
    server: Callable[[int], NavidromeSimulator], provider: NavidromeProvider, count: int
) -> None:
    simulator = server(count)
    pages = provider.iter_library()
    seen = numbers(iter([next(pages)]))
    songs = simulator.songs
    for song in songs:
        simulator.remove_song(song)
    for song in [replace(songs[0], key="999999"), *songs]:
        simulator.add_song(song)
    rest = list(pages)
    assert all(rest)
    assert sorted(seen + numbers(iter(rest))) == list(range(count))


@pytest.mark.parametrize("left", [1100, 700, 400, 0])
def test_songs_that_leave_meanwhile_neither_stop_the_walk_nor_make_it_endless(
    server: Callable[[int], NavidromeSimulator], provider: NavidromeProvider, left: int
) -> None:
    simulator = server(1200)
    pages = provider.iter_library()
    seen = numbers(iter([next(pages)]))
    for song in simulator.songs[left:]:
        simulator.remove_song(song)
    seen += numbers(pages)
    assert seen == list(range(max(500, left)))


def page(*ids: int) -> Response:
    songs = [{"id": f"{number:06}", "title": "Anchor", "artist": "Moon Harbour"} for number in ids]
    found = {"searchResult3": {"song": songs} if songs else {}}
    return Response(json.dumps({"subsonic-response": {"status": "ok"} | found}), content_type="application/json")


def test_a_server_that_gives_fewer_at_once_is_read_to_its_end(provider: NavidromeProvider) -> None:
    def capped(request: Request) -> Response:
        offset = int(request.form["songOffset"])
        return page(*range(offset, min(offset + 7, 30)))

    with mounted({BASE_URL: ScriptedService(capped)}):
        assert numbers(provider.iter_library()) == list(range(30))


def test_a_song_that_is_twice_on_a_page_comes_once(provider: NavidromeProvider) -> None:
    with mounted({BASE_URL: ScriptedService(page(1, 2, 1), page(3), page())}):
        assert numbers(provider.iter_library()) == [1, 2, 3]


@pytest.mark.parametrize("cycle", [[(1, 2)], [(1, 2), (3, 4)], [(1, 2), (3, 4), (1, 5)]])
def test_pages_that_do_not_go_on_are_refused(provider: NavidromeProvider, cycle: list[tuple[int, ...]]) -> None:
    service = ScriptedService(*(page(*ids) for _ in range(3) for ids in cycle))
    with mounted({BASE_URL: service}), pytest.raises(InvalidResponseError, match="do not go on"):
        list(provider.iter_library())


def test_an_answer_without_a_result_is_not_taken_for_the_end(provider: NavidromeProvider) -> None:
    nothing = Response('{"subsonic-response": {"status": "ok"}}', content_type="application/json")
    service = ScriptedService(page(1, 2), nothing)
    with mounted({BASE_URL: service}), pytest.raises(InvalidResponseError, match="searchResult3 is missing"):
        list(provider.iter_library())


def test_a_page_that_fails_is_asked_for_again_and_a_server_that_is_down_is_told_of(
    server: Callable[[int], NavidromeSimulator], provider: NavidromeProvider
) -> None:
    simulator = server(1100)
    simulator.faults.add("search3", status=502, after=1)
    assert len(numbers(provider.iter_library())) == 1100
    simulator.faults.add("search3", status=502, after=1, times=None)
    with pytest.raises(ServiceUnavailableError):
        list(provider.iter_library())
