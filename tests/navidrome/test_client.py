import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from providers.exceptions import (
    InvalidRequestError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    ProviderError,
    RateLimitedError,
    ReauthorizationRequiredError,
    ServiceUnavailableError,
)
from providers.navidrome.client import NativeClient, SubsonicClient, subsonic_token
from providers.testing.simulators.faults import READY_MADE, SeenRequest
from providers.testing.simulators.navidrome import NavidromeSimulator, Person
from tests.navidrome.conftest import BASE_URL, CATALOGUE, PASSWORD

SONGS = CATALOGUE.tracks[:4]


@pytest.fixture
def subsonic(ada: Person) -> SubsonicClient:
    return SubsonicClient(BASE_URL, "ada", PASSWORD, None)


@pytest.fixture
def native(ada: Person) -> NativeClient:
    return NativeClient(BASE_URL, "ada", PASSWORD, None)


def failure(code: Any) -> str:
    error = {"code": code, "message": f"secret words about {PASSWORD}"}
    return json.dumps({"subsonic-response": {"status": "failed", "version": "1.16.1", "error": error}})


def salts(requests: list[SeenRequest]) -> list[str]:
    return [request.form["s"][0] for request in requests]


@pytest.mark.req("PROV-051")
def test_the_token_is_that_of_the_documentation() -> None:
    assert subsonic_token("sesame", "c19b2d") == "26719a1196d2a940705a59634eb18eab"


@pytest.mark.req("PROV-051")
def test_every_call_has_a_salt_of_its_own_and_tells_no_password(
    subsonic: SubsonicClient, navidrome: NavidromeSimulator
) -> None:
    for _ in range(20):
        subsonic.get_playlists()
    requests = navidrome.faults.seen("getPlaylists")
    assert len(set(salts(requests))) == 20
    assert all(len(salt) >= 6 for salt in salts(requests))
    assert all("p" not in request.form for request in requests)


@pytest.mark.req("PROV-051")
def test_a_repeated_attempt_has_a_fresh_salt_too(subsonic: SubsonicClient, navidrome: NavidromeSimulator) -> None:
    navidrome.faults.add("getPlaylists", status=503, times=2)
    subsonic.get_playlists()
    assert len(set(salts(navidrome.faults.seen("getPlaylists")))) == 3


@pytest.mark.req("PROV-051")
def test_credentials_travel_in_the_form_and_not_in_the_address(
    subsonic: SubsonicClient, navidrome: NavidromeSimulator
) -> None:
    subsonic.ping()
    (request,) = navidrome.faults.seen("ping")
    assert (request.method, request.path, request.query) == ("POST", "/rest/ping", {})
    assert {name: request.form[name] for name in ("u", "v", "c", "f")} == {
        "u": ["ada"],
        "v": ["1.16.1"],
        "c": ["musicbridge"],
        "f": ["json"],
    }


def test_songs_are_sent_in_their_order_repeats_included(
    subsonic: SubsonicClient, navidrome: NavidromeSimulator
) -> None:
    wanted = [SONGS[number].key for number in (2, 0, 2, 1)]
    subsonic.create_playlist("Order", wanted)
    (request,) = navidrome.faults.seen("createPlaylist")
    assert request.form["songId"] == wanted


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (0, InvalidRequestError),
        (10, InvalidRequestError),
        (20, InvalidRequestError),
        (30, InvalidRequestError),
        (40, ReauthorizationRequiredError),
        (41, PermissionDeniedError),
        (42, PermissionDeniedError),
        (43, InvalidRequestError),
        (44, ReauthorizationRequiredError),
        (50, PermissionDeniedError),
        (60, PermissionDeniedError),
        (70, NotFoundError),
        (71, InvalidResponseError),
        ("seventy", InvalidRequestError),
        (None, InvalidRequestError),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 401, 404])
def test_an_error_told_in_the_body_is_named_whatever_the_status(
    subsonic: SubsonicClient, navidrome: NavidromeSimulator, code: Any, expected: type[ProviderError], status: int
) -> None:
    navidrome.faults.add("getSong", status=status, body=failure(code), times=None)
    with pytest.raises(ProviderError) as caught:
        subsonic.get_song("x")
    assert type(caught.value) is expected
    assert caught.value.provider == "navidrome"
    assert "secret words" not in str(caught.value)


def test_a_song_called_failed_is_no_failure(subsonic: SubsonicClient, navidrome: NavidromeSimulator) -> None:
    body = {"subsonic-response": {"status": "ok", "song": {"id": "x", "title": "failed"}}}
    navidrome.faults.add("getSong", body=json.dumps(body))
    assert subsonic.get_song("x")["song"]["title"] == "failed"


