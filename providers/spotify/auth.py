"""Linking a Spotify account: authorization code with PKCE (REQ-PROV-005, 031)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import requests
from oauthlib.oauth2 import OAuth2Error, WebApplicationClient
from requests_oauthlib import OAuth2Session

from providers.addresses import check_address
from providers.contracts import Type
from providers.datatypes import AuthAttempt, AuthResult
from providers.exceptions import (
    AuthenticationError,
    InvalidRequestError,
    InvalidResponseError,
    ProviderError,
    ReauthorizationRequiredError,
)
from providers.jsonvalues import JsonObject
from providers.ratelimit import RateLimiter
from providers.spotify.client import SpotifyClient
from providers.spotify.parse import parse_profile, parse_token
from providers.transport import (
    AccessToken,
    Answer,
    BearerCredentials,
    GuardedSession,
    error_for_exception,
    error_for_status,
)

SCOPES = (
    "user-read-recently-played",
    "playlist-read-private",
    "playlist-read-collaborative",
    "playlist-modify-public",
    "playlist-modify-private",
)

# Connecting and each wait for bytes, in seconds. With the transport's limit on an exchange this stays below the
# lease under which one process refreshes a token for all.
_TIMEOUT = (4.0, 6.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotifyApplication:
    """The application as Spotify's developer dashboard knows it, and where Spotify is.

    It is a public client: with PKCE it needs no secret. `redirect_uri` may be empty where nobody is being linked.
    Raises `ValueError`, which says what is wrong with an address: Spotify takes https and, since 2025-11, plain http
    for literal loopback addresses only.
    """

    client_id: str
    redirect_uri: str
    accounts_url: str
    api_url: str

    def __post_init__(self) -> None:
        addresses = {"accounts_url": self.accounts_url, "api_url": self.api_url}
        if self.redirect_uri:
            addresses["redirect_uri"] = self.redirect_uri
        for name, address in addresses.items():
            try:
                check_address(address)
            except ValueError as error:
                raise ValueError(f"{name} {error}") from None


class SpotifyAuthenticator:
    """Links accounts to an application, and keeps links alive. `attempt` is the one under way, if there is one."""

    def __init__(
        self,
        application: SpotifyApplication,
        *,
        attempt: AuthAttempt | None = None,
        limiter: RateLimiter | None = None,
    ) -> None:
        self._application = application
        self._attempt = attempt
        self._limiter = limiter

    @property
    def client_id(self) -> str:
        """Whose links these are: a refresh token is good only for the application it was granted to."""
        return self._application.client_id

    def supports_auth(self) -> bool:
        """Tell that people link Spotify themselves."""
        return True

    def get_auth_url(self, state: str) -> str:
        """Return Spotify's consent page. Of the attempt's verifier only a hash goes there.

        Raises `ValueError` where no attempt is under way.
        """
        return _AccountsSession(self._application).consent_url(state, self._current_attempt().code_verifier)

    def exchange_code(self, code: str) -> AuthResult:
        """Exchange a code for tokens and ask whose they are.

        Raises `AuthenticationError` for a code that is wrong, used or too old, `ValueError` where no attempt is
        under way, and what every call raises.
        """
        attempt = self._current_attempt()
        outcome = self._ask_for_token(
            partial(OAuth2Session.fetch_token, code=code, code_verifier=attempt.code_verifier, include_client_id=True),
            invalid_grant=AuthenticationError(
                "Spotify does not accept this attempt at linking, or no longer does. Begin again.",
                provider=Type.SPOTIFY,
            ),
        )
        del code  # A traceback that shows variables is not to show this one.
        result = _granted(outcome)
        client = SpotifyClient(
            base_url=self._application.api_url,
            credentials=BearerCredentials(_JustGranted(result)),
            limiter=self._limiter,
        )
        profile = parse_profile(client.get_me())
        return replace(result, account_id=profile.account_id, account_name=profile.name)

    def refresh_token(self, refresh_token: str) -> AuthResult:
        """Get a fresh access token (REQ-PROV-032).

        Spotify may send a new refresh token with it, and the old one is dead then, or none, and the old one stays.
        Raises `ReauthorizationRequiredError` for a link that is over; after any other error the tokens at hand are
        worth keeping.
        """
        outcome = self._ask_for_token(
            partial(OAuth2Session.refresh_token, refresh_token=refresh_token, client_id=self.client_id),
            invalid_grant=ReauthorizationRequiredError(
                "Spotify has ended this link: one lasts six months at most and can be withdrawn at any time. "
                "Link Spotify again.",
                provider=Type.SPOTIFY,
            ),
        )
        del refresh_token  # A traceback that shows variables is not to show this one.
        return _granted(outcome)

    def disconnect(self) -> None:
        """Do nothing: Spotify has no call that hands a token back.

        The person can remove the application at https://www.spotify.com/account/apps (Spotify documentation,
        2026-11).
        """

    def _current_attempt(self) -> AuthAttempt:
        if self._attempt is None:
            raise ValueError("no attempt at linking is under way")
        return self._attempt

    def _ask_for_token(
        self, ask: Callable[..., object], *, invalid_grant: AuthenticationError
    ) -> AuthResult | ProviderError:
        """Return what came of it, an error included: its traceback from here would lead past secrets."""
        session = _AccountsSession(self._application, invalid_grant=invalid_grant)
        try:
            ask(session, session.token_url, timeout=_TIMEOUT)
        except ProviderError as error:
            return error.with_traceback(None)
        except requests.RequestException as error:
            return error_for_exception(error, Type.SPOTIFY)
        except (OAuth2Error, ValueError, TypeError):
            session.granted = None
        return session.granted or InvalidResponseError("The answer is no token.", provider=Type.SPOTIFY)


def _granted(outcome: AuthResult | ProviderError) -> AuthResult:
    if isinstance(outcome, ProviderError):
        raise outcome
    return outcome


class _JustGranted:
    """The `TokenSource` over a grant that is not stored yet."""

    def __init__(self, result: AuthResult) -> None:
        self._token = AccessToken(result.access_token, version=0)

    def get_access_token(self) -> AccessToken:
        return self._token

    def renew(self, rejected_token: str) -> AccessToken:
        raise AuthenticationError("Spotify refuses the token it has just given out.", provider=Type.SPOTIFY)


class _AccountsSession(GuardedSession, OAuth2Session):
    """Talks to Spotify's accounts service by way of requests-oauthlib, within the limits of the transport.

    It never refreshes by itself, which would know neither a lease nor a 401.

    oauthlib refuses plain http, and its one switch, OAUTHLIB_INSECURE_TRANSPORT, opens the whole process to every
    address. So it is told https, and what it makes gets the scheme of the settings back. That can be http for a
    literal loopback address and no other: `SpotifyApplication` has seen to it.
    """

    def __init__(self, application: SpotifyApplication, *, invalid_grant: AuthenticationError | None = None) -> None:
        self._oauth = WebApplicationClient(application.client_id)
        super().__init__(client=self._oauth, redirect_uri=application.redirect_uri)
        self._scheme, _, rest = application.accounts_url.rstrip("/").partition(":")
        self._invalid_grant = invalid_grant
        self._authorize_url = f"https:{rest}/authorize"
        self.token_url = f"https:{rest}/api/token"
        self.granted: AuthResult | None = None

    def consent_url(self, state: str, code_verifier: str) -> str:
        """Return where the person is asked; `state` and the hash of the verifier go along."""
        # Not for a session that gets tokens: there oauthlib would raise a bare Warning over a narrower grant.
        self.scope = SCOPES
        challenge = self._oauth.create_code_challenge(code_verifier, "S256")
        url, _ = self.authorization_url(
            self._authorize_url,
            state=state,
            code_challenge=challenge,
            code_challenge_method="S256",
        )
        return self._as_configured(url)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Ask for a token and keep the answer in `granted`. Raises `ProviderError` for any that grants nothing."""
        request.url = self._as_configured(request.url or "")
        response = super().send(request, **kwargs)
        answer = Answer(Type.SPOTIFY, response.status_code, response.headers, response.content)
        failure = _find_error(answer, self._invalid_grant)
        if failure is not None:
            raise failure
        self.granted = parse_token(answer.object(), datetime.now(UTC))
        # For oauthlib, which reads the answer once more: requests is not to guess.
        response.encoding = "utf-8"
        return response

    def _as_configured(self, url: str) -> str:
        return self._scheme + url.removeprefix("https")


def _find_error(answer: Answer, invalid_grant: AuthenticationError | None) -> ProviderError | None:
    """Map an answer of the token endpoint to the error it stands for (RFC 6749, section 5.2)."""
    error = error_for_status(answer)
    if not (error is None or isinstance(error, AuthenticationError | InvalidRequestError)):
        return error
    match _error_code(answer):
        case "":
            return error
        case "invalid_grant" if invalid_grant is not None:
            return invalid_grant
        case "invalid_client" | "unauthorized_client":
            return AuthenticationError(
                "Spotify does not know the application. Whoever runs this site should compare SPOTIFY_CLIENT_ID with "
                "Spotify's developer dashboard, and who links through an application of their own its client id.",
                provider=Type.SPOTIFY,
                status_code=answer.status_code,
            )
        case _:
            return InvalidRequestError(
                "Spotify does not understand how it was asked for a token.",
                provider=Type.SPOTIFY,
                status_code=answer.status_code,
            )


def _error_code(answer: Answer) -> str:
    try:
        return JsonObject(answer.object(), provider=Type.SPOTIFY).text("error")
    except InvalidResponseError:
        return ""
