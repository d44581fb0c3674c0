"""The conformance kit over Last.fm, built from the database and the settings."""

from collections.abc import Callable
from datetime import datetime
from itertools import cycle

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from providers import registry
from providers.contracts import Provider
from providers.lastfm import SPEC
from providers.lastfm.client import PAGE_SIZE
from providers.models import LastFMAuth
from providers.registry import ProviderSpec
from providers.testing.conformance import (
    AuthenticatorConformance,
    BatchedHistoryConformance,
    FactoryConformance,
    HistoryCounterConformance,
    ProviderConformance,
)
from providers.testing.simulators.faults import Faults
from providers.testing.simulators.lastfm import LastFMSimulator, Person
from tests.lastfm.conftest import CATALOGUE


@pytest.mark.req("PROV-001")
@pytest.mark.req("PROV-002")
@pytest.mark.req("PROV-040")
class TestLastFM(
    ProviderConformance,
    BatchedHistoryConformance,
    HistoryCounterConformance,
    AuthenticatorConformance,
    FactoryConformance,
):
    """Last.fm keeps the contract."""

    @pytest.fixture(autouse=True)
    def configured(self, settings: Settings, lastfm: LastFMSimulator) -> None:
        settings.LASTFM_API_KEY = lastfm.api_key
        settings.LASTFM_API_SECRET = lastfm.api_secret
        settings.PROVIDER_RATE_LIMITS = "none"

    @pytest.fixture
    def spec(self) -> ProviderSpec:
        return SPEC

    @pytest.fixture
    def session_key(self, lastfm: LastFMSimulator, ada: Person) -> str:
        return lastfm.issue_session(ada)

    @pytest.fixture
    def link(self, session_key: str) -> Callable[[User], LastFMAuth]:
        return lambda user: LastFMAuth.objects.create(user=user, username="Ada", session_key=session_key)

    @pytest.fixture
    def provider(self, user: User, link: Callable[[User], LastFMAuth]) -> Provider | None:
        link(user)
        return registry.build("lastfm", user)

    @pytest.fixture
    def secrets(self, lastfm: LastFMSimulator, session_key: str) -> list[str]:
        return [lastfm.api_secret, session_key]

    @pytest.fixture
    def faults(self, lastfm: LastFMSimulator) -> Faults:
        return lastfm.faults

    @pytest.fixture
    def listen(self, ada: Person) -> Callable[[datetime], None]:
        tracks = cycle(CATALOGUE.tracks)
        return lambda moment: ada.listen(next(tracks), moment)

    @pytest.fixture
    def page_size(self) -> int:
        return PAGE_SIZE

    @pytest.fixture
    def approve(self, lastfm: LastFMSimulator, ada: Person) -> Callable[[str], str]:
        return lambda address: lastfm.approve(address, ada)
