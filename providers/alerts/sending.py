"""Handing a message to a service, in a process of its own (`providers.alerts.sender`)."""

import json
import logging
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from providers import conf
from providers.alerts.problems import Problem

logger = logging.getLogger(__name__)

SENDER = Path(__file__).with_name("sender.py")

DEADLINE_SECONDS = 30.0
"""How long handing over one message may take, all in all. On a small machine, to load the program takes a few."""

_PASSED_ON = frozenset(
    {
        "PATH",
        "HOME",
        "LANG",
        "TZ",
        "PYTHONPATH",
        "LD_LIBRARY_PATH",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
    }
)


_ERROR = re.compile(r"[A-Za-z.]+(Error|Exception)(?=:|$)")


@dataclass(frozen=True, slots=True)
class Message:
    """What a person is told, in plain text."""

    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it: what the service is called, and the problem, empty where there is none."""

    service: str
    problem: str


def check(url: str) -> Answer:
    """Tell whether messages may and can be sent to an address, as far as can be told without sending one."""
    return _ask({"url": url})


def send(url: str, message: Message) -> Answer:
    """Send a message, at once, and return what came of it. Never raises for what a service does."""
    return _ask({"url": url, "title": message.title, "body": message.body})


def _ask(order: dict[str, str]) -> Answer:
    order_text = json.dumps({**order, "schemes": conf.alert_schemes()})
    try:
        ended = subprocess.run(  # noqa: S603, a program of ours, and nobody else's words among its arguments
            # Nothing of the folder that the program lies in is to be found by its imports.
            [sys.executable, "-P", str(SENDER)],
            input=order_text,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=_environment(),
            timeout=DEADLINE_SECONDS,
            # Who stops the worker does not break off a message.
            start_new_session=True,
            check=False,
        )
        return Answer(**json.loads(ended.stdout)) if ended.returncode == 0 else _broken(ended.stderr)
    except subprocess.TimeoutExpired:
        return Answer("", Problem.TOO_SLOW)
    except OSError as error:
        return _broken(f"{type(error).__name__}:")


def _broken(errors: str) -> Answer:
    # The kind of the error, on the last line, but not what it says: it may quote the address.
    kind = _ERROR.match(errors.rstrip().rpartition("\n")[2])
    logger.error("The program that sends alerts failed with %s", kind[0] if kind else "no error told")
    return Answer("", Problem.BROKEN)


def _environment() -> dict[str, str]:
    """Return what the program needs to know of its surroundings. Keys and passwords of the site it does not need."""
    return {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.lower().endswith("_proxy")}
