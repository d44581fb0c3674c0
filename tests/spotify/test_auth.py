import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from traceback import TracebackException
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from requests_oauthlib import OAuth2Session
from werkzeug.test import Client

from providers.contracts import Authenticator
from providers.datatypes import AuthAttempt, AuthResult
from providers.exceptions import (
    AuthenticationError,
    InvalidRequestError,
    InvalidResponseError,
    PermissionDeniedError,
    ProviderError,
    RateLimitedError,
    ReauthorizationRequiredError,
    ServiceUnavailableError,
)
from providers.spotify.auth import SCOPES, SpotifyApplication, SpotifyAuthenticator
from providers.testing.simulators import faults
from providers.testing.simulators.spotify import Person, SpotifySimulator, not_registered
from providers.testing.wsgi import serving
from tests.spotify.conftest import ACCOUNTS_URL, API_URL, CATALOGUE, REDIRECT_URI

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
VERIFIER = "verifier-of-one-attempt_0123456789.~abcdefghijklmnopqrstuvwxyz"
CODE = "the-secret-code"
REFRESH_TOKEN = "the-secret-refresh-token"
NO_TOKENS: list[faults.Answer] = [
    faults.html_error_page(status=200),
    faults.truncated_json(),
    faults.not_json(),
    faults.wrong_types(),
    faults.huge_body(),
    faults.redirect_elsewhere(),
    faults.Answer(status=200, headers={}, body='{"access_token": "a", "scope": {"b": 1}}'),
    faults.Answer(status=200, headers={}, body='{"access_token": "a", "expires_in": "soon"}'),
    faults.Answer(status=200, headers={}, body='{"token_type": "Bearer"}'),
    faults.Answer(status=200, headers={}, body='{"access_token": "a", "error": ["what only oauthlib minds"]}'),
]


@pytest.fixture
def authenticator(application: SpotifyApplication) -> SpotifyAuthenticator:
    return linking(application)


def linking(application: SpotifyApplication, verifier: str = VERIFIER) -> SpotifyAuthenticator:
    attempt = AuthAttempt(type="spotify", callback_url=REDIRECT_URI, code_verifier=verifier)
    return SpotifyAuthenticator(application, attempt=attempt)


def agreed(spotify: SpotifySimulator, person: Person, address: str) -> dict[str, str]:
    """Let a person agree on the page at `address`; return what they are sent back with."""
    query = urlsplit(address).query
    answer = Client(spotify.accounts).post(f"/authorize?{query}", data={"person": person.id, "decision": "agree"})
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


@pytest.fixture
def code(spotify: SpotifySimulator, ada: Person, authenticator: SpotifyAuthenticator) -> str:
    """A code that Spotify gave to Ada's browser and nobody has exchanged yet."""
    return agreed(spotify, ada, authenticator.get_auth_url("s"))["code"]


@pytest.mark.req("PROV-005")
def test_it_is_an_authenticator_that_people_use_themselves(authenticator: SpotifyAuthenticator) -> None:
    assert isinstance(authenticator, Authenticator)
    assert authenticator.supports_auth()


@pytest.mark.req("PROV-031")
def test_the_consent_page_is_asked_for_with_pkce_and_the_configured_redirect_uri(
    authenticator: SpotifyAuthenticator,
) -> None:
    address = urlsplit(authenticator.get_auth_url("the-state"))
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{ACCOUNTS_URL}/authorize"
    assert parse_qs(address.query) == {
        "response_type": ["code"],
        "client_id": ["musicbridge-demo"],
        "redirect_uri": [REDIRECT_URI],
        "scope": [" ".join(SCOPES)],
        "state": ["the-state"],
        # What `printf %s "$VERIFIER" | openssl sha256 -binary | basenc --base64url` says, without its padding.
        "code_challenge": ["mYTHD90pGSo3aLsqhsTihAlfrgBLGwc0FQMO4wDYtzI"],
        "code_challenge_method": ["S256"],
    }


