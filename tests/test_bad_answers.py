"""Whatever a service answers to whatever is asked of it, nothing but a `ProviderError` comes out."""

import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug import Response

from providers.contracts import BatchedHistory, PlaylistManager
from providers.datatypes import AuthAttempt, SyncPlaylistRequest, Track
from providers.exceptions import ProviderError, ReauthorizationRequiredError
from providers.lastfm.auth import LastFMAuthenticator
from providers.lastfm.client import LastFMApplication
from providers.lastfm.provider import LastFMProvider
from providers.navidrome.provider import NavidromeProvider
from providers.spotify.auth import SpotifyApplication, SpotifyAuthenticator
from providers.spotify.provider import SpotifyProvider
from providers.testing.simulators.catalogue import Catalogue
from providers.testing.simulators.faults import READY_MADE, Faults
from providers.testing.simulators.lastfm import LastFMSimulator
from providers.testing.simulators.navidrome import NavidromeSimulator
from providers.testing.simulators.spotify import SpotifySimulator
from providers.testing.wsgi import mounted
from providers.transport import AccessToken

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CATALOGUE = Catalogue()
SONGS = CATALOGUE.tracks[:3]
TRACKS = [Track(id=song.key, name=song.name, artist=song.artist) for song in SONGS]
NOW = datetime.now(UTC)
CALLBACK = "http://127.0.0.1:8000/connections/spotify/callback/"

