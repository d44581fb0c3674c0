"""Linking a Last.fm account: the browser grants a token, the token becomes a session (REQ-PROV-041).

Source: Last.fm API documentation (webauth, auth.getSession), 2026-11.
"""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from providers.contracts import Type
from providers.datatypes import AuthResult
from providers.exceptions import ReauthorizationRequiredError
from providers.lastfm.client import LastFMApplication, LastFMClient
from providers.lastfm.parse import parse_session


class LastFMAuthenticator:
    """The Authenticator half of Last.fm (REQ-PROV-005). `callback_url` is where the browser comes back to."""

    def __init__(self, application: LastFMApplication, *, callback_url: str = "") -> None:
        self._application = application
        self._callback_url = callback_url

    @property
    def client_id(self) -> str:
        """The API key: the application whose limits and pauses are shared by everybody linked through it."""
        return self._application.api_key

    def supports_auth(self) -> bool:
        """Say that people link Last.fm themselves."""
        return True

    def get_auth_url(self, state: str) -> str:
        """Return the page on which the person grants access, with `state` inside the callback.

        Last.fm has no state parameter and adds `token` to the callback's query, whatever else that holds.
        Raises `ValueError` where there is no callback: the state would have nowhere to ride.
        """
        if not self._callback_url:
            raise ValueError("Linking Last.fm needs an attempt with a callback_url.")
        callback = _with_query(self._callback_url, state=state)
        return _with_query(self._application.auth_url, api_key=self._application.api_key, cb=callback)

    def exchange_code(self, code: str) -> AuthResult:
        """Exchange the token that Last.fm gave the browser for a session key, which is the access token.

        Raises `AuthenticationError` where the token is unknown, used, an hour old or not granted.
        """
        return parse_session(LastFMClient(self._application).get_session(code))

    def refresh_token(self, refresh_token: str) -> AuthResult:
        """Raise `ReauthorizationRequiredError`, always.

        A session has no refresh token and no expiry. It lives until the person revokes it, and whoever finds it
        dead has one move left: to ask the person to link again.
        """
        raise ReauthorizationRequiredError(
            "A Last.fm session cannot be refreshed, only granted anew.", provider=Type.LASTFM
        )

    def disconnect(self) -> None:
        """Do nothing: Last.fm has no call that ends a session, only a page of the person's own settings."""


def _with_query(address: str, **params: str) -> str:
    url = urlsplit(address)
    return urlunsplit(url._replace(query=urlencode([*parse_qsl(url.query, keep_blank_values=True), *params.items()])))