@pytest.mark.parametrize("status", [404, 405, 410, 501])
def test_a_call_the_server_does_not_have_is_not_mistaken_for_a_missing_object(
    subsonic: SubsonicClient, navidrome: NavidromeSimulator, status: int
) -> None:
    navidrome.faults.add("getSong", status=status, body="no such page")
    with pytest.raises(InvalidResponseError, match=str(status)):
        subsonic.get_song("x")


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", "null", '{"subsonic-response": []}', '{"subsonic-response": {"status": "fine"}}']
)
def test_an_answer_of_another_kind_is_an_invalid_response(
    subsonic: SubsonicClient, navidrome: NavidromeSimulator, body: str
) -> None:
    navidrome.faults.add("getPlaylists", body=body)
    with pytest.raises(InvalidResponseError):
        subsonic.get_playlists()


@pytest.mark.parametrize("kind", sorted(READY_MADE))
def test_every_ready_made_fault_ends_in_a_named_error(
    subsonic: SubsonicClient, native: NativeClient, navidrome: NavidromeSimulator, kind: str
) -> None:
    navidrome.faults.add("/", **READY_MADE[kind](), times=None)
    with pytest.raises((InvalidResponseError, ServiceUnavailableError)):
        subsonic.get_playlists()
    with pytest.raises((InvalidResponseError, ServiceUnavailableError, NotFoundError)):
        native.get_scrobbles(start=0, size=10, until=None)


@pytest.mark.parametrize(
    ("call", "operation"),
    [
        (lambda client: client.create_playlist("New", []), "createPlaylist"),
        (lambda client: client.replace_songs("x", ["y"]), "createPlaylist"),
        (lambda client: client.describe_playlist("x", name="y", comment=""), "updatePlaylist"),
        (lambda client: client.remove_songs("x", [0]), "updatePlaylist"),
        (lambda client: client.delete_playlist("x"), "deletePlaylist"),
        (lambda client: client.ping(), "ping"),
        (lambda client: client.get_user("ada"), "getUser"),
    ],
)
def test_what_writes_and_what_people_wait_for_is_tried_once(
    subsonic: SubsonicClient,
    navidrome: NavidromeSimulator,
    call: Callable[[SubsonicClient], object],
    operation: str,
) -> None:
    navidrome.faults.add(operation, status=503, times=None)
    with pytest.raises(ServiceUnavailableError):
        call(subsonic)
    assert len(navidrome.faults.seen(operation)) == 1


def test_wrong_credentials_are_not_tried_twice(navidrome: NavidromeSimulator, ada: Person) -> None:
    with pytest.raises(ReauthorizationRequiredError):
        SubsonicClient(BASE_URL, "ada", "wrong", None).get_playlists()
    assert len(navidrome.faults.seen("getPlaylists")) == 1


def test_the_own_api_is_signed_in_to_once_and_takes_over_each_renewed_token(
    native: NativeClient, navidrome: NavidromeSimulator
) -> None:
    for _ in range(3):
        native.get_scrobbles(start=0, size=10, until=None)
    assert len(navidrome.faults.seen("auth/login")) == 1
    tokens = [request.headers["X-Nd-Authorization"] for request in navidrome.faults.seen("api/scrobble")]
    assert len(set(tokens)) == 3


def test_a_token_that_died_is_replaced_by_signing_in_again(native: NativeClient, navidrome: NavidromeSimulator) -> None:
    native.get_scrobbles(start=0, size=10, until=None)
    navidrome.faults.add("api/scrobble", status=401, body='{"error": "Not authenticated"}')
    assert native.get_scrobbles(start=0, size=10, until=None) == []
    assert len(navidrome.faults.seen("auth/login")) == 2


def test_too_many_sign_ins_are_parked_until_navidrome_admits_more(
    native: NativeClient, navidrome: NavidromeSimulator
) -> None:
    for _ in range(5):
        NativeClient(BASE_URL, "ada", PASSWORD, None).get_scrobbles(start=0, size=1, until=None)
    with pytest.raises(RateLimitedError) as caught:
        native.get_scrobbles(start=0, size=1, until=None)
    assert caught.value.retry_at is not None
    assert len(navidrome.faults.seen("auth/login")) == 6


@pytest.mark.parametrize("body", ["[]", "{}", '{"token": 7}', '{"token": ""}'])
def test_a_sign_in_that_brings_no_token_is_an_invalid_response(
    native: NativeClient, navidrome: NavidromeSimulator, body: str
) -> None:
    navidrome.faults.add("auth/login", body=body, headers={"Content-Type": "application/json"})
    with pytest.raises(InvalidResponseError):
        native.get_scrobbles(start=0, size=10, until=None)


def test_no_secret_is_logged_or_shown(
    subsonic: SubsonicClient, native: NativeClient, navidrome: NavidromeSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        subsonic.get_playlists()
        native.get_scrobbles(start=0, size=10, until=None)
    seen = navidrome.faults.requests_seen
    secrets = [PASSWORD, *(request.form["t"][0] for request in seen if "t" in request.form)]
    secrets += [request.headers["X-Nd-Authorization"].removeprefix("Bearer ") for request in seen[-1:]]
    shown = caplog.text + repr(vars(subsonic)) + repr(vars(native)) + repr(vars(vars(subsonic)["_session"]))
    assert len(secrets) == 3
    assert not [secret for secret in secrets if secret in shown]
