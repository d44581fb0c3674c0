"""Two ways to reach a WSGI app: in this process under its real address, or on a socket of this machine."""

import io
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import EnvironBuilder, run_wsgi_app

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_POLL_SECONDS = 0.02  # how soon a server notices that it shall stop
_DEFAULT_PORTS = {"http": 80, "https": 443}
_real_get_adapter = requests.Session.get_adapter
_mounts: list[list["_Mount"]] = []


@contextmanager
def mounted(apps: Mapping[str, "WSGIApplication"]) -> Iterator[None]:
    """Serve each app in-process under its URL to every ``requests.Session`` of this process, whatever adapters it has.

    Everything above the adapter runs for real: URL building, OAuth, redirects, streaming, decoding. Any address that is
    not mounted raises ``requests.ConnectionError``, so nothing reaches the network. Nested calls add up.
    """
    mounts = [_Mount(urlsplit(root.rstrip("/")), app) for root, app in apps.items()]
    _mounts.append(mounts)
    requests.Session.get_adapter = _get_mounted_adapter  # type: ignore[method-assign]
    try:
        yield
    finally:
        _mounts.remove(mounts)
        if not _mounts:
            requests.Session.get_adapter = _real_get_adapter  # type: ignore[method-assign]


@contextmanager
def serving(app: "WSGIApplication", port: int = 0) -> Iterator[str]:
    """Serve ``app`` on 127.0.0.1 from a thread, on any free port unless told, and yield its base URL without a slash.

    There is no access log: it would hold the queries, and with them codes and tokens. Raises ``OSError`` when the port
    is taken.
    """
    # Bound here because werkzeug ends the whole process when it finds a port taken.
    with socket.create_server(("127.0.0.1", port), backlog=128) as listener:
        host, port = listener.getsockname()
        server = make_server(host, port, app, threaded=True, request_handler=_QuietHandler, fd=listener.fileno())
    thread = Thread(target=server.serve_forever, args=(_POLL_SECONDS,), name="serving", daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class WSGIAdapter(HTTPAdapter):
    """A ``requests`` adapter that calls a WSGI app mounted at ``root`` instead of opening a connection."""

    def __init__(self, root: SplitResult, app: "WSGIApplication") -> None:
        super().__init__()
        self._root = root
        self._app = app

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Call the app; its answer is read from it only as far as the caller reads."""
        url = urlsplit(request.url or "")
        builder = EnvironBuilder(
            path=url.path[len(self._root.path) :] or "/",
            base_url=self._root.geturl() + "/",
            query_string=url.query,
            method=request.method or "GET",
            headers=[item for item in request.headers.items() if item[0].lower() != "transfer-encoding"],
            data=_body(request),
        )
        chunks, status, headers = run_wsgi_app(self._app, builder.get_environ(), buffered=False)
        code, _, reason = status.partition(" ")
        raw = HTTPResponse(
            body=io.BufferedReader(_Stream(chunks)),
            headers=HTTPHeaderDict(headers.to_wsgi_list()),
            status=int(code),
            reason=reason,
            version=11,
            preload_content=False,
            decode_content=False,
            request_method=request.method,
            request_url=request.url,
        )
        return self.build_response(request, raw)


@dataclass(frozen=True, slots=True)
class _Mount:
    root: SplitResult
    app: "WSGIApplication"

    def covers(self, url: SplitResult) -> bool:
        return _origin(url) == _origin(self.root) and f"{url.path}/".startswith(f"{self.root.path}/")


class _Stream(io.RawIOBase):
    """The chunks of a WSGI app as a file, made no further than they are read."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._iterator = iter(chunks)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            try:
                self._rest = next(self._iterator)
            except StopIteration:
                return 0
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size

    def close(self) -> None:
        if not self.closed and hasattr(self._chunks, "close"):
            self._chunks.close()
        super().close()


class _QuietHandler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def _get_mounted_adapter(self: requests.Session, url: str) -> BaseAdapter:
    parts = urlsplit(url)
    for mounts in reversed(_mounts):
        for mount in mounts:
            if mount.covers(parts):
                return WSGIAdapter(mount.root, mount.app)
    raise requests.ConnectionError(f"Nothing is mounted under {parts.scheme}://{parts.netloc.rpartition('@')[2]}")


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port or _DEFAULT_PORTS.get(url.scheme)


def _body(request: requests.PreparedRequest) -> bytes | None:
    body = request.body
    if body is None or isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    return body.read() if hasattr(body, "read") else b"".join(body)
