from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from providers.contracts import (
    Authenticator,
    BatchedHistory,
    HistoryCounter,
    HistoryFetcher,
    PlaylistManager,
    PlaylistSyncer,
    Provider,
)
from providers.datatypes import HistoryEnd, Track
from providers.exceptions import (
    InvalidResponseError,
    NotFoundError,
    ReauthorizationRequiredError,
    ServiceUnavailableError,
)
from providers.navidrome import provider as provider_module
from providers.navidrome.client import SubsonicClient
from providers.navidrome.parse import parse_recent_albums
from providers.navidrome.provider import NavidromeProvider
from providers.testing.simulators.catalogue import CatalogueTrack
from providers.testing.simulators.faults import html_error_page
from providers.testing.simulators.navidrome import NavidromeSimulator, Person
from tests.navidrome.conftest import BASE_URL, CATALOGUE, PASSWORD

NOW = datetime.now(UTC).replace(microsecond=0)
EPOCH = datetime.fromtimestamp(0, UTC)
BEFORE_ALL = NOW - timedelta(days=30)


def hear(
    person: Person, songs: Sequence[CatalogueTrack], newest: datetime = NOW - timedelta(hours=1)
) -> list[datetime]:
    """Let a person hear these songs, three minutes apart, the last one first; return when, newest first."""
    moments = [newest - timedelta(minutes=3) * number for number in range(len(songs))]
    for song, moment in zip(songs, moments, strict=True):
        person.listen(song, moment)
    return moments


def walk(
    provider: BatchedHistory, since: datetime, until: datetime | None = None
) -> tuple[list[list[Track]], HistoryEnd]:
    batches: list[list[Track]] = []
    iterator = provider.iter_recent_listens(since, until)
    while True:
        try:
            batches.append(next(iterator))
        except StopIteration as stop:
            return batches, stop.value


def heard(batches: Sequence[Sequence[Track]]) -> list[tuple[datetime | None, str]]:
    return [(track.played_at, track.id) for batch in batches for track in batch]


@pytest.mark.req("PROV-001")
@pytest.mark.req("PROV-050")
def test_it_is_a_navidrome_that_tells_history_and_takes_playlists(provider: NavidromeProvider) -> None:
    assert provider.type() == "navidrome"
    assert type(provider.type()) is str
    for capability in (Provider, HistoryFetcher, HistoryCounter, PlaylistManager, PlaylistSyncer):
        assert isinstance(provider, capability)
        assert issubclass(NavidromeProvider, capability)


@pytest.mark.req("PROV-005")
@pytest.mark.req("PROV-052")
def test_it_supports_no_linking_and_is_no_authenticator(provider: NavidromeProvider) -> None:
    assert provider.supports_auth() is False
    assert not isinstance(provider, Authenticator)
    assert not issubclass(NavidromeProvider, Authenticator)


