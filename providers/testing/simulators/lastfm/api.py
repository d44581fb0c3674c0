"""Last.fm's 2.0 API: its parameters, signatures and error codes, and the methods a listener's bridge needs.

Sources: Last.fm API documentation (webauth, authspec, auth.getSession, user.getRecentTracks), and the behaviour of the
live service as recorded and reported in public, 2026-11.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import md5
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from werkzeug import Request, Response

from providers.testing.simulators.faults import Faults
from providers.testing.simulators.lastfm import rendering, tracks
from providers.testing.simulators.lastfm.accounts import Accounts, Person, RefusedError
from providers.testing.simulators.throttle import Throttle

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MAX_LIMIT = 200
"""The largest page there is: a higher ``limit`` is cut to this."""

_MAX_PAGE = 1_000_000
_UNSIGNED = {"format", "callback", "api_sig"}
_LIBRARY_AGENTS = ("python-requests", "python-urllib")

Params = Mapping[str, str]


@dataclass(slots=True)
class Quirks:
    """Shapes the real service was seen to have at some times and not at others; may be switched at any moment."""

    single_as_object: bool = False
    """A page with one track holds an object where the list should be."""
    old_empty_shape: bool = False
    """An empty page has neither ``track`` nor ``@attr``."""


class Api:
    """The WSGI app behind ``https://ws.audioscrobbler.com``."""

    def __init__(
        self,
        accounts: Accounts,
        faults: Faults,
        quirks: Quirks,
        throttle: Throttle | None,
        *,
        api_key: str,
        api_secret: str,
    ) -> None:
        self._accounts = accounts
        self._faults = faults
        self._quirks = quirks
        self._throttle = throttle
        self._api_key = api_key
        self._api_secret = api_secret
        methods: dict[str, Callable[[Params], dict[str, Any]]] = {
            "auth.getToken": self._get_token,
            "auth.getSession": self._get_session,
            "user.getRecentTracks": self._get_recent_tracks,
        }
        self._methods = {name.lower(): (name, method) for name, method in methods.items()}

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        params = request.values.to_dict()
        asked = params.get("method", "")
        operation, method = self._methods.get(asked.lower(), (asked, None))
        fault = self._faults.answer(operation, request)
        if fault is not None:
            return fault
        if request.path not in ("/2.0/", "/2.0"):
            return rendering.error_page(404, "Not Found")
        if not request.user_agent.string or request.user_agent.string.startswith(_LIBRARY_AGENTS):
            return rendering.error_page(403, "Forbidden")
        try:
            if params.get("format", "xml") not in ("xml", "json"):
                raise RefusedError(5, "Invalid format - This service doesn't exist in that format", status=400)
            if self._throttle is not None and not self._throttle.admits(request.remote_addr or ""):
                raise RefusedError(29, "Rate Limit Exceeded - Too many requests in a short period", status=429)
            if not compare_digest(params.get("api_key", "").encode(), self._api_key.encode()):
                raise RefusedError(10, "Invalid API key - You must be granted a valid key by last.fm")
            if method is None:
                raise RefusedError(3, "Invalid Method - No method with that name in this package", status=400)
            if "sk" in params or "api_sig" in params:
                self._verify(params)
            return rendering.answer(params.get("format"), method(params))
        except RefusedError as refused:
            return rendering.refusal(params.get("format"), refused)

    def _verify(self, params: Params) -> None:
        signed = "".join(name + params[name] for name in sorted(params) if name not in _UNSIGNED)
        expected = md5((signed + self._api_secret).encode(), usedforsecurity=False).hexdigest()
        if not compare_digest(params.get("api_sig", "").encode(), expected.encode()):
            raise RefusedError(13, "Invalid method signature supplied")

    def _get_token(self, params: Params) -> dict[str, Any]:
        self._verify(params)
        return {"token": self._accounts.issue_token()}

    def _get_session(self, params: Params) -> dict[str, Any]:
        self._verify(params)
        key, person = self._accounts.exchange(_required(params, "token"))
        return {"session": {"subscriber": 0, "name": person.name, "key": key}}

    def _get_recent_tracks(self, params: Params) -> dict[str, Any]:
        person = self._readable(params)
        limit = min(_number(params, "limit", 50, 1, 1000), MAX_LIMIT)
        page = _number(params, "page", 1, 1, _MAX_PAGE)
        since = _seconds(params, "from")
        before = _seconds(params, "to")
        extended = params.get("extended") == "1"

        listens = person.listens(since, before)
        rows = [tracks.played(listen, extended=extended) for listen in listens[(page - 1) * limit : page * limit]]
        if person.now_playing is not None:
            rows.insert(0, tracks.now_playing(person.now_playing, extended=extended))
        attributes = {
            "user": person.name,
            "page": str(page),
            "perPage": str(limit),
            "totalPages": str(-(-len(listens) // limit)),
            "total": str(len(listens)),
        }
        if not rows and self._quirks.old_empty_shape:
            return {"recenttracks": {"#text": "\n", **attributes}}
        single = self._quirks.single_as_object and len(rows) == 1
        return {"recenttracks": {"track": rows[0] if single else rows, "@attr": attributes}}

    def _readable(self, params: Params) -> Person:
        viewer = self._accounts.session_of(params["sk"]) if "sk" in params else None
        person = self._accounts.find(_required(params, "user"))
        if person is None:
            raise RefusedError(6, "User not found", status=404)
        if person.hides_recent and viewer is not person:
            raise RefusedError(17, "Login: User required to be logged in")
        return person


def _required(params: Params, name: str) -> str:
    if not params.get(name):
        raise RefusedError(6, f"Invalid parameters - Your request is missing the [{name}] parameter", status=400)
    return params[name]


def _number(params: Params, name: str, default: int, lowest: int, highest: int) -> int:
    text = params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and lowest <= int(text) <= highest):
        raise RefusedError(6, f"{name} param out of bounds ({lowest}-{highest})", status=400)
    return int(text)


def _seconds(params: Params, name: str) -> int | None:
    return _number(params, name, 0, 0, 2**40) if name in params else None
