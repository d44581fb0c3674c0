"""The simulated Spotify is as strict and as odd as the real one: asked with plain requests, no code of the product."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from providers.testing.simulators.catalogue import CatalogueTrack
from providers.testing.simulators.faults import truncated_json
from providers.testing.simulators.spotify import (
    Episode,
    LocalFile,
    Person,
    SpotifySimulator,
    not_registered,
    quota_exceeded,
)
from providers.testing.wsgi import mounted, serving

ACCOUNTS = "https://accounts.spotify.com"
API = "https://api.spotify.com/v1"
CALLBACK = "http://127.0.0.1:8000/connections/spotify/callback/"
VERIFIER = "correct-horse_battery~staple.0123456789-abcdefgh"
START = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(clock: Clock) -> Iterator[Callable[..., SpotifySimulator]]:
    mounts = []

    def make(**switches: Any) -> SpotifySimulator:
        simulator = SpotifySimulator(clock=clock, **switches)
        mount = mounted({ACCOUNTS: simulator.accounts, "https://api.spotify.com": simulator.api})
        mount.__enter__()
        mounts.append(mount)
        return simulator

    yield make
    for mount in reversed(mounts):
        mount.__exit__(None, None, None)


@pytest.fixture
def spotify(make: Callable[..., SpotifySimulator]) -> SpotifySimulator:
    return make()


@pytest.fixture
def marta(spotify: SpotifySimulator) -> Person:
    return spotify.add_person("Marta Ruiz")


def challenge(verifier: str = VERIFIER) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def authorize_url(**changes: str | None) -> str:
    query = {
        "client_id": "musicbridge-demo",
        "response_type": "code",
        "redirect_uri": CALLBACK,
        "state": "st&te",
        "scope": "user-read-recently-played playlist-read-private",
        "code_challenge_method": "S256",
        "code_challenge": challenge(),
        **changes,
    }
    return f"{ACCOUNTS}/authorize?{urlencode({name: value for name, value in query.items() if value is not None})}"


def answered(url: str) -> dict[str, str]:
    assert url.startswith(CALLBACK + "?")
    return {name: value[0] for name, value in parse_qs(urlsplit(url).query).items()}


def token(**form: str | None) -> requests.Response:
    return requests.post(f"{ACCOUNTS}/api/token", data=form, timeout=5)


def exchange(code: str, /, **changes: str | None) -> requests.Response:
    form: dict[str, str | None] = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "client_id": "musicbridge-demo",
        "code_verifier": VERIFIER,
    }
    return token(**(form | changes))


def refresh(refresh_token: str) -> requests.Response:
    return token(grant_type="refresh_token", refresh_token=refresh_token, client_id="musicbridge-demo")


def call(access_token: str, path: str, method: str = "GET", **options: Any) -> requests.Response:
    url = path if path.startswith("http") else API + path
    return requests.request(method, url, headers={"Authorization": f"Bearer {access_token}"}, timeout=5, **options)


def get(spotify: SpotifySimulator, person: Person, path: str) -> Any:
    response = call(spotify.issue_tokens(person)[0], path)
    assert response.status_code == 200, response.text
    return response.json()


class TestConsent:
    def test_a_page_asks_the_seeded_people_and_lists_what_is_asked_for(
        self, spotify: SpotifySimulator, marta: Person
    ) -> None:
        spotify.add_person("Ola <Nordby>")
        response = requests.get(authorize_url(), timeout=5)
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "Simulator of Spotify" in response.text
        assert "Marta Ruiz" in response.text
        assert "Ola &lt;Nordby&gt;" in response.text
        assert "See what you played recently" in response.text
        assert "Change your public playlists" not in response.text

    def test_the_page_needs_no_script_and_every_field_has_a_label(
        self, spotify: SpotifySimulator, marta: Person
    ) -> None:
        page = Page(requests.get(authorize_url(), timeout=5).text)
        assert page.language == "en"
        assert page.count("script") == 0
        assert page.count("h1") == 1
        assert page.count("main") == 1
        assert page.count("legend") == 1
        assert page.inputs_outside_labels == 0
        assert page.buttons == ["Agree", "Cancel"]
        assert page.icon == "data:,"

    def test_a_browser_that_asks_for_an_icon_gets_no_error(self, spotify: SpotifySimulator) -> None:
        assert requests.get(f"{ACCOUNTS}/favicon.ico", timeout=5).status_code == 204

    def test_agreeing_sends_the_browser_back_with_code_and_state(
        self, spotify: SpotifySimulator, marta: Person
    ) -> None:
        response = requests.post(
            authorize_url(), data={"person": marta.id, "decision": "agree"}, allow_redirects=False, timeout=5
        )
        assert response.status_code == 303
        answer = answered(response.headers["Location"])
        assert answer["state"] == "st&te"
        assert len(answer["code"]) > 40

    def test_cancelling_says_access_denied_and_keeps_the_state(self, spotify: SpotifySimulator, marta: Person) -> None:
        assert answered(spotify.cancel(authorize_url(), marta)) == {"error": "access_denied", "state": "st&te"}

    def test_the_helper_walks_the_same_way_as_a_click(self, spotify: SpotifySimulator, marta: Person) -> None:
        spotify.approve(authorize_url(), marta)
        assert [request.operation for request in spotify.faults.requests_seen] == ["authorize", "consent"]

    def test_a_decision_for_nobody_or_none_at_all_is_refused(self, spotify: SpotifySimulator, marta: Person) -> None:
        for form in ({"person": "nobody", "decision": "agree"}, {"person": marta.id}, {}):
            assert requests.post(authorize_url(), data=form, allow_redirects=False, timeout=5).status_code == 400

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"client_id": "somebody-else"}, "INVALID_CLIENT: Invalid client"),
            ({"client_id": None}, "INVALID_CLIENT: Invalid client"),
            ({"redirect_uri": None}, "INVALID_CLIENT: Invalid redirect URI"),
            ({"redirect_uri": CALLBACK.rstrip("/")}, "INVALID_CLIENT: Invalid redirect URI"),
            ({"redirect_uri": CALLBACK + "?next=/"}, "INVALID_CLIENT: Invalid redirect URI"),
            ({"redirect_uri": CALLBACK.replace("8000", "8001")}, "INVALID_CLIENT: Invalid redirect URI"),
            ({"redirect_uri": CALLBACK.replace("127.0.0.1", "localhost")}, "INVALID_CLIENT: Invalid redirect URI"),
            ({"redirect_uri": "http://["}, "INVALID_CLIENT: Invalid redirect URI"),
        ],
    )
    def test_a_stranger_or_a_wrong_redirect_uri_gets_a_page_and_no_redirect(
        self, spotify: SpotifySimulator, marta: Person, changes: dict[str, str | None], words: str
    ) -> None:
        for method in ("GET", "POST"):
            data = {"person": marta.id, "decision": "agree"} if method == "POST" else None
            response = requests.request(method, authorize_url(**changes), data=data, allow_redirects=False, timeout=5)
            assert response.status_code == 400
            assert words in response.text
        with pytest.raises(ValueError, match=words):
            spotify.approve(authorize_url(**changes), marta)

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"response_type": "token"}, "unsupported_response_type"),
            ({"response_type": None}, "unsupported_response_type"),
            ({"code_challenge_method": "plain"}, "invalid_request"),
            ({"code_challenge_method": None}, "invalid_request"),
            ({"code_challenge": None}, "invalid_request"),
            ({"code_challenge": challenge() + "="}, "invalid_request"),
            ({"code_challenge": "too-short"}, "invalid_request"),
            ({"scope": "user-read-recently-played read-everything"}, "invalid_scope"),
        ],
    )
    def test_a_wrong_request_comes_back_to_the_application_as_an_error(
        self, spotify: SpotifySimulator, marta: Person, changes: dict[str, str | None], error: str
    ) -> None:
        assert answered(spotify.approve(authorize_url(**changes), marta)) == {"error": error, "state": "st&te"}

    def test_a_loopback_address_registered_without_a_port_takes_any_port(
        self, make: Callable[..., SpotifySimulator]
    ) -> None:
        spotify = make(redirect_uris=["http://127.0.0.1/cb", "http://[::1]/cb"])
        marta = spotify.add_person("Marta")
        for good in ("http://127.0.0.1:51234/cb", "http://[::1]:9/cb", "http://127.0.0.1/cb"):
            assert spotify.approve(authorize_url(redirect_uri=good), marta).startswith(f"{good}?code=")
        for bad in (
            "http://127.0.0.1:51234/",
            "http://127.0.0.2:9/cb",
            "http://127.0.0.1:x/cb",
            "https://127.0.0.1:9/cb",
        ):
            with pytest.raises(ValueError, match="Invalid redirect URI"):
                spotify.approve(authorize_url(redirect_uri=bad), marta)

    @pytest.mark.parametrize("uri", ["http://localhost:8000/cb", "http://music.example/cb", "ftp://127.0.0.1/cb", "cb"])
    def test_an_insecure_redirect_uri_cannot_be_registered(self, uri: str) -> None:
        with pytest.raises(ValueError, match="Insecure redirect URI"):
            SpotifySimulator(redirect_uris=[uri])

    def test_other_pages_do_not_exist(self, spotify: SpotifySimulator) -> None:
        assert requests.get(f"{ACCOUNTS}/login", timeout=5).status_code == 404
        assert requests.get(f"{ACCOUNTS}/api/token", timeout=5).status_code == 404


class TestCodeExchange:
    @pytest.fixture
    def code(self, spotify: SpotifySimulator, marta: Person) -> str:
        return answered(spotify.approve(authorize_url(), marta))["code"]

    def test_a_code_becomes_an_access_and_a_refresh_token(self, code: str) -> None:
        response = exchange(code)
        answer = response.json()
        assert response.status_code == 200
        assert answer.keys() == {"access_token", "token_type", "scope", "expires_in", "refresh_token"}
        assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)
        assert set(answer["scope"].split()) == {"user-read-recently-played", "playlist-read-private"}
        assert call(answer["access_token"], "/me").json()["display_name"] == "Marta Ruiz"

    def test_a_code_works_only_once(self, code: str) -> None:
        assert exchange(code).ok
        self.assert_refused(exchange(code), "invalid_grant", "Invalid authorization code")

    def test_a_code_dies_after_ten_minutes(self, code: str, clock: Clock) -> None:
        clock.advance(minutes=10)
        self.assert_refused(exchange(code), "invalid_grant", "Authorization code expired")

    def test_a_code_lives_until_then(self, code: str, clock: Clock) -> None:
        clock.advance(minutes=9, seconds=59)
        assert exchange(code).ok

    @pytest.mark.parametrize(
        ("changes", "error", "words"),
        [
            ({"code_verifier": VERIFIER[:-1] + "X"}, "invalid_grant", "code_verifier was incorrect"),
            ({"code_verifier": challenge()}, "invalid_grant", "code_verifier was incorrect"),
            ({"code_verifier": "short"}, "invalid_grant", "code_verifier was incorrect"),
            ({"code_verifier": None}, "invalid_request", "code_verifier must be supplied"),
            ({"redirect_uri": CALLBACK + "?"}, "invalid_grant", "Invalid redirect URI"),
            ({"redirect_uri": None}, "invalid_request", "redirect_uri must be supplied"),
            ({"code": "made-up"}, "invalid_grant", "Invalid authorization code"),
            ({"code": None}, "invalid_request", "code must be supplied"),
            ({"client_id": "somebody-else"}, "invalid_client", "Invalid client"),
            ({"client_id": None}, "invalid_client", "Invalid client"),
            ({"grant_type": "password"}, "unsupported_grant_type", "grant_type must be"),
            ({"grant_type": None}, "unsupported_grant_type", "grant_type parameter is missing"),
        ],
    )
    def test_every_part_of_the_exchange_has_to_be_right(
        self, code: str, changes: dict[str, str | None], error: str, words: str
    ) -> None:
        self.assert_refused(exchange(code, **changes), error, words)

    def test_a_public_client_has_no_authorization_header(self, code: str) -> None:
        form = {"grant_type": "authorization_code", "code": code, "client_id": "musicbridge-demo"}
        response = requests.post(f"{ACCOUNTS}/api/token", data=form, auth=("musicbridge-demo", ""), timeout=5)
        self.assert_refused(response, "invalid_client", "Invalid client secret")

    def test_the_token_endpoint_takes_forms_only(self, code: str) -> None:
        form = {"grant_type": "authorization_code", "code": code, "client_id": "musicbridge-demo"}
        url = f"{ACCOUNTS}/api/token"
        for response in (requests.post(url, json=form, timeout=5), requests.post(url, params=form, timeout=5)):
            self.assert_refused(response, "invalid_request", "form body")

    def test_a_failed_exchange_still_uses_up_the_code(self, code: str) -> None:
        exchange(code, code_verifier="x" * 43)
        self.assert_refused(exchange(code), "invalid_grant", "Invalid authorization code")

    def assert_refused(self, response: requests.Response, error: str, words: str) -> None:
        assert response.status_code == 400
        assert response.json()["error"] == error
        assert words in response.json()["error_description"]


class TestRefresh:
    def test_a_rotated_refresh_token_replaces_the_one_used(self, spotify: SpotifySimulator, marta: Person) -> None:
        _, first = spotify.issue_tokens(marta)
        answer = refresh(first).json()
        assert answer["refresh_token"] != first
        assert call(answer["access_token"], "/me").ok
        assert self.refusal(first) == "Refresh token revoked"
        assert refresh(answer["refresh_token"]).ok

    def test_without_rotation_no_new_one_comes_and_the_old_one_stays(
        self, make: Callable[..., SpotifySimulator]
    ) -> None:
        spotify = make(rotates_refresh_tokens=False)
        _, first = spotify.issue_tokens(spotify.add_person("Marta"))
        for _ in range(2):
            response = refresh(first)
            assert response.ok
            assert "refresh_token" not in response.json()

    def test_a_refresh_keeps_the_scopes(self, spotify: SpotifySimulator, marta: Person) -> None:
        _, first = spotify.issue_tokens(marta, scopes=["playlist-read-private"])
        assert refresh(first).json()["scope"] == "playlist-read-private"

    def test_refreshing_does_not_put_off_the_end_after_six_months(
        self, spotify: SpotifySimulator, marta: Person, clock: Clock
    ) -> None:
        _, refresh_token = spotify.issue_tokens(marta)
        clock.now = datetime(2027, 5, 22, 19, 59, tzinfo=UTC)
        refresh_token = refresh(refresh_token).json()["refresh_token"]
        clock.advance(minutes=1)
        assert self.refusal(refresh_token) == "Refresh token expired"

    def test_an_authorization_at_the_end_of_august_ends_at_the_end_of_february(
        self, spotify: SpotifySimulator, marta: Person, clock: Clock
    ) -> None:
        clock.now = datetime(2026, 8, 31, tzinfo=UTC)
        _, refresh_token = spotify.issue_tokens(marta)
        clock.now = datetime(2027, 2, 28, tzinfo=UTC)
        assert self.refusal(refresh_token) == "Refresh token expired"

    def test_what_a_person_withdraws_is_dead_at_once_and_only_theirs(
        self, spotify: SpotifySimulator, marta: Person
    ) -> None:
        access, refresh_token = spotify.issue_tokens(marta)
        access_of_other, refresh_of_other = spotify.issue_tokens(spotify.add_person("Ola"))
        spotify.revoke(marta)
        assert self.refusal(refresh_token) == "Refresh token revoked"
        assert call(access, "/me").json()["error"]["message"] == "Invalid access token"
        assert call(access_of_other, "/me").ok
        assert refresh(refresh_of_other).ok

    def test_a_token_never_issued_is_refused(self, spotify: SpotifySimulator) -> None:
        assert self.refusal("AQmade-up") == "Invalid refresh token"

    def refusal(self, refresh_token: str) -> str:
        response = refresh(refresh_token)
        assert response.status_code == 400
        assert response.json()["error"] == "invalid_grant"
        return str(response.json()["error_description"])


class TestAuthorization:
    def test_every_call_needs_a_bearer_token_in_the_header(self, spotify: SpotifySimulator, marta: Person) -> None:
        access, _ = spotify.issue_tokens(marta)
        assert error_of(requests.get(f"{API}/me", timeout=5)) == (401, "No token provided")
        assert error_of(requests.get(f"{API}/me?access_token={access}", timeout=5)) == (401, "No token provided")
        response = requests.get(f"{API}/me", auth=("user", access), timeout=5)
        assert error_of(response) == (400, "Only valid bearer authentication supported")
        assert error_of(call("BQmade-up", "/me")) == (401, "Invalid access token")

    def test_an_access_token_expires_after_its_hour(
        self, spotify: SpotifySimulator, marta: Person, clock: Clock
    ) -> None:
        access, _ = spotify.issue_tokens(marta)
        clock.advance(seconds=3599)
        assert call(access, "/me").ok
        clock.advance(seconds=1)
        assert error_of(call(access, "/me")) == (401, "The access token expired")

    def test_all_access_tokens_can_be_made_to_expire_and_a_refresh_helps(
        self, spotify: SpotifySimulator, marta: Person
    ) -> None:
        access, refresh_token = spotify.issue_tokens(marta)
        spotify.expire_access_tokens()
        assert error_of(call(access, "/me")) == (401, "The access token expired")
        assert call(refresh(refresh_token).json()["access_token"], "/me").ok

    @pytest.mark.parametrize(
        ("method", "path", "scope", "body"),
        [
            ("GET", "/me/player/recently-played", "user-read-recently-played", None),
            ("GET", "/me/playlists", "playlist-read-private", None),
            ("GET", "/playlists/{public}/items", "playlist-read-private", None),
            ("POST", "/me/playlists", "playlist-modify-public", {"name": "x"}),
            ("POST", "/me/playlists", "playlist-modify-private", {"name": "x", "public": False}),
            ("POST", "/playlists/{public}/items", "playlist-modify-public", {"uris": []}),
            ("PUT", "/playlists/{private}/items", "playlist-modify-private", {"uris": []}),
            ("PUT", "/playlists/{public}", "playlist-modify-public", {"name": "x"}),
            ("DELETE", "/me/library?uris=spotify:playlist:{private}", "playlist-modify-private", None),
        ],
    )
    def test_each_endpoint_insists_on_its_scope(
        self, spotify: SpotifySimulator, marta: Person, method: str, path: str, scope: str, body: Any
    ) -> None:
        public, private = marta.add_playlist("p"), marta.add_playlist("q", is_public=False)
        path = path.format(public=public.id, private=private.id)
        with_it, _ = spotify.issue_tokens(marta, scopes=[scope])
        all_others = [
            "user-read-recently-played",
            "playlist-read-private",
            "playlist-modify-public",
            "playlist-modify-private",
        ]
        without, _ = spotify.issue_tokens(marta, scopes=set(all_others) - {scope})
        assert error_of(call(without, path, method, json=body)) == (403, "Insufficient client scope")
        assert call(with_it, path, method, json=body).ok


class TestRoutes:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/playlists/x/tracks"),
            ("POST", "/playlists/x/tracks"),
            ("PUT", "/playlists/x/tracks"),
            ("DELETE", "/playlists/x/tracks"),
            ("PUT", "/playlists/x/followers"),
            ("DELETE", "/playlists/x/followers"),
            ("POST", "/users/marta/playlists"),
            ("GET", "/users/marta/playlists"),
            ("GET", "/users/marta"),
            ("GET", "/tracks?ids=1,2"),
            ("GET", "/markets"),
        ],
    )
    def test_routes_removed_in_2026_are_forbidden(
        self, spotify: SpotifySimulator, marta: Person, method: str, path: str
    ) -> None:
        response = call(spotify.issue_tokens(marta)[0], path, method)
        assert error_of(response) == (403, "Forbidden")
        assert len(spotify.seen("removed_route")) == 1

    def test_an_application_of_old_still_has_them(self, make: Callable[..., SpotifySimulator]) -> None:
        spotify = make(reduced_api=False, playlist_shape="old")
        marta = spotify.add_person("Marta")
        first, second = (f"spotify:track:{track.key}" for track in spotify.catalogue.tracks[:2])
        access, _ = spotify.issue_tokens(marta)
        key = call(access, "/users/marta/playlists", "POST", json={"name": "Old"}).json()["id"]
        tracks = f"/playlists/{key}/tracks"
        assert call(access, tracks, "POST", json={"uris": [first, second]}).status_code == 201
        assert call(access, tracks, "DELETE", json={"tracks": [{"uri": first}]}).status_code == 200
        page = call(access, f"{tracks}?limit=100").json()
        assert [entry["track"]["uri"] for entry in page["items"]] == [second]
        assert call(access, f"/playlists/{key}/followers", "DELETE").status_code == 200
        assert call(access, "/me/playlists").json()["total"] == 0
        assert error_of(call(access, "/users/ola/playlists", "POST", json={"name": "x"})) == (
            403,
            "You cannot create a playlist for another user",
        )

    def test_an_unknown_address_is_not_found_in_json(self, spotify: SpotifySimulator, marta: Person) -> None:
        access, _ = spotify.issue_tokens(marta)
        assert error_of(call(access, "/nothing")) == (404, "Service not found")
        assert error_of(call(access, "/me/")) == (404, "Service not found")
        assert error_of(call(access, "/playlists/doesnotexist")) == (404, "Resource not found")
        assert call(access, "/me", "DELETE").status_code == 405

    def test_me_says_who_it_is_and_keeps_to_what_new_applications_get(
        self, spotify: SpotifySimulator, marta: Person
    ) -> None:
        me = get(spotify, marta, "/me")
        assert (me["id"], me["display_name"]) == ("marta-ruiz", "Marta Ruiz")
        assert me["account_id"] == marta.account_id
        assert not me.keys() & {"country", "email", "product", "followers", "explicit_content"}

    def test_the_account_id_may_be_missing(self, make: Callable[..., SpotifySimulator]) -> None:
        spotify = make(has_account_ids=False)
        assert "account_id" not in get(spotify, spotify.add_person("Marta"), "/me")

    def test_the_account_is_the_same_after_a_restart(self) -> None:
        one, other = (SpotifySimulator().add_person("Marta") for _ in range(2))
        assert one.account_id == other.account_id
        assert SpotifySimulator().add_person("Ola").account_id != one.account_id

    def test_a_name_can_be_taken_once(self, spotify: SpotifySimulator, marta: Person) -> None:
        with pytest.raises(ValueError, match="already"):
            spotify.add_person("marta ruiz")


class TestRecentlyPlayed:
    PATH = "/me/player/recently-played"

    @pytest.fixture
    def plays(self, spotify: SpotifySimulator, marta: Person) -> list[datetime]:
        moments = [START - timedelta(minutes=4 * number, milliseconds=number) for number in range(1, 71)]
        for moment, track in zip(reversed(moments), spotify.catalogue.tracks, strict=False):
            marta.listen(track, moment)
        return moments

    def test_the_newest_come_first_twenty_unless_told(
        self, spotify: SpotifySimulator, marta: Person, plays: list[datetime]
    ) -> None:
        page = get(spotify, marta, self.PATH)
        assert page["limit"] == 20
        assert [moment(item["played_at"]) for item in page["items"]] == plays[:20]
        assert page["cursors"] == {"after": ms(plays[0]), "before": ms(plays[19])}
        assert "offset" not in page
        assert "total" not in page

    def test_nothing_is_older_than_the_fiftieth_play_and_the_full_page_does_not_say_so(
        self, spotify: SpotifySimulator, marta: Person, plays: list[datetime]
    ) -> None:
        page = get(spotify, marta, f"{self.PATH}?limit=50")
        assert len(page["items"]) == 50
        assert page["next"] == f"{API}{self.PATH}?before={ms(plays[49])}&limit=50"
        beyond = get(spotify, marta, page["next"])
        assert (beyond["items"], beyond["next"], beyond["cursors"]) == ([], None, None)
        assert get(spotify, marta, f"{self.PATH}?before={ms(plays[60])}")["items"] == []

    def test_following_next_gives_every_play_once(
        self, spotify: SpotifySimulator, marta: Person, plays: list[datetime]
    ) -> None:
        url, seen = f"{self.PATH}?limit=7", []
        while url:
            page = get(spotify, marta, url)
            seen += [moment(item["played_at"]) for item in page["items"]]
            url = page["next"]
        assert seen == plays[:50]

    def test_both_cursors_are_exclusive(self, spotify: SpotifySimulator, marta: Person, plays: list[datetime]) -> None:
        before = get(spotify, marta, f"{self.PATH}?before={ms(plays[3])}&limit=1")
        assert moment(before["items"][0]["played_at"]) == plays[4]
        after = get(spotify, marta, f"{self.PATH}?after={ms(plays[3])}&limit=50")
        assert [moment(item["played_at"]) for item in after["items"]] == plays[:3]
        assert after["next"] is None

    def test_somebody_who_played_nothing_has_no_cursors(self, spotify: SpotifySimulator, marta: Person) -> None:
        page = get(spotify, marta, self.PATH)
        assert (page["items"], page["next"], page["cursors"]) == ([], None, None)

    @pytest.mark.parametrize(
        "query",
        ["limit=0", "limit=51", "limit=x", "limit=-1", "before=1&after=1", "before=2026-11-22", "after=1.5", "before="],
    )
    def test_wrong_parameters_are_refused(self, spotify: SpotifySimulator, marta: Person, query: str) -> None:
        assert call(spotify.issue_tokens(marta)[0], f"{self.PATH}?{query}").status_code == 400

    def test_a_play_on_the_full_second_has_no_milliseconds(self, spotify: SpotifySimulator, marta: Person) -> None:
        marta.listen(spotify.catalogue.tracks[0], datetime(2026, 11, 22, 19, 0, 1, tzinfo=UTC))
        marta.listen(spotify.catalogue.tracks[0], datetime(2026, 11, 22, 19, 0, 0, 40_000, tzinfo=UTC))
        items = get(spotify, marta, self.PATH)["items"]
        assert [item["played_at"] for item in items] == ["2026-11-22T19:00:01Z", "2026-11-22T19:00:00.040Z"]

    def test_a_track_may_be_gone(self, spotify: SpotifySimulator, marta: Person) -> None:
        marta.listen(None, START)
        assert get(spotify, marta, self.PATH)["items"][0]["track"] is None

    def test_a_track_without_an_isrc_has_empty_external_ids_or_none(
        self, spotify: SpotifySimulator, marta: Person
    ) -> None:
        without = [track for track in spotify.catalogue.tracks if not track.isrc]
        for position, track in enumerate(without):
            marta.listen(track, START - timedelta(minutes=position))
        tracks = [item["track"] for item in get(spotify, marta, f"{self.PATH}?limit=50")["items"]]
        assert {"external_ids" in track for track in tracks} == {True, False}
        assert all(track.get("external_ids", {}) == {} for track in tracks)

    def test_a_track_says_what_a_listen_needs(self, spotify: SpotifySimulator, marta: Person) -> None:
        known = next(track for track in spotify.catalogue.tracks if track.isrc and len(track.artists) == 2)
        marta.listen(known, START)
        track = get(spotify, marta, self.PATH)["items"][0]["track"]
        assert (track["id"], track["name"], track["duration_ms"]) == (known.key, known.name, known.duration_ms)
        assert tuple(artist["name"] for artist in track["artists"]) == known.artists
        assert track["album"]["name"] == known.album
        assert track["external_ids"] == {"isrc": known.isrc}
        assert track["external_urls"]["spotify"] == f"https://open.spotify.com/track/{known.key}"
        assert not track.keys() & {"available_markets", "popularity", "linked_from"}


class TestReadingPlaylists:
    def test_own_and_followed_lists_come_page_by_page(self, spotify: SpotifySimulator, marta: Person) -> None:
        ola = spotify.add_person("Ola")
        for number in range(23):
            marta.add_playlist(f"List {number}")
        marta.follow(ola.add_playlist("Ola's"))
        first = get(spotify, marta, "/me/playlists")
        second = get(spotify, marta, first["next"])
        assert (first["limit"], first["offset"], first["total"], first["previous"]) == (20, 0, 24, None)
        assert [len(first["items"]), len(second["items"])] == [20, 4]
        assert second["next"] is None
        assert second["items"][-1]["owner"]["display_name"] == "Ola"

    def test_a_page_may_hold_a_null_and_less_than_it_counts(self, spotify: SpotifySimulator, marta: Person) -> None:
        marta.add_playlist("a", has_image=False)
        marta.library.append(None)
        marta.add_playlist("hidden", is_listed=False)
        marta.add_playlist("b")
        page = get(spotify, marta, "/me/playlists?limit=3")
        assert [item and item["name"] for item in page["items"]] == ["a", None]
        assert page["items"][0]["images"] is None
        assert (page["total"], page["next"]) == (4, f"{API}/me/playlists?offset=3&limit=3")

    def test_shared_lists_are_shown_only_with_their_scope(self, spotify: SpotifySimulator, marta: Person) -> None:
        marta.add_playlist("Ours", is_public=False, is_collaborative=True)
        access, _ = spotify.issue_tokens(marta, scopes=["playlist-read-private"])
        assert call(access, "/me/playlists").json()["total"] == 0
        assert get(spotify, marta, "/me/playlists")["total"] == 1

    @pytest.mark.parametrize("query", ["limit=51", "limit=0", "offset=-1", "offset=x"])
    def test_limits_are_enforced(self, spotify: SpotifySimulator, marta: Person, query: str) -> None:
        playlist = marta.add_playlist("a")
        access, _ = spotify.issue_tokens(marta)
        assert call(access, f"/me/playlists?{query}").status_code == 400
        assert call(access, f"/playlists/{playlist.id}/items?{query}").status_code == 400

    @pytest.mark.parametrize(
        ("shape", "contents", "content"),
        [
            ("both", {"items", "tracks"}, {"item", "track"}),
            ("new", {"items"}, {"item"}),
            ("old", {"tracks"}, {"track"}),
        ],
    )
    def test_playlists_speak_old_words_new_words_or_both(
        self, make: Callable[..., SpotifySimulator], shape: str, contents: set[str], content: set[str]
    ) -> None:
        spotify = make(playlist_shape=shape)
        marta = spotify.add_person("Marta")
        playlist = marta.add_playlist("a", spotify.catalogue.tracks[:2])
        (listed,) = get(spotify, marta, "/me/playlists")["items"]
        whole = get(spotify, marta, f"/playlists/{playlist.id}")
        entry = get(spotify, marta, f"/playlists/{playlist.id}/items")["items"][0]
        assert listed.keys() & {"items", "tracks"} == contents
        assert whole.keys() & {"items", "tracks"} == contents
        assert entry.keys() & {"item", "track"} == content
        for word in contents:
            assert listed[word]["total"] == whole[word]["total"] == 2
            assert len(whole[word]["items"]) == 2
        for word in content:
            assert entry[word]["id"] == spotify.catalogue.tracks[0].key
            assert (entry[word]["track"], entry[word]["episode"]) == (True, False)

    def test_a_long_list_comes_in_fifties(self, spotify: SpotifySimulator, marta: Person) -> None:
        tracks = spotify.catalogue.tracks[:123]
        url: str | None = f"/playlists/{marta.add_playlist('long', tracks).id}/items?limit=50"
        keys: list[str] = []
        while url:
            page = get(spotify, marta, url)
            keys += [entry["item"]["id"] for entry in page["items"]]
            url = page["next"]
        assert keys == [track.key for track in tracks]
        assert len(spotify.seen("playlist_items")) == 3

    def test_a_followed_list_shows_its_name_and_not_its_contents(
        self, spotify: SpotifySimulator, marta: Person
    ) -> None:
        followed = spotify.add_person("Ola").add_playlist("Ola's", spotify.catalogue.tracks[:5])
        marta.follow(followed)
        whole = get(spotify, marta, f"/playlists/{followed.id}")
        assert whole["name"] == "Ola's"
        assert not whole.keys() & {"items", "tracks"}
        response = call(spotify.issue_tokens(marta)[0], f"/playlists/{followed.id}/items")
        assert error_of(response) == (403, "Forbidden")

    def test_a_shared_list_can_be_read_by_who_keeps_it(self, spotify: SpotifySimulator, marta: Person) -> None:
        shared = spotify.add_person("Ola").add_playlist("Flat", is_public=False, is_collaborative=True)
        path = f"/playlists/{shared.id}/items"
        assert call(spotify.issue_tokens(marta)[0], path).status_code == 404
        marta.follow(shared)
        assert get(spotify, marta, path)["total"] == 0

    def test_a_private_list_of_somebody_else_does_not_exist(self, spotify: SpotifySimulator, marta: Person) -> None:
        private = spotify.add_person("Ola").add_playlist("Diary", is_public=False)
        assert call(spotify.issue_tokens(marta)[0], f"/playlists/{private.id}").status_code == 404

    def test_local_files_gone_tracks_and_episodes_are_among_the_items(
        self, spotify: SpotifySimulator, marta: Person
    ) -> None:
        tape = LocalFile("Side: B", "The Band & Co", "Démo", 273_900)
        playlist = marta.add_playlist("Odd", [tape, None, Episode("Ep. 1", "The Show", 1_800_000)])
        local, gone, episode = get(spotify, marta, f"/playlists/{playlist.id}/items")["items"]
        assert local["is_local"] is True
        assert local["item"]["uri"] == "spotify:local:The+Band+%26+Co:D%C3%A9mo:Side%3A+B:273"
        assert (local["item"]["id"], local["item"]["album"]["id"], local["item"]["external_ids"]) == (None, None, {})
        assert gone["item"] is None
        assert episode["item"]["type"] == "episode"
        assert episode["item"]["artists"][0]["name"] == "The Show"
        asked = get(spotify, marta, f"/playlists/{playlist.id}/items?additional_types=track,episode")["items"][2]
        assert asked["item"]["show"]["name"] == "The Show"
        assert "artists" not in asked["item"]


class TestFields:
    @pytest.fixture
    def path(self, spotify: SpotifySimulator, marta: Person) -> str:
        playlist = marta.add_playlist("Fields", [spotify.catalogue.tracks[0], None])
        return f"/playlists/{playlist.id}/items"

    def test_a_page_carries_only_the_fields_asked_for(
        self, spotify: SpotifySimulator, marta: Person, path: str
    ) -> None:
        track = spotify.catalogue.tracks[0]
        fields = "total,items(is_local,item(name,artists(name),album.name,external_ids.isrc))"
        assert get(spotify, marta, f"{path}?fields={fields}") == {
            "total": 2,
            "items": [
                {
                    "is_local": False,
                    "item": {
                        "name": track.name,
                        "artists": [{"name": artist} for artist in track.artists],
                        "album": {"name": track.album},
                        "external_ids": {"isrc": track.isrc},
                    },
                },
                {"is_local": False, "item": None},
            ],
        }

    def test_a_name_without_parentheses_keeps_everything_below_it(
        self, spotify: SpotifySimulator, marta: Person, path: str
    ) -> None:
        page = get(spotify, marta, f"{path}?fields=items.item.album")
        assert page.keys() == {"items"}
        assert page["items"][0]["item"]["album"].keys() > {"name", "artists", "images"}

    def test_a_field_that_does_not_exist_is_simply_absent(
        self, spotify: SpotifySimulator, marta: Person, path: str
    ) -> None:
        assert get(spotify, marta, f"{path}?fields=nothing,total") == {"total": 2}

    def test_the_same_name_twice_adds_up(self, spotify: SpotifySimulator, marta: Person, path: str) -> None:
        page = get(spotify, marta, f"{path}?fields=items(item.name),items(item(id))")
        assert page["items"][0]["item"].keys() == {"name", "id"}

    def test_the_link_to_the_next_page_forgets_the_fields(
        self, spotify: SpotifySimulator, marta: Person, path: str
    ) -> None:
        page = get(spotify, marta, f"{path}?fields=next&limit=1&additional_types=episode")
        assert page == {"next": f"{API}{path}?offset=1&limit=1&additional_types=episode"}

    def test_a_playlist_on_its_own_honours_them_too(self, spotify: SpotifySimulator, marta: Person, path: str) -> None:
        whole = get(spotify, marta, f"{path.removesuffix('/items')}?fields=name,owner(id),items.total")
        assert whole == {"name": "Fields", "owner": {"id": "marta-ruiz"}, "items": {"total": 2}}

    @pytest.mark.parametrize(
        "fields", ["items(", "items)", "items(item", ",", "items()", "a b", "items(!item)", "a..b"]
    )
    def test_malformed_fields_are_refused(
        self, spotify: SpotifySimulator, marta: Person, path: str, fields: str
    ) -> None:
        assert error_of(call(spotify.issue_tokens(marta)[0], f"{path}?fields={fields}")) == (400, "Invalid fields")


class TestSearch:
    @pytest.fixture
    def access(self, spotify: SpotifySimulator, marta: Person) -> str:
        return spotify.issue_tokens(marta, scopes=[])[0]

    def found(self, access: str, query: str, **more: Any) -> list[str]:
        answer = call(access, "/search", params={"q": query, "type": "track", "limit": 10, **more})
        return [track["id"] for track in answer.json()["tracks"]["items"]]

    def test_a_track_is_found_by_its_isrc(self, spotify: SpotifySimulator, access: str) -> None:
        track = next(track for track in spotify.catalogue.tracks if track.isrc)
        assert self.found(access, f"isrc:{track.isrc.lower()}") == [track.key]
        assert self.found(access, "isrc:ZZZZZ2699999") == []

    def test_a_track_is_found_by_phrases_in_its_fields_whatever_case_and_accents(
        self, spotify: SpotifySimulator, access: str
    ) -> None:
        track = next(track for track in spotify.catalogue.tracks if track.artist == "Sólveig Mýrdal")
        by_fields = self.found(access, f'track:"{track.name.upper()}" artist:"solveig MYRDAL"')
        assert track.key in by_fields
        assert self.found(access, f'track:"{track.name}" artist:"Nobody"') == []

    def test_free_words_are_looked_for_in_names_artists_and_albums(
        self, spotify: SpotifySimulator, access: str
    ) -> None:
        track = spotify.catalogue.tracks[0]
        assert track.key in self.found(access, f"{track.artist} {track.name} {track.album}")

    def test_results_are_whole_tracks_in_pages(self, spotify: SpotifySimulator, access: str) -> None:
        artist = spotify.catalogue.tracks[0].artist
        answer = call(access, "/search", params={"q": f'artist:"{artist}"', "type": "track,album", "limit": 2}).json()
        assert answer["tracks"]["items"][0]["external_ids"]["isrc"]
        assert (len(answer["tracks"]["items"]), answer["tracks"]["total"] > 2) == (2, True)
        assert answer["albums"]["items"] == []
        second = call(access, answer["tracks"]["next"].replace("query=", "q=")).json()["tracks"]
        assert second["offset"] == 2
        assert second["items"][0]["id"] != answer["tracks"]["items"][0]["id"]

    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({"limit": 11}, 400),
            ({"limit": 0}, 400),
            ({"offset": 1001}, 400),
            ({"type": None}, 400),
            ({"type": "track,song"}, 400),
            ({"q": None}, 400),
            ({"q": " "}, 400),
            ({"q": "a" * 101}, 404),
            ({"q": "a" * 100}, 200),
        ],
    )
    def test_what_spotify_would_not_answer_is_refused(self, access: str, changes: Any, status: int) -> None:
        query = {"q": "a", "type": "track", "limit": 10} | changes
        assert call(access, "/search", params=query).status_code == status

    def test_an_older_application_gets_more_at_once(self, make: Callable[..., SpotifySimulator]) -> None:
        spotify = make(reduced_api=False)
        access, _ = spotify.issue_tokens(spotify.add_person("Marta"))
        assert len(self.found(access, "a", limit=50)) > 10


class TestWritingPlaylists:
    @pytest.fixture
    def uris(self, spotify: SpotifySimulator) -> list[str]:
        return [f"spotify:track:{track.key}" for track in spotify.catalogue.tracks]

    @pytest.fixture
    def access(self, spotify: SpotifySimulator, marta: Person) -> str:
        return spotify.issue_tokens(marta)[0]

    def test_a_new_playlist_is_empty_public_and_kept(self, marta: Person, access: str) -> None:
        response = call(access, "/me/playlists", "POST", json={"name": "Neu", "description": "Hallo"})
        assert response.status_code == 201
        made = response.json()
        assert (made["name"], made["description"], made["public"], made["images"]) == ("Neu", "Hallo", True, None)
        assert made["items"]["total"] == 0
        assert made["owner"]["id"] == marta.id
        assert [item["id"] for item in call(access, "/me/playlists").json()["items"]] == [made["id"]]

    def test_names_need_not_be_unique(self, access: str) -> None:
        keys = {call(access, "/me/playlists", "POST", json={"name": "Twin"}).json()["id"] for _ in range(2)}
        assert len(keys) == 2

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"name": ""},
            {"name": 7},
            {"name": "x", "description": "a\nb"},
            {"name": "x", "description": "a" * 301},
            {"name": "x", "public": "no"},
            {"name": "x", "collaborative": True},
            ["x"],
        ],
    )
    def test_a_playlist_that_cannot_be_is_not_made(self, access: str, marta: Person, body: Any) -> None:
        assert call(access, "/me/playlists", "POST", json=body).status_code == 400
        assert marta.made == []

    def test_a_body_has_to_be_json(self, access: str, marta: Person) -> None:
        path = f"/playlists/{marta.add_playlist('a').id}/items"
        assert call(access, "/me/playlists", "POST", data={"name": "x"}).status_code == 400
        response = requests.post(
            API + path,
            data=b'{"uris": [',
            headers={"Authorization": f"Bearer {access}", "Content-Type": "application/json"},
            timeout=5,
        )
        assert error_of(response) == (400, "Error parsing JSON.")

    def test_tracks_are_added_at_the_end_or_at_a_position(
        self, spotify: SpotifySimulator, marta: Person, access: str, uris: list[str]
    ) -> None:
        path = f"/playlists/{marta.add_playlist('a').id}/items"
        first = call(access, path, "POST", json={"uris": uris[:2]})
        second = call(access, path, "POST", json={"uris": [uris[2]], "position": 1})
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json()["snapshot_id"] != second.json()["snapshot_id"]
        assert self.contents(access, path) == [uris[0], uris[2], uris[1]]
        assert call(access, path, "POST", json={"uris": [uris[3]], "position": 4}).status_code == 400

    def test_more_than_a_hundred_at_once_are_refused_whole(self, marta: Person, access: str, uris: list[str]) -> None:
        path = f"/playlists/{marta.add_playlist('a').id}/items"
        for method in ("POST", "PUT"):
            response = call(access, path, method, json={"uris": uris[:101]})
            assert error_of(response) == (400, "You can add a maximum of 100 tracks per request.")
        items = [{"uri": uri} for uri in uris[:101]]
        assert call(access, path, "DELETE", json={"items": items}).status_code == 400
        assert self.contents(access, path) == []
        assert call(access, path, "POST", json={"uris": uris[:100]}).status_code == 201

    def test_uris_in_the_query_make_the_body_count_for_nothing(
        self, marta: Person, access: str, uris: list[str]
    ) -> None:
        path = f"/playlists/{marta.add_playlist('a').id}/items"
        call(access, f"{path}?uris={uris[0]},{uris[1]}", "POST", json={"uris": uris[5:9], "position": 9})
        assert self.contents(access, path) == uris[:2]

    def test_replacing_replaces_everything_and_an_empty_list_clears(
        self, spotify: SpotifySimulator, marta: Person, access: str, uris: list[str]
    ) -> None:
        path = f"/playlists/{marta.add_playlist('a', spotify.catalogue.tracks[:5]).id}/items"
        assert call(access, path, "PUT", json={"uris": [uris[9], uris[9]]}).status_code == 200
        assert self.contents(access, path) == [uris[9], uris[9]]
        assert call(access, path, "PUT", json={"uris": []}).status_code == 200
        assert self.contents(access, path) == []
        assert call(access, path, "PUT").status_code == 400

    def test_removing_takes_every_occurrence(
        self, spotify: SpotifySimulator, marta: Person, access: str, uris: list[str]
    ) -> None:
        one, two = spotify.catalogue.tracks[:2]
        playlist = marta.add_playlist("a", [one, two, one, None])
        path = f"/playlists/{playlist.id}/items"
        body = {"items": [{"uri": uris[0]}], "snapshot_id": playlist.snapshot_id}
        response = call(access, path, "DELETE", json=body)
        assert response.status_code == 200
        assert response.json()["snapshot_id"] == playlist.snapshot_id
        assert self.contents(access, path) == [uris[1], None]

    @pytest.mark.parametrize(
        "body",
        [{}, {"items": []}, {"tracks": [{"uri": "spotify:track:x"}]}, {"items": ["x"]}, {"items": [{}]}],
    )
    def test_a_removal_that_names_nothing_is_refused(self, marta: Person, access: str, body: Any) -> None:
        path = f"/playlists/{marta.add_playlist('a').id}/items"
        assert call(access, path, "DELETE", json=body).status_code == 400

    def test_a_snapshot_that_never_was_is_refused(self, marta: Person, access: str, uris: list[str]) -> None:
        path = f"/playlists/{marta.add_playlist('a').id}/items"
        body = {"items": [{"uri": uris[0]}], "snapshot_id": "made-up"}
        assert error_of(call(access, path, "DELETE", json=body)) == (400, "Invalid snapshot id")

    @pytest.mark.parametrize(
        "uri", ["spotify:local:A:B:C:1", "spotify:album:x", "made-up", "spotify:track:unknown", 7, None]
    )
    def test_what_is_no_track_of_spotify_cannot_be_added(self, marta: Person, access: str, uri: Any) -> None:
        path = f"/playlists/{marta.add_playlist('a').id}/items"
        assert call(access, path, "POST", json={"uris": [uri]}).status_code == 400
        assert self.contents(access, path) == []

    def test_other_details_leave_those_that_are_not_named(self, marta: Person, access: str) -> None:
        playlist = marta.add_playlist("Old", description="As it was")
        response = call(access, f"/playlists/{playlist.id}", "PUT", json={"name": "New"})
        assert (response.status_code, response.content) == (200, b"")
        assert (playlist.name, playlist.description) == ("New", "As it was")
        assert call(access, f"/playlists/{playlist.id}", "PUT", json={"description": "", "public": False}).ok
        assert (playlist.name, playlist.description, playlist.is_public) == ("New", "", False)

    @pytest.mark.parametrize(
        "body", [{"name": ""}, {"name": 7}, {"description": "a\nb"}, {"description": "a" * 301}, {"public": "no"}]
    )
    def test_details_that_cannot_be_are_refused(self, marta: Person, access: str, body: Any) -> None:
        playlist = marta.add_playlist("Old", description="As it was")
        assert call(access, f"/playlists/{playlist.id}", "PUT", json=body).status_code == 400
        assert (playlist.name, playlist.description) == ("Old", "As it was")

    def test_only_the_owner_changes_details_not_who_shares_in_a_list(
        self, spotify: SpotifySimulator, marta: Person, access: str
    ) -> None:
        shared = spotify.add_person("Ola").add_playlist("Flat", is_public=False, is_collaborative=True)
        marta.follow(shared)
        assert call(access, f"/playlists/{shared.id}", "PUT", json={"name": "Mine"}).status_code == 403
        assert call(access, "/playlists/nosuch", "PUT", json={"name": "Mine"}).status_code == 404

    def test_descriptions_are_told_as_for_a_page_of_html(self, marta: Person, access: str) -> None:
        playlist = marta.add_playlist("a", description="Rock & roll, it's <3")
        told = call(access, f"/playlists/{playlist.id}").json()["description"]
        assert told == "Rock &amp; roll, it&#x27;s &lt;3"

    def test_lists_of_other_people_cannot_be_changed(
        self, spotify: SpotifySimulator, marta: Person, access: str, uris: list[str]
    ) -> None:
        followed = spotify.add_person("Ola").add_playlist("Ola's")
        marta.follow(followed)
        for method in ("POST", "PUT"):
            assert call(access, f"/playlists/{followed.id}/items", method, json={"uris": uris[:1]}).status_code == 403

    def test_forgetting_takes_a_list_out_of_the_library_and_leaves_it_in_the_world(
        self, marta: Person, access: str
    ) -> None:
        playlist = marta.add_playlist("a")
        path = f"/me/library?uris=spotify:playlist:{playlist.id}"
        response = call(access, path, "DELETE")
        assert (response.status_code, response.content) == (200, b"")
        assert call(access, "/me/playlists").json()["items"] == []
        assert call(access, f"/playlists/{playlist.id}").ok
        assert call(access, path, "DELETE").status_code == 200

    def test_forgetting_wants_uris_in_the_query_and_not_too_many(self, marta: Person, access: str) -> None:
        playlist = marta.add_playlist("a")
        uri = f"spotify:playlist:{playlist.id}"
        assert call(access, "/me/library", "DELETE", json={"uris": [uri]}).status_code == 400
        assert call(access, f"/me/library?uris={','.join([uri] * 41)}", "DELETE").status_code == 400
        assert call(access, f"/me/library?uris={playlist.id}", "DELETE").status_code == 400
        assert marta.library == [playlist]

    def contents(self, access: str, path: str) -> list[str | None]:
        items = call(access, f"{path}?limit=50").json()["items"]
        return [entry["item"] and entry["item"]["uri"] for entry in items]


class TestLimitsAndFaults:
    def test_too_many_requests_in_half_a_minute_are_told_when_to_come_back(
        self, make: Callable[..., SpotifySimulator], clock: Clock
    ) -> None:
        spotify = make(max_requests=3)
        access, _ = spotify.issue_tokens(spotify.add_person("Marta"))
        for _ in range(3):
            assert call(access, "/me").ok
            clock.advance(seconds=5)
        refused = call(access, "/me")
        assert (refused.status_code, refused.headers["Retry-After"], refused.text) == (429, "15", "Too many requests")
        clock.advance(seconds=15)
        assert call(access, "/me").ok
        assert call(access, "/me").status_code == 429

    def test_a_spent_quota_names_its_reason_and_hours_to_wait(self, spotify: SpotifySimulator, marta: Person) -> None:
        spotify.faults.add("me", **quota_exceeded(retry_after=82_375))
        response = call(spotify.issue_tokens(marta)[0], "/me")
        assert (response.status_code, response.headers["Retry-After"]) == (429, "82375")
        assert response.json()["error"]["reason"] == "QUOTA_EXCEEDED"

    def test_who_is_not_on_the_list_is_told_so_in_plain_text(self, spotify: SpotifySimulator, marta: Person) -> None:
        spotify.faults.add("me", **not_registered())
        response = call(spotify.issue_tokens(marta)[0], "/me")
        assert response.status_code == 403
        assert response.text == "User not registered in the Developer Dashboard"

    def test_a_fault_in_the_way_leaves_the_state_as_it_was(self, spotify: SpotifySimulator, marta: Person) -> None:
        _, refresh_token = spotify.issue_tokens(marta)
        spotify.faults.add("token", status=503)
        spotify.faults.add("GET /v1/me/playlists", **truncated_json(), after=1)
        assert refresh(refresh_token).status_code == 503
        access = refresh(refresh_token).json()["access_token"]
        assert len(spotify.seen("token")) == 2
        assert call(access, "/me/playlists").json()["total"] == 0
        with pytest.raises(requests.JSONDecodeError):
            call(access, "/me/playlists").json()


class TestSeedAndSockets:
    def test_a_seeded_person_has_a_believable_account(self, spotify: SpotifySimulator, marta: Person) -> None:
        spotify.seed(marta)
        assert len(marta.plays) > 60
        assert max(play.played_at for play in marta.plays) <= START
        recent = get(spotify, marta, "/me/player/recently-played?limit=50")["items"]
        assert len(recent) == 50
        assert [item["track"] for item in recent].count(None) == 1
        assert {len(item["played_at"]) for item in recent} == {20, 24}

    def test_the_seeded_playlists_hold_every_difficulty(self, spotify: SpotifySimulator, marta: Person) -> None:
        spotify.seed(marta)
        page = get(spotify, marta, "/me/playlists?limit=50")
        lists = [item for item in page["items"] if item is not None]
        assert page["total"] > len(page["items"]) > len(lists) >= 20
        totals = [item["items"]["total"] for item in lists]
        assert {0, 1, 50, 51, 100, 101, 250} <= set(totals)
        assert {item["owner"]["display_name"] for item in lists} == {"Marta Ruiz", "Ola Nordby"}
        assert any(item["description"] is None for item in lists)
        assert any(item["images"] is None for item in lists)
        odd = next(item for item in lists if item["name"] == "Odds and ends")
        entries = get(spotify, marta, f"/playlists/{odd['id']}/items")["items"]
        assert any(entry["item"] is None for entry in entries)
        assert any(entry["is_local"] for entry in entries)
        assert any(entry["item"] and entry["item"]["type"] == "episode" for entry in entries)

    def test_two_people_can_be_seeded_and_two_starts_give_the_same(self, clock: Clock) -> None:
        def start() -> list[tuple[str, list[str]]]:
            spotify = SpotifySimulator(clock=clock)
            people = [spotify.add_person(name) for name in ("Marta", "Jo")]
            for person in people:
                spotify.seed(person)
            return [
                (
                    playlist.id,
                    [entry.content.key for entry in playlist.entries if isinstance(entry.content, CatalogueTrack)],
                )
                for person in people
                for playlist in person.made
            ]

        assert start() == start()

    def test_on_a_socket_everything_is_reached_under_one_address(self, clock: Clock) -> None:
        spotify = SpotifySimulator(clock=clock)
        marta = spotify.add_person("Marta")
        spotify.seed(marta)
        with serving(spotify.wsgi) as base:
            location = requests.post(
                authorize_url().replace(ACCOUNTS, f"{base}/accounts"),
                data={"person": "marta", "decision": "agree"},
                allow_redirects=False,
                timeout=5,
            ).headers["Location"]
            form = {
                "grant_type": "authorization_code",
                "code": answered(location)["code"],
                "redirect_uri": CALLBACK,
                "client_id": "musicbridge-demo",
                "code_verifier": VERIFIER,
            }
            access = requests.post(f"{base}/accounts/api/token", data=form, timeout=5).json()["access_token"]
            first = call(access, f"{base}/api/v1/me/player/recently-played?limit=10").json()
            assert first["next"].startswith(f"{base}/api/v1/me/player/recently-played?before=")
            assert len(call(access, first["next"]).json()["items"]) == 10
            requests.post(f"{base}/_faults", json={"match": "me", "status": 500}, timeout=5)
            assert call(access, f"{base}/api/v1/me").status_code == 500
            assert call(access, f"{base}/api/v1/me").status_code == 200

    def test_the_helper_takes_the_address_of_a_socket_too(self, spotify: SpotifySimulator, marta: Person) -> None:
        url = authorize_url().replace(ACCOUNTS, "http://127.0.0.1:9/accounts")
        assert "code" in answered(spotify.approve(url, marta))
        with pytest.raises(ValueError, match="no such page"):
            spotify.approve("https://accounts.spotify.com/somewhere", marta)


class Page(HTMLParser):
    """What matters of a page to a reader who cannot see it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.language: str | None = None
        self.icon: str | None = None
        self.buttons: list[str] = []
        self.inputs_outside_labels = 0
        self._tags: list[str] = []
        self._open: list[str] = []
        self.feed(html)

    def count(self, tag: str) -> int:
        return self._tags.count(tag)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self._tags.append(tag)
        if tag == "html":
            self.language = attributes.get("lang")
        if tag == "link" and attributes.get("rel") == "icon":
            self.icon = attributes.get("href")
        if tag == "input":
            self.inputs_outside_labels += "label" not in self._open
        elif tag not in ("meta", "link"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self._open.remove(tag)

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["button"]:
            self.buttons.append(data)


def error_of(response: requests.Response) -> tuple[int, str]:
    error = response.json()["error"]
    assert error["status"] == response.status_code
    return response.status_code, error["message"]


def moment(text: str) -> datetime:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", text)
    return datetime.fromisoformat(text)


def ms(moment: datetime) -> str:
    return str(round(moment.timestamp() * 1000))
