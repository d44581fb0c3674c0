"""Faults a test or a running demo puts in a simulator's way, and the record of what the simulator was asked.

A simulator hands every request to :meth:`Faults.answer` under the name of the operation it is about to perform
(``"token"``, ``"user.getRecentTracks"``, ``"createPlaylist"``), and performs it only if no answer comes back.

    simulator.faults.add("token", status=503)
    simulator.faults.add("GET /v1/me/playlists", **html_error_page(), after=1)
    assert len(simulator.seen("token")) == 2
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock
from types import NoneType
from typing import TYPE_CHECKING, TypedDict

from werkzeug import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Body = bytes | str | Iterable[bytes]

_MEGABYTE = 1024 * 1024
_DESCRIBED: Mapping[str, tuple[type, ...]] = {
    "status": (int,),
    "headers": (dict,),
    "body": (str,),
    "times": (int, NoneType),
    "after": (int,),
}


class Answer(TypedDict):
    """What :meth:`Faults.add` takes to describe one wrong answer."""

    status: int
    headers: Mapping[str, str]
    body: Body


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """One request as it arrived. Its ``repr`` keeps to method and path: the rest may hold secrets."""

    operation: str
    method: str
    path: str
    query: dict[str, list[str]] = field(repr=False)
    form: dict[str, list[str]] = field(repr=False)
    headers: dict[str, str] = field(repr=False)


@dataclass(slots=True)
class _Fault:
    match: str
    answer: Answer
    times: int | None
    after: int

    def is_for(self, operation: str, request: Request) -> bool:
        return self.match == operation or self.match in f"{request.method} {request.path}"


class Faults:
    """A queue of faults and the list of requests seen, safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._queue: list[_Fault] = []
        self._seen: list[SeenRequest] = []

    def add(
        self,
        match: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        body: Body = b"",
        times: int | None = 1,
        after: int = 0,
    ) -> None:
        """Answer requests that ``match`` with this instead of the truth.

        ``match`` is an operation's name, or a part of ``"METHOD /path"``. The first ``after`` matching requests pass,
        the next ``times`` are answered (``None``: all, until :meth:`clear`). Faults are tried in the
        order they were added.
        """
        fault = _Fault(match, Answer(status=status, headers=headers or {}, body=body), times, after)
        with self._lock:
            self._queue.append(fault)

    def clear(self) -> None:
        """Drop every fault still waiting; the record of requests stays."""
        with self._lock:
            self._queue.clear()

    @property
    def requests_seen(self) -> list[SeenRequest]:
        """Every request so far, oldest first."""
        with self._lock:
            return list(self._seen)

    def seen(self, operation: str) -> list[SeenRequest]:
        """The requests for one operation so far, oldest first."""
        return [request for request in self.requests_seen if request.operation == operation]

    def answer(self, operation: str, request: Request) -> Response | None:
        """Record the request; return the fault that is due for it, or ``None`` when it is to be served."""
        seen = SeenRequest(
            operation=operation,
            method=request.method,
            path=request.path,
            query=request.args.to_dict(flat=False),
            form=request.form.to_dict(flat=False),
            headers=dict(request.headers),
        )
        with self._lock:
            self._seen.append(seen)
            answer = self._take(operation, request)
        if answer is None:
            return None
        return Response(answer["body"], status=answer["status"], headers=dict(answer["headers"]))

    def _take(self, operation: str, request: Request) -> Answer | None:
        for fault in self._queue:
            if not fault.is_for(operation, request):
                continue
            if fault.after:
                fault.after -= 1
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times == 0:
                    self._queue.remove(fault)
            return fault.answer
        return None

    def control(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """The WSGI app a simulator mounts at ``/_faults``.

        ``POST`` adds a fault given in JSON: the arguments of :meth:`add`, or ``match`` and ``kind``, the name of a
        ready-made answer of this module. ``DELETE`` drops them all.
        """
        return self._controlled(Request(environ))(environ, start_response)

    def _controlled(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.clear()
            return Response(status=204)
        if request.method != "POST":
            return Response(status=405, headers={"Allow": "POST, DELETE"})
        try:
            self._add_described(json.loads(request.get_data()))
        except (TypeError, ValueError) as error:
            return Response(f"{error}\n", status=400)
        return Response(status=201)

    def _add_described(self, description: object) -> None:
        if not isinstance(description, dict) or not isinstance(description.get("match"), str):
            raise ValueError('a fault is a JSON object with at least "match"')
        wanted = dict(description)
        match, kind = wanted.pop("match"), wanted.pop("kind", None)
        for name, value in wanted.items():
            if not isinstance(value, _DESCRIBED.get(name, ())) or (name == "times" and value == 0):
                raise ValueError(f'"{name}" is not something a fault can have, or not with this value')
        if kind is not None:
            if kind not in READY_MADE:
                raise ValueError(f"no such kind; there are {', '.join(READY_MADE)}")
            wanted |= READY_MADE[kind]()
        self.add(match, **wanted)


def html_error_page(status: int = 502) -> Answer:
    """A gateway's error page where JSON was expected."""
    page = f"<!DOCTYPE html><html><head><title>{status}</title></head><body><h1>{status} Bad Gateway</h1></body></html>"
    return Answer(status=status, headers={"Content-Type": "text/html; charset=utf-8"}, body=page)


def truncated_json() -> Answer:
    """JSON that stops in the middle, delivered as if it were whole."""
    return Answer(status=200, headers={"Content-Type": "application/json"}, body=b'{"items": [{"track": {"name": "Hal')


def not_json() -> Answer:
    """Text that claims to be JSON."""
    return Answer(status=200, headers={"Content-Type": "application/json"}, body=b"upstream is thinking about it")


def wrong_types() -> Answer:
    """Valid JSON in which no value has the type it should have."""
    keys = (
        "items",
        "track",
        "tracks",
        "recenttracks",
        "session",
        "subsonic-response",
        "access_token",
        "expires_in",
        "id",
        "next",
    )
    return Answer(
        status=200,
        headers={"Content-Type": "application/json"},
        body=json.dumps({key: [[True], 7, None] for key in keys}),
    )


def huge_body(megabytes: int = 50) -> Answer:
    """A body far larger than any honest answer, streamed and without a length: it is made only as far as it is read."""
    return Answer(status=200, headers={"Content-Type": "application/json"}, body=_Repeated(b" " * _MEGABYTE, megabytes))


def redirect_elsewhere(location: str = "https://elsewhere.example/") -> Answer:
    """A redirect to a host that should never be shown a credential."""
    return Answer(status=302, headers={"Location": location}, body=b"")


def connection_closed() -> Answer:
    """A body that breaks off before the length it promised."""
    return Answer(
        status=200,
        headers={"Content-Type": "application/json", "Content-Length": "4096"},
        body=_BrokenOff(b'{"items": ['),
    )


READY_MADE: Mapping[str, Callable[[], Answer]] = {
    "html_error_page": html_error_page,
    "truncated_json": truncated_json,
    "not_json": not_json,
    "wrong_types": wrong_types,
    "huge_body": huge_body,
    "redirect_elsewhere": redirect_elsewhere,
    "connection_closed": connection_closed,
}


@dataclass(frozen=True, slots=True)
class _Repeated:
    chunk: bytes
    times: int

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self.times):
            yield self.chunk


@dataclass(frozen=True, slots=True)
class _BrokenOff:
    beginning: bytes

    def __iter__(self) -> Iterator[bytes]:
        yield self.beginning
        raise ConnectionAbortedError("the simulator hung up in mid-body")
