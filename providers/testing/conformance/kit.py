"""What every kit stands on: fixtures that fail until they are overridden, and a service that begins to misbehave."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from providers.exceptions import ReauthorizationRequiredError
from providers.testing.conformance.assertions import assert_untold, provider_error, traceback_of
from providers.testing.simulators.faults import READY_MADE, Answer, Faults

every_bad_answer = pytest.mark.parametrize("kind", sorted(READY_MADE))
every_refusal = pytest.mark.parametrize("kind", ["connection_closed", "html_error_page", "redirect_elsewhere"])


def wanted(what: str) -> Any:
    """Make a fixture that fails until the provider's author overrides it."""

    @pytest.fixture
    def missing(self: object, request: pytest.FixtureRequest) -> None:
        pytest.fail(f"{type(self).__name__} needs a fixture {request.fixturename!r}: {what}.", pytrace=False)

    return missing


class Trouble:
    """A service that answers wrongly from `begin` on. What is asked of it then must end in one of the named errors."""

    def __init__(self, break_service: Callable[[Answer], object], secrets: list[str]) -> None:
        self._break_service = break_service
        self._secrets = secrets
        self._kind = ""

    def begin(self, kind: str) -> None:
        """Let the service give the ready-made answer of that name to every request."""
        self._kind = kind
        self._break_service(READY_MADE[kind]())

    def assert_named(self, call: Callable[[], object], *more_secrets: str) -> None:
        """Hold the call to ending in a `ProviderError` that tells no secret and asks nobody to link again."""
        what = f"an answer of the kind {self._kind!r}"
        error = provider_error(call, what)
        assert not isinstance(error, ReauthorizationRequiredError), (
            f"{what} became ReauthorizationRequiredError: a service in trouble is no reason to link again"
        )
        assert_untold([*self._secrets, *more_secrets], traceback_of(error), "the error's traceback")


class Kit:
    """What more than one kit asks for."""

    spec = wanted("the service's ProviderSpec")
    provider = wanted("the provider of a linked person, ready to use, against a service that answers as the real one")
    secrets = wanted("a list of the texts nobody may see: the tokens, keys and passwords the provider works with")
    faults = wanted("the Faults of the simulated service; without one, override requests_made and break_service")

    @pytest.fixture
    def requests_made(self, faults: Faults) -> Callable[[], int]:
        """How many requests the service has got so far."""
        return lambda: len(faults.requests_seen)

    @pytest.fixture
    def break_service(self, faults: Faults) -> Callable[[Answer], object]:
        """A way to make the service give one answer to every request."""
        return lambda answer: faults.add("/", times=None, **answer)

    @pytest.fixture
    def sleeps(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """Let every `time.sleep` return at once, and collect the seconds that were to be slept."""
        seconds: list[float] = []
        monkeypatch.setattr(time, "sleep", seconds.append)
        return seconds

    @pytest.fixture
    def trouble(self, break_service: Callable[[Answer], object], secrets: list[str], sleeps: list[float]) -> Trouble:
        """A way to make the service misbehave, in which retries cost no time."""
        return Trouble(break_service, secrets)
