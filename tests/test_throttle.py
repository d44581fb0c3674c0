import pytest
from django.test import RequestFactory
from pytest_django import Settings

from musicbridge.throttle import address


@pytest.mark.parametrize(
    ("proxies", "forwarded_for", "visitor"),
    [
        (0, "198.51.100.7", "10.0.0.1"),
        (1, "198.51.100.7", "198.51.100.7"),
        (1, "made up, 203.0.113.9,198.51.100.7", "198.51.100.7"),
        (2, "203.0.113.9, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        (1, "2001:db8::7", "2001:db8::7"),
        (2, "198.51.100.7", "10.0.0.1"),
        (1, "", "10.0.0.1"),
        (1, "unknown", "10.0.0.1"),
        (1, "198.51.100.7, ", "10.0.0.1"),
    ],
)
def test_a_visitor_is_whom_the_outermost_proxy_of_ours_was_asked_by(
    settings: Settings, proxies: int, forwarded_for: str, visitor: str
) -> None:
    settings.PROXY_COUNT = proxies
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": forwarded_for})
    assert address(request) == visitor


def test_without_the_header_it_is_who_connects(settings: Settings) -> None:
    settings.PROXY_COUNT = 1
    assert address(RequestFactory().get("/", REMOTE_ADDR="10.0.0.1")) == "10.0.0.1"
