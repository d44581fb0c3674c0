import logging
import threading
from collections.abc import Mapping
from contextvars import copy_context

from providers.logcontext import Fact, LogContextFilter, log_only_about, logging_about
from providers.readahead import read_ahead


def facts() -> Mapping[str, Fact]:
    record = logging.makeLogRecord({})
    assert LogContextFilter().filter(record)
    told: Mapping[str, Fact] = record.context  # type: ignore[attr-defined]
    return told


def test_lines_tell_what_they_are_about_and_only_while_they_are() -> None:
    with logging_about(queue="lastfm", row=1), logging_about(connection=7):
        assert facts() == {"queue": "lastfm", "row": 1, "connection": 7}
    assert facts() == {}


def test_something_else_that_begins_is_not_about_what_was_before() -> None:
    def begin() -> None:
        with logging_about(connection=7):
            log_only_about(request="abc")
            assert facts() == {"request": "abc"}

    copy_context().run(begin)
    assert facts() == {}


def test_each_thread_tells_of_its_own_work() -> None:
    heard = []
    with logging_about(connection=7):
        thread = threading.Thread(target=lambda: heard.append(facts()))
        thread.start()
        thread.join()
    assert heard == [{}]


def test_pages_that_are_read_ahead_are_about_what_they_are_read_for() -> None:
    def read(number: int) -> tuple[str, Mapping[str, Fact]]:
        return threading.current_thread().name, facts()

    with logging_about(connection=7):
        pages = list(read_ahead(read, range(50), lambda: 1.0))

    assert {told["connection"] for _, told in pages} == {7}
    assert any(name.startswith("read-ahead") for name, _ in pages)
