import pytest
from django.contrib.auth.models import User
from django.test import Client


@pytest.fixture
def visitor(user: User, client: Client) -> Client:
    """Return a browser in which `user` is signed in."""
    client.force_login(user)
    return client