@pytest.mark.req("PROV-031")
def test_a_code_becomes_tokens_and_a_name(
    spotify: SpotifySimulator, ada: Person, authenticator: SpotifyAuthenticator
) -> None:
    back = agreed(spotify, ada, authenticator.get_auth_url("the-state"))
    assert back["state"] == "the-state"
    before = datetime.now(UTC)
    result = authenticator.exchange_code(back["code"])
    assert (result.account_id, result.account_name) == (ada.account_id, "Ada")
    assert set(result.scopes) == set(SCOPES)
    assert result.refresh_token
    assert result.expires_at is not None
    assert before + timedelta(minutes=59) < result.expires_at < before + timedelta(minutes=61)
    assert spotify.seen("me")[0].headers["Authorization"] == f"Bearer {result.access_token}"


@pytest.mark.parametrize("simulator_options", [{"has_account_ids": False}])
def test_where_spotify_names_no_account_id_the_id_has_to_do(code: str, authenticator: SpotifyAuthenticator) -> None:
    assert authenticator.exchange_code(code).account_id == "ada"


def test_the_token_endpoint_is_asked_as_a_public_client_is_to_ask(
    spotify: SpotifySimulator, code: str, authenticator: SpotifyAuthenticator
) -> None:
    authenticator.exchange_code(code)
    (request,) = spotify.seen("token")
    assert request.form == {
        "grant_type": ["authorization_code"],
        "client_id": ["musicbridge-demo"],
        "code": [code],
        "code_verifier": [VERIFIER],
        "redirect_uri": [REDIRECT_URI],
    }
    assert "Authorization" not in request.headers
    assert request.query == {}


