import gzip
import http.client
import io
import json
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests
from werkzeug import Request, Response

from providers.testing.simulators.faults import connection_closed, huge_body
from providers.testing.wsgi import mounted, serving


@Request.application
def echo(request: Request) -> Response:
    answer = {
        "method": request.method,
        "url": request.url,
        "root": request.script_root,
        "path": request.path,
        "args": request.args.to_dict(flat=False),
        "form": request.form.to_dict(flat=False),
        "json": request.get_json(silent=True),
        "authorization": request.headers.get("Authorization"),
    }
    return Response(json.dumps(answer), content_type="application/json")


@pytest.fixture(autouse=True)
def mounted_echo() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        stack.enter_context(mounted({"https://api.example.com": echo}))
        yield stack


def test_the_app_sees_the_request_as_the_real_service_would() -> None:
    answer = requests.post(
        "https://api.example.com/v1/sn%C3%B8/x?a=1&a=2&b=%26",
        data={"k": ["1", "2"]},
        headers={"Authorization": "Bearer t"},
        timeout=5,
    ).json()
    assert answer == {
        "method": "POST",
        "url": "https://api.example.com/v1/snø/x?a=1&a=2&b=%26",
        "root": "",
        "path": "/v1/snø/x",
        "args": {"a": ["1", "2"], "b": ["&"]},
        "form": {"k": ["1", "2"]},
        "json": None,
        "authorization": "Bearer t",
    }


@pytest.mark.parametrize("body", [b'{"a": 1}', '{"a": 1}', io.BytesIO(b'{"a": 1}'), iter([b'{"a"', b": 1}"])])
def test_every_kind_of_request_body_arrives(body: Any) -> None:
    response = requests.put(
        "https://api.example.com/", data=body, headers={"Content-Type": "application/json"}, timeout=5
    )
    assert response.json()["json"] == {"a": 1}


def test_a_session_with_adapters_of_its_own_is_answered_too() -> None:
    session = requests.Session()
    session.mount("https://api.example.com", requests.adapters.HTTPAdapter(max_retries=3))
    assert session.get("https://api.example.com/x", timeout=5).json()["path"] == "/x"


def test_a_mount_below_a_path_keeps_that_path_as_its_root() -> None:
    with mounted({"http://music.home:4533/nd/": echo}):
        answer = requests.get("http://music.home:4533/nd/rest/ping", timeout=5).json()
    assert (answer["root"], answer["path"]) == ("/nd", "/rest/ping")


def test_the_default_port_may_be_spelled_out() -> None:
    assert requests.get("https://api.example.com:443/x", timeout=5).status_code == 200


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com.evil.org/",
        "http://api.example.com/",
        "https://api.example.com:8443/",
        "https://example.com/",
        "http://127.0.0.1:9/",
    ],
)
def test_any_other_address_cannot_be_reached(url: str) -> None:
    with pytest.raises(requests.ConnectionError, match="Nothing is mounted"):
        requests.get(url, timeout=5)


def test_the_refusal_names_no_query_and_no_password() -> None:
    with pytest.raises(requests.ConnectionError) as caught:
        requests.get("https://user:hunter2@other.example/?token=s3cret", timeout=5)
    assert "hunter2" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_sibling_of_the_mounted_path_is_not_covered() -> None:
    with mounted({"http://music.home/nd": echo}), pytest.raises(requests.ConnectionError):
        requests.get("http://music.home/ndx", timeout=5)


def test_sessions_have_their_own_adapters_again_after_the_last_block(mounted_echo: ExitStack) -> None:
    mounted_echo.close()
    session = requests.Session()
    assert session.get_adapter("https://api.example.com/") is session.adapters["https://"]


def test_nested_mounts_add_up_and_go_away_in_turn() -> None:
    with mounted({"https://other.example": echo}):
        assert requests.get("https://api.example.com/a", timeout=5).ok
        assert requests.get("https://other.example/a", timeout=5).ok
    assert requests.get("https://api.example.com/a", timeout=5).ok
    with pytest.raises(requests.ConnectionError):
        requests.get("https://other.example/a", timeout=5)


def test_a_redirect_to_an_address_that_is_not_mounted_fails_like_a_dead_host() -> None:
    away = Response(status=302, headers={"Location": "https://elsewhere.example/"})
    with mounted({"https://away.example": away}):
        assert requests.get("https://away.example/", allow_redirects=False, timeout=5).status_code == 302
        with pytest.raises(requests.ConnectionError):
            requests.get("https://away.example/", timeout=5)


