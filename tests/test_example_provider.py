"""A service brought by a third party: it keeps the contract, and works without the product being edited."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from providers import registry
from providers.registry import ProviderSpec
from providers.testing.conformance import (
    AuthenticatorConformance,
    BatchedHistoryConformance,
    FactoryConformance,
    ProviderConformance,
)
from providers.testing.simulators.faults import Faults
from providers.testing.wsgi import mounted
from tests.example_provider.models import RadiolaAuth
from tests.example_provider.provider import SPEC, RadiolaProvider
from tests.example_provider_service import ACCESS_TOKEN_SECONDS, PAGE_SIZE, Radiola

MOST_LINES = 120


@pytest.fixture
def radiola(settings: Settings) -> Iterator[Radiola]:
    """Radiola under the address in the settings."""
    settings.PROVIDER_RATE_LIMITS = "none"
    service = Radiola()
    with mounted({settings.RADIOLA_URL: service}):
        yield service


def link(user: User, radiola: Radiola) -> RadiolaAuth:
    access_token, refresh_token = radiola.issue_tokens()
    expires_at = timezone.now() + timedelta(seconds=ACCESS_TOKEN_SECONDS)
    return RadiolaAuth.objects.create(
        user=user, access_token=access_token, refresh_token=refresh_token, expires_at=expires_at
    )


class TestRadiola(ProviderConformance, BatchedHistoryConformance, AuthenticatorConformance, FactoryConformance):
    """The whole kit over the example, as its author would run it."""

    @pytest.fixture
    def spec(self) -> ProviderSpec:
        return SPEC

    @pytest.fixture
    def row(self, user: User, radiola: Radiola) -> RadiolaAuth:
        return link(user, radiola)

    @pytest.fixture
    def provider(self, row: RadiolaAuth) -> RadiolaProvider:
        provider = registry.build("radiola", row.user)
        assert isinstance(provider, RadiolaProvider)
        return provider

    @pytest.fixture
    def secrets(self, row: RadiolaAuth) -> list[str]:
        return [row.access_token, row.refresh_token]

    @pytest.fixture
    def faults(self, radiola: Radiola) -> Faults:
        return radiola.faults

    @pytest.fixture
    def listen(self, radiola: Radiola) -> Callable[[datetime], None]:
        return radiola.listen

    @pytest.fixture
    def page_size(self) -> int:
        return PAGE_SIZE

    @pytest.fixture
    def approve(self, radiola: Radiola) -> Callable[[str], str]:
        return radiola.approve

    @pytest.fixture
    def link(self, radiola: Radiola) -> Callable[[User], RadiolaAuth]:
        return lambda user: link(user, radiola)


def test_it_is_shorter_than_a_third_party_would_fear() -> None:
    files = (Path(__file__).parent / "example_provider").glob("*.py")
    assert sum(len(file.read_text().splitlines()) for file in files) < MOST_LINES
