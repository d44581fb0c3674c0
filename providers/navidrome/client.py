"""Navidrome's two APIs, one method per endpoint: Subsonic, and beside it the few calls of its own that we need.

Sources: OpenSubsonic documentation, Navidrome's public source, 2026-11.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from providers.contracts import Type
from providers.exceptions import (
    InvalidRequestError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    ProviderError,
    RateLimitedError,
    ReauthorizationRequiredError,
)
from providers.navidrome.parse import parse_response
from providers.ratelimit import RateLimiter
from providers.transport import Answer, ApiSession, Call, error_for_status, retry_at

PROTOCOL_VERSION = "1.16.1"
CLIENT_NAME = "musicbridge"

LOGIN_WINDOW = timedelta(seconds=20)
"""Navidrome admits five sign-ins to its own API in this time from one address, by default."""

_TOKEN_HEADER = "X-ND-Authorization"  # noqa: S105, the name of a header
_COUNT_HEADER = "X-Total-Count"
_SALT_BYTES = 16

_ERROR_BYTES = 2000
"""No answer that tells an error is longer than this before it says so."""

_ERRORS: Mapping[int, tuple[type[ProviderError], str]] = {
    0: (InvalidRequestError, "The server could not do this."),
    10: (InvalidRequestError, "The server misses a parameter."),
    20: (InvalidRequestError, "The server wants a newer version of the Subsonic protocol."),
    30: (InvalidRequestError, "The server is too old for this version of the Subsonic protocol."),
    40: (ReauthorizationRequiredError, "Name or password is wrong: sign in again."),
    41: (PermissionDeniedError, "The server takes no tokens for this account."),
    42: (PermissionDeniedError, "The server does not take this way of signing in."),
    43: (InvalidRequestError, "The server sees two ways of signing in at once."),
    44: (ReauthorizationRequiredError, "The server does not know the key: sign in again."),
    50: (PermissionDeniedError, "The person may not do this on the server."),
    60: (PermissionDeniedError, "The server's trial period is over."),
    70: (NotFoundError, "The server does not have this."),
}


def subsonic_token(password: str, salt: str) -> str:
    """Return the proof of knowing the password that goes with this salt."""
    return hashlib.md5((password + salt).encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class SubsonicCredentials:
    """Signs with a token under a salt that is random and never used again (REQ-PROV-051).

    Token and salt together are as good as the password, so they travel in the form and not in the address.
    """

    username: str
    password: str = field(repr=False)

    def sign(self, call: Call) -> None:
        """Add name, token, salt and what else every call carries to the form."""
        salt = secrets.token_hex(_SALT_BYTES)
        call.form = {
            **(call.form or {}),
            "u": self.username,
            "t": subsonic_token(self.password, salt),
            "s": salt,
            "v": PROTOCOL_VERSION,
            "c": CLIENT_NAME,
            "f": "json",
        }

    def renew(self, call: Call) -> bool:
        """Say that a repeat is useless: only the person knows another password."""
        return False


def find_subsonic_error(answer: Answer) -> ProviderError | None:
    """Map the error an answer tells, in its body or else in its status, to the error tree.

    Navidrome tells errors with status 200. Only a Subsonic "not found" is a `NotFoundError`: a 404 or 501 in
    plain text says that there is no such call at this address, and nothing about the object asked for.
    """
    status = answer.status_code
    if status < 500 and b'"failed"' in answer.body[:_ERROR_BYTES]:
        code = _told_code(answer)
        if code is not None:
            error, text = _ERRORS.get(code, (InvalidResponseError, f"The server tells an unknown error {code}."))
            return error(text, provider=answer.provider, status_code=status)
    if status in (404, 405, 410, 501):
        return InvalidResponseError(
            f"There is no such Subsonic call at this address: the server answered {status}.",
            provider=answer.provider,
            status_code=status,
        )
    return error_for_status(answer)


def _told_code(answer: Answer) -> int | None:
    """Return the code of an error told in the body; None where the body is none, whatever word is in it."""
    try:
        response = answer.object().get("subsonic-response")
    except InvalidResponseError:
        return None
    if not isinstance(response, dict) or response.get("status") != "failed":
        return None
    error = response.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) else 0


class SubsonicClient:
    """Calls the Subsonic API as one person. Raises `ProviderError`.

    Methods return the decoded "subsonic-response". What only reads is repeated after a failure, but for
    `ping` and `get_user`, at which somebody waits to be let in.
    """

    def __init__(self, base_url: str, username: str, password: str, limiter: RateLimiter | None = None) -> None:
        self._session = ApiSession(
            provider=Type.NAVIDROME,
            base_url=base_url,
            credentials=SubsonicCredentials(username, password),
            limiter=limiter,
            find_error=find_subsonic_error,
        )

    @property
    def latency(self) -> float:
        """Seconds that the server lets us wait for an answer, as lately seen."""
        return self._session.latency

    def ping(self) -> dict[str, Any]:
        """Do nothing, and show that name and password are right."""
        return self._call_once("ping")

    def get_user(self, username: str) -> dict[str, Any]:
        """Return what the server knows of a person, the roles among it."""
        return self._call_once("getUser", username=username)

    def get_song(self, song_id: str) -> dict[str, Any]:
        """Return one song."""
        return self._read("getSong", id=song_id)

    def get_album(self, album_id: str) -> dict[str, Any]:
        """Return an album with its songs."""
        return self._read("getAlbum", id=album_id)

    def get_recent_albums(self, *, offset: int, size: int) -> dict[str, Any]:
        """Return albums, the last played first (getAlbumList2). No server gives more than 500 at once."""
        return self._read("getAlbumList2", type="recent", offset=offset, size=size)

    def get_songs(self, *, offset: int, size: int) -> bytes:
        """Return a page of all songs (search3), as it came: there are very many, and who reads them decodes them fast.

        Servers differ in what else lists everything: `""` in quotes finds nothing on some.
        """
        form = {"query": "", "artistCount": 0, "albumCount": 0, "songCount": size, "songOffset": offset}
        return self._call("search3", form, is_idempotent=True)

    def get_playlists(self) -> dict[str, Any]:
        """Return the lists that the person can see, other people's among them, without their songs."""
        return self._read("getPlaylists")

    def get_playlist(self, playlist_id: str) -> bytes:
        """Return a list with its songs, as it came: there may be very many, and who reads them decodes them fast."""
        return self._call("getPlaylist", {"id": playlist_id}, is_idempotent=True)

    def create_playlist(self, name: str, song_ids: Sequence[str]) -> dict[str, Any]:
        """Make a list of these songs. Servers before 1.14 of the protocol do not say which they made."""
        return self._call_once("createPlaylist", name=name, songId=list(song_ids))

    def replace_songs(self, playlist_id: str, song_ids: Sequence[str]) -> dict[str, Any]:
        """Put these songs in place of a list's (createPlaylist). No songs at all leave a Navidrome list as it was."""
        return self._call_once("createPlaylist", playlistId=playlist_id, songId=list(song_ids))

    def describe_playlist(self, playlist_id: str, *, name: str, comment: str) -> dict[str, Any]:
        """Give a list this name and this comment (updatePlaylist)."""
        return self._call_once("updatePlaylist", playlistId=playlist_id, name=name, comment=comment)

    def add_songs(self, playlist_id: str, song_ids: Sequence[str]) -> dict[str, Any]:
        """Add songs to the end of a list (updatePlaylist)."""
        return self._call_once("updatePlaylist", playlistId=playlist_id, songIdToAdd=list(song_ids))

    def remove_songs(self, playlist_id: str, indexes: Sequence[int]) -> dict[str, Any]:
        """Remove the songs at these places of a list, counted from 0 (updatePlaylist)."""
        return self._call_once("updatePlaylist", playlistId=playlist_id, songIndexToRemove=list(indexes))

    def delete_playlist(self, playlist_id: str) -> dict[str, Any]:
        """Remove a list. Raises `NotFoundError` where it is gone already."""
        return self._call_once("deletePlaylist", id=playlist_id)

    def _read(self, endpoint: str, **form: Any) -> dict[str, Any]:
        return parse_response(self._call(endpoint, form, is_idempotent=True))

    def _call_once(self, endpoint: str, **form: Any) -> dict[str, Any]:
        return parse_response(self._call(endpoint, form, is_idempotent=False))

    def _call(self, endpoint: str, form: Mapping[str, Any], *, is_idempotent: bool) -> bytes:
        return self._session.request("POST", f"/rest/{endpoint}", form=form, is_idempotent=is_idempotent).body


