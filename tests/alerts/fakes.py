"""Services that take messages, and places where people want to be told."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.auth.models import User
from werkzeug import Request, Response

from providers.alerts import delivery
from providers.alerts.sending import Answer, Message
from providers.models import AlertKind, AlertTarget
from providers.testing.wsgi import serving


@dataclass
class Received:
    """One message, as it came in over HTTP."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


@dataclass
class Receiver:
    """A service that takes messages, under whatever path, and answers with `status` and `location`."""

    status: int = 200
    location: str = ""
    messages: list[Received] = field(default_factory=list)
    host: str = ""

    @Request.application
    def wsgi(self, request: Request) -> Response:
        self.messages.append(
            Received(request.method, request.path, dict(request.headers), request.get_data(as_text=True))
        )
        headers = {"Location": self.location} if self.location else None
        return Response('{"id": 1}', self.status, headers, content_type="application/json")


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Serve a receiver on a port of this machine; `host` is where."""
    service = Receiver()
    with serving(service.wsgi) as address:
        service.host = address.removeprefix("http://")
        yield service


@dataclass
class Post:
    """What is sent, without a process for each message: to which address what, and what comes of it."""

    sent: list[tuple[str, Message]] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)

    def send(self, url: str, message: Message) -> Answer:
        self.sent.append((url, message))
        return Answer("ntfy", self.problems.get(url, ""))

    @property
    def titles(self) -> list[str]:
        return [message.title for _, message in self.sent]


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Post:
    """Take what is sent, and send it nowhere."""
    post = Post()
    monkeypatch.setattr(delivery, "send", post.send)
    return post


def add_target(user: User, label: str = "phone", **fields: Any) -> AlertTarget:
    """Add a place where a person wants to be told; of everything unless told."""
    known = {"service": "ntfy", "url": f"ntfys://ntfy.example/{label}", "kinds": AlertKind.values, "due_at": None}
    target = AlertTarget(user=user, label=label, **{**known, **fields})
    target.save()
    return target
