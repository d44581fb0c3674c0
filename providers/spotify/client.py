"""Spotify's Web API, one method per endpoint. Raises `ProviderError` and nothing else."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from providers.contracts import Type
from providers.exceptions import (
    InvalidRequestError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    ProviderError,
    RateLimitedError,
)
from providers.ratelimit import RateLimiter
from providers.spotify.parse import PLAYLIST_ITEMS_FIELDS
from providers.transport import Answer, ApiSession, Credentials, error_for_status, retry_at

PAGE_LIMIT = 50
"""The most that any list gives at once."""

MAX_URIS = 100
"""The most tracks that can be added at once."""

MAX_DESCRIPTION_LENGTH = 300

SEARCH_LIMIT = 10
"""The most that a search gives an application in development mode (Spotify's migration guide of February 2026)."""

_QUOTA_PAUSE = timedelta(hours=1)

# What Spotify says with a 403, lower case, and what that means for whom (Spotify community and issue reports, 2026).
_REFUSALS = (
    (
        "insufficient client scope",
        "The link lacks a permission. Link Spotify again and agree to everything it asks.",
    ),
    (
        "user not registered",
        "This account is not on the application's list of users. "
        "Whoever runs this site can add it in Spotify's developer dashboard.",
    ),
    (
        "premium",
        "Spotify wants Premium for this. An application in development mode works only while its owner has it.",
    ),
)
_REFUSAL = (
    "Spotify does not allow the application this. What is on a playlist, for one, it shows to those only "
    "who own the playlist or share in it."
)

# What it says with a 400 where a track is no longer there, lower case (Web API issues, 2016 to 2026).
_VANISHED = "non-existing id"


class TracksVanishedError(NotFoundError):
    """Some of the tracks are gone from Spotify, which does not say which; none of them was written."""


class SpotifyClient:
    """Calls the Web API at `base_url` with one person's credentials."""

    def __init__(self, *, base_url: str, credentials: Credentials, limiter: RateLimiter | None) -> None:
        self._session = ApiSession(
            provider=Type.SPOTIFY,
            base_url=base_url,
            credentials=credentials,
            limiter=limiter,
            find_error=find_error,
        )

    def get_me(self) -> dict[str, Any]:
        """Return whose account this is."""
        return self._session.request("GET", "/me").object()

    def get_recently_played(self, *, before: int | None = None) -> dict[str, Any]:
        """Return the latest plays, or those before a moment in milliseconds since 1970, exclusive."""
        return self._session.request(
            "GET", "/me/player/recently-played", params={"limit": PAGE_LIMIT, "before": before}
        ).object()

    def get_my_playlists(self, *, offset: int = 0) -> dict[str, Any]:
        """Return a page of the playlists the person owns or follows."""
        return self._session.request("GET", "/me/playlists", params={"limit": PAGE_LIMIT, "offset": offset}).object()

    def get_playlist_items(self, playlist_id: str, *, offset: int = 0) -> bytes:
        """Return a page of what is on a playlist as it came, cut down to what a `Track` needs.

        It is left to who reads it to decode it, fast: a long playlist has many pages.
        """
        # Written as they are: brackets and commas may stand in a query, and quoting so many takes its time.
        path = f"{_items_of(playlist_id)}?fields={PLAYLIST_ITEMS_FIELDS}&additional_types=track,episode"
        return self._session.request("GET", path, params={"limit": PAGE_LIMIT, "offset": offset}).body

    def create_playlist(self, name: str, description: str) -> dict[str, Any]:
        """Make an empty private playlist and return it. Line breaks in the description become spaces."""
        body = {"name": name, "description": plain_description(description), "public": False}
        return self._session.request("POST", "/me/playlists", json=body).object()

    def change_playlist(self, playlist_id: str, *, name: str, description: str) -> None:
        """Give a playlist of the person's own this name and this description, in the form that Spotify takes."""
        body = {"name": name, "description": plain_description(description)}
        self._session.request("PUT", f"/playlists/{quote(playlist_id, safe='')}", json=body)

    def add_playlist_items(self, playlist_id: str, uris: Sequence[str]) -> None:
        """Add at most `MAX_URIS` tracks to the end of a playlist, in this order. Raises `TracksVanishedError`."""
        self._session.request("POST", _items_of(playlist_id), json={"uris": list(uris)})

    def replace_playlist_items(self, playlist_id: str, uris: Sequence[str]) -> None:
        """Put at most `MAX_URIS` tracks in place of all that is on a playlist; none at all empty it.

        Raises `TracksVanishedError`.
        """
        self._session.request("PUT", _items_of(playlist_id), json={"uris": list(uris)})

    def search_tracks(self, query: str) -> dict[str, Any]:
        """Return the few tracks that answer a query best."""
        params = {"q": query, "type": "track", "limit": SEARCH_LIMIT}
        return self._session.request("GET", "/search", params=params).object()

    def remove_from_library(self, uri: str) -> None:
        """Unfollow a playlist, which is all the deleting there is at Spotify."""
        self._session.request("DELETE", "/me/library", params={"uris": uri})


def plain_description(description: str) -> str:
    """Return a description in the form that Spotify takes: on one line, and not too long."""
    return " ".join(description.split())[:MAX_DESCRIPTION_LENGTH].rstrip()


def find_error(answer: Answer) -> ProviderError | None:
    """Map an answer to the error it stands for, with words for the refusals that Spotify explains."""
    error = error_for_status(answer)
    if isinstance(error, RateLimitedError) and _error_of(answer).get("reason") == "QUOTA_EXCEEDED":
        return RateLimitedError(
            "The quota of this application at Spotify is spent.",
            provider=Type.SPOTIFY,
            status_code=answer.status_code,
            retry_at=retry_at(answer) or datetime.now(UTC) + _QUOTA_PAUSE,
        )
    if isinstance(error, PermissionDeniedError):
        said = _message_of(answer).lower()
        meaning = next((meaning for sign, meaning in _REFUSALS if sign in said), _REFUSAL)
        return PermissionDeniedError(meaning, provider=Type.SPOTIFY, status_code=answer.status_code)
    if isinstance(error, InvalidRequestError) and _VANISHED in _message_of(answer).lower():
        return TracksVanishedError(
            "Spotify no longer has one of the tracks.", provider=Type.SPOTIFY, status_code=answer.status_code
        )
    return error


def _items_of(playlist_id: str) -> str:
    return f"/playlists/{quote(playlist_id, safe='')}/items"


def _message_of(answer: Answer) -> str:
    """Return what an error says, which is JSON in most cases and plain text in some."""
    message = _error_of(answer).get("message")
    return message if isinstance(message, str) else answer.body[:1000].decode(errors="replace")


def _error_of(answer: Answer) -> dict[str, Any]:
    try:
        error = answer.object().get("error")
    except InvalidResponseError:
        return {}
    return error if isinstance(error, dict) else {}