GARBAGE: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(
        [2**70, "9" * 5000, "\0", "\ud800", "https://[", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


class Spoiled:
    """An app whose JSON answers go through `spoil`, as soon as there is one."""

    spoil: Callable[[Any], None] | None = None

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        response = Response.from_app(self._app, environ)
        if self.spoil is not None and response.is_json:
            document = json.loads(response.get_data())
            self.spoil(document)
            response.set_data(json.dumps(document))
        return response(environ, start_response)


class TokenInHand:
    """A token source over one token; a renewed one is the same."""

    def __init__(self, access_token: str) -> None:
        self._token = AccessToken(access_token, version=1)

    def get_access_token(self) -> AccessToken:
        return self._token

    def renew(self, rejected_token: str) -> AccessToken:
        return self._token


@dataclass
class Service:
    """A simulated service, where it is mounted, and all that can be asked of its provider."""

    faults: Faults
    apps: dict[str, Spoiled]
    calls: dict[str, Callable[[], object]]

    def spoil_with(self, spoil: Callable[[Any], None]) -> None:
        for app in self.apps.values():
            app.spoil = spoil


def spotify() -> Service:
    simulator = SpotifySimulator(redirect_uris=[CALLBACK], catalogue=CATALOGUE)
    ada = simulator.add_person("Ada")
    for number, song in enumerate(SONGS):
        ada.listen(song, NOW - timedelta(minutes=5 * number))
    playlist_id = ada.add_playlist("Mix", SONGS).id
    application = SpotifyApplication(
        client_id=simulator.client_id,
        redirect_uri=CALLBACK,
        accounts_url="https://accounts.spotify.com",
        api_url="https://api.spotify.com/v1",
    )
    attempt = AuthAttempt(type="spotify", callback_url=CALLBACK, code_verifier="v" * 64)
    authenticator = SpotifyAuthenticator(application, attempt=attempt)
    access_token, refresh_token = simulator.issue_tokens(ada)
    provider = SpotifyProvider(application, token_source=TokenInHand(access_token))
    code = _query_of(simulator.approve(authenticator.get_auth_url("s"), ada))["code"]
    return Service(
        simulator.faults,
        {
            "https://accounts.spotify.com": Spoiled(simulator.accounts),
            "https://api.spotify.com": Spoiled(simulator.api),
        },
        {
            "history": lambda: _hear(provider),
            "playlists": lambda: _read_playlists(provider),
            "create_playlist": lambda: provider.create_playlist("New", "described", TRACKS),
            "sync_playlist": lambda: provider.sync_playlist(
                SyncPlaylistRequest(name="Mixed", tracks=tuple(TRACKS[::-1]), remote_playlist_id=playlist_id)
            ),
            "update_playlist_tracks": lambda: provider.update_playlist_tracks(playlist_id, [*TRACKS, TRACKS[0]]),
            "find_tracks": lambda: provider.find_tracks(replace(TRACKS[0], isrc=SONGS[0].isrc)),
            "exchange_code": lambda: authenticator.exchange_code(code),
            "refresh_token": lambda: provider.refresh_token(refresh_token),
        },
    )


def lastfm() -> Service:
    simulator = LastFMSimulator(catalogue=CATALOGUE)
    ada = simulator.add_person("Ada")
    for number, song in enumerate(SONGS):
        ada.listen(song, NOW - timedelta(minutes=5 * number + 1))
    application = LastFMApplication(
        api_key=simulator.api_key,
        api_secret=simulator.api_secret,
        api_url="https://ws.audioscrobbler.com/2.0/",
        auth_url="https://www.last.fm/api/auth/",
    )
    authenticator = LastFMAuthenticator(application, callback_url=CALLBACK)
    token = _query_of(simulator.approve(authenticator.get_auth_url("s"), ada))["token"]
    provider = LastFMProvider(application, username="Ada", session_key=simulator.issue_session(ada))
    return Service(
        simulator.faults,
        {"https://ws.audioscrobbler.com": Spoiled(simulator.api)},
        {"history": lambda: _hear(provider), "exchange_code": lambda: authenticator.exchange_code(token)},
    )


def navidrome() -> Service:
    simulator = NavidromeSimulator(catalogue=CATALOGUE, songs=SONGS)
    ada = simulator.add_person("ada", "sesame")
    for number, song in enumerate(SONGS):
        ada.listen(song, NOW - timedelta(minutes=5 * number))
    playlist_id = ada.add_playlist("Mix", SONGS).id
    provider = NavidromeProvider("https://music.example", username="ada", password="sesame")
    request = SyncPlaylistRequest(
        name="Mixed", description="described", tracks=tuple(TRACKS[::-1]), remote_playlist_id=playlist_id
    )

    def hear_last_plays() -> None:
        simulator.scrobble_history = False
        _hear(provider)

    return Service(
        simulator.faults,
        {"https://music.example": Spoiled(simulator.wsgi)},
        {
            "history": lambda: _hear(provider),
            "history of last plays": hear_last_plays,
            "playlists": lambda: _read_playlists(provider),
            "create_playlist": lambda: provider.create_playlist("New", "described", TRACKS),
            "sync_playlist": lambda: provider.sync_playlist(request),
            "update_playlist_tracks": lambda: provider.update_playlist_tracks(playlist_id, TRACKS[:2]),
            "update_playlist_tracks to none": lambda: provider.update_playlist_tracks(playlist_id, []),
            "delete_playlist": lambda: provider.delete_playlist(playlist_id),
            "library": lambda: list(provider.iter_library()),
            "get_account": provider.get_account,
        },
    )


def _hear(provider: BatchedHistory) -> None:
    """Read a whole history, and hold whatever is taken for a listen to being one that a database can store."""
    for batch in provider.iter_recent_listens(datetime(1970, 1, 1, tzinfo=UTC)):
        assert batch
        for track in batch:
            assert track.played_at is not None
            assert track.played_at.utcoffset() == timedelta(0)
            for text in (track.id, track.name, track.artist, track.album, track.url, track.isrc, track.mbid):
                assert "\0" not in text
                assert text.encode("utf-8") is not None
            assert track.duration_ms >= 0


def _read_playlists(provider: PlaylistManager) -> None:
    for playlist in provider.get_playlists():
        list(playlist.tracks)


def _query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


SERVICES = {"spotify": spotify, "lastfm": lastfm, "navidrome": navidrome}
CALLS = [(name, call) for name, service in SERVICES.items() for call in service().calls]


@pytest.fixture(autouse=True, scope="module")
def _nobody_waits_between_retries_or_reads_ahead() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        # What is drawn for an answer must not depend on which thread is faster.
        monkeypatch.setattr("providers.readahead._SHORT_SECONDS", math.inf)
        yield


@pytest.mark.parametrize(("name", "call"), CALLS)
def test_every_call_succeeds_while_the_answers_are_right(name: str, call: str) -> None:
    service = SERVICES[name]()
    with mounted(service.apps):
        service.calls[call]()


@pytest.mark.parametrize("kind", sorted(READY_MADE))
@pytest.mark.parametrize(("name", "call"), CALLS)
def test_html_and_half_an_answer_and_fifty_megabytes_are_named_errors(name: str, call: str, kind: str) -> None:
    service = SERVICES[name]()
    service.faults.add("/", times=None, **READY_MADE[kind]())
    with mounted(service.apps), pytest.raises(ProviderError) as caught:
        service.calls[call]()
    assert not isinstance(caught.value, ReauthorizationRequiredError)


@pytest.mark.parametrize(("name", "call"), CALLS)
@settings(max_examples=40)
@given(data=st.data())
def test_garbage_at_any_place_of_a_right_answer_is_read_or_a_named_error(
    name: str, call: str, data: st.DataObject
) -> None:
    service = SERVICES[name]()
    remaining = data.draw(st.integers(0, 3))

    def spoil(document: Any) -> None:
        nonlocal remaining
        remaining -= 1
        places = list(_places(document))
        if remaining >= 0 or not places:
            return
        container, key = places[data.draw(st.integers(0, len(places) - 1))]
        container[key] = data.draw(GARBAGE)

    service.spoil_with(spoil)
    told = ""
    with mounted(service.apps):
        try:
            service.calls[call]()
        except ProviderError as error:
            told = str(error)
    assert len(told) < 300


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _places(inner)