class TestSinglePlays:
    @pytest.mark.req("PROV-002")
    def test_every_play_comes_home_newest_first_page_by_page(
        self, provider: NavidromeProvider, ada: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(provider_module, "SCROBBLE_PAGE", 10)
        songs = [CATALOGUE.tracks[number % 4] for number in range(25)]
        moments = hear(ada, songs)
        batches, end = walk(provider, EPOCH)
        assert [len(batch) for batch in batches] == [10, 10, 5]
        assert heard(batches) == [(moment, song.key) for moment, song in zip(moments, songs, strict=True)]
        assert end is HistoryEnd.EXHAUSTED

    @pytest.mark.req("PROV-002")
    def test_the_callback_is_given_every_batch(self, provider: NavidromeProvider, ada: Person) -> None:
        hear(ada, CATALOGUE.tracks[:3])
        batches: list[list[Track]] = []
        assert provider.get_recent_listens(EPOCH, batches.append) is HistoryEnd.EXHAUSTED
        assert [len(batch) for batch in batches] == [3]

    def test_the_tier_is_told_before_the_first_batch(self, provider: NavidromeProvider, ada: Person) -> None:
        hear(ada, CATALOGUE.tracks[:3])
        assert (provider.history_is_last_play_only, provider.history_is_resumable) == (True, False)
        next(provider.iter_recent_listens(EPOCH))
        assert (provider.history_is_last_play_only, provider.history_is_resumable) == (False, True)

    @pytest.mark.req("PROV-020")
    @pytest.mark.req("PROV-022")
    def test_a_play_is_told_with_all_that_is_known_of_the_song(self, provider: NavidromeProvider, ada: Person) -> None:
        song = next(song for song in CATALOGUE.tracks if song.isrc and song.mbid and len(song.artists) == 2)
        (moment,) = hear(ada, [song])
        ((track,),), _ = walk(provider, EPOCH)
        assert track == Track(
            id=song.key,
            name=song.name,
            artist=" • ".join(song.artists),
            artists=song.artists,
            album=song.album,
            duration_ms=song.duration_ms // 1000 * 1000,
            played_at=moment,
            url=f"{BASE_URL}/app/#/album/{song.album_key}/show",
            isrc=song.isrc,
            mbid=song.mbid,
        )

    @pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=9))])
    def test_since_is_exclusive_and_until_inclusive(
        self, provider: NavidromeProvider, ada: Person, zone: timezone
    ) -> None:
        moments = hear(ada, CATALOGUE.tracks[:5])
        batches, end = walk(provider, moments[3].astimezone(zone), moments[1].astimezone(zone))
        assert [moment for moment, _ in heard(batches)] == moments[1:3]
        assert end is HistoryEnd.REACHED_SINCE

    def test_meeting_an_older_play_is_reaching_since(self, provider: NavidromeProvider, ada: Person) -> None:
        moments = hear(ada, CATALOGUE.tracks[:5])
        assert walk(provider, moments[4])[1] is HistoryEnd.REACHED_SINCE
        assert walk(provider, moments[4] - timedelta(seconds=1))[1] is HistoryEnd.EXHAUSTED

    def test_no_plays_are_no_batches(self, provider: NavidromeProvider) -> None:
        assert walk(provider, EPOCH) == ([], HistoryEnd.EXHAUSTED)

    def test_nothing_new_asks_for_no_song(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        hear(ada, CATALOGUE.tracks[:5])
        assert walk(provider, NOW) == ([], HistoryEnd.REACHED_SINCE)
        assert navidrome.faults.seen("getSong") == []

    def test_songs_are_asked_for_once_and_by_the_album(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        moments = hear(ada, [*CATALOGUE.tracks, *CATALOGUE.tracks])
        albums = {song.album_key for song in CATALOGUE.tracks}
        for _ in range(2):
            walk(provider, moments[-1])
        assert len(navidrome.faults.seen("getSong")) == len(albums)
        assert len(navidrome.faults.seen("getAlbum")) == len(albums)

    def test_a_song_is_the_same_however_it_was_asked_for(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        moments = hear(ada, CATALOGUE.tracks[:20])
        by_the_album, _ = walk(provider, moments[-1])
        navidrome.faults.add("getAlbum", body="<html></html>", times=None)
        one_by_one, _ = walk(NavidromeProvider(BASE_URL, username="ada", password=PASSWORD), moments[-1])
        assert one_by_one == by_the_album
        assert len(navidrome.faults.seen("getSong")) > 19

    def test_a_song_that_is_on_no_album_is_known_by_itself(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        (moment,) = hear(ada, CATALOGUE.tracks[:1])
        body = (
            f'{{"subsonic-response": {{"status": "ok", "song": {{"id": "{CATALOGUE.tracks[0].key}", "title": "A"}}}}}}'
        )
        navidrome.faults.add("getSong", body=body)
        ((track,),), _ = walk(provider, moment - timedelta(seconds=1))
        assert (track.name, track.url) == ("A", "")

    def test_twins_in_one_second_both_come_home(self, provider: NavidromeProvider, ada: Person) -> None:
        song = CATALOGUE.tracks[0]
        ada.listen(song, NOW)
        ada.listen(song, NOW)
        assert heard(walk(provider, EPOCH)[0]) == [(NOW, song.key), (NOW, song.key)]

    def test_plays_that_arrive_during_the_walk_neither_repeat_nor_hide_others(
        self, provider: NavidromeProvider, ada: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(provider_module, "SCROBBLE_PAGE", 4)
        moments = hear(ada, [CATALOGUE.tracks[0]] * 10)
        found = []
        for batch in provider.iter_recent_listens(EPOCH):
            found += [track.played_at for track in batch]
            for _ in range(5):
                ada.listen(CATALOGUE.tracks[1], NOW)
            ada.listen(CATALOGUE.tracks[1], moments[1])
        assert found == moments

    def test_a_play_of_a_song_that_left_the_library_is_passed_over(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        hear(ada, CATALOGUE.tracks[:3])
        navidrome.remove_song(CATALOGUE.tracks[1])
        batches, end = walk(provider, EPOCH)
        assert [song_id for _, song_id in heard(batches)] == [CATALOGUE.tracks[0].key, CATALOGUE.tracks[2].key]
        assert end is HistoryEnd.EXHAUSTED

    def test_a_page_of_nothing_but_such_songs_is_no_batch(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        hear(ada, CATALOGUE.tracks[:1])
        navidrome.remove_song(CATALOGUE.tracks[0])
        assert walk(provider, EPOCH) == ([], HistoryEnd.EXHAUSTED)

    def test_a_missing_page_between_server_and_song_loses_no_play(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        hear(ada, CATALOGUE.tracks[::40])
        navidrome.faults.add("getSong", status=404, body="404 page not found", after=1)
        with pytest.raises(InvalidResponseError):
            walk(provider, EPOCH)

    def test_pages_that_repeat_themselves_are_refused(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator
    ) -> None:
        navidrome.add_song(CATALOGUE.tracks[0])
        row = f'[{{"id": 1, "mediaFileId": "{CATALOGUE.tracks[0].key}", "submissionTime": 1783050940}}]'
        navidrome.faults.add("api/scrobble", body=row, headers={"Content-Type": "application/json"}, times=None)
        with pytest.raises(InvalidResponseError):
            walk(provider, EPOCH)

    def test_a_failing_callback_stops_the_walk(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(provider_module, "SCROBBLE_PAGE", 2)
        hear(ada, CATALOGUE.tracks[:6])

        def fail(batch: list[Track]) -> None:
            raise RuntimeError("full")

        with pytest.raises(RuntimeError, match="full"):
            provider.get_recent_listens(EPOCH, fail)
        assert len(navidrome.faults.seen("api/scrobble")) == 1

    @pytest.mark.req("PROV-051")
    def test_where_no_single_plays_are_kept_the_last_plays_come_home(
        self, provider: NavidromeProvider, ada: Person
    ) -> None:
        moments = hear(ada, CATALOGUE.tracks[:3])
        ada.scrobbles.clear()
        batches, end = walk(provider, EPOCH)
        assert [moment for moment, _ in heard(batches)] == moments
        assert end is HistoryEnd.EXHAUSTED
        assert (provider.history_is_last_play_only, provider.history_is_resumable) == (True, False)

    @pytest.mark.req("PROV-051")
    def test_behind_the_oldest_single_play_come_the_last_plays_from_before_the_server_kept_any(
        self, provider: NavidromeProvider, ada: Person
    ) -> None:
        before = hear(ada, CATALOGUE.tracks[:5], newest=NOW - timedelta(days=400))
        ada.scrobbles.clear()
        after = hear(ada, [*CATALOGUE.tracks[3:6], *CATALOGUE.tracks[3:6]])
        walked = provider.iter_recent_listens(EPOCH)
        singles = next(walked)
        assert (provider.history_is_last_play_only, provider.history_is_resumable) == (False, True)
        assert [track.played_at for track in singles] == after
        older = next(walked)
        assert (provider.history_is_last_play_only, provider.history_is_resumable) == (False, False)
        assert [track.played_at for track in older] == before[:3]
        assert next(walked, None) is None

    def test_what_since_reaches_among_single_plays_asks_for_no_last_plays(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        moments = hear(ada, CATALOGUE.tracks[:5])
        assert walk(provider, moments[4])[1] is HistoryEnd.REACHED_SINCE
        assert navidrome.faults.seen("getAlbumList2") == []


class TestLastPlays:
    @pytest.fixture(autouse=True)
    def _older_server(self, navidrome: NavidromeSimulator) -> None:
        navidrome.scrobble_history = False

    @pytest.mark.req("PROV-050")
    @pytest.mark.req("PROV-051")
    def test_an_older_server_tells_the_last_play_of_each_song(self, provider: NavidromeProvider, ada: Person) -> None:
        one, two, three = CATALOGUE.tracks[0], CATALOGUE.tracks[1], CATALOGUE.tracks[-1]
        moments = hear(ada, [one, three, two, one, one])
        batches, end = walk(provider, EPOCH)
        assert heard(batches) == [(moments[0], one.key), (moments[2], two.key), (moments[1], three.key)]
        assert end is HistoryEnd.EXHAUSTED
        assert (provider.history_is_last_play_only, provider.history_is_resumable) == (True, False)

    def test_within_a_batch_the_last_play_is_first_and_no_batch_is_empty(
        self, provider: NavidromeProvider, ada: Person
    ) -> None:
        hear(ada, CATALOGUE.tracks[:60])
        batches, _ = walk(provider, EPOCH)
        assert len(batches) > 3
        for batch in batches:
            assert batch
            assert batch == sorted(batch, key=lambda track: track.played_at or EPOCH, reverse=True)

    def test_since_is_exclusive_and_until_inclusive(self, provider: NavidromeProvider, ada: Person) -> None:
        moments = hear(ada, CATALOGUE.tracks[:40])
        batches, end = walk(provider, moments[30], moments[4])
        assert {moment for moment, _ in heard(batches)} == set(moments[4:30])
        assert end is HistoryEnd.REACHED_SINCE

    def test_reading_stops_at_the_first_album_that_was_played_before(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        moments = hear(ada, CATALOGUE.tracks[:60])
        walk(provider, moments[2])
        assert len(navidrome.faults.seen("getAlbum")) == 1
        assert len(navidrome.faults.seen("getAlbumList2")) == 1

    def test_both_tiers_tell_one_play_alike(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        hear(ada, CATALOGUE.tracks[:20], newest=NOW - timedelta(seconds=60.75))
        # Only Subsonic says how often a song was played.
        poorer = [replace(track, play_count=0) for batch in walk(provider, EPOCH)[0] for track in batch]
        navidrome.scrobble_history = True
        better = [track for batch in walk(provider, EPOCH)[0] for track in batch]
        assert sorted(poorer, key=lambda track: track.id) == sorted(better, key=lambda track: track.id)
        assert all(track.played_at and track.played_at.microsecond == 0 for track in better)

    def test_an_album_played_while_later_pages_are_read_is_not_missed(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(provider_module, "ALBUM_PAGE", 2)
        firsts = list({song.album_key: song for song in CATALOGUE.tracks}.values())[:6]
        moments = hear(ada, firsts)
        get_recent_albums = parse_recent_albums
        pages = []

        def after_the_first_page(response: dict[str, object]) -> object:
            pages.append(get_recent_albums(response))
            if len(pages) == 1:
                last_album = [song for song in CATALOGUE.tracks if song.album_key == firsts[5].album_key]
                ada.listen(last_album[1], NOW)
            return pages[-1]

        monkeypatch.setattr(provider_module, "parse_recent_albums", after_the_first_page)
        batches, _ = walk(provider, EPOCH)
        assert {moment for moment, _ in heard(batches)} == {*moments, NOW}

    def test_albums_read_ahead_come_in_the_same_order(
        self, provider: NavidromeProvider, ada: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hear(ada, CATALOGUE.tracks[:150])
        one_by_one = walk(provider, EPOCH)
        monkeypatch.setattr(SubsonicClient, "latency", 1e6)
        assert walk(provider, EPOCH) == one_by_one
        assert len(one_by_one[0]) > 10

    def test_an_album_that_vanishes_meanwhile_is_passed_over(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        one, other = CATALOGUE.tracks[0], CATALOGUE.tracks[-1]
        hear(ada, [one, other])
        iterator = provider.iter_recent_listens(EPOCH)
        assert [track.id for track in next(iterator)] == [one.key]
        for song in CATALOGUE.tracks:
            if song.album_key == other.album_key:
                navidrome.remove_song(song)
        assert list(iterator) == []

    def test_album_pages_that_repeat_themselves_are_refused(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator
    ) -> None:
        albums = '{"album": [{"id": "x", "played": "2026-01-01T00:00:00Z"}]}'
        body = f'{{"subsonic-response": {{"status": "ok", "albumList2": {albums}}}}}'
        navidrome.faults.add("getAlbumList2", body=body, times=None)
        with pytest.raises(InvalidResponseError):
            walk(provider, EPOCH)


@pytest.mark.parametrize(
    ("operation", "status", "content_type"),
    [
        ("auth/login", 401, "application/json"),
        ("auth/login", 403, "text/plain"),
        ("auth/login", 404, "text/plain"),
        ("auth/login", 405, "text/plain"),
        ("auth/login", 200, "text/html"),
        ("auth/login", 302, "text/html"),
        ("api/scrobble", 403, "text/plain"),
        ("api/scrobble", 404, "text/plain"),
        ("api/scrobble", 401, "application/json"),
        ("api/scrobble", 501, "text/plain"),
        ("api/scrobble", 200, "text/html"),
    ],
)
def test_without_the_own_api_subsonic_is_sufficient(
    provider: NavidromeProvider,
    navidrome: NavidromeSimulator,
    ada: Person,
    operation: str,
    status: int,
    content_type: str,
) -> None:
    moments = hear(ada, CATALOGUE.tracks[:2])
    navidrome.faults.add(
        operation, status=status, body="<html></html>", headers={"Content-Type": content_type}, times=None
    )
    batches, _ = walk(provider, EPOCH)
    assert [moment for moment, _ in heard(batches)] == moments
    assert provider.history_is_last_play_only is True


def test_a_tier_that_appears_or_goes_away_is_noticed_at_each_walk(
    provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person
) -> None:
    hear(ada, CATALOGUE.tracks[:3])
    seen = []
    for has_history in (True, False, True):
        navidrome.scrobble_history = has_history
        next(provider.iter_recent_listens(EPOCH))
        seen.append((provider.history_is_last_play_only, provider.history_is_resumable))
    assert seen == [(False, True), (True, False), (False, True)]


@pytest.mark.parametrize("operation", ["auth/login", "api/scrobble", "getSong"])
def test_a_server_that_is_down_is_an_error_and_not_another_tier(
    provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person, operation: str
) -> None:
    hear(ada, CATALOGUE.tracks[:2])
    navidrome.faults.add(operation, **html_error_page(), times=None)
    with pytest.raises(ServiceUnavailableError):
        walk(provider, EPOCH)


@pytest.mark.parametrize("has_history", [True, False])
def test_a_changed_password_asks_the_person_to_sign_in_again(
    provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person, has_history: bool
) -> None:
    navidrome.scrobble_history = has_history
    navidrome.change_password(ada, "another")
    with pytest.raises(ReauthorizationRequiredError):
        walk(provider, EPOCH)


@pytest.mark.parametrize("has_history", [True, False])
def test_a_moment_without_a_zone_is_refused(
    provider: NavidromeProvider, navidrome: NavidromeSimulator, has_history: bool
) -> None:
    navidrome.scrobble_history = has_history
    naive = datetime(2026, 1, 1)  # noqa: DTZ001, the fault to be found
    with pytest.raises(ValueError, match="since"):
        provider.iter_recent_listens(naive)
    with pytest.raises(ValueError, match="until"):
        provider.iter_recent_listens(EPOCH, naive)


def test_people_hear_of_their_own_plays_only(navidrome: NavidromeSimulator, ada: Person) -> None:
    bob = navidrome.add_person("bob", PASSWORD)
    hear(bob, CATALOGUE.tracks[:3])
    for has_history in (True, False):
        navidrome.scrobble_history = has_history
        assert walk(NavidromeProvider(BASE_URL, username="ada", password=PASSWORD), BEFORE_ALL)[0] == []


def test_a_walk_tells_how_far_back_it_has_seen_also_where_a_song_is_gone(
    provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person
) -> None:
    moments = hear(ada, CATALOGUE.tracks[:3])
    navidrome.remove_song(CATALOGUE.tracks[2])
    batches = provider.iter_recent_listens(BEFORE_ALL)
    assert len(next(batches)) == 2
    assert provider.oldest_seen == moments[2]


def test_a_walk_among_last_plays_tells_how_far_back_it_has_seen(
    provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person
) -> None:
    navidrome.scrobble_history = False
    moments = hear(ada, [CATALOGUE.tracks[0], CATALOGUE.tracks[1]])
    walk(provider, BEFORE_ALL)
    assert provider.oldest_seen == moments[-1]


class TestCounting:
    """What counts single plays, as the walk would offer them."""

    def test_a_count_reads_no_plays(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        hear(ada, CATALOGUE.tracks[:12])
        assert provider.count_listens(BEFORE_ALL, NOW) == 12
        (asked,) = navidrome.faults.seen("api/scrobble")
        assert (asked.query["_start"], asked.query["_end"]) == (["0"], ["1"])

    def test_since_is_exclusive_and_until_inclusive_whatever_the_fractions(
        self, provider: NavidromeProvider, ada: Person
    ) -> None:
        newest, _, _, oldest = hear(ada, CATALOGUE.tracks[:4])
        half = timedelta(milliseconds=500)
        assert provider.count_listens(oldest, newest) == 3
        assert provider.count_listens(oldest - half, newest - half) == 3
        assert provider.count_listens(oldest + half, newest + half) == 3
        assert provider.count_listens(newest, oldest) == 0

    def test_a_span_without_plays_counts_none(self, provider: NavidromeProvider, ada: Person) -> None:
        hear(ada, CATALOGUE.tracks[:1])
        assert provider.count_listens(BEFORE_ALL, BEFORE_ALL + timedelta(days=1)) == 0

    def test_last_plays_are_not_counted(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        navidrome.scrobble_history = False
        hear(ada, CATALOGUE.tracks[:3])
        with pytest.raises(NotFoundError, match="no single plays"):
            provider.count_listens(BEFORE_ALL, NOW)

    def test_a_server_that_keeps_no_single_plays_does_not_count_them_as_none(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        hear(ada, CATALOGUE.tracks[:3])
        ada.scrobbles.clear()
        with pytest.raises(NotFoundError, match="no single plays"):
            provider.count_listens(BEFORE_ALL, NOW)

    def test_a_server_that_does_not_say_how_many_does_not_count(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator
    ) -> None:
        navidrome.faults.add("api/scrobble", body="[]", headers={"Content-Type": "application/json"})
        with pytest.raises(NotFoundError):
            provider.count_listens(BEFORE_ALL, NOW)

    @pytest.mark.parametrize("told", ["many", "-1", "", "9" * 30, "٣"])
    def test_a_number_that_is_none_is_an_invalid_response(
        self, provider: NavidromeProvider, navidrome: NavidromeSimulator, told: str
    ) -> None:
        headers = {"Content-Type": "application/json", "X-Total-Count": told}
        navidrome.faults.add("api/scrobble", body="[]", headers=headers)
        with pytest.raises(InvalidResponseError, match="X-Total-Count"):
            provider.count_listens(BEFORE_ALL, NOW)
