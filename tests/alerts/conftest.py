from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User

from providers.alerts import delivery
from providers.models import AlertTarget
from tests.alerts.fakes import Post, Receiver, add_target, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Return a service that takes messages over HTTP."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Post:
    """Take what is sent, and send it nowhere."""
    post = Post()
    monkeypatch.setattr(delivery, "send", post.send)
    return post


@pytest.fixture
def target(user: User) -> AlertTarget:
    """Return a place where `user` wants to be told of everything."""
    return add_target(user)
