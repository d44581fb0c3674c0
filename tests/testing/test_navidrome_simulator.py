import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import Any
from xml.etree import ElementTree

import pytest
import requests

from providers.testing.simulators.catalogue import Catalogue
from providers.testing.simulators.navidrome import NavidromeSimulator, Person
from providers.testing.wsgi import mounted, serving

BASE = "https://music.example"
CATALOGUE = Catalogue()
SONGS = CATALOGUE.tracks[:30]
ONE, TWO, THREE, FOUR = SONGS[:4]
ELSEWHERE = CATALOGUE.tracks[100]
SALTS = (f"salt{number:04}" for number in itertools.count())
PASSWORD = "sésame"


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def navidrome(clock: Clock) -> Iterator[NavidromeSimulator]:
    simulator = NavidromeSimulator(clock=clock, catalogue=CATALOGUE, songs=SONGS)
    with mounted({BASE: simulator.wsgi}):
        yield simulator


@pytest.fixture
def ada(navidrome: NavidromeSimulator) -> Person:
    return navidrome.add_person("ada", PASSWORD)


@pytest.fixture
def bob(navidrome: NavidromeSimulator) -> Person:
    return navidrome.add_person("bob", PASSWORD)


@pytest.fixture
def root(navidrome: NavidromeSimulator) -> Person:
    return navidrome.add_person("root", PASSWORD, is_admin=True)


def credentials(name: str = "ada", password: str = PASSWORD, salt: str | None = None) -> dict[str, str]:
    salt = salt or next(SALTS)
    token = md5((password + salt).encode()).hexdigest()
    return {"u": name, "t": token, "s": salt, "v": "1.16.1", "c": "tests", "f": "json"}


def post(method: str, form: dict[str, Any]) -> requests.Response:
    return requests.post(f"{BASE}/rest/{method}", data=form, timeout=5)


def unwrapped(response: requests.Response) -> dict[str, Any]:
    assert response.status_code == 200
    body: dict[str, Any] = response.json()["subsonic-response"]
    return body


def call(method: str, user: str = "ada", **params: Any) -> dict[str, Any]:
    body = unwrapped(post(method, credentials(user) | params))
    assert body["status"] == "ok", body
    return body


def code(method: str, user: str = "ada", **params: Any) -> int:
    return code_of(post(method, credentials(user) | params))


def code_of(response: requests.Response) -> int:
    body = unwrapped(response)
    assert body["status"] == "failed", body
    found: int = body["error"]["code"]
    return found


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def entries(playlist_id: str, user: str = "ada") -> list[str]:
    return ids(call("getPlaylist", user, id=playlist_id)["playlist"].get("entry", []))