@pytest.mark.req("PROV-031")
def test_codes_and_refresh_tokens_are_exchanged_by_requests_oauthlib(
    code: str, authenticator: SpotifyAuthenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    request = OAuth2Session.request

    def recorded(session: OAuth2Session, method: str, url: str, **kwargs: Any) -> Any:
        asked.append((method, url))
        return request(session, method, url, **kwargs)

    monkeypatch.setattr(OAuth2Session, "request", recorded)
    authenticator.refresh_token(authenticator.exchange_code(code).refresh_token)
    assert asked == [("POST", f"{ACCOUNTS_URL}/api/token")] * 2


@pytest.mark.req("PROV-031")
def test_a_code_is_worthless_with_another_verifier(
    spotify: SpotifySimulator, code: str, application: SpotifyApplication
) -> None:
    with pytest.raises(AuthenticationError, match="Begin again"):
        linking(application, "another" * 9).exchange_code(code)


def test_a_code_serves_once(code: str, authenticator: SpotifyAuthenticator) -> None:
    authenticator.exchange_code(code)
    with pytest.raises(AuthenticationError, match="Begin again") as caught:
        authenticator.exchange_code(code)
    assert not isinstance(caught.value, ReauthorizationRequiredError)


def test_an_account_that_the_application_may_not_serve_is_told_so(
    spotify: SpotifySimulator, code: str, authenticator: SpotifyAuthenticator
) -> None:
    spotify.faults.add("me", **not_registered())
    with pytest.raises(PermissionDeniedError, match="list of users"):
        authenticator.exchange_code(code)


def test_a_token_refused_at_once_is_an_authentication_error(
    spotify: SpotifySimulator, code: str, authenticator: SpotifyAuthenticator
) -> None:
    spotify.faults.add("me", status=401, times=None)
    with pytest.raises(AuthenticationError, match="just given out"):
        authenticator.exchange_code(code)


def test_nothing_can_be_linked_without_an_attempt(application: SpotifyApplication) -> None:
    authenticator = SpotifyAuthenticator(application)
    with pytest.raises(ValueError, match="no attempt"):
        authenticator.get_auth_url("s")
    with pytest.raises(ValueError, match="no attempt"):
        authenticator.exchange_code("c")


@pytest.mark.req("PROV-032")
@pytest.mark.parametrize("simulator_options", [{"rotates_refresh_tokens": True}])
def test_a_refresh_brings_a_new_refresh_token_where_spotify_sends_one(
    spotify: SpotifySimulator, ada: Person, application: SpotifyApplication
) -> None:
    access_token, refresh_token = spotify.issue_tokens(ada)
    result = SpotifyAuthenticator(application).refresh_token(refresh_token)
    assert result.access_token != access_token
    assert result.refresh_token not in ("", refresh_token)


@pytest.mark.req("PROV-032")
@pytest.mark.parametrize("simulator_options", [{"rotates_refresh_tokens": False}])
def test_a_refresh_names_no_refresh_token_where_the_old_one_stays(
    spotify: SpotifySimulator, ada: Person, application: SpotifyApplication
) -> None:
    _, refresh_token = spotify.issue_tokens(ada)
    result = SpotifyAuthenticator(application).refresh_token(refresh_token)
    assert result.access_token
    assert result.refresh_token == ""
    assert spotify.seen("token")[0].form == {
        "grant_type": ["refresh_token"],
        "refresh_token": [refresh_token],
        "client_id": ["musicbridge-demo"],
    }


@pytest.mark.req("PROV-032")
def test_a_link_that_is_over_has_to_be_renewed_by_the_person(
    spotify: SpotifySimulator, ada: Person, application: SpotifyApplication
) -> None:
    _, refresh_token = spotify.issue_tokens(ada)
    spotify.revoke(ada)
    with pytest.raises(ReauthorizationRequiredError, match="Link Spotify again"):
        SpotifyAuthenticator(application).refresh_token(refresh_token)


def exchange(application: SpotifyApplication) -> AuthResult:
    return linking(application).exchange_code(CODE)


def refresh(application: SpotifyApplication) -> AuthResult:
    return SpotifyAuthenticator(application).refresh_token(REFRESH_TOKEN)


both = pytest.mark.parametrize("ask", [exchange, refresh])


@both
@pytest.mark.parametrize("answer", NO_TOKENS, ids=lambda answer: str(answer["body"])[:40])
def test_an_answer_that_is_no_token_is_refused_by_name(
    spotify: SpotifySimulator,
    application: SpotifyApplication,
    ask: Callable[[SpotifyApplication], AuthResult],
    answer: faults.Answer,
) -> None:
    spotify.faults.add("token", **answer)
    with pytest.raises(InvalidResponseError):
        ask(application)


@both
@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (503, "", ServiceUnavailableError),
        (502, '{"error": "invalid_grant"}', ServiceUnavailableError),
        (429, "Too many requests", RateLimitedError),
        (400, '{"error": "invalid_client"}', AuthenticationError),
        (401, '{"error": "unauthorized_client"}', AuthenticationError),
        (400, '{"error": "unsupported_grant_type"}', InvalidRequestError),
        (400, '{"error": {"status": 400}}', InvalidRequestError),
        (400, "", InvalidRequestError),
        (200, '{"error": "invalid_request"}', InvalidRequestError),
    ],
)
def test_an_error_of_the_token_endpoint_has_a_name(
    spotify: SpotifySimulator,
    application: SpotifyApplication,
    ask: Callable[[SpotifyApplication], AuthResult],
    status: int,
    body: str,
    expected: type[ProviderError],
) -> None:
    spotify.faults.add("token", status=status, body=body)
    with pytest.raises(ProviderError) as caught:
        ask(application)
    assert type(caught.value) is expected


@both
def test_a_connection_that_breaks_is_a_matter_of_time(
    spotify: SpotifySimulator, application: SpotifyApplication, ask: Callable[[SpotifyApplication], AuthResult]
) -> None:
    spotify.faults.add("token", **faults.connection_closed())
    with pytest.raises(ServiceUnavailableError):
        ask(application)


