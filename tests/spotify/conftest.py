import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.spotify.auth import SpotifyApplication
from providers.spotify.provider import SpotifyProvider
from providers.testing.simulators.catalogue import Catalogue
from providers.testing.simulators.spotify import Person, SpotifySimulator
from providers.testing.wsgi import mounted
from providers.transport import AccessToken

PAYLOADS = Path(__file__).parent.parent / "payloads" / "spotify"
CATALOGUE = Catalogue()
ACCOUNTS_URL = "https://accounts.spotify.com"
API_URL = "https://api.spotify.com/v1"
REDIRECT_URI = "http://127.0.0.1:8000/connections/spotify/callback/"

Payload = Callable[[str], Any]


class IssuedToken:
    """A token source over one token, which cannot be renewed."""

    def __init__(self, access_token: str) -> None:
        self._token = AccessToken(access_token, version=1)

    def get_access_token(self) -> AccessToken:
        return self._token

    def renew(self, rejected_token: str) -> AccessToken:
        raise AssertionError("a token was refused that should not be")


@pytest.fixture
def payload() -> Payload:
    """Reads one of our payload files by its name."""
    return lambda name: json.loads((PAYLOADS / f"{name}.json").read_text())


@pytest.fixture
def simulator_options() -> dict[str, Any]:
    """What the simulator is made with; tests that need another kind of Spotify override it."""
    return {}


@pytest.fixture
def spotify(simulator_options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[SpotifySimulator]:
    """Spotify under its real addresses; waits between retries are not waited for."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    simulator = SpotifySimulator(redirect_uris=[REDIRECT_URI], catalogue=CATALOGUE, **simulator_options)
    with mounted({ACCOUNTS_URL: simulator.accounts, API_URL.removesuffix("/v1"): simulator.api}):
        yield simulator


@pytest.fixture
def ada(spotify: SpotifySimulator) -> Person:
    return spotify.add_person("Ada")


@pytest.fixture
def application(spotify: SpotifySimulator) -> SpotifyApplication:
    return SpotifyApplication(
        client_id=spotify.client_id, redirect_uri=REDIRECT_URI, accounts_url=ACCOUNTS_URL, api_url=API_URL
    )


@pytest.fixture
def provider(spotify: SpotifySimulator, application: SpotifyApplication, ada: Person) -> SpotifyProvider:
    access_token, _ = spotify.issue_tokens(ada)
    return SpotifyProvider(application, token_source=IssuedToken(access_token))
