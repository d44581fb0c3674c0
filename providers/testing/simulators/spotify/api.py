"""Spotify's Web API: which routes there are, who may use them, and how often."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from providers.testing.simulators.catalogue import CatalogueTrack
from providers.testing.simulators.faults import Faults
from providers.testing.simulators.spotify.call import Call
from providers.testing.simulators.spotify.errors import ApiError
from providers.testing.simulators.spotify.history import recently_played
from providers.testing.simulators.spotify.people import Person
from providers.testing.simulators.spotify.playlists import Playlists
from providers.testing.simulators.spotify.search import Search
from providers.testing.simulators.spotify.shapes import Json, PlaylistShape, Shapes
from providers.testing.simulators.spotify.tokens import TokenRefusedError, Tokens
from providers.testing.simulators.throttle import Throttle

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

RATE_WINDOW = timedelta(seconds=30)

_ROUTES = (
    ("GET", "/v1/me", "me"),
    ("GET", "/v1/me/player/recently-played", "recently_played"),
    ("GET", "/v1/me/playlists", "my_playlists"),
    ("POST", "/v1/me/playlists", "create_playlist"),
    ("DELETE", "/v1/me/library", "remove_from_library"),
    ("GET", "/v1/search", "search"),
    ("GET", "/v1/playlists/<key>", "playlist"),
    ("PUT", "/v1/playlists/<key>", "change_details"),
    ("GET", "/v1/playlists/<key>/items", "playlist_items"),
    ("POST", "/v1/playlists/<key>/items", "add_items"),
    ("PUT", "/v1/playlists/<key>/items", "replace_items"),
    ("DELETE", "/v1/playlists/<key>/items", "remove_items"),
)
_LEGACY_ROUTES = (
    ("GET", "/v1/playlists/<key>/tracks", "playlist_items"),
    ("POST", "/v1/playlists/<key>/tracks", "add_items"),
    ("PUT", "/v1/playlists/<key>/tracks", "replace_items"),
    ("DELETE", "/v1/playlists/<key>/tracks", "remove_items"),
    ("DELETE", "/v1/playlists/<key>/followers", "unfollow"),
    ("POST", "/v1/users/<owner>/playlists", "create_playlist"),
)
_REMOVED_ROUTES = (
    *(path for _, path, _ in _LEGACY_ROUTES),
    "/v1/users/<owner>",
    "/v1/tracks",
    "/v1/albums",
    "/v1/artists",
    "/v1/markets",
)


class WebApi:
    """The WSGI app behind ``https://api.spotify.com``."""

    def __init__(
        self,
        *,
        people: Mapping[str, Person],
        tracks: Mapping[str, CatalogueTrack],
        tokens: Tokens,
        clock: Callable[[], datetime],
        faults: Faults,
        playlist_shape: PlaylistShape,
        is_reduced: bool,
        has_account_ids: bool,
        max_requests: int | None,
    ) -> None:
        self._tokens = tokens
        self._clock = clock
        self._faults = faults
        self._playlist_shape = playlist_shape
        self._is_reduced = is_reduced
        self._has_account_ids = has_account_ids
        self._throttle = Throttle(max_requests, RATE_WINDOW, clock) if max_requests else None
        self._routes = _routes(is_reduced=is_reduced)
        self._lock = Lock()
        playlists = Playlists(people, tracks)
        self._endpoints: Mapping[str, Callable[..., Any]] = {
            "me": lambda call: call.shapes.me(call.grant.person),
            "recently_played": recently_played,
            "my_playlists": playlists.mine,
            "create_playlist": playlists.create,
            "remove_from_library": playlists.forget,
            "search": Search(tracks.values()).search,
            "playlist": playlists.one,
            "change_details": playlists.change,
            "playlist_items": playlists.items,
            "add_items": playlists.add,
            "replace_items": playlists.replace,
            "remove_items": playlists.remove,
            "unfollow": playlists.unfollow,
            "removed_route": _refuse_removed_route,
        }

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Serve one request."""
        request = Request(environ)
        try:
            operation, arguments = self._routes.bind_to_environ(environ).match()
        except HTTPException as error:
            operation, arguments = "unknown_route", {}
            refusal = ApiError(error.code or 404, "Service not found" if error.code == 404 else "Method not allowed")
            response = self._faults.answer(operation, request) or _error(refusal)
        else:
            response = self._faults.answer(operation, request) or self._perform(operation, request, arguments)
        return response(environ, start_response)

    def _perform(self, operation: str, request: Request, arguments: Mapping[str, Any]) -> Response:
        try:
            call = self._authorized(request)
            if self._throttle is not None and not self._throttle.admits("application"):
                wait = self._throttle.seconds_until_free("application")
                return Response("Too many requests", status=429, headers={"Retry-After": str(wait)})
            with self._lock:
                answer = self._endpoints[operation](call, **arguments)
        except ApiError as error:
            return _error(error)
        if answer is None:
            return Response(status=200)
        return _json(answer, 201 if operation in ("create_playlist", "add_items") else 200)

    def _authorized(self, request: Request) -> Call:
        header = request.headers.get("Authorization")
        if header is None:
            raise ApiError(401, "No token provided")
        scheme, _, token = header.partition(" ")
        if scheme != "Bearer" or not token:
            raise ApiError(400, "Only valid bearer authentication supported")
        try:
            grant = self._tokens.check(token)
        except TokenRefusedError as error:
            raise ApiError(401, str(error)) from error
        shapes = Shapes(request.root_url.rstrip("/"), self._playlist_shape, self._is_reduced, self._has_account_ids)
        return Call(request, grant, shapes, self._clock())


def _routes(*, is_reduced: bool) -> Map:
    routes = _ROUTES if is_reduced else _ROUTES + _LEGACY_ROUTES
    rules = [Rule(path, methods=[method], endpoint=operation) for method, path, operation in routes]
    if is_reduced:
        rules += [Rule(path, endpoint="removed_route") for path in dict.fromkeys(_REMOVED_ROUTES)]
    return Map(rules, redirect_defaults=False, strict_slashes=True, merge_slashes=False)


def _refuse_removed_route(call: Call, **arguments: str) -> None:
    raise ApiError(403, "Forbidden")


def _error(error: ApiError) -> Response:
    return _json({"error": {"status": error.status, "message": str(error)}}, error.status)


def _json(answer: Json, status: int) -> Response:
    return Response(json.dumps(answer), status=status, content_type="application/json; charset=utf-8")