def test_compressed_answers_are_decoded_and_raw_reads_see_the_compressed_bytes() -> None:
    packed = gzip.compress(b"hello" * 100)
    app = Response(packed, headers={"Content-Encoding": "gzip"})
    with mounted({"https://zip.example": app}):
        assert requests.get("https://zip.example/", timeout=5).content == b"hello" * 100
        with requests.get("https://zip.example/", stream=True, timeout=5) as response:
            assert response.raw.read() == packed
        with requests.get("https://zip.example/", stream=True, timeout=5) as response:
            assert response.raw.read(10, decode_content=True) == b"hellohello"
        with requests.get("https://zip.example/", stream=True, timeout=5) as response:
            pieces = []
            while piece := response.raw.read1(64, decode_content=True):
                pieces.append(piece)
            assert b"".join(pieces) == b"hello" * 100


def test_a_broken_encoding_is_the_error_a_real_connection_gives() -> None:
    app = Response(b"not compressed at all", headers={"Content-Encoding": "deflate"})
    with mounted({"https://zip.example": app}), pytest.raises(requests.exceptions.ContentDecodingError) as caught:
        requests.get("https://zip.example/", timeout=5)
    assert isinstance(caught.value.__context__.__context__, zlib.error)  # type: ignore[union-attr]


def test_a_streamed_body_is_made_only_as_far_as_it_is_read() -> None:
    made: list[int] = []

    def chunks() -> Iterator[bytes]:
        for number in range(50):
            made.append(number)
            yield b"x" * 100_000

    with (
        mounted({"https://big.example": Response(chunks())}),
        requests.get("https://big.example/", stream=True, timeout=5) as response,
    ):
        assert len(next(response.iter_content(100_000))) == 100_000
    assert len(made) < 5


def test_the_app_is_told_when_its_streamed_answer_is_no_longer_wanted() -> None:
    closed: list[bool] = []
    answer = Response(iter([b"a", b"b"]))
    answer.call_on_close(lambda: closed.append(True))
    with mounted({"https://big.example": answer}):
        response = requests.get("https://big.example/", stream=True, timeout=5)
        assert not closed
        response.close()
    assert closed


def test_a_large_body_arrives_whole() -> None:
    answer = huge_body(megabytes=3)
    with mounted({"https://big.example": Response(answer["body"])}):
        assert len(requests.get("https://big.example/", timeout=5).content) == 3 * 1024 * 1024


def test_a_connection_closed_in_mid_body_is_the_error_a_real_connection_gives() -> None:
    answer = connection_closed()
    app = Response(answer["body"], headers=dict(answer["headers"]))
    with mounted({"https://broken.example": app}), pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get("https://broken.example/", timeout=5)


def test_a_body_shorter_than_its_length_is_noticed() -> None:
    app = Response(iter([b"short"]), headers={"Content-Length": "50"})
    with mounted({"https://broken.example": app}), pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get("https://broken.example/", timeout=5)


def test_head_and_empty_answers_have_no_body() -> None:
    with mounted({"https://empty.example": Response(status=204)}):
        assert requests.delete("https://empty.example/x", timeout=5).content == b""
    assert requests.head("https://api.example.com/", timeout=5).content == b""


def test_a_served_app_answers_on_a_socket_without_writing_a_log(capfd: pytest.CaptureFixture[str]) -> None:
    with serving(echo) as base_url, urllib.request.urlopen(f"{base_url}/x?token=s3cret", timeout=5) as response:
        assert json.load(response)["path"] == "/x"
    out, err = capfd.readouterr()
    assert "s3cret" not in out + err


def test_a_served_app_is_gone_when_its_block_ends() -> None:
    with serving(echo) as base_url:
        pass
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(base_url, timeout=5)


def test_a_served_body_that_breaks_off_closes_the_connection_quietly(capfd: pytest.CaptureFixture[str]) -> None:
    answer = connection_closed()
    app = Response(answer["body"], headers=dict(answer["headers"]))
    with (
        serving(app) as base_url,
        urllib.request.urlopen(base_url, timeout=5) as response,
        pytest.raises(http.client.IncompleteRead),
    ):
        response.read()
    assert "Traceback" not in capfd.readouterr().err
