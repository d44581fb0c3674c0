import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from werkzeug.wrappers import Response

from providers.exceptions import (
    AuthenticationError,
    InvalidRequestError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    ProviderError,
    RateLimitedError,
    ServiceUnavailableError,
)
from providers.jsonvalues import decode_object
from providers.spotify.client import SpotifyClient
from providers.testing.simulators import faults
from providers.testing.simulators.spotify import Person, SpotifySimulator, not_registered, quota_exceeded
from providers.testing.wsgi import mounted
from providers.transport import BearerCredentials
from tests.scripted import ScriptedService, json_answer
from tests.spotify.conftest import API_URL, IssuedToken

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

CALLS: list[Callable[[SpotifyClient], object]] = [
    SpotifyClient.get_me,
    SpotifyClient.get_recently_played,
    SpotifyClient.get_my_playlists,
    lambda client: decode_object(client.get_playlist_items("4b"), provider="spotify"),
    lambda client: client.create_playlist("Mix", ""),
    lambda client: client.change_playlist("4b", name="Mix", description=""),
    lambda client: client.add_playlist_items("4b", ["spotify:track:1"]),
    lambda client: client.replace_playlist_items("4b", ["spotify:track:1"]),
    lambda client: client.search_tracks("isrc:QZMRD2600001"),
    lambda client: client.remove_from_library("spotify:playlist:4b"),
]


def client_of(access_token: str = "token") -> SpotifyClient:
    return SpotifyClient(base_url=API_URL, credentials=BearerCredentials(IssuedToken(access_token)), limiter=None)


@pytest.fixture
def client(spotify: SpotifySimulator, ada: Person) -> SpotifyClient:
    return client_of(spotify.issue_tokens(ada)[0])


def error_for(*answers: Response) -> ProviderError:
    """Return what a call raises when Spotify answers like this."""
    with mounted({API_URL: ScriptedService(*answers)}), pytest.raises(ProviderError) as caught:
        client_of().get_me()
    return caught.value


def refusal(message: str, status: int = 403) -> Response:
    return json_answer(json.dumps({"error": {"status": status, "message": message}}), status=status)


def test_every_page_is_as_large_as_spotify_gives(spotify: SpotifySimulator, ada: Person, client: SpotifyClient) -> None:
    playlist = ada.add_playlist("Mix")
    client.get_recently_played()
    client.get_my_playlists(offset=50)
    client.get_playlist_items(playlist.id, offset=100)
    assert [(seen.operation, seen.query["limit"]) for seen in spotify.faults.requests_seen] == [
        ("recently_played", ["50"]),
        ("my_playlists", ["50"]),
        ("playlist_items", ["50"]),
    ]


def test_a_page_of_a_playlist_carries_only_what_a_track_needs(
    spotify: SpotifySimulator, ada: Person, client: SpotifyClient
) -> None:
    playlist = ada.add_playlist("Mix", spotify.catalogue.tracks[:3])
    page = json.loads(client.get_playlist_items(playlist.id))
    assert page.keys() == {"next", "items"}
    assert page["items"][0]["item"].keys() <= {
        "id", "name", "type", "is_local", "duration_ms", "album", "artists", "external_ids", "external_urls"
    }  # fmt: skip
    assert page["items"][0]["item"]["album"] == {"name": spotify.catalogue.tracks[0].album}


def test_a_description_is_brought_into_the_form_that_spotify_takes(ada: Person, client: SpotifyClient) -> None:
    made = client.create_playlist("Mix", "One line\nand another " + "o" * 400)
    assert made["description"].startswith("One line and another ooo")
    assert len(made["description"]) == 300
    client.change_playlist(made["id"], name="Mix", description="Two\n\nlines")
    assert ada.made[-1].description == "Two lines"
    client.change_playlist(made["id"], name="Mix", description=f"{'o' * 299} and more")
    assert ada.made[-1].description == "o" * 299


def test_a_playlist_is_made_private(ada: Person, client: SpotifyClient) -> None:
    client.create_playlist("Mix", "")
    assert not ada.made[-1].is_public


def test_an_id_cannot_lead_to_another_endpoint() -> None:
    service = ScriptedService(json_answer('{"items": []}'))
    with mounted({API_URL: service}):
        client_of().get_playlist_items("../me?x=/#")
    assert service.requests[0].environ["PATH_INFO"].startswith("/playlists/")
    assert service.requests[0].environ["PATH_INFO"].endswith("/items")


