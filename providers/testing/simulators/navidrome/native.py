"""Navidrome's own API, as its web player uses it: sign-in for a token, the list of single plays, songs by id.

The list of plays (``/api/scrobble``) was merged in July 2026; servers before that answer 404.
Source: Navidrome's public source, 2026-11.
"""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import md5
from hmac import compare_digest
from typing import Any, TypeVar

from werkzeug import Request, Response

from providers.testing.simulators.catalogue import CatalogueTrack
from providers.testing.simulators.faults import Faults
from providers.testing.simulators.navidrome import shapes
from providers.testing.simulators.navidrome.rendering import plain_text
from providers.testing.simulators.navidrome.server import Person, Scrobble, Server
from providers.testing.simulators.throttle import Throttle

TOKEN_HEADER = "X-ND-Authorization"
SESSION_LIFETIME = timedelta(hours=48)

Row = TypeVar("Row")
Order = Callable[[Row], Any]


@dataclass(frozen=True, slots=True)
class _Session:
    person: Person
    expires_at: datetime


class Native:
    """Everything under ``/auth/`` and ``/api/``. While ``has_scrobbles`` is false, ``/api/scrobble`` is unknown."""

    def __init__(self, server: Server, faults: Faults, throttle: Throttle | None, *, has_scrobbles: bool) -> None:
        self.has_scrobbles = has_scrobbles
        self._server = server
        self._faults = faults
        self._throttle = throttle
        self._sessions: dict[str, _Session] = {}

    def answer(self, request: Request, name: str) -> Response:
        """Answer a request for ``name``, such as ``"auth/login"`` or ``"api/song"``."""
        fault = self._faults.answer(name, request)
        if fault is not None:
            return fault
        if name == "auth/login":
            return self._login(request)
        person = self._signed_in(request)
        if person is None:
            return _json({"error": "Not authenticated"}, 401)
        if request.method != "GET":
            response = plain_text(405, "")
        elif name == "api/scrobble" and self.has_scrobbles:
            response = self._scrobbles(request, person)
        elif name == "api/song":
            response = self._songs(request, person)
        else:
            response = plain_text(404, "404 page not found\n")
        response.headers[TOKEN_HEADER] = self._open_session(person)
        return response

    def _login(self, request: Request) -> Response:
        if request.method != "POST":
            return plain_text(405, "")
        if self._throttle is not None and not self._throttle.admits(request.remote_addr or ""):
            return plain_text(429, "Too Many Requests\n")
        credentials = _credentials(request)
        if credentials is None:
            return _json({"error": "invalid request payload"}, 422)
        name, password = credentials
        person = self._server.find_person(name)
        if (
            person is None
            or person.externally_authenticated
            or not compare_digest(password.encode(), person.password.encode())
        ):
            return _json({"error": "Invalid username or password"}, 401)
        salt = secrets.token_hex(3)
        return _json(
            {
                "id": person.id,
                "name": person.name,
                "username": person.name,
                "isAdmin": person.is_admin,
                "token": self._open_session(person),
                "subsonicSalt": salt,
                "subsonicToken": md5((person.password + salt).encode(), usedforsecurity=False).hexdigest(),
            }
        )

    def _open_session(self, person: Person) -> str:
        token = secrets.token_urlsafe(32)
        self._sessions[token] = _Session(person, self._server.clock() + SESSION_LIFETIME)
        return token

    def _signed_in(self, request: Request) -> Person | None:
        session = self._sessions.get(request.headers.get(TOKEN_HEADER, "").removeprefix("Bearer "))
        return session.person if session is not None and self._server.clock() < session.expires_at else None

    def _scrobbles(self, request: Request, person: Person) -> Response:
        since = request.args.get("from", type=int)
        until = request.args.get("to", type=int)
        rows = [
            row
            for row in person.scrobbles
            if (since is None or row.submission_time >= since) and (until is None or row.submission_time <= until)
        ]
        return _listed(request, rows, _SCROBBLE_ORDERS, _scrobble)

    def _songs(self, request: Request, person: Person) -> Response:
        wanted = request.args.getlist("id")
        songs = [song for song in self._server.songs.values() if not wanted or song.key in wanted]
        orders: dict[str, Order[CatalogueTrack]] = {
            "id": lambda song: song.key,
            "title": lambda song: song.name.casefold(),
            "playDate": lambda song: person.plays[song.key].last.timestamp() if song.key in person.plays else 0,
        }
        return _listed(request, songs, orders, lambda song: _song(song, person))


_SCROBBLE_ORDERS: dict[str, Order[Scrobble]] = {
    "id": lambda row: row.id,
    "submissionTime": lambda row: row.submission_time,
}


def _credentials(request: Request) -> tuple[str, str] | None:
    try:
        sent = json.loads(request.get_data())
    except ValueError:
        return None
    if not isinstance(sent, dict) or not all(isinstance(value, str) for value in sent.values()):
        return None
    return sent.get("username", ""), sent.get("password", "")


def _listed(
    request: Request, rows: Sequence[Row], orders: Mapping[str, Order[Row]], shape: Callable[[Row], dict[str, Any]]
) -> Response:
    start, end = request.args.get("_start", 0, int), request.args.get("_end", 0, int)
    order = request.args.get("_sort", "id")
    order = "".join(part.title() if position else part for position, part in enumerate(order.split("_")))
    if order not in orders:
        return _json({"error": f"no such column: {order}"}, 500)
    ordered = sorted(rows, key=orders[order], reverse=request.args.get("_order", "").upper() == "DESC")
    response = _json([shape(row) for row in ordered[start : end if end > start else None]])
    response.headers["X-Total-Count"] = str(len(rows))
    return response


def _scrobble(row: Scrobble) -> dict[str, Any]:
    return {"id": row.id, "mediaFileId": row.song_id, "submissionTime": row.submission_time}


def _song(song: CatalogueTrack, person: Person) -> dict[str, Any]:
    plays = person.plays.get(song.key)
    return {
        "id": song.key,
        "title": song.name,
        "album": song.album,
        "albumId": song.album_key,
        "artist": " • ".join(song.artists),
        "artistId": shapes.artist_id(song.artist),
        "albumArtist": song.artist,
        "trackNumber": song.track_number,
        "year": song.year,
        "duration": round(song.duration_ms / 1000, 2),
        "mbzRecordingID": song.mbid,
        "tags": {"isrc": [song.isrc]} if song.isrc else {},
        "createdAt": shapes.timestamp(shapes.added_at(song)),
        "playCount": plays.count if plays else 0,
    } | ({"playDate": shapes.timestamp(plays.last)} if plays else {})


def _json(body: object, status: int = 200) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), status=status, mimetype="application/json")
