"""One way to call a service: what it bears with, what it gives up on, and what it never tells."""

import gzip
import logging
import math
import socket
import traceback
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st
from oauthlib.oauth2 import WebApplicationClient
from requests_oauthlib import OAuth2Session
from werkzeug.wrappers import Request, Response

from providers import transport
from providers.exceptions import (
    AuthenticationError,
    InvalidRequestError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    ProviderError,
    RateLimitedError,
    RateLimitScope,
    ReauthorizationRequiredError,
    ServiceUnavailableError,
    TransientError,
)
from providers.ratelimit import Rate, RateLimiter
from providers.testing.wsgi import mounted, serving
from providers.transport import (
    AccessToken,
    Answer,
    ApiSession,
    BearerCredentials,
    Call,
    GuardedSession,
    retry_at,
)
from tests.conftest import Log
from tests.scripted import Script, ScriptedService, json_answer

BASE = "https://api.example.com"
SECRET = "seeded-secret-0451"


class Clock:
    """Stands in for the module `time`: nobody sleeps, yet time passes."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def thread_time(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(transport, "time", clock)
    return clock


@contextmanager
def service(*answers: Script) -> Iterator[ScriptedService]:
    app = ScriptedService(*answers)
    with mounted({BASE: app}):
        yield app


def session(**options: object) -> ApiSession:
    return ApiSession(**{"provider": "example", "base_url": f"{BASE}/v1", **options})  # type: ignore[arg-type]


class Tokens:
    """A token source that hands out `token-1`, `token-2`, …, a new one for each refusal."""

    def __init__(self) -> None:
        self.version = 1
        self.rejected: list[str] = []

    def get_access_token(self) -> AccessToken:
        return AccessToken(f"token-{self.version}", self.version)

    def renew(self, rejected_token: str) -> AccessToken:
        self.rejected.append(rejected_token)
        self.version += 1
        return self.get_access_token()


class TestRequest:
    def test_what_is_sent_arrives(self) -> None:
        with service(json_answer()) as app:
            session().request("POST", "/search", params={"q": "a&b"}, form={"x": "ü"}, headers={"X-Mine": "1"})
        (request,) = app.requests
        assert request.path == "/v1/search"
        assert request.args.to_dict() == {"q": "a&b"}
        assert request.form.to_dict() == {"x": "ü"}
        assert request.headers["X-Mine"] == "1"
        assert request.headers["User-Agent"].startswith("musicbridge/")

    def test_json_is_sent_as_json(self) -> None:
        with service(json_answer()) as app:
            session().request("PUT", "/me", json={"uris": []})
        assert app.requests[0].get_json() == {"uris": []}

    @pytest.mark.parametrize(
        ("base_url", "path", "arrives_at"),
        [
            (BASE, "/me", "/me"),
            (f"{BASE}/proxy/v1", "/me", "/proxy/v1/me"),
            (f"{BASE}/proxy/v1/", "me", "/proxy/v1/me"),
            (f"{BASE}/2.0/", "", "/2.0/"),
            (BASE, ".evil.example/me", "/.evil.example/me"),
            (BASE, "https://evil.example/me", "/https://evil.example/me"),
        ],
    )
    def test_a_path_is_added_to_the_base_address_and_never_replaces_it(
        self, base_url: str, path: str, arrives_at: str
    ) -> None:
        with service(json_answer()) as app:
            session(base_url=base_url).request("GET", path)
        assert app.requests[0].path == arrives_at

    def test_cookies_are_not_kept(self) -> None:
        first = json_answer()
        first.set_cookie("person", "ada")
        with service(first, json_answer()) as app:
            api = session()
            api.request("GET")
            api.request("GET")
        assert "Cookie" not in app.requests[1].headers

    def test_a_netrc_file_is_ignored(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text(f"machine api.example.com login someone password {SECRET}\n")
        monkeypatch.setenv("NETRC", str(netrc))
        with service(json_answer()) as app:
            assert requests.get(BASE, timeout=5).ok, "without our session the file is used"
            session(credentials=BearerCredentials(Tokens())).request("GET")
            session().request("GET")
        assert [request.headers.get("Authorization", "").split(" ")[0] for request in app.requests] == [
            "Basic",
            "Bearer",
            "",
        ]

    def test_a_connection_is_used_again(self) -> None:
        ports: set[int] = set()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                ports.add(self.client_address[1])
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *args: object) -> None:
                pass

        with http_server(Handler) as address:
            api = session(base_url=address)
            for _ in range(3):
                assert api.request("GET").object() == {}
            api._session.close()
        assert len(ports) == 1

    def test_a_mock_of_the_requests_library_is_understood(self) -> None:
        with responses.RequestsMock() as mock:
            mock.get(f"{BASE}/v1/me", json={"id": "ada"})
            assert session().request("GET", "/me").object() == {"id": "ada"}


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (301, InvalidResponseError),
            (304, InvalidResponseError),
            (400, InvalidRequestError),
            (401, AuthenticationError),
            (403, PermissionDeniedError),
            (404, NotFoundError),
            (410, NotFoundError),
            (408, ServiceUnavailableError),
            (418, InvalidRequestError),
            (429, RateLimitedError),
            (500, ServiceUnavailableError),
            (502, ServiceUnavailableError),
            (504, ServiceUnavailableError),
            (599, ServiceUnavailableError),
        ],
    )
    def test_a_status_becomes_the_error_named_for_the_next_move(self, status: int, error: type[ProviderError]) -> None:
        with service(json_answer(status=status)), pytest.raises(ProviderError) as caught:
            session().request("POST")
        assert type(caught.value) is error
        assert (caught.value.provider, caught.value.status_code) == ("example", status)

    def test_a_service_may_map_answers_its_own_way(self) -> None:
        def find_error(answer: Answer) -> ProviderError | None:
            return NotFoundError("No.", provider=answer.provider) if b"failed" in answer.body else None

        with service(json_answer('{"status": "failed"}')), pytest.raises(NotFoundError):
            session(find_error=find_error).request("GET")

    @pytest.mark.parametrize("body", ["", "<html>502</html>", '{"items": [', "\x00", '{"a": NaN}', "[" * 100_000])
    def test_an_answer_that_is_not_json_is_an_invalid_response(self, body: str) -> None:
        with service(Response(body)):
            answer = session().request("GET")
        with pytest.raises(InvalidResponseError):
            answer.json()

    @pytest.mark.parametrize("body", [b"\xff\xfe{", b'"\xc3\x28"', "[]".encode("utf-16")[:-1]])
    def test_bytes_that_are_no_text_are_an_invalid_response(self, body: bytes) -> None:
        with service(Response(body)):
            answer = session().request("GET")
        with pytest.raises(InvalidResponseError):
            answer.json()

    @pytest.mark.parametrize(
        ("body", "document"),
        [
            (b'"half \\ud83d a pair"', "half \ud83d a pair"),
            (b'"\xed\xa0\xbd"', "\ud83d"),
            ('{"a": "é"}'.encode("utf-16"), {"a": "é"}),
            ('{"a": "é"}'.encode("utf-8-sig"), {"a": "é"}),
            (b"[1e400, -1e400]", [math.inf, -math.inf]),
            (b"[18446744073709551615, -9223372036854775808]", [2**64 - 1, -(2**63)]),
            (b'{"a": 1, "a": 2}', {"a": 2}),
            (b" [0.1, 1E3] ", [0.1, 1000.0]),
        ],
    )
    def test_all_that_is_json_is_understood(self, body: bytes, document: object) -> None:
        assert Answer("example", 200, {}, body).json() == document

    @pytest.mark.parametrize("body", ["[]", '"text"', "null", "1"])
    def test_an_answer_that_is_no_object_is_an_invalid_response(self, body: str) -> None:
        with service(Response(body)):
            answer = session().request("GET")
        with pytest.raises(InvalidResponseError):
            answer.object()

    def test_a_truncated_body_is_asked_for_again(self) -> None:
        truncated = Response(['{"items": '], headers={"Content-Length": "500"})
        with service(truncated, json_answer()) as app:
            assert session().request("GET").object() == {"ok": True}
        assert len(app.requests) == 2

    def test_a_body_that_breaks_off_on_the_wire_is_a_service_unavailable(self) -> None:
        wire = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf"
        with raw_server(wire) as address, pytest.raises(ServiceUnavailableError):
            session(base_url=address).request("POST")

    def test_a_chunked_body_that_breaks_off_is_a_service_unavailable(self) -> None:
        wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"
        with raw_server(wire) as address, pytest.raises(ServiceUnavailableError):
            session(base_url=address).request("POST")

    def test_a_chunked_body_is_read_whole(self) -> None:
        wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1, 2\r\n4\r\n, 3]\r\n0\r\n\r\n"
        with raw_server(wire) as address:
            assert session(base_url=address).request("POST").json() == [1, 2, 3]

    def test_bytes_that_are_no_http_are_a_service_unavailable(self) -> None:
        with raw_server(b"SSH-2.0-OpenSSH\r\n") as address, pytest.raises(ServiceUnavailableError):
            session(base_url=address).request("POST")

    def test_a_service_that_is_not_there_is_a_service_unavailable(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(ServiceUnavailableError):
            session(base_url=address).request("POST")

    def test_a_service_that_never_answers_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transport, "READ_TIMEOUT_SECONDS", 0.05)
        with socket.create_server(("127.0.0.1", 0)) as mute:
            address = f"http://127.0.0.1:{mute.getsockname()[1]}"
            with pytest.raises(ServiceUnavailableError, match="too long"):
                session(base_url=address).request("POST")

    def test_a_service_that_falls_silent_within_its_answer_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transport, "READ_TIMEOUT_SECONDS", 0.05)
        wire = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf"
        with raw_server(wire, hangs_up=False) as address, pytest.raises(ServiceUnavailableError, match="too long"):
            session(base_url=address).request("POST")

    @pytest.mark.parametrize("base_url", ["nonsense", "ftp://api.example.com", "http://", "http://[", "https://a..b/"])
    def test_an_address_that_is_none_is_our_own_fault(self, base_url: str) -> None:
        with pytest.raises(InvalidRequestError):
            session(base_url=base_url).request("GET")

    @pytest.mark.parametrize("token", [f"{SECRET}\r\nX-Evil: 1", f"{SECRET}\N{SNOWMAN}"])
    def test_a_token_that_fits_in_no_header_is_our_own_fault(self, token: str) -> None:
        with serving(ScriptedService(json_answer())) as address, pytest.raises(InvalidRequestError) as caught:
            session(base_url=address).request("GET", headers={"Authorization": f"Bearer {token}"})
        assert_tells_nothing(caught.value)

    def test_text_that_cannot_be_sent_is_our_own_fault(self) -> None:
        with service(json_answer()), pytest.raises(InvalidRequestError):
            session().request("GET", params={"q": "half a pair: \ud83d"})


class TestSize:
    def test_a_body_of_50_megabytes_is_refused_before_it_is_read(self) -> None:
        sent = 0

        def chunks() -> Iterator[bytes]:
            nonlocal sent
            for _ in range(50):
                sent += 1
                yield b"x" * 1024 * 1024

        with service(lambda _: Response(chunks())), pytest.raises(InvalidResponseError, match="larger than 32 MB"):
            session().request("GET")
        assert sent < 36

    def test_a_bomb_is_refused_and_not_unpacked_further_than_the_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transport, "MAX_BODY_BYTES", 1024 * 1024)
        bomb = gzip.compress(bytes(50 * 1024 * 1024))
        assert len(bomb) < 100 * 1024
        tracemalloc.start()
        try:
            with service(Response(bomb, headers={"Content-Encoding": "gzip"})), pytest.raises(InvalidResponseError):
                session().request("GET")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 10 * 1024 * 1024

    def test_a_packed_body_is_unpacked(self) -> None:
        with service(Response(gzip.compress(b'{"ok": true}'), headers={"Content-Encoding": "gzip"})):
            assert session().request("GET").object() == {"ok": True}

    def test_a_body_that_cannot_be_unpacked_is_an_invalid_response(self) -> None:
        with service(Response(b"no gzip", headers={"Content-Encoding": "gzip"})), pytest.raises(InvalidResponseError):
            session().request("GET")

    def test_a_body_that_drips_is_given_up(self, clock: Clock) -> None:
        dripped = 0

        def drip() -> Iterator[bytes]:
            nonlocal dripped
            for _ in range(1000):
                dripped += 1
                clock.now += 6
                yield b"x"

        with service(lambda _: Response(drip())), pytest.raises(ServiceUnavailableError, match="too long"):
            session().request("POST")
        assert dripped < 10


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_not_followed_and_carries_nothing_elsewhere(self, status: int) -> None:
        elsewhere = ScriptedService(json_answer())
        target = f"https://evil.example/collect?token={SECRET}"
        redirect = Response(status=status, headers={"Location": target})
        with (
            mounted({"https://evil.example": elsewhere}),
            service(redirect) as app,
            pytest.raises(InvalidResponseError, match=r"redirects to https://evil\.example;") as caught,
        ):
            session(credentials=BearerCredentials(Tokens())).request("GET", params={"sk": SECRET})
        assert elsewhere.requests == []
        assert len(app.requests) == 1
        assert_tells_nothing(caught.value)

    @pytest.mark.parametrize("location", ["", "http://[", "//", "/elsewhere", "http://a:99999999/"])
    def test_a_redirect_to_nowhere_is_an_invalid_response(self, location: str) -> None:
        wire = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
        with raw_server(wire) as address, pytest.raises(InvalidResponseError):
            session(base_url=address).request("GET")

    def test_an_oauth_session_follows_no_redirect_either(self) -> None:
        class Both(GuardedSession, OAuth2Session):
            pass

        elsewhere = ScriptedService(json_answer())
        redirect = Response(status=307, headers={"Location": "https://evil.example/"})
        with mounted({"https://evil.example": elsewhere}), service(redirect):
            answer = Both().post(f"{BASE}/api/token", data={"refresh_token": SECRET})
        assert answer.status_code == 307
        assert elsewhere.requests == []


class TestRepeats:
    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
    def test_an_idempotent_request_is_repeated_until_it_succeeds(self, method: str, clock: Clock) -> None:
        failure = json_answer(status=503)
        with service(failure, failure, json_answer()) as app:
            assert session().request(method).object() == {"ok": True}
        assert len(app.requests) == 3
        assert len(clock.slept) == 2

    def test_a_post_is_not_repeated(self) -> None:
        with service(json_answer(status=503)) as app, pytest.raises(ServiceUnavailableError):
            session().request("POST")
        assert len(app.requests) == 1

    @pytest.mark.parametrize(("method", "is_idempotent", "asked"), [("POST", True, 4), ("PUT", False, 1)])
    def test_the_caller_knows_best_what_may_be_repeated(self, method: str, is_idempotent: bool, asked: int) -> None:
        with service(json_answer(status=503)) as app, pytest.raises(ServiceUnavailableError):
            session().request(method, is_idempotent=is_idempotent)
        assert len(app.requests) == asked

    def test_it_gives_up_after_a_few_attempts(self) -> None:
        with service(json_answer(status=500)) as app, pytest.raises(ServiceUnavailableError):
            session().request("GET")
        assert len(app.requests) == transport.MAX_ATTEMPTS

    def test_it_begins_no_attempt_that_could_end_after_the_deadline(self, clock: Clock) -> None:
        def slow(_: Request) -> Response:
            clock.now += 15
            return json_answer(status=500)

        with service(slow) as app, pytest.raises(ServiceUnavailableError):
            session().request("GET")
        assert len(app.requests) == 3
        assert clock.now - 1000 <= transport.DEADLINE_SECONDS

    def test_the_back_off_grows_and_differs_from_one_caller_to_the_next(self, clock: Clock) -> None:
        with service(json_answer(status=500)):
            for _ in range(5):
                with pytest.raises(ServiceUnavailableError):
                    session().request("GET")
        rounds = [clock.slept[start : start + 3] for start in range(0, 15, 3)]
        assert all(pauses == sorted(pauses) for pauses in rounds)
        assert len({pauses[0] for pauses in rounds}) == 5

    @pytest.mark.parametrize("status", [400, 403, 404])
    def test_what_cannot_get_better_is_not_repeated(self, status: int) -> None:
        with service(json_answer(status=status)) as app, pytest.raises(ProviderError):
            session().request("GET")
        assert len(app.requests) == 1

    def test_every_attempt_is_signed_anew(self) -> None:
        class Salted:
            salt = 0

            def sign(self, call: Call) -> None:
                self.salt += 1
                call.form = {**(call.form or {}), "s": str(self.salt)}

            def renew(self, call: Call) -> bool:
                return False

        with service(json_answer(status=500), json_answer()) as app:
            session(credentials=Salted()).request("POST", form={"id": "1"}, is_idempotent=True)
        assert [request.form.to_dict() for request in app.requests] == [{"id": "1", "s": "1"}, {"id": "1", "s": "2"}]


class TestRateLimit:
    def test_a_short_pause_is_waited_for_and_the_request_repeated(self, clock: Clock) -> None:
        with service(json_answer(status=429, Retry_After="3"), json_answer()) as app:
            assert session().request("POST").object() == {"ok": True}
        assert len(app.requests) == 2
        assert 2.9 < clock.slept[0] < 4

    def test_a_long_pause_is_raised_with_the_time_to_come_back(self, clock: Clock) -> None:
        before = datetime.now(UTC)
        with service(json_answer(status=429, Retry_After="3600")) as app, pytest.raises(RateLimitedError) as caught:
            session().request("GET")
        assert clock.slept == []
        assert len(app.requests) == 1
        assert caught.value.retry_at is not None
        assert before + timedelta(hours=1) <= caught.value.retry_at <= datetime.now(UTC) + timedelta(hours=1)

    def test_a_long_pause_of_a_broken_service_is_not_slept_through_either(self, clock: Clock) -> None:
        with service(json_answer(status=503, Retry_After="120")), pytest.raises(TransientError) as caught:
            session().request("GET")
        assert clock.slept == []
        assert caught.value.retry_at is not None

    def test_a_limit_that_names_no_time_is_tried_again_a_few_times(self) -> None:
        with service(json_answer(status=429)) as app, pytest.raises(RateLimitedError) as caught:
            session().request("GET")
        assert len(app.requests) == transport.MAX_ATTEMPTS
        assert caught.value.retry_at is None

    def test_whoever_else_asks_meanwhile_keeps_the_pause_too(
        self, monkeypatch: pytest.MonkeyPatch, clock: Clock
    ) -> None:
        asked_at: list[float] = []

        def answer(_: Request) -> Response:
            asked_at.append(clock.now)
            return json_answer(status=429, Retry_After="3") if len(asked_at) == 1 else json_answer()

        api = session()
        sleep = clock.sleep

        def ask_first(seconds: float) -> None:
            monkeypatch.setattr(clock, "sleep", sleep)
            api.request("GET")
            clock.sleep(seconds)

        monkeypatch.setattr(clock, "sleep", ask_first)
        with service(answer):
            api.request("GET")
        assert len(asked_at) == 3
        assert asked_at[1] - asked_at[0] >= 3

    def test_our_own_limit_is_kept_before_anything_is_sent(self, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
        monkeypatch.setattr(transport, "MAX_WAIT_SECONDS", 0.0)
        with service(json_answer()) as app:
            api = session(limiter=RateLimiter(Rate(1, 3600)))
            api.request("GET")
            with pytest.raises(RateLimitedError) as caught:
                api.request("GET")
        assert len(app.requests) == 1
        assert clock.slept == []
        assert caught.value.retry_at is not None
        assert caught.value.scope is RateLimitScope.ACCOUNT, "nobody else is to wait for it"

    def test_repeats_count_against_our_own_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        limiter = RateLimiter(Rate(2, 3600))
        with service(json_answer(status=500), json_answer()):
            session(limiter=limiter).request("GET")
        assert not limiter.acquire(0)


class TestLatency:
    def test_it_is_the_less_of_the_last_two_waits_and_none_before_there_were_two(self, clock: Clock) -> None:
        waits = [9.0, 0.25, 0.5, 3.0]

        def answer(_: Request) -> Response:
            clock.now += waits.pop(0)
            return json_answer()

        api = session()
        seen = [api.latency]
        with service(answer):
            for _ in range(4):
                api.request("GET")
                seen.append(api.latency)
        assert seen == [0, 0, 0.25, 0.25, 0.5]

    def test_work_of_our_own_is_no_wait(self, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
        monkeypatch.setattr(clock, "thread_time", lambda: clock.now - 1000)

        def answer(_: Request) -> Response:
            clock.now += 2
            return json_answer()

        api = session()
        with service(answer):
            api.request("GET")
            api.request("GET")
        assert api.latency == 0

    def test_turns_at_the_rate_limit_and_pauses_are_no_wait_for_an_answer(self, clock: Clock) -> None:
        api = session()
        with service(json_answer(status=429, Retry_After="3"), json_answer()):
            api.request("GET")
            api.request("GET")
        assert sum(clock.slept) >= 3
        assert api.latency == 0


class TestSurroundings:
    def test_the_proxies_of_the_environment_are_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
        monkeypatch.setenv("no_proxy", "home.example")
        guarded = GuardedSession()
        told = {url: guarded.merge_environment_settings(url, {}, None, None, None) for url in (BASE, f"{BASE}/x")}
        assert [settings["proxies"].get("https") for settings in told.values()] == ["http://proxy.example:3128"] * 2
        assert guarded.merge_environment_settings("https://home.example/", {}, None, None, None)["proxies"] == {}

    def test_the_authorities_of_the_environment_are_believed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ours.pem")
        guarded = GuardedSession()
        assert guarded.merge_environment_settings(BASE, {}, None, None, None)["verify"] == "/etc/ours.pem"
        assert (
            guarded.merge_environment_settings(BASE, {}, None, "/etc/theirs.pem", None)["verify"] == "/etc/theirs.pem"
        )

    def test_proxies_that_a_caller_names_win(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
        guarded = GuardedSession()
        guarded.merge_environment_settings(BASE, {}, None, None, None)
        named = guarded.merge_environment_settings(BASE, {"https": "http://other.example"}, None, None, None)
        assert named["proxies"]["https"] == "http://other.example"


class TestRetryAfter:
    def at(self, value: str) -> float | None:
        """Return the seconds from now."""
        moment = retry_at(Answer("example", 429, {"Retry-After": value}, b""))
        return None if moment is None else (moment - datetime.now(UTC)).total_seconds()

    @pytest.mark.parametrize(("value", "seconds"), [("120", 120), (" 120 ", 120), ("0", 0), ("-5", 0), ("2.5", 2.5)])
    def test_seconds(self, value: str, seconds: float) -> None:
        assert self.at(value) == pytest.approx(seconds, abs=1)

    def test_a_date(self) -> None:
        date = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
        assert self.at(date) == pytest.approx(600, abs=3)

    def test_a_date_without_a_zone_is_utc(self) -> None:
        date = format_datetime(datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=10))
        assert self.at(date) == pytest.approx(600, abs=3)

    def test_a_date_gone_by_is_now(self) -> None:
        assert self.at("Wed, 21 Oct 2015 07:28:00 GMT") == pytest.approx(0, abs=1)

    @pytest.mark.parametrize("value", ["1e12", "inf", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 -2359"])
    def test_no_pause_is_believed_that_would_last_for_years(self, value: str) -> None:
        assert self.at(value) == pytest.approx(transport.MAX_RETRY_AFTER.total_seconds(), abs=1)

    @pytest.mark.parametrize("value", ["", "soon", "nan", "12:00", "Mon, 99 Foo 2026 25:61:61 GMT", "\N{SNOWMAN}"])
    def test_what_makes_no_sense_names_no_time(self, value: str) -> None:
        assert self.at(value) is None

    @given(st.text())
    def test_nothing_a_service_sends_breaks_it(self, value: str) -> None:
        moment = retry_at(Answer("example", 429, {"Retry-After": value}, b""))
        assert moment is None or moment.tzinfo is UTC


class TestRenewal:
    def test_refused_credentials_are_renewed_once_and_the_request_repeated_once(self) -> None:
        tokens = Tokens()
        with service(json_answer(status=401), json_answer()) as app:
            answer = session(credentials=BearerCredentials(tokens)).request("POST", form={"a": "1"})
        assert answer.object() == {"ok": True}
        assert [request.headers["Authorization"] for request in app.requests] == ["Bearer token-1", "Bearer token-2"]
        assert tokens.rejected == ["token-1"]

    def test_a_second_refusal_is_raised(self) -> None:
        tokens = Tokens()
        with service(json_answer(status=401)) as app, pytest.raises(AuthenticationError):
            session(credentials=BearerCredentials(tokens)).request("GET")
        assert len(app.requests) == 2
        assert tokens.rejected == ["token-1"]

    def test_a_dead_link_is_raised_without_a_renewal(self) -> None:
        class Dead(Tokens):
            def get_access_token(self) -> AccessToken:
                raise ReauthorizationRequiredError("Link again.", provider="example")

        dead = Dead()
        with service(json_answer()) as app, pytest.raises(ReauthorizationRequiredError):
            session(credentials=BearerCredentials(dead)).request("GET")
        assert app.requests == []
        assert dead.rejected == []

    def test_an_answer_that_says_the_link_is_dead_is_raised_without_a_renewal(self) -> None:
        def find_error(answer: Answer) -> ProviderError:
            return ReauthorizationRequiredError("Session revoked.", provider=answer.provider)

        tokens = Tokens()
        with service(json_answer()) as app, pytest.raises(ReauthorizationRequiredError):
            session(credentials=BearerCredentials(tokens), find_error=find_error).request("GET")
        assert len(app.requests) == 1
        assert tokens.rejected == []

    def test_without_credentials_a_refusal_is_raised(self) -> None:
        with service(json_answer(status=401)) as app, pytest.raises(AuthenticationError):
            session().request("GET")
        assert len(app.requests) == 1

    def test_missing_permission_is_not_cured_by_a_renewal(self) -> None:
        tokens = Tokens()
        with service(json_answer(status=403)), pytest.raises(PermissionDeniedError):
            session(credentials=BearerCredentials(tokens)).request("GET")
        assert tokens.rejected == []


def _closed_port() -> str:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


ECHO = f"you sent {SECRET}"
BAD_ANSWERS: dict[str, Response] = {
    "refused": Response(ECHO, 401, headers={"X-Echo": SECRET}),
    "forbidden": Response(ECHO, 403),
    "limited": Response(ECHO, 429, headers={"Retry-After": SECRET}),
    "broken": Response(f"<html>{SECRET}</html>", 500),
    "redirect": Response(ECHO, 302, headers={"Location": f"https://user:{SECRET}@evil.example/?t={SECRET}#{SECRET}"}),
    "truncated": Response([ECHO], headers={"Content-Length": "500"}),
    "packed wrongly": Response(ECHO, headers={"Content-Encoding": "gzip"}),
    "not JSON": Response(f"<html>{SECRET}</html>"),
    "half JSON": Response(f'{{"token": "{SECRET}"'),
    "no object": Response(f'["{SECRET}"]'),
}


class TestSecrets:
    @pytest.mark.parametrize("case", BAD_ANSWERS)
    def test_no_error_tells_a_secret(self, case: str) -> None:
        with serving(ScriptedService(BAD_ANSWERS[case])) as address, pytest.raises(ProviderError) as caught:
            self.ask(address).object()
        assert_tells_nothing(caught.value)

    @pytest.mark.parametrize("address", ["https://not-mounted.example", "closed port", f"http://{SECRET}:x@["])
    def test_no_failure_to_connect_tells_a_secret(self, address: str) -> None:
        address = _closed_port() if address == "closed port" else address
        with service(json_answer()) if "mounted" in address else nullcontext(), pytest.raises(ProviderError) as caught:
            self.ask(address)
        assert_tells_nothing(caught.value)

    @pytest.mark.parametrize("case", [*BAD_ANSWERS, "closed port"])
    def test_no_log_record_tells_a_secret(self, case: str, log: Log) -> None:
        if case == "closed port":
            with pytest.raises(ProviderError):
                self.ask(_closed_port())
        else:
            with serving(ScriptedService(BAD_ANSWERS[case])) as address, pytest.raises(ProviderError):
                self.ask(address).object()
        assert "urllib3.connectionpool" in log.lines
        assert SECRET not in log.text

    def test_headers_that_cannot_be_parsed_are_not_logged(self, log: Log) -> None:
        wire = f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n {SECRET}\r\nno colon {SECRET}\r\n\r\n{{}}".encode()
        with raw_server(wire) as address:
            session(base_url=address).request("GET", params={"sk": SECRET})
        assert "Failed to parse headers" in log.text
        assert SECRET not in log.text

    def test_our_own_log_line_tells_what_was_asked_without_the_query(self, log: Log) -> None:
        with service(json_answer()):
            session().request("GET", "/me", params={"sk": SECRET})
        (line,) = log.lines["providers.transport"]
        assert "example GET /v1/me answered 200 in 0 ms" in line
        assert SECRET not in line

    def test_an_oauth_exchange_leaves_no_secret_in_any_log(self, log: Log) -> None:
        class Both(GuardedSession, OAuth2Session):
            pass

        granted = json_answer(
            f'{{"access_token": "{SECRET}a", "refresh_token": "{SECRET}r", "token_type": "Bearer", "expires_in": 3600}}'
        )
        with service(granted):
            oauth = Both(client=WebApplicationClient("client"), redirect_uri="https://site.example/callback")
            oauth.authorization_url(f"{BASE}/authorize", state=SECRET, code_challenge=SECRET)
            oauth.fetch_token(f"{BASE}/api/token", code=SECRET, code_verifier=f"{SECRET}v", include_client_id=True)
            oauth.get(f"{BASE}/me")
            oauth.refresh_token(f"{BASE}/api/token", refresh_token=f"{SECRET}r", client_id="client")
        assert SECRET not in log.text

    def test_warnings_of_the_oauth_library_are_still_told(self, caplog: pytest.LogCaptureFixture) -> None:
        logging.getLogger("requests_oauthlib.oauth2_session").warning("clock is wrong")
        assert "clock is wrong" in caplog.text

    def test_no_object_on_the_way_shows_a_secret(self) -> None:
        call = Call("GET", f"https://user:{SECRET}@host", {"sk": SECRET}, {"p": SECRET}, {"a": SECRET}, {"A": SECRET})
        shown = [
            call,
            Answer("example", 200, {"Set-Cookie": SECRET}, SECRET.encode()),
            AccessToken(SECRET, version=1),
            BearerCredentials(Tokens()),
            session(base_url=f"https://user:{SECRET}@host"),
        ]
        assert SECRET not in repr(shown)

    def ask(self, address: str) -> Answer:
        class Fixed:
            def sign(self, call: Call) -> None:
                call.headers["Authorization"] = f"Bearer {SECRET}"
                call.params["sk"] = SECRET

            def renew(self, call: Call) -> bool:
                return False

        api = session(base_url=address, credentials=Fixed())
        return api.request("POST", "/path", form={"p": SECRET}, headers={"X-Secret": SECRET}, is_idempotent=False)


def assert_tells_nothing(error: BaseException) -> None:
    """Look for the secret wherever a log, a page or a reporting tool could find it on an error."""
    told = [str(error), repr(error), repr(vars(error)), "".join(traceback.format_exception(error))]
    chained = error.__cause__ or error.__context__
    while chained is not None:
        told += [str(chained), repr(chained), repr(vars(chained))]
        chained = chained.__cause__ or chained.__context__
    assert not any(SECRET in text for text in told)


@contextmanager
def http_server(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def raw_server(wire: bytes, *, hangs_up: bool = True) -> Iterator[str]:
    """Answer every connection with these bytes, and hang up after them."""
    listener = socket.create_server(("127.0.0.1", 0))
    kept: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.recv(65536)
            connection.sendall(wire)
            if hangs_up:
                connection.close()
            else:
                kept.append(connection)

    thread = Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for connection in kept:
            connection.close()
