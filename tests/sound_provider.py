"""A provider that keeps the whole contract without any network, and the kit's suite over it.

`tests/broken_providers.py` breaks it in one point at a time.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from operator import attrgetter
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from providers.contracts import BatchedHistory, require_aware
from providers.datatypes import AuthAttempt, AuthResult, HistoryEnd, LazyTracks, Playlist, SyncPlaylistRequest, Track
from providers.exceptions import (
    AuthenticationError,
    InvalidResponseError,
    NotFoundError,
    RateLimitedError,
    ReauthorizationRequiredError,
)
from providers.ratelimit import Rate
from providers.registry import ProviderSpec
from providers.testing.conformance import (
    AuthenticatorConformance,
    BatchedHistoryConformance,
    FactoryConformance,
    HistoryCounterConformance,
    LibraryListerConformance,
    PlaylistManagerConformance,
    PlaylistSyncerConformance,
    ProviderConformance,
    TrackFinderConformance,
)
from providers.testing.simulators.faults import Answer

TYPE = "sound"
ORIGIN = "https://sound.example"
TOKEN = "the token of whoever is linked"
PAGE_SIZE = 5


@dataclass
class SoundService:
    """What the service remembers. `answer` is the wrong one it gives to everything, if there is one."""

    answer: Answer | None = None
    requests: int = 0
    listens: list[Track] = field(default_factory=list)
    playlists: dict[str, tuple[str, list[Track]]] = field(default_factory=dict)
    challenges: dict[str, str] = field(default_factory=dict)
    refresh_tokens: set[str] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=count)
    library: list[Track] = field(
        default_factory=lambda: [
            Track(id=f"s{n}", name=f"Song {n}", artist="Night Ferry", isrc=f"QZMRD26{n:05}", artists=("Night Ferry",))
            for n in range(12)
        ]
    )

    def ask(self) -> None:
        """Count a request, and raise what a client makes of a wrong answer."""
        self.requests += 1
        if self.answer is None:
            return
        if self.answer["status"] == 429:
            pause = timedelta(seconds=int(self.answer["headers"]["Retry-After"]))
            raise RateLimitedError("Too many requests.", provider=TYPE, retry_at=datetime.now(UTC) + pause)
        raise InvalidResponseError("The answer makes no sense.", provider=TYPE)

    def listen(self, at: datetime) -> None:
        """Let the person hear another song."""
        number = next(self.numbers)
        self.listens.append(replace(self.library[number % 12], id=f"h{number}", played_at=at))

    def newest_first(self) -> list[Track]:
        """Return what was heard."""
        return sorted(self.listens, key=attrgetter("played_at"), reverse=True)

    def approve(self, address: str) -> str:
        """Agree at the address the browser is sent to, and return the one it is sent back to."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        code = f"code number {next(self.numbers)}"
        self.challenges[code] = query["code_challenge"]
        back = {"state": query["state"]} if "state" in query else {}
        return f"{query['redirect_uri']}?{urlencode({**back, 'code': code})}"


@dataclass
class Person:
    """Stands in for a user of the database and, as `connections`, for their one connection."""

    service: SoundService
    token: str = ""
    needs_reauth: bool = False

    @property
    def connections(self) -> "Person":
        return self

    def filter(self, **_: object) -> "Person":
        return self

    def get(self, **_: object) -> "Person":
        return self

    def count(self) -> int:
        return 1 if self.token else 0

    def mark_needs_reauth(self, detail: str) -> None:
        self.needs_reauth = True