@dataclass(frozen=True, slots=True)
class LoginCredentials:
    """Signs in to Navidrome's own API with name and password."""

    username: str
    password: str = field(repr=False)

    def sign(self, call: Call) -> None:
        """Put name and password into the body."""
        call.json = {"username": self.username, "password": self.password}

    def renew(self, call: Call) -> bool:
        """Say that a repeat is useless: only the person knows another password."""
        return False


class NativeCredentials:
    """Signs with the token of Navidrome's own API, got by signing in and renewed by every answer."""

    def __init__(self, sign_in: Callable[[], str]) -> None:
        self._sign_in = sign_in
        self._token = ""

    def sign(self, call: Call) -> None:
        """Add the token's header, signing in first where there is no token. Raises what signing in raises."""
        if not self._token:
            self._token = self._sign_in()
        call.headers[_TOKEN_HEADER] = f"Bearer {self._token}"

    def renew(self, call: Call) -> bool:
        """Forget the token, so that the repeat signs in anew."""
        self._token = ""
        return True

    def take_over(self, answer: Answer) -> None:
        """Keep the token that an answer brought along."""
        self._token = answer.headers.get(_TOKEN_HEADER, self._token)


def find_native_error(answer: Answer) -> ProviderError | None:
    """Map an answer to the error tree; a `NotFoundError` where nothing here speaks Navidrome's own API."""
    status = answer.status_code
    is_elsewhere = status in (404, 405, 410, 501) or 300 <= status < 400
    is_page = status < 300 and "json" not in answer.headers.get("Content-Type", "")
    if is_elsewhere or is_page:
        return NotFoundError(
            "There is no such call of Navidrome's own API here.", provider=answer.provider, status_code=status
        )
    return error_for_status(answer)


