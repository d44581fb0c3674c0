"""Linking through the browser (REQ-PROV-005): the address, the way back, the exchange, the refresh."""

import secrets as random_texts
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from providers.contracts import Authenticator
from providers.datatypes import AuthAttempt, AuthResult
from providers.exceptions import AuthenticationError, ReauthorizationRequiredError
from providers.testing.conformance.assertions import assert_texts, assert_untold, provider_error, traceback_of
from providers.testing.conformance.kit import Kit, Trouble, every_bad_answer, wanted

if TYPE_CHECKING:
    from providers.registry import ProviderSpec


class AuthenticatorConformance(Kit):
    """For an `Authenticator` (REQ-PROV-005), made by the spec's `authenticator_factory`.

    The browser must come back to the attempt's `callback_url` with the state in the parameter `state` and what
    `exchange_code` takes in `code` or `token`.
    """

    approve = wanted(
        "a callable that takes the address the browser is sent to, agrees there as the person, and returns the whole "
        "address the browser is sent back to"
    )

    @pytest.fixture
    def callback_url(self, spec: "ProviderSpec") -> str:
        """Where the browser shall come back to. Override it where the service knows one address only."""
        return f"https://musicbridge.example/connections/{spec.type}/callback/"

    @pytest.fixture
    def attempt(self, spec: "ProviderSpec", callback_url: str) -> AuthAttempt:
        """An attempt at linking."""
        return AuthAttempt(
            type=spec.type,
            callback_url=callback_url,
            state=random_texts.token_urlsafe(32),
            code_verifier=random_texts.token_urlsafe(48),
        )

    @pytest.fixture
    def granted(self, spec: "ProviderSpec", attempt: AuthAttempt, approve: Callable[[str], str]) -> "_Granted":
        """A code the person has just agreed to, and the authenticator that comes to exchange it."""
        returned = approve(_authenticator(spec, attempt).get_auth_url(attempt.state))
        return _Granted(_authenticator(spec, replace(attempt, state="")), _code_in(returned))

    def test_people_link_the_service_themselves(self, spec: "ProviderSpec", attempt: AuthAttempt) -> None:
        authenticator = _authenticator(spec, attempt)
        assert isinstance(authenticator, Authenticator), (
            f"{type(authenticator).__name__} lacks a method of Authenticator"
        )
        assert authenticator.supports_auth() is True, "the spec has an authenticator_factory, supports_auth() denies it"

    def test_the_state_rides_in_the_address(self, spec: "ProviderSpec", attempt: AuthAttempt) -> None:
        address = _authenticator(spec, attempt).get_auth_url(attempt.state)
        assert attempt.state in unquote(unquote(address)), "the state is not in the address the browser is sent to"

    def test_each_state_has_an_address_of_its_own(self, spec: "ProviderSpec", attempt: AuthAttempt) -> None:
        addresses = {_authenticator(spec, attempt).get_auth_url(f"{attempt.state}{number}") for number in range(2)}
        assert len(addresses) == 2, "two states led to one address"

    def test_the_address_is_at_an_origin_of_the_spec(self, spec: "ProviderSpec", attempt: AuthAttempt) -> None:
        url = urlsplit(_authenticator(spec, attempt).get_auth_url(attempt.state))
        origins = list(spec.authorize_origins())
        assert f"{url.scheme}://{url.netloc}" in origins, (
            f"the browser is sent to {url.scheme}://{url.netloc}, authorize_origins() names {origins}: "
            "the Content-Security-Policy would stop it"
        )

    def test_the_verifier_is_not_in_the_address(self, spec: "ProviderSpec", attempt: AuthAttempt) -> None:
        address = _authenticator(spec, attempt).get_auth_url(attempt.state)
        assert attempt.code_verifier not in unquote(address), (
            "the code verifier is in the address the browser is sent to"
        )

    def test_a_code_challenge_is_the_verifiers_hash(self, spec: "ProviderSpec", attempt: AuthAttempt) -> None:
        query = parse_qs(urlsplit(_authenticator(spec, attempt).get_auth_url(attempt.state)).query)
        if "code_challenge" in query or "code_challenge_method" in query:
            assert query.get("code_challenge_method") == ["S256"], "the challenge's method is not S256 (RFC 7636)"
            digest = urlsafe_b64encode(sha256(attempt.code_verifier.encode()).digest()).rstrip(b"=").decode()
            assert query.get("code_challenge") == [digest], "code_challenge is not the hash of the attempt's verifier"

    def test_the_state_comes_back(
        self, spec: "ProviderSpec", attempt: AuthAttempt, approve: Callable[[str], str]
    ) -> None:
        returned = approve(_authenticator(spec, attempt).get_auth_url(attempt.state))
        assert returned.startswith(attempt.callback_url), f"the browser is not sent back to {attempt.callback_url}"
        assert parse_qs(urlsplit(returned).query).get("state") == [attempt.state], (
            "the browser does not come back with the state in the parameter 'state'"
        )

    def test_a_code_becomes_credentials(self, granted: "_Granted") -> None:
        result = granted.exchange()
        assert isinstance(result, AuthResult), f"exchange_code returned a {type(result).__name__}"
        assert result.access_token, "exchange_code returned no access_token"
        assert_texts(result, ("access_token", "refresh_token", "account_id", "account_name"))
        assert isinstance(result.scopes, tuple), f"AuthResult.scopes is a {type(result.scopes).__name__}, not a tuple"
        if result.expires_at is not None:
            assert result.expires_at.utcoffset() == timedelta(0), f"expires_at is not aware UTC: {result.expires_at!r}"
            assert result.expires_at > datetime.now(UTC), f"fresh credentials expired already at {result.expires_at}"

    def test_a_made_up_code_is_refused(self, granted: "_Granted", attempt: AuthAttempt, secrets: list[str]) -> None:
        made_up = random_texts.token_urlsafe(24)
        error = provider_error(lambda: granted.authenticator.exchange_code(made_up), "a made-up code")
        assert isinstance(error, AuthenticationError), f"a made-up code became {type(error).__name__}: {error}"
        assert_untold([*secrets, made_up, attempt.code_verifier], traceback_of(error), "the error's traceback")

    def test_a_code_is_good_once(self, granted: "_Granted") -> None:
        granted.exchange()
        error = provider_error(granted.exchange, "a code used before")
        assert isinstance(error, AuthenticationError), f"a code used before became {type(error).__name__}: {error}"

    def test_another_verifier_is_refused(
        self, spec: "ProviderSpec", attempt: AuthAttempt, approve: Callable[[str], str]
    ) -> None:
        address = _authenticator(spec, attempt).get_auth_url(attempt.state)
        if "code_challenge" not in parse_qs(urlsplit(address).query):
            return  # Without PKCE there is no verifier to be wrong.
        other = replace(attempt, state="", code_verifier=random_texts.token_urlsafe(48))
        code = _code_in(approve(address))
        error = provider_error(lambda: _authenticator(spec, other).exchange_code(code), "another verifier")
        assert isinstance(error, AuthenticationError), f"another verifier became {type(error).__name__}: {error}"

    def test_a_refresh_token_gives_another_access_token(self, granted: "_Granted") -> None:
        result = granted.exchange()
        if not result.refresh_token:
            return  # What does not expire is not refreshed.
        fresh = granted.authenticator.refresh_token(result.refresh_token)
        assert fresh.access_token, "refresh_token returned no access_token"
        assert fresh.access_token != result.access_token, "refresh_token returned the old access_token"

    def test_a_dead_refresh_token_means_linking_again(self, granted: "_Granted", secrets: list[str]) -> None:
        dead = random_texts.token_urlsafe(24)
        error = provider_error(lambda: granted.authenticator.refresh_token(dead), "a dead refresh token")
        assert isinstance(error, ReauthorizationRequiredError), (
            f"a dead refresh token became {type(error).__name__} instead of ReauthorizationRequiredError"
        )
        assert_untold([*secrets, dead], traceback_of(error), "the error's traceback")

    def test_repr_of_linking_tells_no_secret(
        self, granted: "_Granted", spec: "ProviderSpec", attempt: AuthAttempt, secrets: list[str]
    ) -> None:
        result = granted.exchange()
        untold = [*secrets, attempt.state, attempt.code_verifier, granted.code, result.access_token]
        untold += [result.refresh_token] if result.refresh_token else []
        for what in (_authenticator(spec, attempt), granted.authenticator, attempt, result):
            assert_untold(untold, repr(what), f"repr() of the {type(what).__name__}")

    def test_disconnecting_is_no_error(self, spec: "ProviderSpec", attempt: AuthAttempt) -> None:
        authenticator = _authenticator(spec, attempt)
        authenticator.disconnect()
        authenticator.disconnect()

    @every_bad_answer
    def test_a_bad_answer_to_a_code_is_a_named_error(
        self,
        granted: "_Granted",
        trouble: Trouble,
        kind: str,
    ) -> None:
        trouble.begin(kind)
        trouble.assert_named(granted.exchange, granted.code)

    @every_bad_answer
    def test_a_bad_answer_to_a_refresh_is_a_named_error(
        self,
        granted: "_Granted",
        trouble: Trouble,
        kind: str,
    ) -> None:
        token = granted.exchange().refresh_token
        if token:
            trouble.begin(kind)
            trouble.assert_named(lambda: granted.authenticator.refresh_token(token), token)


@dataclass(frozen=True, slots=True)
class _Granted:
    """A code the person has agreed to, and the authenticator to exchange it."""

    authenticator: Authenticator
    code: str

    def exchange(self) -> AuthResult:
        return self.authenticator.exchange_code(self.code)


def _authenticator(spec: "ProviderSpec", attempt: AuthAttempt) -> Authenticator:
    if spec.authenticator_factory is None:
        pytest.fail("the spec has no authenticator_factory to make an authenticator with")
    return spec.authenticator_factory(attempt)


def _code_in(address: str) -> str:
    query = parse_qs(urlsplit(address).query)
    codes = [*query.get("code", []), *query.get("token", [])]
    assert len(codes) == 1, "the browser does not come back with one 'code' or one 'token'"
    return codes[0]
