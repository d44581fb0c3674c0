"""The error tree is what its docstring draws, and safe to show."""

import re
from datetime import UTC, datetime

import pytest

from providers import conf, exceptions
from providers.exceptions import (
    AuthenticationError,
    ProviderError,
    RateLimitedError,
    RateLimitScope,
    ReauthorizationRequiredError,
    ServiceUnavailableError,
    TransientError,
)
from providers.linking import InvalidStateError

ERRORS = [value for value in vars(exceptions).values() if isinstance(value, type) and issubclass(value, Exception)]


def drawn() -> dict[str, str]:
    """Return each class of the drawing with its parent's name."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (exceptions.__doc__ or "").splitlines():
        found = re.match(r"    ([ │├└─]*)(\w+Error)", line)
        if found:
            depth = len(found[1]) // 4
            path = [*path[:depth], found[2]]
            parents[found[2]] = path[-2] if depth else "Exception"
    return parents


def test_the_tree_is_the_one_that_is_drawn() -> None:
    assert {error.__name__: error.__base__.__name__ for error in ERRORS if error.__base__} == drawn()


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_says_its_message_and_nothing_else(error: type[ProviderError]) -> None:
    raised = error("Down.", provider="spotify", status_code=503)
    assert str(raised) == "Down."
    assert (raised.provider, raised.status_code) == ("spotify", 503)


def test_a_passing_trouble_tells_when_to_come_back_where_the_service_said() -> None:
    later = datetime(2030, 1, 1, tzinfo=UTC)
    assert ServiceUnavailableError("Down.", provider="x", retry_at=later).retry_at == later
    assert TransientError("Down.", provider="x").retry_at is None


def test_a_limit_is_the_applications_unless_the_service_says_otherwise() -> None:
    assert RateLimitedError("Slow down.", provider="x").scope is RateLimitScope.APPLICATION
    assert RateLimitedError("Slow down.", provider="x", scope=RateLimitScope.ACCOUNT).scope is RateLimitScope.ACCOUNT


def test_a_dead_link_is_a_refusal_of_credentials_and_a_passing_trouble_is_not() -> None:
    assert issubclass(ReauthorizationRequiredError, AuthenticationError)
    assert not issubclass(TransientError, AuthenticationError)


@pytest.mark.parametrize("error", [conf.ProviderConfigurationError, InvalidStateError])
def test_what_no_service_had_a_part_in_is_no_provider_error(error: type[Exception]) -> None:
    assert not issubclass(error, ProviderError)
