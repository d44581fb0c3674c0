"""Sent in earnest: by the program, in its process, over HTTP to servers on this machine."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from providers.alerts import sending
from providers.alerts.problems import Problem, sentence
from providers.alerts.sending import Answer, Message, check, send
from providers.testing.wsgi import serving
from tests.alerts.fakes import Receiver
from tests.conftest import Log

MESSAGE = Message("“Wavebox” needs you", "Link it again.\n\nhttps://music.example/connections/")
SECRET = "tk_seededsecret0123456789"


def test_a_message_arrives_as_it_is(receiver: Receiver) -> None:
    assert send(f"json://{receiver.host}/hook", MESSAGE) == Answer("JSON", "")
    told = json.loads(receiver.messages[0].body)
    assert (told["title"], told["message"]) == (MESSAGE.title, MESSAGE.body)


def test_what_may_be_used_is_the_sites_business(settings: Settings) -> None:
    settings.ALERT_SCHEMES = ["JSON"]
    assert check("ntfys://ntfy.example/topic") == Answer("", Problem.NOT_ALLOWED)
    assert check("json://music.example/") == Answer("JSON", "")


def test_a_service_that_drips_its_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    is_asked, is_over = threading.Event(), threading.Event()

    def drip(environ: Any, start_response: Any) -> Iterator[bytes]:
        is_asked.set()
        start_response("200 OK", [])
        while not is_over.wait(0.1):
            yield b"."

    # As soon as it drips, however long the program took to load.
    def run(*args: Any, timeout: float, **kwargs: Any) -> Any:
        assert timeout == sending.DEADLINE_SECONDS
        return real_run(*args, timeout=timeout / 5, **kwargs)

    real_run = subprocess.run
    monkeypatch.setattr(subprocess, "run", run)
    with serving(drip) as address:
        assert send(f"json://{address.removeprefix('http://')}", MESSAGE) == Answer("", Problem.TOO_SLOW)
        assert is_asked.is_set()
        is_over.set()


def test_a_service_that_floods_its_answer_takes_no_more_memory_than_there_may_be() -> None:
    def flood(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        chunk = b"." * (1 << 20)
        for _ in range(4096):
            yield chunk

    with serving(flood) as address:
        assert send(f"json://{address.removeprefix('http://')}", MESSAGE) == Answer("JSON", Problem.FAILED)


def test_nothing_of_the_address_is_logged_whatever_happens(
    receiver: Receiver, log: Log, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.status = 500
    send(f"ntfy://{SECRET}@{receiver.host}/mine", MESSAGE)
    check(f"foo://{SECRET}")
    monkeypatch.setattr(sending, "SENDER", sending.SENDER.with_name("gone.py"))
    assert send(f"ntfy://{SECRET}@{receiver.host}/mine", MESSAGE) == Answer("", Problem.BROKEN)
    out, err = capfd.readouterr()
    assert SECRET not in log.text + out + err
    assert "The program that sends alerts failed with" in log.text


@pytest.mark.parametrize(
    ("program", "told"),
    [
        (f"raise ModuleNotFoundError('{SECRET}')", "failed with ModuleNotFoundError"),
        (f"import sys; sys.exit('{SECRET}')", "failed with no error told"),
    ],
)
def test_a_program_that_fails_is_told_by_the_kind_of_its_error(
    log: Log, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, told: str
) -> None:
    broken = tmp_path / "sender.py"
    broken.write_text(program)
    monkeypatch.setattr(sending, "SENDER", broken)
    assert check("ntfy://localhost/topic") == Answer("", Problem.BROKEN)
    assert told in log.text
    assert SECRET not in log.text


def test_the_program_knows_none_of_the_sites_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FERNET_KEYS", SECRET)
    monkeypatch.setenv("DATABASE_URL", f"postgres://ada:{SECRET}@localhost/music")
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    curious = tmp_path / "sender.py"
    curious.write_text("import json, os; print(json.dumps({'service': ' '.join(os.environ), 'problem': ''}))")
    monkeypatch.setattr(sending, "SENDER", curious)
    known = check("").service.split()
    assert "https_proxy" in known
    assert {"FERNET_KEYS", "DATABASE_URL", "SECRET_KEY"}.isdisjoint(known)


def test_the_worker_and_the_pages_load_no_apprise() -> None:
    program = (
        "import django, sys; django.setup(); import providers.urls, providers.worker; "
        "print([name for name in sys.modules if name.startswith('apprise')])"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_every_problem_has_words() -> None:
    assert all(sentence(problem) for problem in Problem if problem is not Problem.ANSWERED)
    assert sentence(f"{Problem.ANSWERED} 418") == "The service answered with error 418."
    assert sentence("") == ""