def test_a_rate_limit_says_when_to_come_back(spotify: SpotifySimulator, application: SpotifyApplication) -> None:
    spotify.faults.add("token", status=429, headers={"Retry-After": "90"})
    with time_machine.travel(NOON, tick=False), pytest.raises(RateLimitedError) as caught:
        refresh(application)
    assert caught.value.retry_at == NOON + timedelta(seconds=90)


@both
def test_no_secret_shows_in_a_log_or_in_a_traceback_with_its_variables(
    spotify: SpotifySimulator,
    application: SpotifyApplication,
    ask: Callable[[SpotifyApplication], AuthResult],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    spotify.faults.add("token", status=400, body='{"error": "invalid_grant", "error_description": "sesame"}')
    with pytest.raises(AuthenticationError) as caught:
        ask(application)
    traceback = TracebackException.from_exception(caught.value, capture_locals=True)
    shown = caplog.text + "".join(traceback.format())
    assert "self = <providers.spotify.auth" in shown
    assert [secret for secret in (CODE, REFRESH_TOKEN, VERIFIER, "sesame") if secret in shown] == []


def test_a_granted_token_shows_in_no_log(
    spotify: SpotifySimulator, code: str, authenticator: SpotifyAuthenticator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    result = authenticator.exchange_code(code)
    for secret in (code, VERIFIER, result.access_token, result.refresh_token):
        assert secret not in caplog.text + repr(result) + repr(authenticator)


def test_disconnecting_asks_nothing_of_spotify(spotify: SpotifySimulator, authenticator: SpotifyAuthenticator) -> None:
    authenticator.disconnect()
    assert spotify.faults.requests_seen == []


@pytest.mark.req("PROV-031")
def test_linking_works_over_plain_http_on_this_machine_without_opening_it_elsewhere() -> None:
    spotify = SpotifySimulator(redirect_uris=[REDIRECT_URI], catalogue=CATALOGUE)
    ada = spotify.add_person("Ada")
    with serving(spotify.wsgi) as base:
        authenticator = linking(
            SpotifyApplication(
                client_id=spotify.client_id,
                redirect_uri=REDIRECT_URI,
                accounts_url=f"{base}/accounts/",
                api_url=f"{base}/api/v1",
            )
        )
        address = authenticator.get_auth_url("s")
        result = authenticator.exchange_code(agreed(spotify, ada, address)["code"])
        refreshed = authenticator.refresh_token(result.refresh_token)
    assert address.startswith(f"{base}/accounts/authorize?")
    assert result.account_name == "Ada"
    assert refreshed.access_token
    assert "OAUTHLIB_INSECURE_TRANSPORT" not in os.environ


@pytest.mark.req("PROV-031")
@pytest.mark.parametrize("name", ["redirect_uri", "accounts_url", "api_url"])
@pytest.mark.parametrize(
    ("address", "is_taken"),
    [
        ("https://music.example/connections/spotify/callback/", True),
        ("http://127.0.0.1:8000/callback/", True),
        ("http://[::1]:8000/callback/", True),
        ("http://localhost:8000/callback/", False),
        ("http://music.example/callback/", False),
        ("http://127.0.0.1.nip.example/", False),
        ("music.example/callback", False),
        ("ftp://127.0.0.1/", False),
    ],
)
def test_addresses_are_https_or_literally_this_machine(name: str, address: str, is_taken: bool) -> None:
    addresses = {"redirect_uri": REDIRECT_URI, "accounts_url": ACCOUNTS_URL, "api_url": API_URL} | {name: address}
    if is_taken:
        assert SpotifyApplication(client_id="c", **addresses).client_id == "c"
        return
    with pytest.raises(ValueError, match=f"^{name} is "):
        SpotifyApplication(client_id="c", **addresses)


def test_a_redirect_uri_is_needed_for_linking_only() -> None:
    application = SpotifyApplication(client_id="c", redirect_uri="", accounts_url=ACCOUNTS_URL, api_url=API_URL)
    assert SpotifyAuthenticator(application).client_id == "c"
