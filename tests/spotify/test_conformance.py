"""The conformance kit over Spotify, built from the database and the settings."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import cycle

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from providers import registry
from providers.contracts import Provider
from providers.datatypes import Track
from providers.models import SpotifyAuth
from providers.registry import ProviderSpec
from providers.spotify import SPEC
from providers.spotify.client import PAGE_LIMIT
from providers.testing.conformance import (
    AuthenticatorConformance,
    BatchedHistoryConformance,
    FactoryConformance,
    PlaylistManagerConformance,
    PlaylistSyncerConformance,
    ProviderConformance,
    TrackFinderConformance,
)
from providers.testing.simulators.faults import Faults
from providers.testing.simulators.spotify import Person, SpotifySimulator
from providers.testing.simulators.spotify.people import Play
from tests.spotify.conftest import ACCOUNTS_URL, API_URL, CATALOGUE, REDIRECT_URI


@pytest.mark.req("PROV-001")
@pytest.mark.req("PROV-002")
@pytest.mark.req("PROV-003")
@pytest.mark.req("PROV-004")
@pytest.mark.req("PROV-030")
class TestSpotify(
    ProviderConformance,
    BatchedHistoryConformance,
    PlaylistManagerConformance,
    PlaylistSyncerConformance,
    TrackFinderConformance,
    AuthenticatorConformance,
    FactoryConformance,
):
    """Spotify keeps the contract."""

    @pytest.fixture(autouse=True)
    def configured(self, settings: Settings, spotify: SpotifySimulator) -> None:
        settings.SPOTIFY_CLIENT_ID = spotify.client_id
        settings.SPOTIFY_REDIRECT_URI = REDIRECT_URI
        settings.SPOTIFY_ACCOUNTS_URL = ACCOUNTS_URL
        settings.SPOTIFY_API_URL = API_URL
        settings.PROVIDER_RATE_LIMITS = "none"

    @pytest.fixture
    def spec(self) -> ProviderSpec:
        return SPEC

    @pytest.fixture
    def secrets(self, spotify: SpotifySimulator, ada: Person) -> list[str]:
        return list(spotify.issue_tokens(ada))

    @pytest.fixture
    def link(self, secrets: list[str]) -> Callable[[User], SpotifyAuth]:
        access_token, refresh_token = secrets
        return lambda user: SpotifyAuth.objects.create(
            user=user,
            access_token=access_token,
            refresh_token=refresh_token,
            expires_at=timezone.now() + timedelta(hours=1),
        )

    @pytest.fixture
    def provider(self, user: User, link: Callable[[User], SpotifyAuth]) -> Provider | None:
        link(user)
        return registry.build("spotify", user)

    @pytest.fixture
    def faults(self, spotify: SpotifySimulator) -> Faults:
        return spotify.faults

    @pytest.fixture
    def listen(self, ada: Person) -> Callable[[datetime], None]:
        tracks = cycle(CATALOGUE.tracks)
        return lambda moment: ada.plays.append(Play(moment, next(tracks)))

    @pytest.fixture
    def page_size(self) -> int:
        return PAGE_LIMIT

    @pytest.fixture
    def tracks(self) -> list[Track]:
        return [
            Track(id=track.key, name=track.name, artist=track.artist, isrc=track.isrc) for track in CATALOGUE.tracks[:5]
        ]

    @pytest.fixture
    def tracks_on_service(self, ada: Person) -> Callable[[str], list[str] | None]:
        """What is in her library, which is all that Spotify's own player shows."""

        def track_ids(playlist_id: str) -> list[str] | None:
            kept = [playlist for playlist in ada.library if playlist and playlist.id == playlist_id]
            return [entry.content.key for entry in kept[0].entries] if kept else None

        return track_ids

    @pytest.fixture
    def name_on_service(self, ada: Person) -> Callable[[str], str]:
        return lambda playlist_id: next(playlist.name for playlist in ada.made if playlist.id == playlist_id)

    @pytest.fixture
    def callback_url(self) -> str:
        return REDIRECT_URI

    @pytest.fixture
    def approve(self, spotify: SpotifySimulator, ada: Person) -> Callable[[str], str]:
        return lambda address: spotify.approve(address, ada)
