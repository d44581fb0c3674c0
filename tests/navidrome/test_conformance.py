"""The conformance kit over Navidrome, built from the database and the settings, on both tiers of its history."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from itertools import cycle

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from providers import registry
from providers.contracts import Provider
from providers.datatypes import Track
from providers.exceptions import NotFoundError
from providers.models import NavidromeAuth
from providers.navidrome import SPEC
from providers.navidrome.client import SubsonicClient
from providers.navidrome.parse import parse_response
from providers.navidrome.provider import SCROBBLE_PAGE
from providers.registry import ProviderSpec
from providers.testing.conformance import (
    BatchedHistoryConformance,
    FactoryConformance,
    HistoryCounterConformance,
    LibraryListerConformance,
    PlaylistManagerConformance,
    PlaylistSyncerConformance,
    ProviderConformance,
)
from providers.testing.simulators.faults import Faults
from providers.testing.simulators.navidrome import NavidromeSimulator, Person
from tests.navidrome.conftest import BASE_URL, CATALOGUE, PASSWORD


class _Navidrome(BatchedHistoryConformance):
    """What both tiers have in common."""

    @pytest.fixture(autouse=True)
    def configured(self, settings: Settings) -> None:
        settings.NAVIDROME_URL = BASE_URL
        settings.PROVIDER_RATE_LIMITS = "none"

    @pytest.fixture
    def link(self, ada: Person) -> Callable[[User], NavidromeAuth]:
        return lambda user: NavidromeAuth.objects.create(user=user, username=ada.name, password=PASSWORD)

    @pytest.fixture
    def user(self, db: None, django_user_model: type[User]) -> User:
        return django_user_model.objects.create(username="ada")

    @pytest.fixture
    def provider(self, user: User, link: Callable[[User], NavidromeAuth]) -> Provider | None:
        link(user)
        return registry.build("navidrome", user)

    @pytest.fixture
    def secrets(self) -> list[str]:
        return [PASSWORD]

    @pytest.fixture
    def faults(self, navidrome: NavidromeSimulator) -> Faults:
        return navidrome.faults

    @pytest.fixture
    def listen(self, navidrome: NavidromeSimulator, ada: Person) -> Callable[[datetime], None]:
        songs = cycle(navidrome.songs)
        return lambda moment: ada.listen(next(songs), moment)


@pytest.mark.req("PROV-001")
@pytest.mark.req("PROV-002")
@pytest.mark.req("PROV-003")
@pytest.mark.req("PROV-004")
@pytest.mark.req("PROV-050")
class TestNavidrome(
    _Navidrome,
    HistoryCounterConformance,
    ProviderConformance,
    PlaylistManagerConformance,
    PlaylistSyncerConformance,
    LibraryListerConformance,
    FactoryConformance,
):
    """A server that tells single plays keeps the contract."""

    @pytest.fixture
    def spec(self) -> ProviderSpec:
        return SPEC

    @pytest.fixture
    def page_size(self) -> int:
        return SCROBBLE_PAGE

    @pytest.fixture
    def tracks(self) -> list[Track]:
        return [Track(id=song.key, name=song.name, artist=song.artist, isrc=song.isrc) for song in CATALOGUE.tracks[:5]]

    @pytest.fixture
    def tracks_on_service(self, ada: Person) -> Callable[[str], list[str] | None]:
        """As any other client of the server would see it."""
        client = SubsonicClient(BASE_URL, ada.name, PASSWORD, limiter=None)

        def song_ids(playlist_id: str) -> list[str] | None:
            try:
                playlist = parse_response(client.get_playlist(playlist_id))["playlist"]
            except NotFoundError:
                return None
            return [entry["id"] for entry in playlist.get("entry", [])]

        return song_ids

    @pytest.fixture
    def name_on_service(self, ada: Person) -> Callable[[str], str]:
        client = SubsonicClient(BASE_URL, ada.name, PASSWORD, limiter=None)
        return lambda playlist_id: parse_response(client.get_playlist(playlist_id))["playlist"]["name"]

    @pytest.fixture
    def library(self, navidrome: NavidromeSimulator) -> list[str]:
        return [song.key for song in navidrome.songs]


@pytest.mark.req("PROV-002")
class TestLastPlays(_Navidrome):
    """A server that tells only the last play of each song keeps the rules of a history too: a batch is an album."""

    @pytest.fixture(autouse=True)
    def older_server(self, navidrome: NavidromeSimulator) -> None:
        navidrome.scrobble_history = False

    @pytest.fixture
    def page_size(self, navidrome: NavidromeSimulator) -> int:
        return max(Counter(song.album_key for song in navidrome.songs).values())
