"""Last.fm's API, one method per API method.

Source: Last.fm API documentation (authspec, auth.getSession, user.getRecentTracks, errorcodes), 2026-11.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from providers.contracts import Type
from providers.exceptions import (
    AuthenticationError,
    InvalidRequestError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    ProviderError,
    RateLimitedError,
    ReauthorizationRequiredError,
    ServiceUnavailableError,
)
from providers.ratelimit import RateLimiter
from providers.transport import Answer, ApiSession, Call, error_for_status, retry_at

PAGE_SIZE = 200
"""The largest page the documentation allows; larger ones are answered, with more errors of the backend."""

_UNSIGNED = frozenset({"format", "callback"})

_ERRORS: Mapping[int, tuple[type[ProviderError], str]] = {
    2: (InvalidRequestError, "Last.fm does not know this service."),
    3: (InvalidRequestError, "Last.fm does not know this method."),
    4: (AuthenticationError, "Last.fm does not know the token, or it was used already."),
    5: (InvalidRequestError, "Last.fm does not know this format."),
    6: (InvalidRequestError, "Last.fm calls a parameter wrong."),
    7: (NotFoundError, "Last.fm does not have this."),
    8: (ServiceUnavailableError, "Last.fm failed to do this; it usually passes."),
    9: (ReauthorizationRequiredError, "Last.fm no longer accepts the session: access was taken back."),
    10: (AuthenticationError, "Last.fm refuses the application's API key, whoever is linked."),
    11: (ServiceUnavailableError, "Last.fm is offline."),
    13: (InvalidRequestError, "Last.fm refuses the signature: the shared secret may be that of another API key."),
    14: (AuthenticationError, "Access was not granted on Last.fm."),
    15: (AuthenticationError, "The token from Last.fm has expired."),
    16: (ServiceUnavailableError, "Last.fm is temporarily unavailable."),
    17: (PermissionDeniedError, "Last.fm does not show these listens: they are hidden."),
    26: (AuthenticationError, "Last.fm has suspended the application's API key, whoever is linked."),
}
_INVALID_PARAMETER = 6
_RATE_LIMIT = 29
_ERROR_BYTES = 1000
"""No error is longer: it is a code, a sentence and perhaps a link."""


def signature(params: Mapping[str, str], api_secret: str) -> str:
    """Return `api_sig`: the MD5 of all parameters by name, names and values run together, and the secret."""
    text = "".join(name + params[name] for name in sorted(params) if name not in _UNSIGNED)
    return hashlib.md5((text + api_secret).encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class LastFMCredentials:
    """Signs as the application and, with a session key, as the person whose session it is."""

    api_key: str
    api_secret: str = field(repr=False)
    session_key: str = field(default="", repr=False)

    def sign(self, call: Call) -> None:
        """Add key, session, format and signature to a call."""
        call.params |= {"api_key": self.api_key, "format": "json"}
        if self.session_key:
            call.params["sk"] = self.session_key
        call.params["api_sig"] = signature(call.params, self.api_secret)

    def renew(self, call: Call) -> bool:
        """Say that a repeat is useless: a session lives until it is revoked, and then only the person helps."""
        return False


def find_error(answer: Answer) -> ProviderError | None:
    """Map the error an answer tells, in its body or else in its status, to the error tree.

    The code in the body comes first: the status that goes with it varies, and 200 occurs.
    """
    code, message = _told_error(answer)
    if code is None:
        return error_for_status(answer)
    where: dict[str, Any] = {"provider": answer.provider, "status_code": answer.status_code}
    if code == _RATE_LIMIT:
        return RateLimitedError("Last.fm calls this too many requests.", retry_at=retry_at(answer), **where)
    if code == _INVALID_PARAMETER and (answer.status_code == 404 or "found" in message):
        return NotFoundError("Last.fm does not know this user.", **where)
    if code in _ERRORS:
        error, text = _ERRORS[code]
        return error(text, **where)
    return error_for_status(answer) or InvalidResponseError(f"Last.fm answered with an unknown error {code}.", **where)


def _told_error(answer: Answer) -> tuple[int | None, str]:
    if b'"error"' not in answer.body[:_ERROR_BYTES]:
        return None, ""
    try:
        document = answer.object()
        return int(document["error"]), str(document.get("message"))
    except (InvalidResponseError, KeyError, TypeError, ValueError, OverflowError):
        return None, ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastFMApplication:
    """The API account that people link with. `api_url` is the endpoint itself, `auth_url` the page they agree on."""

    api_key: str
    api_secret: str = field(repr=False)
    api_url: str
    auth_url: str
    limiter: RateLimiter | None = None


class LastFMClient:
    """Calls Last.fm as an application and, with a session key, as a person. Raises `ProviderError`."""

    def __init__(self, application: LastFMApplication, session_key: str = "") -> None:
        self._session = ApiSession(
            provider=Type.LASTFM,
            base_url=application.api_url,
            credentials=LastFMCredentials(application.api_key, application.api_secret, session_key),
            limiter=application.limiter,
            find_error=find_error,
        )

    @property
    def latency(self) -> float:
        """Seconds that Last.fm lets us wait for an answer, as lately seen."""
        return self._session.latency

    def get_session(self, token: str) -> dict[str, Any]:
        """Exchange a token that the person granted for a session. A token is good for one hour and one session."""
        return self._get("auth.getSession", {"token": token}).object()

    def get_recent_tracks(self, user: str, *, first: int, before: int, page: int = 1, limit: int = PAGE_SIZE) -> bytes:
        """Return one page, counted from 1, of the listens from `first` (inclusive) to `before` (exclusive), as it came.

        Both are Unix seconds: the documentation calls both exclusive, the service includes the first
        (recording of 2026-07-03). Most of a page is never read, and not decoded either: that is left to who reads it.
        """
        window = {"from": str(first), "to": str(before), "page": str(page), "limit": str(limit)}
        return self._get("user.getRecentTracks", {"user": user, **window}).body

    def _get(self, api_method: str, params: Mapping[str, str]) -> Answer:
        return self._session.request("GET", params={"method": api_method, **params})