class TestCredentials:
    def test_a_name_has_no_case_as_far_as_ascii_goes(self, navidrome: NavidromeSimulator) -> None:
        navidrome.add_person("Éric", PASSWORD)
        assert call("getUser", "ÉRIC", username="ÉRIC")["user"]["username"] == "Éric"
        assert code("ping", "éric") == 40
        navidrome.add_person("éric", PASSWORD)
        with pytest.raises(ValueError, match="has an account already"):
            navidrome.add_person("éRIC", PASSWORD)

    def test_the_token_is_that_of_the_documentation(self, navidrome: NavidromeSimulator) -> None:
        navidrome.add_person("eve", "sesame")
        sent = {
            "u": "eve",
            "t": "26719a1196d2a940705a59634eb18eab",
            "s": "c19b2d",
            "v": "1.16.1",
            "c": "tests",
            "f": "json",
        }
        assert unwrapped(post("ping", sent)) == {
            "status": "ok",
            "version": "1.16.1",
            "type": "navidrome",
            "serverVersion": "0.64.0 (simulator)",
            "openSubsonic": True,
        }

    def test_a_salt_is_good_for_one_call_only(self, navidrome: NavidromeSimulator, ada: Person, bob: Person) -> None:
        sent = credentials(salt="abcdef")
        assert unwrapped(post("ping", sent))["status"] == "ok"
        assert code_of(post("ping", sent)) == 40
        assert code_of(post("getPlaylists", sent)) == 40
        assert unwrapped(post("ping", credentials("bob", salt="abcdef")))["status"] == "ok"

    def test_a_salt_is_not_spent_by_a_fault(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        sent = credentials()
        navidrome.faults.add("ping", status=503)
        assert post("ping", sent).status_code == 503
        assert unwrapped(post("ping", sent))["status"] == "ok"

    @pytest.mark.parametrize(
        "wrong",
        [
            {"t": "0" * 32},
            {"s": "other-salt"},
            {"u": "nobody"},
            {"t": ""},
            credentials(salt="short"),
            {"p": "wrong"},
            {"p": "enc:zz"},
        ],
    )
    def test_wrong_ones_are_told_apart_by_nothing(
        self, navidrome: NavidromeSimulator, ada: Person, wrong: dict[str, str]
    ) -> None:
        assert code_of(post("ping", credentials() | wrong)) == 40

    @pytest.mark.parametrize("missing", ["u", "v", "c"])
    def test_name_version_and_client_are_required(
        self, navidrome: NavidromeSimulator, ada: Person, missing: str
    ) -> None:
        sent = credentials()
        del sent[missing]
        assert code_of(post("ping", sent)) == 10

    @pytest.mark.parametrize("password", [PASSWORD, f"enc:{PASSWORD.encode().hex()}"])
    def test_the_password_itself_is_taken_too(self, navidrome: NavidromeSimulator, ada: Person, password: str) -> None:
        sent = {"u": "ADA", "p": password, "v": "1.16.1", "c": "tests", "f": "json"}
        assert unwrapped(post("ping", sent))["status"] == "ok"

    def test_a_changed_password_counts_at_once(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        navidrome.change_password(ada, "new")
        assert code("ping") == 40
        assert unwrapped(post("ping", credentials(password="new")))["status"] == "ok"

    def test_who_signs_in_elsewhere_cannot_sign_in_here(self, navidrome: NavidromeSimulator) -> None:
        navidrome.add_person("sso", PASSWORD, externally_authenticated=True)
        assert code("ping", "sso") == 40
        answer = requests.post(f"{BASE}/auth/login", json={"username": "sso", "password": PASSWORD}, timeout=5)
        assert answer.status_code == 401

    def test_no_secret_shows_in_a_repr(self, ada: Person) -> None:
        assert PASSWORD not in repr(ada)


class TestProtocol:
    def test_body_and_query_are_merged_and_view_is_optional(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        sent = credentials()
        query = {"f": sent.pop("f"), "songId": TWO.key, "name": "Both"}
        answer = requests.post(
            f"{BASE}/rest/createPlaylist.view", params=query, data=sent | {"songId": ONE.key}, timeout=5
        )
        assert ids(unwrapped(answer)["playlist"]["entry"]) == [ONE.key, TWO.key]
        assert unwrapped(requests.get(f"{BASE}/rest/ping", params=credentials(), timeout=5))["status"] == "ok"

    def test_thousands_of_songs_fit_into_a_body(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        wanted = [f"unknown-song-number-{number:010}" for number in range(20_000)] + [ONE.key]
        assert ids(call("createPlaylist", name="Long", songId=wanted)["playlist"]["entry"]) == [ONE.key]

    def test_whoever_forgets_the_format_gets_xml(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        ada.add_playlist("List", [ONE], public=True)
        answer = post("getPlaylists", credentials() | {"f": ""})
        assert answer.headers["Content-Type"].startswith("application/xml")
        xml = ElementTree.fromstring(answer.content)
        playlist = xml.find("{*}playlists/{*}playlist")
        assert xml.get("status") == "ok"
        assert playlist is not None
        assert (playlist.get("name"), playlist.get("public")) == ("List", "true")

    def test_extensions_are_public(self, navidrome: NavidromeSimulator) -> None:
        answer = requests.get(f"{BASE}/rest/getOpenSubsonicExtensions", params={"f": "json"}, timeout=5)
        names = [extension["name"] for extension in unwrapped(answer)["openSubsonicExtensions"]]
        assert "formPost" in names
        assert "apiKeyAuthentication" not in names

    def test_missing_methods_answer_in_plain_text(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        for method, status in (("getPodcasts", 501), ("getVideos", 410), ("getSongHistory", 404)):
            answer = post(method, credentials())
            assert answer.status_code == status
            assert answer.headers["Content-Type"].startswith("text/plain")
        assert code_of(post("getPodcasts", credentials(password="wrong"))) == 40

    def test_people_see_themselves_and_administrators_everybody(
        self, navidrome: NavidromeSimulator, ada: Person, root: Person
    ) -> None:
        assert call("getUser", username="ada")["user"]["adminRole"] is False
        assert code("getUser", username="root") == 50
        assert code("getUser") == 10
        assert call("getUser", "root", username="root")["user"]["adminRole"] is True
        assert call("getUser", "root", username="ada")["user"]["username"] == "ada"


class TestPlaylists:
    def test_none_is_no_list_at_all(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        assert call("getPlaylists")["playlists"] == {}
        created = call("createPlaylist", name="Empty")["playlist"]
        assert created["songCount"] == 0
        assert not {"entry", "public", "comment", "readonly"} & set(created)

    def test_one_sees_ones_own_and_public_ones_by_name(
        self, navidrome: NavidromeSimulator, ada: Person, bob: Person, root: Person
    ) -> None:
        bob.add_playlist("Bob's private")
        bob.add_playlist("Bob's public", [ONE], public=True)
        ada.add_playlist("Zebra")
        ada.add_playlist("Aardvark")
        seen = call("getPlaylists")["playlists"]["playlist"]
        assert [playlist["name"] for playlist in seen] == ["Aardvark", "Bob's public", "Zebra"]
        assert [playlist.get("readonly", False) for playlist in seen] == [False, True, False]
        assert [playlist["owner"] for playlist in seen] == ["ada", "bob", "ada"]
        assert len(call("getPlaylists", "root")["playlists"]["playlist"]) == 4

    def test_names_need_not_be_unique(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        first = call("createPlaylist", name="Twice", songId=[ONE.key])["playlist"]["id"]
        second = call("createPlaylist", name="Twice", songId=[ONE.key])["playlist"]["id"]
        assert first != second

    def test_neither_name_nor_id_is_a_generic_error(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        assert code("createPlaylist", songId=[ONE.key]) == 0

    def test_creating_with_an_id_replaces_the_songs_and_ignores_the_name(
        self, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        playlist = ada.add_playlist("Before", [ONE, TWO])
        shown = call("createPlaylist", playlistId=playlist.id, name="After", songId=[THREE.key, ONE.key])["playlist"]
        assert shown["name"] == "Before"
        assert ids(shown["entry"]) == [THREE.key, ONE.key]

    def test_replacing_by_nothing_does_not_clear(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        playlist = ada.add_playlist("Kept", [ONE, TWO])
        assert ids(call("createPlaylist", playlistId=playlist.id)["playlist"]["entry"]) == [ONE.key, TWO.key]

    def test_removing_every_index_clears(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        playlist = ada.add_playlist("Cleared", [ONE, TWO])
        call("updatePlaylist", playlistId=playlist.id, songIndexToRemove=["0", "1"])
        assert entries(playlist.id) == []

    def test_songs_the_library_does_not_know_are_taken_and_never_shown(
        self, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        wanted = [ONE.key, "no-such-song", ELSEWHERE.key, TWO.key]
        shown = call("createPlaylist", name="Holes", songId=wanted)["playlist"]
        assert ids(shown["entry"]) == [ONE.key, TWO.key]
        assert shown["songCount"] == 2
        navidrome.add_song(ELSEWHERE)
        assert entries(shown["id"]) == [ONE.key, ELSEWHERE.key, TWO.key]
        navidrome.remove_song(ONE)
        assert entries(shown["id"]) == [ELSEWHERE.key, TWO.key]

    def test_an_update_removes_by_the_old_indexes_then_adds(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        playlist = ada.add_playlist("Mixed", [ONE, TWO, THREE])
        call(
            "updatePlaylist", playlistId=playlist.id, songIdToAdd=[FOUR.key, ONE.key], songIndexToRemove=["0", "2", "9"]
        )
        assert entries(playlist.id) == [TWO.key, FOUR.key, ONE.key]

    def test_an_update_changes_only_what_it_names(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        playlist = ada.add_playlist("Old", [ONE], comment="Why")
        call("updatePlaylist", playlistId=playlist.id, name="New", public="true")
        shown = call("getPlaylist", id=playlist.id)["playlist"]
        assert (shown["name"], shown["comment"], shown["public"]) == ("New", "Why", True)
        call("updatePlaylist", playlistId=playlist.id, comment="", public="false")
        shown = call("getPlaylist", id=playlist.id)["playlist"]
        assert shown["name"] == "New"
        assert not {"comment", "public"} & set(shown)
        assert ids(shown["entry"]) == [ONE.key]

    def test_changes_move_the_date(self, navidrome: NavidromeSimulator, ada: Person, clock: Clock) -> None:
        created = call("createPlaylist", name="Dated")["playlist"]
        assert created["created"] == created["changed"] == "2026-11-22T12:00:00Z"
        clock.advance(seconds=1.5)
        call("updatePlaylist", playlistId=created["id"], songIdToAdd=[ONE.key])
        shown = call("getPlaylist", id=created["id"])["playlist"]
        assert (shown["created"], shown["changed"]) == ("2026-11-22T12:00:00Z", "2026-11-22T12:00:01.5Z")

    def test_a_smart_list_keeps_its_songs(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        playlist = ada.add_playlist("Smart", [ONE], readonly=True)
        shown = call("getPlaylist", id=playlist.id)["playlist"]
        assert shown["readonly"] is True
        assert "validUntil" in shown
        assert code("createPlaylist", playlistId=playlist.id, songId=[TWO.key]) == 50
        assert code("updatePlaylist", playlistId=playlist.id, songIdToAdd=[TWO.key]) == 50
        assert code("updatePlaylist", playlistId=playlist.id, songIndexToRemove=["0"]) == 50
        call("updatePlaylist", playlistId=playlist.id, name="Renamed")
        call("deletePlaylist", id=playlist.id)
        assert call("getPlaylists")["playlists"] == {}

    def test_other_peoples_lists_are_read_only_or_unknown(
        self, navidrome: NavidromeSimulator, ada: Person, bob: Person, root: Person
    ) -> None:
        public = bob.add_playlist("Public", [ONE], public=True).id
        private = bob.add_playlist("Private", [ONE]).id
        assert entries(public) == [ONE.key]
        for playlist_id, expected in ((public, 50), (private, 70), ("no-such-list", 70)):
            assert code("createPlaylist", playlistId=playlist_id, songId=[TWO.key]) == expected
            assert code("updatePlaylist", playlistId=playlist_id, name="Mine now") == expected
            assert code("deletePlaylist", id=playlist_id) == expected
        assert code("getPlaylist", id=private) == 70
        call("createPlaylist", "root", playlistId=private, songId=[TWO.key])
        assert entries(private, "bob") == [TWO.key]

    def test_what_is_deleted_is_gone(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        playlist = ada.add_playlist("Brief")
        call("deletePlaylist", id=playlist.id)
        assert code("deletePlaylist", id=playlist.id) == 70
        assert code("getPlaylist", id=playlist.id) == 70
        assert code("deletePlaylist") == code("getPlaylist") == code("updatePlaylist") == 10


class TestLibrary:
    def test_a_song_tells_what_a_bridge_needs(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        song = call("getSong", id=ONE.key)["song"]
        assert song["title"] == ONE.name
        assert song["duration"] == ONE.duration_ms // 1000
        assert song["isrc"] == ([ONE.isrc] if ONE.isrc else [])
        assert song["musicBrainzId"] == ONE.mbid
        assert [artist["name"] for artist in song["artists"]] == list(ONE.artists)
        assert song["displayArtist"] == song["artist"] == " • ".join(ONE.artists)
        assert not {"played", "playCount"} & set(song)
        assert code("getSong", id="no-such-song") == 70

    def test_plays_are_counted_for_each_person(self, navidrome: NavidromeSimulator, ada: Person, bob: Person) -> None:
        ada.listen(ONE, datetime(2026, 11, 20, 8, 0, 0, 250_000, UTC))
        ada.listen(ONE, datetime(2026, 11, 19, 8, tzinfo=UTC))
        song = call("getSong", id=ONE.key)["song"]
        assert (song["playCount"], song["played"]) == (2, "2026-11-20T08:00:00.25Z")
        assert "played" not in call("getSong", "bob", id=ONE.key)["song"]

    def test_recent_albums_are_those_played_last_first(
        self, navidrome: NavidromeSimulator, ada: Person, clock: Clock
    ) -> None:
        firsts = list({song.album_key: song for song in SONGS}.values())[:3]
        for hours, song in enumerate(firsts, start=1):
            ada.listen(song, clock.now - timedelta(hours=hours))
        answer = post("getAlbumList2", credentials() | {"type": "recent", "size": "2"})
        albums = unwrapped(answer)["albumList2"]["album"]
        assert answer.headers["x-total-count"] == "3"
        assert ids(albums) == [song.album_key for song in firsts[:2]]
        assert albums[0]["played"] == "2026-11-22T11:00:00Z"
        rest = call("getAlbumList2", type="recent", size="2", offset="2")["albumList2"]["album"]
        assert ids(rest) == [firsts[2].album_key]
        assert call("getAlbumList2", type="recent", offset="3")["albumList2"] == {}

    def test_an_album_has_its_songs_with_their_plays(
        self, navidrome: NavidromeSimulator, ada: Person, clock: Clock
    ) -> None:
        ada.listen(ONE, clock.now)
        album = call("getAlbum", id=ONE.album_key)["album"]
        assert ids(album["song"]) == [song.key for song in SONGS if song.album_key == ONE.album_key]
        assert [song["id"] for song in album["song"] if "played" in song] == [ONE.key]
        assert code("getAlbum", id="no-such-album") == 70

    def test_a_list_of_albums_needs_a_known_type(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        assert code("getAlbumList2") == 10
        assert code("getAlbumList2", type="sideways") == 0

    def test_no_page_of_albums_is_larger_than_500(self, clock: Clock) -> None:
        many = [song for seed in range(8) for song in Catalogue(seed).tracks]
        simulator = NavidromeSimulator(clock=clock, songs=many)
        simulator.add_person("ada", PASSWORD)
        with mounted({BASE: simulator.wsgi}):
            found = call("getAlbumList2", type="newest", size="5000")["albumList2"]["album"]
            assert len(found) == 500
            assert len(call("getAlbumList2", type="newest")["albumList2"]["album"]) == 10

    def test_an_empty_search_lists_everything_in_pages(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        nothing_else = {"artistCount": "0", "albumCount": "0"}
        first = call("search3", query="", songCount="20", **nothing_else)["searchResult3"]
        second = call("search3", query='""', songCount="20", songOffset="20", **nothing_else)["searchResult3"]
        assert ids(first["song"] + second["song"]) == [song.key for song in SONGS]
        assert call("search3", query="", songOffset="30", **nothing_else)["searchResult3"] == {}
        assert set(call("search3", query="")["searchResult3"]) == {"artist", "album", "song"}

    def test_what_is_not_counted_is_not_shown(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        assert set(call("search3", query="", songCount="0", artistCount="0")["searchResult3"]) == {"album"}

    def test_a_library_of_a_hundred_thousand_songs_is_told_page_by_page(self, clock: Clock) -> None:
        songs = (replace(SONGS[number % len(SONGS)], key=f"{number:022}") for number in range(100_000))
        huge = NavidromeSimulator(clock=clock, songs=songs)
        huge.add_person("ada", PASSWORD)
        everything = {"query": "", "artistCount": "0", "albumCount": "0", "songCount": "500"}
        with mounted({BASE: huge.wsgi}):
            pages = [ids(call("search3", songOffset=str(offset), **everything)["searchResult3"]["song"])
                     for offset in (0, 50_000, 99_500)]  # fmt: skip
        assert [(page[0], len(page)) for page in pages] == [(f"{n:022}", 500) for n in (0, 50_000, 99_500)]

    def test_a_search_finds_words_and_mbids(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        wanted = f"{ONE.artist} {ONE.name}".upper()
        assert ONE.key in ids(call("search3", query=wanted)["searchResult3"]["song"])
        known = next(song for song in SONGS if song.mbid)
        assert ids(call("search3", query=known.mbid)["searchResult3"]["song"]) == [known.key]
        assert call("search3", query="zzz nothing")["searchResult3"] == {}
        assert call("search3", query="a")["searchResult3"] == {}


class TestScrobble:
    def test_each_submission_counts(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        call("scrobble", id=[ONE.key, TWO.key, ONE.key], time=["1783050940500", "1783051000000", "1783040000000"])
        song = call("getSong", id=ONE.key)["song"]
        assert (song["playCount"], song["played"]) == (2, "2026-07-03T03:55:40.5Z")
        assert [row.submission_time for row in ada.scrobbles] == [1_783_050_940, 1_783_051_000, 1_783_040_000]

    def test_without_a_time_it_is_now(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        call("scrobble", id=ONE.key)
        assert call("getSong", id=ONE.key)["song"]["played"] == "2026-11-22T12:00:00Z"

    def test_now_playing_and_unknown_songs_leave_no_trace(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        call("scrobble", id=ONE.key, submission="false")
        call("scrobble", id="no-such-song")
        assert ada.scrobbles == []

    def test_ids_and_times_must_be_as_many(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        assert code("scrobble", id=[ONE.key, TWO.key], time=["1"]) == 0
        assert code("scrobble") == 10


def login(name: str = "ada", password: str = PASSWORD) -> requests.Response:
    return requests.post(f"{BASE}/auth/login", json={"username": name, "password": password}, timeout=5)


def native(path: str, token: str, **params: Any) -> requests.Response:
    headers = {"X-ND-Authorization": f"Bearer {token}"}
    return requests.get(f"{BASE}/api/{path}", params=params, headers=headers, timeout=5)


class TestNativeSignIn:
    def test_it_gives_a_token_and_a_subsonic_salt(self, navidrome: NavidromeSimulator, root: Person) -> None:
        body = login("root").json()
        assert (body["username"], body["isAdmin"], len(body["subsonicSalt"])) == ("root", True, 6)
        assert body["subsonicToken"] == md5((PASSWORD + body["subsonicSalt"]).encode()).hexdigest()
        assert native("song", body["token"]).status_code == 200

    def test_wrong_credentials_and_mangled_bodies_are_refused(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        assert login("nobody").status_code == 401
        assert login(password="wrong").json() == {"error": "Invalid username or password"}
        for body in (b"{", b"[]", b'{"username": 1}'):
            assert requests.post(f"{BASE}/auth/login", data=body, timeout=5).status_code == 422

    def test_the_sixth_attempt_in_twenty_seconds_has_to_wait(
        self, navidrome: NavidromeSimulator, ada: Person, clock: Clock
    ) -> None:
        assert [login().status_code for _ in range(6)] == [200] * 5 + [429]
        clock.advance(seconds=20)
        assert login().status_code == 200

    def test_the_limit_can_be_left_out(self) -> None:
        simulator = NavidromeSimulator(limits_logins=False)
        simulator.add_person("ada", PASSWORD)
        with mounted({BASE: simulator.wsgi}):
            assert {login().status_code for _ in range(10)} == {200}

    def test_every_answer_renews_the_token_until_nobody_comes_any_more(
        self, navidrome: NavidromeSimulator, ada: Person, clock: Clock
    ) -> None:
        first = login().json()["token"]
        clock.advance(hours=47)
        renewed = native("song", first).headers["X-ND-Authorization"]
        clock.advance(hours=2)
        assert native("song", first).status_code == 401
        assert native("song", renewed).status_code == 200

    def test_without_a_token_nobody_is_let_in(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        assert requests.get(f"{BASE}/api/scrobble", timeout=5).json() == {"error": "Not authenticated"}
        answer = native("scrobble", "invented")
        assert answer.status_code == 401
        assert "X-ND-Authorization" not in answer.headers


class TestNativeLists:
    @pytest.fixture
    def scrobbles(
        self, navidrome: NavidromeSimulator, ada: Person, bob: Person
    ) -> Callable[..., tuple[list[int], str | None]]:
        for second in (300, 100, 200):
            ada.listen(ONE, datetime.fromtimestamp(second, UTC))
        bob.listen(TWO, datetime.fromtimestamp(150, UTC))
        token = login().json()["token"]

        def asked(**params: str) -> tuple[list[int], str | None]:
            answer = native("scrobble", token, **params)
            return [row["submissionTime"] for row in answer.json()], answer.headers.get("X-Total-Count")

        return asked

    def test_plays_are_ones_own_in_the_order_they_came(
        self, scrobbles: Callable[..., tuple[list[int], str | None]]
    ) -> None:
        assert scrobbles() == ([300, 100, 200], "3")

    def test_plays_are_sorted_and_cut_into_pages(self, scrobbles: Callable[..., tuple[list[int], str | None]]) -> None:
        newest_first = {"_sort": "submission_time", "_order": "DESC"}
        assert scrobbles(**newest_first, _start="0", _end="2") == ([300, 200], "3")
        assert scrobbles(**newest_first, _start="2", _end="4") == ([100], "3")
        assert scrobbles(_sort="submission_time", _order="ASC") == ([100, 200, 300], "3")

    def test_both_bounds_are_inclusive(self, scrobbles: Callable[..., tuple[list[int], str | None]]) -> None:
        assert scrobbles(**{"from": "100", "to": "200"}, _sort="submission_time") == ([100, 200], "2")
        assert scrobbles(**{"from": "101"}) == ([300, 200], "2")

    def test_an_older_server_does_not_know_plays(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        token = login().json()["token"]
        navidrome.scrobble_history = False
        assert native("scrobble", token).status_code == 404
        assert native("song", token).status_code == 200
        navidrome.scrobble_history = True
        assert native("scrobble", token).json() == []

    def test_songs_are_resolved_by_id(self, navidrome: NavidromeSimulator, ada: Person, clock: Clock) -> None:
        ada.listen(TWO, clock.now)
        answer = native("song", login().json()["token"], id=[TWO.key, ONE.key, "no-such-song"], _sort="play_date")
        assert ids(answer.json()) == [ONE.key, TWO.key]
        one, two = answer.json()
        assert one["duration"] == round(ONE.duration_ms / 1000, 2)
        assert one["tags"].get("isrc", []) == ([ONE.isrc] if ONE.isrc else [])
        assert "playDate" not in one
        assert (two["playDate"], two["playCount"]) == ("2026-11-22T12:00:00Z", 1)


def test_a_seeded_person_has_thousands_of_plays_and_a_shelf_of_playlists(clock: Clock) -> None:
    simulator = NavidromeSimulator(clock=clock, catalogue=CATALOGUE)
    ada = simulator.add_person("ada", PASSWORD)
    simulator.seed(ada)
    with mounted({BASE: simulator.wsgi}):
        playlists = call("getPlaylists")["playlists"]["playlist"]
        assert len(playlists) >= 15
        assert {playlist["songCount"] == 0 for playlist in playlists} == {True, False}
        assert len({playlist["name"] for playlist in playlists}) < len(playlists)
        answer = native("scrobble", login().json()["token"], _sort="submissionTime", _order="DESC", _end="100")
        assert int(answer.headers["X-Total-Count"]) > 2000
        assert len(answer.json()) == 100
        assert answer.json()[0]["submissionTime"] <= clock.now.timestamp()
    assert len(simulator.songs) > 300


def test_on_a_socket_it_answers_under_its_base_path_and_takes_faults() -> None:
    simulator = NavidromeSimulator(base_path="/music", songs=SONGS)
    simulator.add_person("ada", PASSWORD)
    with serving(simulator.wsgi) as base:
        ping = f"{base}/music/rest/ping"
        assert unwrapped(requests.post(ping, data=credentials(), timeout=5))["status"] == "ok"
        assert requests.post(f"{base}/rest/ping", data=credentials(), timeout=5).status_code == 404
        assert requests.post(f"{base}/_faults", json={"match": "ping", "status": 502}, timeout=5).status_code == 201
        assert requests.post(ping, data=credentials(), timeout=5).status_code == 502
        assert len(simulator.seen("ping")) == 2
