import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.navidrome.provider import NavidromeProvider
from providers.testing.simulators.catalogue import Catalogue
from providers.testing.simulators.navidrome import NavidromeSimulator, Person
from providers.testing.wsgi import mounted

BASE_URL = "https://music.example"
PASSWORD = "sésame & Söhne"
PAYLOADS = Path(__file__).parent.parent / "payloads" / "navidrome"
CATALOGUE = Catalogue()


@pytest.fixture
def payload() -> Callable[[str], Any]:
    """Reads what is inside "subsonic-response" of one of our payload files."""
    return lambda name: json.loads((PAYLOADS / f"{name}.json").read_text())["subsonic-response"]


@pytest.fixture
def navidrome(monkeypatch: pytest.MonkeyPatch) -> Iterator[NavidromeSimulator]:
    """Navidrome under an https address; waits between retries are not waited for."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    simulator = NavidromeSimulator(catalogue=CATALOGUE)
    with mounted({BASE_URL: simulator.wsgi}):
        yield simulator


@pytest.fixture
def ada(navidrome: NavidromeSimulator) -> Person:
    return navidrome.add_person("ada", PASSWORD)


@pytest.fixture
def provider(ada: Person) -> NavidromeProvider:
    return NavidromeProvider(BASE_URL, username="ada", password=PASSWORD)
