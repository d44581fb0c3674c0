"""A playlist of five hundred tracks, carried from Spotify to Navidrome and to a server that is not Navidrome."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from providers import registry
from providers.models import Connection, PlaylistMirror
from providers.navidrome.provider import NavidromeProvider
from providers.playlists import library, mirrors
from providers.playlists.plan import Plan
from providers.playlists.reports import CarryOutcome
from providers.spotify.auth import SpotifyApplication
from providers.spotify.provider import SpotifyProvider
from providers.testing.simulators.catalogue import Catalogue, CatalogueTrack
from providers.testing.simulators.navidrome import NavidromeSimulator
from providers.testing.simulators.spotify import SpotifySimulator
from providers.testing.simulators.spotify.people import Entry, Playlist
from providers.testing.wsgi import mounted
from tests.navidrome.supysonic_server import Song, supysonic
from tests.playlists.test_plan import common_length
from tests.spotify.conftest import ACCOUNTS_URL, API_URL, REDIRECT_URI, IssuedToken

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

BASE_URL = "https://music.example"
PASSWORD = "sesame"
LONG = 500
SPARE = 30

# The lease is renewed meanwhile, by a thread with a connection of its own.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.filterwarnings("default")]


class Tracks(Catalogue):
    """Songs of the same names and lengths as the library has them."""

    def __init__(self, tracks: list[CatalogueTrack]) -> None:
        super().__init__()
        self.tracks = tuple(tracks)


def track(number: int) -> CatalogueTrack:
    return CatalogueTrack(
        key=f"{number:022}",
        name=f"Søng № {number}",
        artists=(f"Harbour {number % 40}",),
        album=f"Low Tide {number // 12}",
        album_key=f"{number // 12:022}",
        year=2001,
        track_number=1 + number % 12,
        duration_ms=1000 * (1 + number % 20),
        isrc="",
        mbid="",
    )


TRACKS = [track(number) for number in range(LONG + SPARE)]


@contextmanager
def simulator(folder: Path) -> "Iterator[WSGIApplication]":
    navidrome = NavidromeSimulator(songs=TRACKS)
    navidrome.add_person("ada", PASSWORD)
    yield navidrome.wsgi


@contextmanager
def another_server(folder: Path) -> "Iterator[WSGIApplication]":
    songs = [Song(one.name, one.artist, one.album, one.duration_ms // 1000) for one in TRACKS]
    with supysonic(folder, {"ada": PASSWORD}, songs) as app:
        yield app


# supysonic takes seconds to show a list of five hundred songs.
_ANOTHER = pytest.param(another_server, id="supysonic", marks=[pytest.mark.own_database, pytest.mark.timeout(280)])


@pytest.fixture(params=[pytest.param(simulator, id="navidrome"), _ANOTHER])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NavidromeProvider]:
    """Return ada's account on a server with all songs."""
    with request.param(tmp_path) as app, mounted({BASE_URL: app}):
        yield NavidromeProvider(BASE_URL, username="ada", password=PASSWORD)


@pytest.fixture
def playlist(monkeypatch: pytest.MonkeyPatch, target: NavidromeProvider) -> Iterator[Playlist]:
    """Return a playlist of five hundred tracks on Spotify, and have the registry build both of ada's accounts."""
    spotify = SpotifySimulator(redirect_uris=[REDIRECT_URI], catalogue=Tracks(TRACKS))
    ada = spotify.add_person("ada")
    application = SpotifyApplication(
        client_id=spotify.client_id, redirect_uri=REDIRECT_URI, accounts_url=ACCOUNTS_URL, api_url=API_URL
    )
    source = SpotifyProvider(application, token_source=IssuedToken(spotify.issue_tokens(ada)[0]))
    built = {source.type(): source, target.type(): target}
    monkeypatch.setattr(registry, "build", lambda provider_type, user: built[provider_type])
    monkeypatch.setattr(library, "FRESH_FOR", timedelta(hours=1))
    with mounted({API_URL.removesuffix("/v1"): spotify.api}):
        yield ada.add_playlist("Long way home", TRACKS[:LONG], description="All of it")


@pytest.fixture
def mirror(user: object, playlist: Playlist) -> PlaylistMirror:
    source, target = (
        Connection.objects.create(user=user, provider_type=provider_type)  # type: ignore[misc]
        for provider_type in ("spotify", "navidrome")
    )
    return mirrors.begin(source, playlist.id, target, name=playlist.name)


def carried(mirror: PlaylistMirror) -> Plan:
    report = mirrors.run(mirror)
    assert (report.outcome, report.detail) == (CarryOutcome.IN_STEP, "")
    assert report.plan is not None
    return report.plan


def shown(target: NavidromeProvider) -> tuple[str, str, list[str]]:
    """The id and the name of the only list there, and the names of its songs."""
    (only,) = target.get_playlists()
    return only.id, only.name, [song.name for song in only.tracks]


def names_of(playlist: Playlist) -> list[str]:
    return [entry.content.name for entry in playlist.entries if isinstance(entry.content, CatalogueTrack)]


def test_it_is_mirrored_and_follows_every_change_with_the_fewest_writes(
    mirror: PlaylistMirror, playlist: Playlist, target: NavidromeProvider
) -> None:
    assert len(carried(mirror).changes) == LONG
    list_id, name, songs = shown(target)
    assert (name, songs) == ("Long way home", names_of(playlist))

    before = names_of(playlist)
    _change(playlist)
    plan = carried(mirror)

    assert shown(target) == (list_id, "Longer way home", names_of(playlist))
    kinds = Counter(change.kind for change in plan.changes)
    shared = (Counter(before) & Counter(names_of(playlist))).total()
    assert kinds["remove"] == len(before) - shared
    assert kinds["add"] == len(playlist.entries) - shared
    assert kinds["move"] == shared - common_length(before, names_of(playlist))
    assert kinds.total() < 100

    assert carried(mirror).is_empty


@pytest.mark.parametrize("target", [pytest.param(simulator, id="navidrome")], indirect=True)
def test_what_only_grows_or_shrinks_is_written_as_that(
    mirror: PlaylistMirror, playlist: Playlist, target: NavidromeProvider
) -> None:
    carried(mirror)
    whole = list(playlist.entries)
    for entries in ([*whole, *(Entry(one, whole[0].added_at) for one in TRACKS[LONG:])], whole[3:200:2] + whole[200:]):
        playlist.write(entries)
        carried(mirror)
        assert shown(target)[2] == names_of(playlist)


def _change(playlist: Playlist) -> None:
    """Remove, add and move some, and call the list otherwise."""
    chance = random.Random(5)
    entries = list(playlist.entries)
    for _ in range(20):
        entries.pop(chance.randrange(len(entries)))
    for number in range(LONG, LONG + 15):
        entries.insert(chance.randrange(len(entries)), Entry(TRACKS[number], entries[0].added_at))
    for _ in range(5):
        entries.insert(chance.randrange(len(entries)), entries.pop(chance.randrange(len(entries))))
    # One that is there twice on purpose.
    entries.append(entries[3])
    playlist.write(entries)
    playlist.name, playlist.description = "Longer way home", "All of it, and more"