class SoundProvider(BatchedHistory):
    """Every capability there is, kept to the letter."""

    spec_changes: ClassVar[dict[str, Any]] = {}

    def __init__(self, service: SoundService, *, token: str = TOKEN, attempt: AuthAttempt | None = None) -> None:
        self.service = service
        self.token = token
        self.attempt = attempt or AuthAttempt(type=TYPE, callback_url="")

    @classmethod
    def build(cls, user: Any) -> "SoundProvider | None":
        if user.needs_reauth:
            raise ReauthorizationRequiredError("Access was taken back.", provider=TYPE)
        return cls(user.service, token=user.token) if user.token else None

    def type(self) -> str:
        return TYPE

    # History

    def iter_recent_listens(
        self, since: datetime, until: datetime | None = None
    ) -> Generator[list[Track], None, HistoryEnd]:
        require_aware(since=since, until=until)
        self._begin_walk()
        window = self.window(since, until)
        self.expected_listens = len(window)
        for page in self.pages(window):
            self._note_seen(track.played_at for track in page)
            yield page
        return self.end(since)

    def window(self, since: datetime, until: datetime | None) -> list[Track]:
        return [
            track
            for track in self.service.newest_first()[: self.history_limit]
            if track.played_at and since < track.played_at and (until is None or track.played_at <= until)
        ]

    def pages(self, tracks: Sequence[Track]) -> Iterator[list[Track]]:
        self.service.ask()
        for start in range(0, len(tracks), PAGE_SIZE):
            if start:
                self.service.ask()
            yield list(tracks[start : start + PAGE_SIZE])

    def end(self, since: datetime) -> HistoryEnd:
        kept = self.service.newest_first()[: self.history_limit]
        reached = any(track.played_at and track.played_at <= since for track in kept)
        return HistoryEnd.REACHED_SINCE if reached else HistoryEnd.EXHAUSTED

    def count_listens(self, since: datetime, until: datetime) -> int:
        require_aware(since=since, until=until)
        return len(self.window(since, until))

    # Playlists

    def get_playlists(self) -> list[Playlist]:
        self.service.ask()
        return [self.playlist(playlist_id) for playlist_id in self.service.playlists]

    def playlist(self, playlist_id: str) -> Playlist:
        name, tracks = self.service.playlists[playlist_id]
        return Playlist(id=playlist_id, name=name, track_count=len(tracks), tracks=self.tracks(tracks))

    def tracks(self, tracks: Sequence[Track]) -> Iterable[Track]:
        return LazyTracks(lambda: self.pages(tracks))

    def create_playlist(self, name: str, description: str, tracks: Sequence[Track]) -> Playlist:
        self.service.ask()
        playlist_id = f"p{next(self.service.numbers)}"
        self.service.playlists[playlist_id] = name, list(tracks)
        return self.playlist(playlist_id)

    def sync_playlist(self, request: SyncPlaylistRequest) -> str:
        if not request.remote_playlist_id:
            return self.create_playlist(request.name, request.description, request.tracks).id
        self.replace(request.remote_playlist_id, request.tracks)
        self.rename(request.remote_playlist_id, request.name)
        return request.remote_playlist_id

    def rename(self, playlist_id: str, name: str) -> None:
        self.service.playlists[playlist_id] = name, self.service.playlists[playlist_id][1]

    def update_playlist_tracks(self, remote_playlist_id: str, tracks: Sequence[Track]) -> None:
        self.replace(remote_playlist_id, tracks)

    def replace(self, playlist_id: str, tracks: Sequence[Track]) -> None:
        self.service.ask()
        if playlist_id not in self.service.playlists:
            raise NotFoundError("There is no such playlist.", provider=TYPE)
        self.service.playlists[playlist_id] = self.service.playlists[playlist_id][0], list(tracks)

    def delete_playlist(self, remote_playlist_id: str) -> None:
        self.service.ask()
        self.service.playlists.pop(remote_playlist_id, None)

    def iter_library(self) -> Iterator[list[Track]]:
        return self.pages(self.service.library)

    def find_tracks(self, track: Track) -> list[Track]:
        self.service.ask()
        by_isrc = [song for song in self.service.library if song.isrc == track.isrc]
        return by_isrc or self.find_by_names(track)

    def find_by_names(self, track: Track) -> list[Track]:
        return [song for song in self.service.library if (song.name, song.artist) == (track.name, track.artist)]

    # Linking

    def supports_auth(self) -> bool:
        return True

    def get_auth_url(self, state: str) -> str:
        return f"{ORIGIN}/authorize?{urlencode(self.query(state))}"

    def query(self, state: str) -> dict[str, str]:
        challenge = {"code_challenge": self.challenge(), "code_challenge_method": "S256"}
        return {"state": state, "redirect_uri": self.attempt.callback_url, **challenge}

    def challenge(self) -> str:
        digest = sha256(self.attempt.code_verifier.encode()).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode()

    def exchange_code(self, code: str) -> AuthResult:
        self.service.ask()
        if self.service.challenges.pop(code, None) != self.challenge():
            raise AuthenticationError("The code is not good.", provider=TYPE)
        return self.grant()

    def refresh_token(self, refresh_token: str) -> AuthResult:
        self.service.ask()
        if refresh_token not in self.service.refresh_tokens:
            raise ReauthorizationRequiredError("The link is dead.", provider=TYPE)
        return self.grant()

    def grant(self) -> AuthResult:
        number = next(self.service.numbers)
        self.service.refresh_tokens.add(f"refresh {number}")
        expires_at = datetime.now(UTC) + timedelta(hours=1)
        return AuthResult(access_token=f"access {number}", refresh_token=f"refresh {number}", expires_at=expires_at)

    def disconnect(self) -> None:
        """Do nothing: there is nothing to clean up."""


