import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.alerts.fakes import post  # noqa: F401, a fixture for all


@pytest.fixture
def visitor(user: User, client: Client) -> Client:
    """Return a browser in which `user` is signed in."""
    client.force_login(user)
    return client
