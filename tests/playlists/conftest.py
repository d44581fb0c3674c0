from datetime import timedelta

import pytest

from providers import registry
from providers.models import Connection, PlaylistMirror
from providers.playlists import library, mirrors
from tests.playlists.fakes import ListService, song

NAMES = ["Anchor", "Lantern Road", "Ninth Wave", "Half a Winter", "Ferry Song", "Low Tide", "Quiet Hour"]


@pytest.fixture
def source() -> ListService:
    """Return a service with playlists, called Spotify."""
    return ListService("spotify")


@pytest.fixture
def target() -> ListService:
    """Return a service with a library of seven songs, called Navidrome."""
    return ListService("navidrome", songs=[song(name, id=f"n{number}") for number, name in enumerate(NAMES)])


@pytest.fixture(autouse=True)
def services(monkeypatch: pytest.MonkeyPatch, source: ListService, target: ListService) -> None:
    """Have the registry build the two, and every run read the library anew."""
    built = {"spotify": source, "navidrome": target}
    monkeypatch.setattr(registry, "build", lambda provider_type, user: built.get(provider_type))
    monkeypatch.setattr(library, "FRESH_FOR", timedelta(0))


@pytest.fixture
def ends(user: object) -> tuple[Connection, Connection]:
    """Return the connections of a person to both."""
    return (
        Connection.objects.create(user=user, provider_type="spotify"),  # type: ignore[misc]
        Connection.objects.create(user=user, provider_type="navidrome"),  # type: ignore[misc]
    )


@pytest.fixture
def mirror(source: ListService, ends: tuple[Connection, Connection]) -> PlaylistMirror:
    """Return a mirror of a list of four songs that was never carried."""
    playlist = source.add(
        "Rainy Sundays", [song(name, id=f"s{name}") for name in NAMES[:4]], description="For the window"
    )
    return mirrors.begin(ends[0], playlist.id, ends[1], name=playlist.name)
