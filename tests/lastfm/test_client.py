import json
import logging
import traceback
from typing import Any

import pytest

from providers.exceptions import (
    AuthenticationError,
    InvalidRequestError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    ProviderError,
    RateLimitedError,
    RateLimitScope,
    ReauthorizationRequiredError,
    ServiceUnavailableError,
)
from providers.jsonvalues import decode_object
from providers.lastfm.client import LastFMApplication, LastFMClient, LastFMCredentials, find_error, signature
from providers.testing.simulators.faults import READY_MADE
from providers.testing.simulators.lastfm import LastFMSimulator, Person
from providers.testing.wsgi import mounted
from providers.transport import Answer, Call

OPERATION = "user.getRecentTracks"


def answer(body: Any, status: int = 200, **headers: str) -> Answer:
    return Answer("lastfm", status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def error_of(body: Any, status: int = 200, **headers: str) -> ProviderError:
    error = find_error(answer(body, status, **headers))
    assert error is not None
    assert error.provider == "lastfm"
    assert error.status_code == status
    return error


def read(client: LastFMClient, **changes: Any) -> Any:
    body = client.get_recent_tracks("Ada", **({"first": 0, "before": 2_000_000_000, "page": 1} | changes))
    return decode_object(body, provider="lastfm")


@pytest.fixture
def client(application: LastFMApplication, lastfm: LastFMSimulator, ada: Person) -> LastFMClient:
    return LastFMClient(application, lastfm.issue_session(ada))


class TestSignature:
    def test_it_is_that_of_the_documentation(self) -> None:
        params = {"api_key": "YOUR_API_KEY", "method": "auth.getSession", "token": "YOUR_REQUESTED_TOKEN"}
        assert signature(params, "YOUR_SECRET") == "94539006de89b3c6b3c030bb1e52b9c4"

    def test_format_and_callback_are_left_out_and_order_does_not_matter(self) -> None:
        params = {"token": "YOUR_REQUESTED_TOKEN", "method": "auth.getSession", "api_key": "YOUR_API_KEY"}
        signed = signature(params | {"format": "json", "callback": "show"}, "YOUR_SECRET")
        assert signed == "94539006de89b3c6b3c030bb1e52b9c4"

    @pytest.mark.req("PROV-041")
    def test_every_call_tells_key_format_session_and_signature(self) -> None:
        call = Call("GET", "https://ws.audioscrobbler.com/2.0/", {"method": OPERATION, "user": "Sólveig"})
        LastFMCredentials("key", "secret", "session").sign(call)
        unsigned = {"method": OPERATION, "user": "Sólveig", "api_key": "key", "sk": "session"}
        assert call.params == unsigned | {"format": "json", "api_sig": signature(unsigned, "secret")}

    def test_without_a_session_none_is_told(self) -> None:
        call = Call("GET", "https://ws.audioscrobbler.com/2.0/", {"method": "auth.getSession"})
        LastFMCredentials("key", "secret").sign(call)
        assert "sk" not in call.params

    def test_lastfm_accepts_it_for_names_in_any_script(
        self, application: LastFMApplication, lastfm: LastFMSimulator
    ) -> None:
        person = lastfm.add_person("Sólveig 音楽 & co")
        client = LastFMClient(application, lastfm.issue_session(person))
        found = json.loads(client.get_recent_tracks(person.name, first=0, before=1, page=1))
        assert found["recenttracks"]["@attr"]["user"] == person.name


class TestErrors:
    @pytest.mark.parametrize("status", [200, 400, 403, 500])
    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            *((code, InvalidRequestError) for code in (2, 3, 5, 6, 13)),
            *((code, AuthenticationError) for code in (4, 10, 14, 15, 26)),
            *((code, ServiceUnavailableError) for code in (8, 11, 16)),
            (7, NotFoundError),
            (9, ReauthorizationRequiredError),
            (17, PermissionDeniedError),
            (29, RateLimitedError),
        ],
    )
    def test_the_code_in_the_body_decides_whatever_the_status_is(
        self, status: int, code: int, expected: type[ProviderError]
    ) -> None:
        error = error_of({"error": code, "message": "In their words", "links": []}, status)
        assert type(error) is expected
        assert "words" not in str(error)

    @pytest.mark.parametrize("code", [10, 26])
    def test_a_refused_api_key_is_not_held_against_the_person(self, code: int) -> None:
        error = error_of({"error": code, "message": "Invalid API key"}, 403)
        assert type(error) is AuthenticationError
        assert "application's API key" in str(error)

    @pytest.mark.parametrize(
        ("status", "message"),
        [(404, "User not found"), (400, "No user with that name was found"), (404, "Invalid parameters")],
    )
    def test_a_user_that_is_not_there_is_not_found(self, status: int, message: str) -> None:
        assert type(error_of({"error": 6, "message": message}, status)) is NotFoundError

    def test_a_rate_limit_tells_when_to_come_back_and_whose_it_is(self) -> None:
        error = error_of({"error": 29, "message": "Rate Limit Exceeded"}, 429, **{"Retry-After": "30"})
        assert isinstance(error, RateLimitedError)
        assert error.retry_at is not None
        assert error.scope is RateLimitScope.APPLICATION

    def test_a_code_may_come_as_text(self) -> None:
        assert type(error_of({"error": "9", "message": ""})) is ReauthorizationRequiredError

    @pytest.mark.parametrize(
        ("status", "expected"),
        [(200, InvalidResponseError), (400, InvalidRequestError), (503, ServiceUnavailableError)],
    )
    def test_an_unknown_code_is_judged_by_the_status(self, status: int, expected: type[ProviderError]) -> None:
        assert type(error_of({"error": 99, "message": "New"}, status)) is expected

    @pytest.mark.parametrize("body", [b"<h1>502</h1>", b'{"error": ', b'["error"]', b'{"error": null}', b""])
    def test_without_a_readable_code_the_status_decides(self, body: bytes) -> None:
        assert type(error_of(body, 502)) is ServiceUnavailableError
        assert find_error(answer(body)) is None

    def test_a_track_called_error_is_no_error(self) -> None:
        assert find_error(answer({"recenttracks": {"track": [{"name": "error"}]}})) is None