def test_a_spent_quota_is_told_with_the_time_to_come_back(spotify: SpotifySimulator, client: SpotifyClient) -> None:
    spotify.faults.add("me", **quota_exceeded(retry_after=43_200))
    with time_machine.travel(NOON, tick=False), pytest.raises(RateLimitedError, match="quota") as caught:
        client.get_me()
    assert caught.value.retry_at == NOON + timedelta(hours=12)
    assert len(spotify.seen("me")) == 1


def test_a_spent_quota_without_a_time_is_an_hour_of_rest() -> None:
    with time_machine.travel(NOON, tick=False):
        error = error_for(json_answer('{"error": {"reason": "QUOTA_EXCEEDED"}}', status=429))
    assert isinstance(error, RateLimitedError)
    assert error.retry_at == NOON + timedelta(hours=1)


def test_a_short_rate_limit_is_waited_out(spotify: SpotifySimulator, client: SpotifyClient) -> None:
    spotify.faults.add("me", status=429, headers={"Retry-After": "2"}, body="Too many requests")
    assert client.get_me()["id"] == "ada"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Insufficient client scope", "Link Spotify again"),
        ("Active premium subscription required for the owner of the app.", "Premium"),
        ("User not registered in the Developer Dashboard", "list of users"),
        ("Forbidden", "does not allow"),
    ],
)
@pytest.mark.parametrize("is_json", [True, False])
def test_a_refusal_says_who_can_do_what_about_it(said: str, told: str, is_json: bool) -> None:
    error = error_for(refusal(said) if is_json else Response(said, 403, content_type="text/plain"))
    assert isinstance(error, PermissionDeniedError)
    assert told in str(error)
    assert error.status_code == 403


def test_a_refusal_is_not_answered_with_a_fresh_token(spotify: SpotifySimulator, client: SpotifyClient) -> None:
    spotify.faults.add("me", **not_registered())
    with pytest.raises(PermissionDeniedError):
        client.get_me()
    assert len(spotify.seen("me")) == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refusal("The access token expired", 401), AuthenticationError),
        (refusal("Resource not found", 404), NotFoundError),
        (refusal("Invalid limit", 400), InvalidRequestError),
        (Response("<html>busy</html>", 502), ServiceUnavailableError),
        (json_answer('{"error": "odd"}', status=403), PermissionDeniedError),
        (json_answer("[403]", status=403), PermissionDeniedError),
        (Response(b"\xff\xfe", 403), PermissionDeniedError),
    ],
)
def test_spotifys_errors_have_our_names(
    answer: Response, expected: type[ProviderError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr(IssuedToken, "renew", lambda self, rejected: self.get_access_token())
    assert type(error_for(answer)) is expected


def test_what_spotify_says_is_never_repeated() -> None:
    assert "sesame" not in str(error_for(refusal("sesame")))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faults.html_error_page(), ServiceUnavailableError),
        (faults.html_error_page(status=200), InvalidResponseError),
        (faults.truncated_json(), InvalidResponseError),
        (faults.not_json(), InvalidResponseError),
        (faults.huge_body(), InvalidResponseError),
        (faults.redirect_elsewhere(), InvalidResponseError),
        (faults.connection_closed(), ServiceUnavailableError),
    ],
    ids=["html 502", "html 200", "truncated", "not json", "huge", "redirect", "closed"],
)
def test_every_wrong_answer_ends_in_a_named_error(
    spotify: SpotifySimulator,
    client: SpotifyClient,
    call: Callable[[SpotifyClient], object],
    fault: faults.Answer,
    expected: type[ProviderError],
) -> None:
    spotify.faults.add("/v1/", times=None, **fault)
    try:
        answer = call(client)
    except expected:
        return
    # What only asks for something to be done has no use for a body that says something else.
    assert answer is None
    assert fault["status"] == 200


def test_no_secret_shows(spotify: SpotifySimulator, client: SpotifyClient, caplog: Any) -> None:
    caplog.set_level("DEBUG")
    spotify.faults.add("me", status=400, body="no")
    with pytest.raises(InvalidRequestError) as caught:
        client.get_me()
    token = spotify.seen("me")[0].headers["Authorization"].removeprefix("Bearer ")
    assert token not in caplog.text + repr(caught.value) + repr(client)
