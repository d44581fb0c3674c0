import json
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
import requests
from werkzeug import Request, Response
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from providers.testing.simulators import faults as faults_module
from providers.testing.simulators.faults import READY_MADE, Faults, connection_closed, html_error_page, huge_body
from providers.testing.wsgi import mounted

URL = "https://service.example"


@pytest.fixture
def faults() -> Iterator[Faults]:
    faults = Faults()
    with _serving(faults):
        yield faults


def _serving(faults: Faults) -> AbstractContextManager[None]:
    @Request.application
    def service(request: Request) -> Response:
        return faults.answer(f"op-{request.path.strip('/')}", request) or Response("the truth")

    return mounted({URL: DispatcherMiddleware(service, {"/_faults": faults.control})})


def _get(path: str) -> requests.Response:
    return requests.get(URL + path, timeout=5)


def test_without_a_fault_the_service_tells_the_truth(faults: Faults) -> None:
    assert _get("/a").text == "the truth"


def test_a_fault_is_used_up_after_its_times(faults: Faults) -> None:
    faults.add("op-a", status=503, headers={"Retry-After": "7"}, body="busy", times=2)
    first = _get("/a")
    assert (first.status_code, first.headers["Retry-After"], first.text) == (503, "7", "busy")
    assert [_get("/a").status_code for _ in range(2)] == [503, 200]


def test_a_fault_lets_the_first_requests_pass_when_told_to(faults: Faults) -> None:
    faults.add("op-a", status=500, after=2)
    assert [_get("/a").status_code for _ in range(4)] == [200, 200, 500, 200]


def test_a_fault_without_an_end_lasts_until_cleared(faults: Faults) -> None:
    faults.add("op-a", status=500, times=None)
    assert [_get("/a").status_code for _ in range(3)] == [500] * 3
    faults.clear()
    assert _get("/a").status_code == 200


def test_a_fault_matches_an_operation_or_a_part_of_method_and_path(faults: Faults) -> None:
    faults.add("GET /items/", status=500)
    faults.add("op-b", status=501)
    assert _get("/other").status_code == 200
    assert _get("/items/7").status_code == 500
    assert _get("/bb").status_code == 200
    assert _get("/b").status_code == 501


def test_faults_are_tried_in_the_order_they_were_added(faults: Faults) -> None:
    faults.add("op-a", status=500)
    faults.add("GET /", status=501)
    assert [_get("/a").status_code for _ in range(3)] == [500, 501, 200]


def test_every_request_is_recorded_even_a_refused_one(faults: Faults) -> None:
    faults.add("op-a", status=500)
    requests.post(f"{URL}/a?x=1&x=2", data={"k": "v"}, headers={"User-Agent": "tests"}, timeout=5)
    _get("/b")
    (seen,) = faults.seen("op-a")
    assert (seen.operation, seen.method, seen.path) == ("op-a", "POST", "/a")
    assert (seen.query, seen.form) == ({"x": ["1", "2"]}, {"k": ["v"]})
    assert seen.headers["User-Agent"] == "tests"
    assert [request.operation for request in faults.requests_seen] == ["op-a", "op-b"]


def test_the_record_does_not_show_secrets_when_printed(faults: Faults) -> None:
    requests.post(f"{URL}/a?q=s3cret", data={"f": "s3cret"}, headers={"Authorization": "s3cret"}, timeout=5)
    assert "s3cret" not in repr(faults.requests_seen)


def test_many_threads_use_up_a_fault_exactly_once_each(faults: Faults) -> None:
    faults.add("op-a", status=500, times=25)
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.extend(_get("/a").status_code for _ in range(10))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses.count(500) == 25
    assert statuses.count(200) == 55
    assert len(faults.seen("op-a")) == 80


@pytest.mark.parametrize("kind", sorted(READY_MADE.keys() - {"connection_closed", "huge_body", "redirect_elsewhere"}))
def test_a_ready_made_fault_is_no_json_answer_anyone_could_use(faults: Faults, kind: str) -> None:
    faults.add("op-a", **READY_MADE[kind]())
    response = _get("/a")
    try:
        answer = response.json()
    except requests.JSONDecodeError:
        assert kind != "wrong_types"
    else:
        assert kind == "wrong_types"
        assert all(value == [[True], 7, None] for value in answer.values())


def test_the_html_error_page_says_that_it_is_html(faults: Faults) -> None:
    faults.add("op-a", **html_error_page(504))
    response = _get("/a")
    assert response.status_code == 504
    assert response.headers["Content-Type"].startswith("text/html")


def test_the_huge_body_is_fifty_megabytes_without_a_length(faults: Faults) -> None:
    faults.add("op-a", **huge_body())
    with requests.get(f"{URL}/a", stream=True, timeout=5) as response:
        assert "Content-Length" not in response.headers
        assert sum(len(chunk) for chunk in response.iter_content(1 << 20)) == 50 << 20


def test_the_redirect_leads_to_another_host(faults: Faults) -> None:
    faults.add("op-a", **faults_module.redirect_elsewhere())
    with pytest.raises(requests.ConnectionError, match=r"elsewhere\.example"):
        _get("/a")


def test_the_closed_connection_breaks_off_in_mid_body(faults: Faults) -> None:
    faults.add("op-a", **connection_closed())
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        _get("/a")


def test_one_ready_made_fault_can_be_used_many_times(faults: Faults) -> None:
    faults.add("op-a", **huge_body(megabytes=1), times=2)
    assert [len(_get("/a").content) for _ in range(2)] == [1 << 20] * 2


def test_faults_are_switched_over_http_in_a_running_demo(faults: Faults) -> None:
    control = f"{URL}/_faults"
    told = {"match": "op-a", "status": 429, "headers": {"Retry-After": "3"}, "body": "slow down", "times": 1}
    assert requests.post(control, json=told, timeout=5).status_code == 201
    assert requests.post(control, json={"match": "op-a", "kind": "not_json"}, timeout=5).status_code == 201
    assert requests.post(control, json={"match": "op-b", "status": 500, "times": None}, timeout=5).status_code == 201
    assert _get("/a").status_code == 429
    assert _get("/a").text == "upstream is thinking about it"
    assert _get("/b").status_code == 500
    assert requests.delete(control, timeout=5).status_code == 204
    assert _get("/b").status_code == 200


@pytest.mark.parametrize(
    "told",
    [
        b"not json",
        b"[]",
        b'{"status": 500}',
        b'{"match": "a", "kind": "no such kind"}',
        b'{"match": "a", "kind": []}',
        b'{"match": "a", "unheard": "of"}',
        b'{"match": "a", "status": "many"}',
        b'{"match": "a", "headers": ["x"]}',
        b'{"match": "a", "body": 7}',
        b'{"match": "a", "times": 0}',
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_and_changes_nothing(faults: Faults, told: bytes) -> None:
    response = requests.post(f"{URL}/_faults", data=told, timeout=5)
    assert response.status_code == 400
    assert response.text.strip()
    assert _get("/a").text == "the truth"


def test_the_switch_takes_no_other_method(faults: Faults) -> None:
    response = _get("/_faults")
    assert response.status_code == 405
    assert json.dumps(sorted(response.headers["Allow"].split(", "))) == '["DELETE", "POST"]'
