import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from xml.etree import ElementTree

import pytest
import requests

from providers.testing.simulators.catalogue import Catalogue
from providers.testing.simulators.lastfm import LastFMSimulator, Person
from providers.testing.wsgi import mounted, serving

API = "https://ws.audioscrobbler.com/2.0/"
AUTH = "https://www.last.fm/api/auth/"
CALLBACK = "https://site.example/connections/lastfm/callback/"
AGENT = {"User-Agent": "musicbridge-tests/1.0"}
CATALOGUE = Catalogue()
TRACK, OTHER, THIRD = CATALOGUE.tracks[:3]


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
def lastfm(clock: Clock) -> Iterator[LastFMSimulator]:
    simulator = LastFMSimulator(api_key="k" * 32, api_secret="s" * 32, clock=clock, catalogue=CATALOGUE)
    with mounted({"https://ws.audioscrobbler.com": simulator.api, "https://www.last.fm": simulator.website}):
        yield simulator


@pytest.fixture
def ada(lastfm: LastFMSimulator) -> Person:
    return lastfm.add_person("Ada")


def signed(params: dict[str, str], secret: str = "s" * 32) -> dict[str, str]:
    text = "".join(name + params[name] for name in sorted(params) if name not in ("format", "callback"))
    return params | {"api_sig": md5((text + secret).encode()).hexdigest()}


def call(**params: str) -> requests.Response:
    query = {"api_key": "k" * 32, "format": "json"} | params
    return requests.get(API, params=query, headers=AGENT, timeout=5)


def call_signed(**params: str) -> requests.Response:
    query = signed({"api_key": "k" * 32, "format": "json"} | params)
    return requests.get(API, params=query, headers=AGENT, timeout=5)


