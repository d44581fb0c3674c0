"""A server of our own that is faster than anybody who asks it: `python -m benchmarks.server` prints its port.

It speaks just enough HTTP, and hands out bytes that were made when they were first asked for. The address says what
is asked of: `/lastfm/<label>/<latency in ms>/<scrobbles>/<newest ones hidden>/`, `/spotify/…`, `/navidrome/rest/…`.
"""

import asyncio
import json
import time
from collections import defaultdict
from urllib.parse import parse_qsl

from benchmarks import payloads

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
_END_OF_HEAD = b"\r\n\r\n"

_arrivals: dict[str, list[float]] = defaultdict(list)


class Exchange(asyncio.Protocol):
    """One connection, one request after the other."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to answer."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._received += data
        while (end := self._received.find(_END_OF_HEAD)) >= 0:
            head = self._received[:end]
            length = _content_length(head)
            begin_of_next = end + len(_END_OF_HEAD) + length
            if len(self._received) < begin_of_next:
                return
            body = self._received[begin_of_next - length : begin_of_next]
            self._received = self._received[begin_of_next:]
            self._answer(head.split(b" ", 2)[1].decode(), body.decode())

    def _answer(self, address: str, form: str) -> None:
        path, _, query = address.partition("?")
        parameters = dict(parse_qsl(f"{query}&{form}"))
        service, *rest = path.strip("/").split("/")
        content_type, latency_ms = b"application/json", 0
        if service == "lastfm":
            label, latency, total, hidden = rest
            latency_ms = int(latency)
            _arrivals[label].append(time.monotonic())
            content = payloads.scrobbles(parameters, total=int(total), hidden=int(hidden))
            if parameters.get("format") != "json":
                content_type = b"text/xml"
        elif service == "spotify":
            host, port = self._transport.get_extra_info("sockname")[:2]
            content = payloads.spotify(path, parameters, f"http://{host}:{port}")
        elif service == "navidrome":
            content = payloads.subsonic(rest[-1].removesuffix(".view"), parameters)
        else:
            content = json.dumps(_arrivals[rest[0]]).encode()
        answer = _HEAD % (content_type, len(content)) + content
        if latency_ms:
            asyncio.get_running_loop().call_later(latency_ms / 1000, self._transport.write, answer)
        else:
            self._transport.write(answer)


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Exchange, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