class TestCalls:
    def test_recent_tracks_are_asked_for_with_every_parameter_and_signed(
        self, client: LastFMClient, lastfm: LastFMSimulator
    ) -> None:
        read(client, first=5, before=9, page=3)
        (seen,) = lastfm.faults.seen(OPERATION)
        asked = {name: value for name, (value,) in seen.query.items()}
        assert seen.method == "GET"
        assert asked.keys() == {"method", "user", "from", "to", "page", "limit", "api_key", "sk", "format", "api_sig"}
        assert (asked["from"], asked["to"], asked["page"], asked["limit"]) == ("5", "9", "3", "200")
        assert seen.headers["User-Agent"].startswith("musicbridge/")

    def test_a_path_before_the_endpoint_is_kept(self, lastfm: LastFMSimulator, ada: Person) -> None:
        application = LastFMApplication(
            api_key="k" * 32,
            api_secret="s" * 32,
            api_url="http://127.0.0.1:9/a/ws/2.0/",
            auth_url="http://127.0.0.1:9/",
        )
        with mounted({"http://127.0.0.1:9/a": lastfm.wsgi}):
            found = read(LastFMClient(application, lastfm.issue_session(ada)))
        assert found["recenttracks"]["@attr"]["user"] == "Ada"

    @pytest.mark.parametrize("code", [8, 11, 16, 29])
    def test_what_passes_is_tried_again_until_it_has_passed(
        self, client: LastFMClient, lastfm: LastFMSimulator, code: int
    ) -> None:
        lastfm.faults.add(OPERATION, status=500, body=json.dumps({"error": code, "message": ""}), times=2)
        assert read(client)["recenttracks"]["@attr"]["total"] == "0"
        assert len(lastfm.faults.seen(OPERATION)) == 3

    @pytest.mark.parametrize("code", [6, 9, 10, 13, 17])
    def test_what_does_not_pass_is_not_tried_again(
        self, client: LastFMClient, lastfm: LastFMSimulator, code: int
    ) -> None:
        lastfm.faults.add(OPERATION, status=403, body=json.dumps({"error": code, "message": ""}), times=None)
        with pytest.raises(ProviderError):
            read(client)
        assert len(lastfm.faults.seen(OPERATION)) == 1

    @pytest.mark.parametrize("method", ["get_session", "get_recent_tracks"])
    @pytest.mark.parametrize("kind", sorted(set(READY_MADE) - {"wrong_types"}))
    def test_every_wrong_answer_ends_in_a_named_error(
        self, client: LastFMClient, lastfm: LastFMSimulator, kind: str, method: str
    ) -> None:
        lastfm.faults.add("/2.0/", **READY_MADE[kind](), times=None)
        passing = {"html_error_page", "connection_closed"}
        expected = ServiceUnavailableError if kind in passing else InvalidResponseError
        with pytest.raises(expected):
            _ = client.get_session("t") if method == "get_session" else read(client)

    def test_a_wrong_secret_is_named_as_ours(self, lastfm: LastFMSimulator, ada: Person) -> None:
        application = LastFMApplication(
            api_key="k" * 32, api_secret="wrong", api_url="https://ws.audioscrobbler.com/2.0/", auth_url=""
        )
        with pytest.raises(InvalidRequestError, match="shared secret"):
            LastFMClient(application).get_session("t")

    def test_no_secret_is_told_by_logs_representations_and_tracebacks(
        self, application: LastFMApplication, lastfm: LastFMSimulator, ada: Person, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        session_key = lastfm.issue_session(ada)
        credentials = LastFMCredentials(application.api_key, application.api_secret, session_key)
        client = LastFMClient(application, session_key)
        read(client)
        lastfm.revoke(ada)
        with pytest.raises(ReauthorizationRequiredError) as caught:
            read(client)
        told = caplog.text + repr([client, credentials, application, caught.value]) + str(caught.value)
        told += "".join(traceback.format_exception(caught.value))
        signatures = [seen.query["api_sig"][0] for seen in lastfm.faults.seen(OPERATION)]
        assert len(signatures) == 2
        assert not [secret for secret in (session_key, application.api_secret, *signatures) if secret in told]
