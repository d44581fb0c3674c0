"""The program that hands one message to one service, and the one import of apprise.

It is run for each message, as a process of its own, and never imported. So nobody else pays for apprise, which takes
a second to load; a service that drips or floods its answer ends with the process, by its time or its memory; whatever
is logged on the way, addresses with tokens in them, is logged nowhere; and what reads addresses that people typed, and
answers from anywhere, has none of this site's keys.

It reads an order as JSON from its input: the `url`, the `schemes` that are allowed and, unless the address is only to
be looked at, `title` and `body`. It writes as JSON what the `service` is called, and the `problem`
(`providers.alerts.problems`), empty where there is none.
"""

import json
import logging
import re
import resource
import sys
from contextlib import suppress
from typing import Any, Self

from apprise import Apprise, AppriseAsset, NotifyBase, NotifyFormat, logger
from apprise.plugins import url_to_dict

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0

MEMORY_BYTES = 512 * 1024 * 1024
"""Of address space: a message takes a tenth of that."""

FILE_PARAMETERS = frozenset({"config", "keyfile", "pgpkey", "pgpprv", "pgppub", "subfile", "template"})
"""Parameters that have apprise read a file of this machine, or fetch one, and send what is in it."""

_STATUS = re.compile(r"(?:error=|Socket Exception: \()(\d{3})\b")


class Heard(logging.Handler):
    """Keeps what apprise logs, which is the only way in which it says what went wrong, from going anywhere else."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def __enter__(self) -> Self:
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        logger.addHandler(self)
        return self

    def __exit__(self, *exception: object) -> None:
        logger.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self.lines.append(record.getMessage())

    def problem(self) -> str:
        """Return what kept a message from arriving."""
        for line in self.lines:
            if status := _STATUS.search(line):
                return f"answered {status[1]}"
        return "unreachable" if any("onnection error" in line for line in self.lines) else "failed"


def carry_out(order: dict[str, Any], heard: Heard) -> dict[str, str]:
    """Do what is ordered, and return what came of it."""
    url = order["url"]
    try:
        parts = url_to_dict(url)  # type: ignore[no-untyped-call]  # apprise has types nearly everywhere
    except ValueError:
        parts = None
    if not parts:
        return {"service": "", "problem": "malformed"}
    if parts["schema"] not in order["schemes"]:
        return {"service": "", "problem": "not_allowed"}
    if not FILE_PARAMETERS.isdisjoint(parts["qsd"]):
        return {"service": "", "problem": "reads_files"}
    # What apprise would remember between two messages is forgotten with the process.
    asset = AppriseAsset(app_id="musicbridge", storage_mode="memory", async_mode=False)
    service = Apprise.instantiate(url, asset=asset)
    if not isinstance(service, NotifyBase):
        return {"service": "", "problem": "malformed"}
    # Whatever the address says of them: others wait, and to repeat is the queue's business.
    service.socket_connect_timeout, service.socket_read_timeout = CONNECT_SECONDS, READ_SECONDS
    service.retry, service.redirects = 0, False
    problem = ""
    if "body" in order:
        apprise = Apprise(asset=asset)
        apprise.add(service)
        heard.lines.clear()
        if not apprise.notify(order["body"], title=order["title"], body_format=NotifyFormat.TEXT):
            problem = heard.problem()
    return {"service": str(service.service_name), "problem": problem}


def main() -> None:
    """Read the order, carry it out, and say how it went."""
    # Where a system knows no such limit, the time is one still.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    # Nobody else is to write into the answer.
    answer, sys.stdout = sys.stdout, sys.stderr
    with Heard() as heard:
        json.dump(carry_out(json.load(sys.stdin), heard), answer)


if __name__ == "__main__":
    main()