class _Fixtures:
    """What the kits ask for, for any provider that is made as `SoundProvider` is."""

    provider_class: ClassVar[type[SoundProvider]] = SoundProvider

    @pytest.fixture
    def service(self) -> SoundService:
        return SoundService()

    @pytest.fixture
    def spec(self, service: SoundService) -> ProviderSpec:
        values: dict[str, Any] = {
            "type": TYPE,
            "label": "Sound",
            "docs_url": ORIGIN,
            "provider_class": self.provider_class,
            "factory": self.provider_class.build,
            "authenticator_factory": lambda attempt: self.provider_class(service, attempt=attempt),
            "authorize_origins": lambda: (ORIGIN,),
            "credential_model": "sound.SoundAuth",
            "default_rate": Rate(10, 1),
            "poll_interval": (timedelta(minutes=10), timedelta(hours=1)),
            "played_at_marks": "start",
        }
        return ProviderSpec(**values | self.provider_class.spec_changes)

    @pytest.fixture
    def provider(self, service: SoundService) -> SoundProvider:
        return self.provider_class(service)

    @pytest.fixture
    def secrets(self) -> list[str]:
        return [TOKEN]

    @pytest.fixture
    def requests_made(self, service: SoundService) -> Callable[[], int]:
        return lambda: service.requests

    @pytest.fixture
    def break_service(self, service: SoundService) -> Callable[[Answer], None]:
        return lambda answer: setattr(service, "answer", answer)

    @pytest.fixture
    def listen(self, service: SoundService) -> Callable[[datetime], None]:
        return service.listen

    @pytest.fixture
    def page_size(self) -> int:
        return PAGE_SIZE

    @pytest.fixture
    def tracks(self, service: SoundService) -> list[Track]:
        return service.library[:4]

    @pytest.fixture
    def tracks_on_service(self, service: SoundService) -> Callable[[str], list[str] | None]:
        def ids(playlist_id: str) -> list[str] | None:
            if playlist_id not in service.playlists:
                return None
            return [track.id for track in service.playlists[playlist_id][1]]

        return ids

    @pytest.fixture
    def name_on_service(self, service: SoundService) -> Callable[[str], str]:
        return lambda playlist_id: service.playlists[playlist_id][0]

    @pytest.fixture
    def library(self, service: SoundService) -> list[str]:
        return [track.id for track in service.library]

    @pytest.fixture
    def approve(self, service: SoundService) -> Callable[[str], str]:
        return service.approve

    @pytest.fixture
    def user(self, service: SoundService) -> Person:
        return Person(service)

    @pytest.fixture
    def stranger(self, service: SoundService) -> Person:
        return Person(service)

    @pytest.fixture
    def link(self) -> Callable[[Person], None]:
        return lambda person: setattr(person, "token", TOKEN)


class History(_Fixtures, BatchedHistoryConformance, HistoryCounterConformance):
    """The kits about listening."""


class Playlists(
    _Fixtures,
    PlaylistManagerConformance,
    PlaylistSyncerConformance,
    LibraryListerConformance,
    TrackFinderConformance,
):
    """The kits about playlists and what goes onto them."""


class Linking(_Fixtures, AuthenticatorConformance):
    """The kit about linking."""


class Factories(_Fixtures, FactoryConformance):
    """The kit about factories."""


class Everything(History, Playlists, Linking, Factories, ProviderConformance):
    """All kits there are."""