def recent(**params: str) -> dict[str, Any]:
    answer = call(method="user.getRecentTracks", user="Ada", **params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["recenttracks"]
    return found


def times(page: dict[str, Any]) -> list[str]:
    return [row["date"]["uts"] for row in page["track"] if "date" in row]


def refusal(answer: requests.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["error"]


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def auth_url(callback: str = CALLBACK) -> str:
    return f"{AUTH}?api_key={'k' * 32}&cb={quote(callback, safe='')}"


def granted_token(lastfm: LastFMSimulator, person: Person) -> str:
    return parse_qs(urlsplit(lastfm.approve(auth_url(), person)).query)["token"][0]


class TestSignature:
    def test_it_is_that_of_the_documentation(self) -> None:
        simulator = LastFMSimulator(api_key="YOUR_API_KEY", api_secret="YOUR_SECRET")
        query = {
            "method": "auth.getSession",
            "api_key": "YOUR_API_KEY",
            "token": "YOUR_REQUESTED_TOKEN",
            "format": "json",
        }
        signature = "94539006de89b3c6b3c030bb1e52b9c4"
        with mounted({"https://ws.audioscrobbler.com": simulator.api}):
            answer = requests.get(API, params=query | {"api_sig": signature}, headers=AGENT, timeout=5)
        assert refusal(answer) == (403, 4)

    def test_a_wrong_one_is_refused(self, lastfm: LastFMSimulator, ada: Person) -> None:
        token = granted_token(lastfm, ada)
        assert refusal(call(method="auth.getSession", token=token, api_sig="0" * 32)) == (403, 13)
        assert refusal(call(method="auth.getSession", token=token)) == (403, 13)

    def test_a_wrong_one_is_refused_even_where_none_is_needed(self, lastfm: LastFMSimulator, ada: Person) -> None:
        answer = call(method="user.getRecentTracks", user="Ada", api_sig="0" * 32)
        assert refusal(answer) == (403, 13)

    def test_it_covers_unicode_as_it_is_and_leaves_out_format_and_callback(
        self, lastfm: LastFMSimulator, ada: Person
    ) -> None:
        lastfm.add_person("Sólveig")
        answer = call_signed(method="user.getRecentTracks", user="Sólveig", callback="shown")
        assert answer.json()["recenttracks"]["@attr"]["user"] == "Sólveig"

    def test_a_session_key_must_come_with_one(self, lastfm: LastFMSimulator, ada: Person) -> None:
        key = lastfm.issue_session(ada)
        assert refusal(call(method="user.getRecentTracks", user="Ada", sk=key)) == (403, 13)
        assert call_signed(method="user.getRecentTracks", user="Ada", sk=key).status_code == 200


class TestLinking:
    def test_a_granted_token_becomes_a_session_once(self, lastfm: LastFMSimulator, ada: Person) -> None:
        token = granted_token(lastfm, ada)
        assert len(token) == 32
        assert int(token, 16) >= 0
        session = call_signed(method="auth.getSession", token=token).json()["session"]
        assert session["name"] == "Ada"
        assert session["subscriber"] == 0
        assert len(session["key"]) == 32
        assert refusal(call_signed(method="auth.getSession", token=token)) == (403, 4)

    def test_a_token_dies_after_an_hour(self, lastfm: LastFMSimulator, ada: Person, clock: Clock) -> None:
        token = granted_token(lastfm, ada)
        clock.advance(minutes=60)
        assert refusal(call_signed(method="auth.getSession", token=token)) == (403, 15)

    def test_a_token_nobody_granted_is_not_authorised(self, lastfm: LastFMSimulator) -> None:
        token = call_signed(method="auth.getToken").json()["token"]
        assert refusal(call_signed(method="auth.getSession", token=token)) == (403, 14)

    def test_an_invented_token_is_invalid(self, lastfm: LastFMSimulator) -> None:
        assert refusal(call_signed(method="auth.getSession", token="f" * 32)) == (403, 4)

    @pytest.mark.parametrize(
        ("callback", "sent_to"),
        [
            ("https://site.example/back/", "https://site.example/back/?token="),
            ("https://site.example/back/?state=x%26y", "https://site.example/back/?state=x%26y&token="),
        ],
    )
    def test_the_token_joins_the_query_of_the_callback(
        self, lastfm: LastFMSimulator, ada: Person, callback: str, sent_to: str
    ) -> None:
        assert lastfm.approve(auth_url(callback), ada)[:-32] == sent_to

    def test_a_revoked_session_means_error_9(self, lastfm: LastFMSimulator, ada: Person) -> None:
        key = lastfm.issue_session(ada)
        lastfm.revoke(ada)
        assert refusal(call_signed(method="user.getRecentTracks", user="Ada", sk=key)) == (403, 9)


class TestAuthorizationPage:
    def test_it_lets_a_person_choose_and_say_yes(self, lastfm: LastFMSimulator, ada: Person) -> None:
        lastfm.add_person('B"ob<')
        page = requests.get(auth_url(), timeout=5).text
        assert "Simulator of Last.fm" in page
        assert 'value="Ada" required checked>' in page
        assert 'value="B&quot;ob&lt;" required>' in page
        assert '<link rel="icon" href="data:,">' in page
        assert "<script" not in page
        answer = requests.post(
            auth_url(), data={"person": "Ada", "decision": "allow"}, allow_redirects=False, timeout=5
        )
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith(CALLBACK + "?token=")
        assert (len(lastfm.seen("authorize")), len(lastfm.seen("consent"))) == (1, 1)

    def test_cancelling_calls_nobody_back(self, lastfm: LastFMSimulator, ada: Person) -> None:
        answer = requests.post(
            auth_url(), data={"person": "Ada", "decision": "cancel"}, allow_redirects=False, timeout=5
        )
        assert answer.status_code == 200
        assert "Access was not granted" in answer.text
        assert 'href="https://site.example/"' in answer.text
        assert "callback" not in answer.text

    def test_a_wrong_api_key_or_callback_is_refused(self, lastfm: LastFMSimulator, ada: Person) -> None:
        assert requests.get(f"{AUTH}?api_key=wrong&cb={CALLBACK}", timeout=5).status_code == 403
        for callback in ("javascript:alert(1)", "https://", "http://[", ""):
            assert requests.get(auth_url(callback), timeout=5).status_code == 400
        with pytest.raises(ValueError, match="403"):
            lastfm.approve(f"{AUTH}?api_key=wrong&cb={CALLBACK}", ada)

    def test_nobody_is_let_in_without_a_choice(self, lastfm: LastFMSimulator, ada: Person) -> None:
        for form in ({"decision": "allow"}, {"person": "Ada"}, {"person": "Eve", "decision": "allow"}):
            assert requests.post(auth_url(), data=form, allow_redirects=False, timeout=5).status_code == 400


class TestRecentTracks:
    def test_every_number_is_a_string(self, lastfm: LastFMSimulator, ada: Person) -> None:
        ada.listen(TRACK, at(1_783_050_940))
        page = recent()
        assert page["@attr"] == {"user": "Ada", "page": "1", "perPage": "50", "totalPages": "1", "total": "1"}
        row = page["track"][0]
        assert row["date"] == {"uts": "1783050940", "#text": "03 Jul 2026, 03:55"}
        assert row["name"] == TRACK.name
        assert row["artist"]["#text"] == TRACK.artist
        assert row["streamable"] == "0"
        assert [image["size"] for image in row["image"]] == ["small", "medium", "large", "extralarge"]
        assert not {"duration", "isrc"} & set(row)

    def test_from_is_inclusive_and_to_is_exclusive(self, lastfm: LastFMSimulator, ada: Person) -> None:
        for second in (100, 200, 300):
            ada.listen(TRACK, at(second))
        assert times(recent(**{"from": "100", "to": "300"})) == ["200", "100"]
        assert times(recent(**{"from": "101"})) == ["300", "200"]
        assert times(recent(to="301")) == ["300", "200", "100"]

    def test_pages_run_newest_first_and_end_in_an_empty_one(self, lastfm: LastFMSimulator, ada: Person) -> None:
        for second in range(1, 6):
            ada.listen(TRACK, at(second))
        assert times(recent(limit="2")) == ["5", "4"]
        last = recent(limit="2", page="3")
        assert times(last) == ["1"]
        assert last["@attr"]["totalPages"] == "3"
        beyond = recent(limit="2", page="4")
        assert beyond["track"] == []
        assert beyond["@attr"]["page"] == "4"

    def test_a_listen_that_arrives_shifts_the_pages_unless_to_freezes_them(
        self, lastfm: LastFMSimulator, ada: Person
    ) -> None:
        for second in range(1, 5):
            ada.listen(TRACK, at(second))
        assert times(recent(limit="2")) == ["4", "3"]
        ada.listen(OTHER, at(5))
        assert times(recent(limit="2", page="2")) == ["3", "2"]
        assert times(recent(limit="2", page="2", to="5")) == ["2", "1"]

    def test_a_page_holds_at_most_200(self, lastfm: LastFMSimulator, ada: Person) -> None:
        for second in range(1, 252):
            ada.listen(TRACK, at(second))
        page = recent(limit="1000")
        assert len(page["track"]) == 200
        assert page["@attr"]["perPage"] == "200"
        assert page["@attr"]["totalPages"] == "2"

    def test_what_plays_now_comes_first_on_every_page_on_top_of_the_limit(
        self, lastfm: LastFMSimulator, ada: Person
    ) -> None:
        for second in range(1, 5):
            ada.listen(TRACK, at(second))
        ada.now_playing = OTHER
        for page in (recent(limit="2"), recent(limit="2", page="2"), recent(limit="2", **{"from": "1", "to": "3"})):
            assert page["track"][0]["@attr"] == {"nowplaying": "true"}
            assert "date" not in page["track"][0]
            assert len(page["track"]) == 3
        assert recent()["@attr"]["total"] == "4"

    def test_a_lone_track_may_be_an_object(self, lastfm: LastFMSimulator, ada: Person) -> None:
        lastfm.quirks.single_as_object = True
        ada.listen(TRACK, at(7))
        assert recent()["track"]["date"]["uts"] == "7"
        ada.now_playing = OTHER
        assert recent(to="7")["track"]["@attr"] == {"nowplaying": "true"}
        assert len(recent()["track"]) == 2

    def test_an_empty_history_has_two_shapes(self, lastfm: LastFMSimulator, ada: Person) -> None:
        page = recent()
        assert page["track"] == []
        assert page["@attr"]["totalPages"] == "0"
        lastfm.quirks.old_empty_shape = True
        page = recent()
        assert page == {"#text": "\n", "user": "Ada", "page": "1", "perPage": "50", "totalPages": "0", "total": "0"}

    def test_extended_names_the_artist_differently(self, lastfm: LastFMSimulator, ada: Person) -> None:
        ada.listen(TRACK, at(7))
        row = recent(extended="1")["track"][0]
        assert row["artist"]["name"] == TRACK.artist
        assert "#text" not in row["artist"]
        assert row["loved"] in ("0", "1")

    def test_a_listen_with_a_broken_clock_is_kept(self, lastfm: LastFMSimulator, ada: Person) -> None:
        ada.listen(TRACK, at(0))
        assert times(recent(**{"from": "0"})) == ["0"]

    @pytest.mark.parametrize("page", ["0", "1000001", "-1", "two", ""])
    def test_a_page_out_of_bounds_is_refused(self, lastfm: LastFMSimulator, ada: Person, page: str) -> None:
        answer = call(method="user.getRecentTracks", user="Ada", page=page)
        assert refusal(answer) == (400, 6)
        assert answer.json()["message"] == "page param out of bounds (1-1000000)"

    def test_hidden_history_is_for_its_owner(self, lastfm: LastFMSimulator, ada: Person) -> None:
        shy = lastfm.add_person("Shy", hides_recent=True)
        shy.listen(TRACK, at(7))
        asked = {"method": "user.getRecentTracks", "user": "shy"}
        assert refusal(call(**asked)) == (403, 17)
        assert refusal(call_signed(**asked, sk=lastfm.issue_session(ada))) == (403, 17)
        own = call_signed(**asked, sk=lastfm.issue_session(shy))
        assert own.json()["recenttracks"]["@attr"]["total"] == "1"

    def test_a_seeded_life_is_thousands_of_listens_some_without_album_or_id(
        self, lastfm: LastFMSimulator, ada: Person, clock: Clock
    ) -> None:
        lastfm.seed(ada)
        page = recent(limit="200")
        assert int(page["@attr"]["total"]) > 2000
        assert times(page) == sorted(times(page), key=int, reverse=True)
        assert int(times(page)[0]) <= clock.now.timestamp()
        rows = [row for number in range(1, 6) for row in recent(limit="200", page=str(number))["track"]]
        albums = {row["album"]["#text"] for row in rows}
        assert "" in albums
        assert len(albums) > 20
        assert 0.2 < sum(row["mbid"] == "" for row in rows) / len(rows) < 0.8


class TestRefusals:
    def test_errors_come_with_their_status(self, lastfm: LastFMSimulator, ada: Person) -> None:
        assert refusal(call(method="user.getRecentTracks", user="Ada", api_key="wrong")) == (403, 10)
        assert refusal(call(method="user.getEverything", user="Ada")) == (400, 3)
        assert refusal(call(method="user.getRecentTracks", user="Nobody")) == (404, 6)
        assert refusal(call(method="user.getRecentTracks")) == (400, 6)
        assert refusal(call(method="user.getRecentTracks", user="Ada", **{"from": "soon"})) == (400, 6)

    def test_whoever_forgets_the_format_gets_xml(self, lastfm: LastFMSimulator, ada: Person) -> None:
        ada.listen(TRACK, at(7))
        ada.now_playing = OTHER
        query = {"method": "user.getrecenttracks", "user": "Ada", "api_key": "k" * 32}
        answer = requests.get(API, params=query, headers=AGENT, timeout=5)
        assert answer.headers["Content-Type"].startswith("text/xml")
        root = ElementTree.fromstring(answer.content)
        assert root.attrib == {"status": "ok"}
        assert root.find("recenttracks/track[1]").attrib == {"nowplaying": "true"}  # type: ignore[union-attr]
        assert root.find("recenttracks/track[2]/date").attrib == {"uts": "7"}  # type: ignore[union-attr]
        assert root.findtext("recenttracks/track[2]/artist") == TRACK.artist

        refused = requests.get(API, params=query | {"user": "Nobody"}, headers=AGENT, timeout=5)
        assert ElementTree.fromstring(refused.content).find("error").attrib == {"code": "6"}  # type: ignore[union-attr]
        unknown = requests.get(API, params=query | {"format": "yaml"}, headers=AGENT, timeout=5)
        assert ElementTree.fromstring(unknown.content).find("error").attrib == {"code": "5"}  # type: ignore[union-attr]

    @pytest.mark.parametrize("agent", [None, "python-requests/2.34.2", ""])
    def test_whoever_does_not_say_who_they_are_gets_a_page(
        self, lastfm: LastFMSimulator, ada: Person, agent: str | None
    ) -> None:
        query = {"method": "user.getRecentTracks", "user": "Ada", "api_key": "k" * 32, "format": "json"}
        answer = requests.get(API, params=query, headers={"User-Agent": agent}, timeout=5)
        assert answer.status_code == 403
        assert answer.headers["Content-Type"].startswith("text/html")

    def test_whoever_asks_too_fast_gets_error_29(self, clock: Clock) -> None:
        simulator = LastFMSimulator(api_key="k" * 32, clock=clock, max_requests_per_second=2)
        simulator.add_person("Ada")
        with mounted({"https://ws.audioscrobbler.com": simulator.api}):
            recent(), recent()
            assert refusal(call(method="user.getRecentTracks", user="Ada")) == (429, 29)
            clock.advance(seconds=1)
            assert recent()["track"] == []

    def test_a_fault_is_answered_once_and_then_the_truth(self, lastfm: LastFMSimulator, ada: Person) -> None:
        body = json.dumps({"error": 8, "message": "Operation failed"})
        lastfm.faults.add("user.getRecentTracks", status=500, body=body)
        assert refusal(call(method="user.getrecenttracks", user="Ada")) == (500, 8)
        assert recent()["track"] == []
        assert len(lastfm.seen("user.getRecentTracks")) == 2


def test_on_a_socket_api_pages_and_faults_have_their_prefixes() -> None:
    simulator = LastFMSimulator(api_key="k" * 32, api_secret="s" * 32)
    ada = simulator.add_person("Ada")
    with serving(simulator.wsgi) as base:
        auth = f"{base}/www/api/auth/?api_key={'k' * 32}&cb={quote(base + '/back/', safe='')}"
        assert requests.get(auth, timeout=5).status_code == 200
        answer = requests.post(auth, data={"person": "Ada", "decision": "allow"}, allow_redirects=False, timeout=5)
        assert answer.headers["Location"].startswith(f"{base}/back/?token=")

        query = {"method": "user.getRecentTracks", "user": "Ada", "api_key": "k" * 32, "format": "json"}
        ada.listen(TRACK, at(7))
        found = requests.get(f"{base}/ws/2.0/", params=query, headers=AGENT, timeout=5).json()
        assert found["recenttracks"]["@attr"]["total"] == "1"

        fault = {"match": "user.getRecentTracks", "status": 502, "body": "<h1>Bad gateway</h1>"}
        assert requests.post(f"{base}/_faults", json=fault, timeout=5).status_code == 201
        assert requests.get(f"{base}/ws/2.0/", params=query, headers=AGENT, timeout=5).status_code == 502
        assert requests.get(f"{base}/elsewhere", timeout=5).status_code == 404