def _find_login_error(answer: Answer) -> ProviderError | None:
    if answer.status_code == 429:
        return RateLimitedError(
            "Navidrome admits no more sign-ins to its own API for now.",
            provider=answer.provider,
            status_code=answer.status_code,
            retry_at=retry_at(answer) or datetime.now(UTC) + LOGIN_WINDOW,
        )
    return find_native_error(answer)


class NativeClient:
    """Calls Navidrome's own API, the one of its web player, as one person. Raises `ProviderError`.

    Signing in has a limit of its own there, and so a limiter of its own here.
    """

    def __init__(
        self,
        base_url: str,
        username: str,
        password: str,
        limiter: RateLimiter | None = None,
        login_limiter: RateLimiter | None = None,
    ) -> None:
        self._login_session = ApiSession(
            provider=Type.NAVIDROME,
            base_url=base_url,
            credentials=LoginCredentials(username, password),
            limiter=login_limiter,
            find_error=_find_login_error,
        )
        self._credentials = NativeCredentials(self._login)
        self._session = ApiSession(
            provider=Type.NAVIDROME,
            base_url=base_url,
            credentials=self._credentials,
            limiter=limiter,
            find_error=find_native_error,
        )

    def get_scrobbles(self, *, start: int, size: int, until: datetime | None) -> list[Any]:
        """Return the person's single plays, the last one first, from `start` on, up to and including `until`.

        Navidrome keeps them since 0.59; its source tells them since July 2026.
        """
        params = {"_sort": "submission_time", "_order": "DESC", "_start": start, "_end": start + size}
        if until is not None:
            params["to"] = int(until.timestamp())
        rows = self._get_scrobbles(params).json()
        if not isinstance(rows, list):
            raise InvalidResponseError("The answer is not a list.", provider=Type.NAVIDROME)
        return rows

    def count_scrobbles(self, *, first: int, last: int) -> int:
        """Return how many single plays there are from `first` to `last`, Unix seconds and both inclusive.

        Raises `NotFoundError` where the server does not say how long its lists are.
        """
        answer = self._get_scrobbles({"from": first, "to": last, "_start": 0, "_end": 1})
        count = answer.headers.get(_COUNT_HEADER)
        if count is None:
            raise NotFoundError("The server does not count single plays.", provider=Type.NAVIDROME)
        if not (count.isascii() and count.isdecimal() and len(count) < 10):
            raise InvalidResponseError(f"In the answer {_COUNT_HEADER} is not a number.", provider=Type.NAVIDROME)
        return int(count)

    def _get_scrobbles(self, params: Mapping[str, Any]) -> Answer:
        answer = self._session.request("GET", "/api/scrobble", params=params)
        self._credentials.take_over(answer)
        return answer

    def _login(self) -> str:
        token = self._login_session.request("POST", "/auth/login").object().get("token")
        if not isinstance(token, str) or not token:
            raise InvalidResponseError("Signing in brought no token.", provider=Type.NAVIDROME)
        return token
