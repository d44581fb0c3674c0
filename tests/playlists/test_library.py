from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from providers.datatypes import Track
from providers.exceptions import ServiceUnavailableError
from providers.models import Connection, LibraryIndex, LibraryKey, LibrarySong
from providers.playlists import library
from tests.playlists.fakes import ListService, song

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection(ends: tuple[Connection, Connection]) -> Connection:
    return ends[1]


def names(index: LibraryIndex) -> list[str]:
    return sorted(index.songs.values_list("name", flat=True))


def found(index: LibraryIndex, *tracks: Track) -> list[list[str]]:
    return [[candidate.id for candidate in candidates] for candidates in library.candidates(index, tracks)]


def test_all_songs_are_kept_as_they_are_told(connection: Connection, target: ListService) -> None:
    told = song("Anchor", "Bo", id="x", artists=("Bo", "Ana"), isrc="QZMRD2600001", mbid="6b2c", url="https://nd/1")
    target.songs = [told]
    index = library.refresh(connection, target)
    assert library.song(index, "x") == told
    assert (index.song_count, index.walk) == (1, 1)


def test_a_track_is_looked_up_among_songs_that_may_be_it(connection: Connection, target: ListService) -> None:
    index = library.refresh(connection, target)
    assert found(index, song("Anchor"), song("ANCHOR", id="x"), song("Nothing like it", "Bo")) == [["n0"], ["n0"], []]


def test_looking_up_more_tracks_asks_no_more_often(connection: Connection, target: ListService) -> None:
    target.songs = [song(f"Song number {number}", f"Artist {number}", id=str(number)) for number in range(60)]
    index = library.refresh(connection, target)
    counts = []
    for some in (target.songs[:10], target.songs):
        with CaptureQueriesContext(database) as queries:
            library.candidates(index, some)
        counts.append(len(queries))
    assert counts[0] == 2
    assert counts[1] <= 3


def test_what_changed_is_found_as_it_is_now(connection: Connection, target: ListService) -> None:
    library.refresh(connection, target)
    target.songs[0] = song("Renamed", "Bo", id="n0")
    index = library.refresh(connection, target)
    assert found(index, song("Renamed", "Bo"), song("Anchor")) == [["n0"], []]
    assert LibrarySong.objects.count() == 7


def test_what_did_not_change_is_not_written_again(connection: Connection, target: ListService) -> None:
    index = library.refresh(connection, target)
    keys = set(LibraryKey.objects.values_list("pk", flat=True))
    library.refresh(connection, target)
    assert set(LibraryKey.objects.values_list("pk", flat=True)) == keys
    assert names(index) == sorted(one.name for one in target.songs)


def test_a_song_is_gone_when_two_walks_have_not_met_it(connection: Connection, target: ListService) -> None:
    library.refresh(connection, target)
    gone = target.songs.pop(0)
    index = library.refresh(connection, target)
    assert library.holds(index, gone.id)
    index = library.refresh(connection, target)
    assert not library.holds(index, gone.id)
    assert found(index, gone) == [[]]


def test_a_walk_that_breaks_off_forgets_nothing(connection: Connection, target: ListService) -> None:
    library.refresh(connection, target)
    whole = target.songs
    for _ in range(3):

        class Breaking(ListService):
            def iter_library(self) -> Iterator[list[Track]]:
                yield whole[:3]
                raise ServiceUnavailableError("Down.", provider="navidrome")

        with pytest.raises(ServiceUnavailableError):
            library.refresh(connection, Breaking("navidrome"))
    index = library.refresh(connection, target)
    assert len(names(index)) == 7


def test_a_fresh_index_is_not_read_again(
    connection: Connection, target: ListService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "FRESH_FOR", timedelta(hours=1))
    library.refresh(connection, target)
    library.refresh(connection, target)
    assert target.asked == ["library"]


def test_a_song_told_twice_is_kept_once(connection: Connection, target: ListService) -> None:
    target.songs += target.songs[:4]
    index = library.refresh(connection, target)
    assert len(names(index)) == 7


def test_what_no_database_stores_is_left_out_of_names(connection: Connection, target: ListService) -> None:
    target.songs = [song("Nul\x00l and half \ud83d", id="x", duration_ms=-5, artists=("A\x00",))]
    index = library.refresh(connection, target)
    kept = library.song(index, "x")
    assert kept is not None
    assert (kept.name, kept.duration_ms, kept.artists) == ("Null and half ", 0, ("A",))


def test_each_connection_has_a_library_of_its_own(ends: tuple[Connection, Connection], target: ListService) -> None:
    mine = library.refresh(ends[1], target)
    other = library.index_of(ends[0])
    assert found(other, song("Anchor")) == [[]]
    assert library.search(other, "anchor") == []
    assert [one.id for one in library.search(mine, "anchor")] == ["n0"]
