"""The shapes every service's data is brought into (REQ-PROV-020, 021)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TypeVar, dataclass_transform

_Class = TypeVar("_Class")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def _frozen_for_type_checkers(cls: type[_Class]) -> type[_Class]:
    # What dataclasses do at run time to keep an object as it is trebles the cost of making it, and an import makes one
    # for each of a lifetime's listens.
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(cls)


@_frozen_for_type_checkers
class Track:
    """A recording, and the moment it was heard when it comes from a listening history (REQ-PROV-020).

    Not to be changed once it is made: type checkers say so, and `dataclasses.replace` makes another one.

    `id` is the service's own and may be empty (Last.fm has none). `artist` is what to show; `artists` are the
    single names where the service tells them apart. `played_at` is aware UTC, None outside a history.
    `isrc` is upper case without separators, and present whenever the service tells it (REQ-PROV-022).
    `mbid` is the MusicBrainz recording id. `play_count` is how often the person has played it, 0 where the service
    does not tell; beside a last play it shows how many plays before that one cannot be had.
    """

    id: str
    name: str
    artist: str
    album: str = ""
    duration_ms: int = 0
    played_at: datetime | None = None
    url: str = ""
    isrc: str = ""
    artists: tuple[str, ...] = ()
    mbid: str = ""
    play_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """An entry of a playlist that no other service could take: a file of one's own, an episode, what is gone.

    `reason` says in plain words which of them it is. `name` may be empty.
    """

    name: str
    reason: str


class LazyTracks(Iterable[Track]):
    """The tracks of a remote playlist, asked for page by page while they are iterated.

    Each iteration asks the service anew, so nothing is kept in memory and nothing is stale.
    Iterating raises what the service's client raises. `left_out` are the entries among the pages that are no
    tracks, as the last iteration met them.
    """

    def __init__(self, load_pages: Callable[[], Iterator[Sequence[Track | LeftOut]]]) -> None:
        self._load_pages = load_pages
        self.left_out: list[LeftOut] = []

    def __iter__(self) -> Iterator[Track]:
        self.left_out = []
        for page in self._load_pages():
            for entry in page:
                if isinstance(entry, LeftOut):
                    self.left_out.append(entry)
                else:
                    yield entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Playlist:
    """A playlist as a service lists it (REQ-PROV-021). Listing names does not load `tracks`.

    `image_url` is empty where the service has no cover art that can be fetched without credentials.
    `is_readable` is False where the service shows the list but not its contents, and `is_editable` where the
    person cannot change those: somebody else's list, or one that the service fills by itself.
    """

    id: str
    name: str
    description: str = ""
    image_url: str = ""
    url: str = ""
    track_count: int = 0
    owner: str = ""
    is_readable: bool = True
    is_editable: bool = True
    tracks: Iterable[Track] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPlaylistRequest:
    """What a playlist should look like on the service. An empty `remote_playlist_id` asks for a new one."""

    name: str
    description: str = ""
    tracks: tuple[Track, ...] = ()
    remote_playlist_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthAttempt:
    """One attempt at linking, begun in one request and finished in another.

    State and PKCE verifier belong to the flow, so that no service can do without them.
    `callback_url` is where the person's browser shall come back to.
    """

    type: str
    callback_url: str
    client_id: str = ""
    state: str = field(default="", repr=False)
    code_verifier: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthResult:
    """What a service granted. `expires_at` is aware UTC, None where the grant does not expire.

    For Last.fm the session key is the `access_token`. An empty `refresh_token` after a refresh means that
    the old one stays valid. Empty `scopes` mean that the service did not name any.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    expires_at: datetime | None = None
    scopes: tuple[str, ...] = ()
    account_id: str = ""
    account_name: str = ""


class HistoryEnd(Enum):
    """How reading a history ended."""

    REACHED_SINCE = "reached_since"
    """Every listen after `since` was offered."""

    EXHAUSTED = "exhausted"
    """The service had no more before `since` was reached."""
