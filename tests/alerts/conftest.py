from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User

from providers.models import AlertTarget
from tests.alerts.fakes import Receiver, add_target, post, receiving  # noqa: F401, a fixture for all


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Return a service that takes messages over HTTP."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def target(user: User) -> AlertTarget:
    """Return a place where `user` wants to be told of everything."""
    return add_target(user)
