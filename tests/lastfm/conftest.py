import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.lastfm.client import LastFMApplication
from providers.testing.simulators.catalogue import Catalogue
from providers.testing.simulators.lastfm import LastFMSimulator, Person
from providers.testing.wsgi import mounted

PAYLOADS = Path(__file__).parent.parent / "payloads" / "lastfm"
CATALOGUE = Catalogue()


@pytest.fixture
def payload() -> Callable[[str], Any]:
    """Reads one of our payload files by its name."""
    return lambda name: json.loads((PAYLOADS / f"{name}.json").read_text())


@pytest.fixture
def application() -> LastFMApplication:
    return LastFMApplication(
        api_key="k" * 32,
        api_secret="s" * 32,
        api_url="https://ws.audioscrobbler.com/2.0/",
        auth_url="https://www.last.fm/api/auth/",
    )


@pytest.fixture
def lastfm(application: LastFMApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[LastFMSimulator]:
    """Last.fm under its real addresses; waits between retries are not waited for."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    simulator = LastFMSimulator(api_key=application.api_key, api_secret=application.api_secret, catalogue=CATALOGUE)
    with mounted({"https://ws.audioscrobbler.com": simulator.api, "https://www.last.fm": simulator.website}):
        yield simulator


@pytest.fixture
def ada(lastfm: LastFMSimulator) -> Person:
    return lastfm.add_person("Ada")
