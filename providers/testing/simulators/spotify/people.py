"""The people of the simulated Spotify: what they played and the playlists they keep."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from providers.testing.simulators.catalogue import CatalogueTrack


def remote_id(*words: object) -> str:
    """An id of 22 characters, the same whenever the simulator is started."""
    return hashlib.sha256(repr(words).encode()).hexdigest()[:22]


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of the person's own computer in a playlist: it has a name, and no id anywhere at Spotify."""

    name: str
    artist: str
    album: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Episode:
    """A podcast episode in a playlist."""

    name: str
    show: str
    duration_ms: int

    @property
    def key(self) -> str:
        """Its id at Spotify."""
        return remote_id("episode", self.show, self.name)


Content = CatalogueTrack | LocalFile | Episode | None
"""What a playlist entry holds. ``None`` is a track that is no longer available."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a playlist."""

    content: Content
    added_at: datetime


@dataclass(slots=True)
class Playlist:
    """A playlist; every write gives it a new ``snapshot_id``.

    ``is_listed`` False makes it one of those that ``/me/playlists`` counts but leaves out of its page.
    """

    id: str
    name: str
    owner: "Person"
    created_at: datetime
    description: str | None = ""
    is_public: bool = True
    is_collaborative: bool = False
    is_listed: bool = True
    has_image: bool = True
    entries: list[Entry] = field(default_factory=list, repr=False)
    snapshots: list[str] = field(default_factory=lambda: [secrets.token_urlsafe(24)])

    @property
    def snapshot_id(self) -> str:
        """Names the present contents."""
        return self.snapshots[-1]

    def write(self, entries: Iterable[Entry]) -> str:
        """Replace the contents; return the new snapshot's id."""
        self.entries = list(entries)
        self.snapshots.append(secrets.token_urlsafe(24))
        return self.snapshot_id


@dataclass(frozen=True, slots=True)
class Play:
    """One play; ``track`` is ``None`` where Spotify has forgotten which it was."""

    played_at: datetime
    track: CatalogueTrack | None


@dataclass(slots=True, eq=False)
class Person:
    """Somebody with a Spotify account.

    ``library`` is what they keep, their own playlists and followed ones, ``None`` standing for a broken entry. What
    they ``made`` exists for ever: Spotify deletes no playlist, it only takes it out of libraries.
    """

    id: str
    display_name: str
    plays: list[Play] = field(default_factory=list, repr=False)
    library: list[Playlist | None] = field(default_factory=list, repr=False)
    made: list[Playlist] = field(default_factory=list, repr=False)

    @property
    def account_id(self) -> str:
        """The id that is meant for account linking and never changes."""
        return remote_id("account", self.id)

    def listen(self, track: CatalogueTrack | None, at: datetime) -> None:
        """Play ``track``, ending ``at`` (aware). A time on the full second is later shown without milliseconds."""
        self.plays.append(Play(at.astimezone(UTC), track))

    def add_playlist(
        self,
        name: str,
        contents: Iterable[Content] = (),
        *,
        created_at: datetime = datetime(2024, 3, 1, 12, tzinfo=UTC),
        description: str | None = "",
        is_public: bool = True,
        is_collaborative: bool = False,
        is_listed: bool = True,
        has_image: bool = True,
    ) -> Playlist:
        """Make a playlist of this person's and keep it in the library."""
        playlist = Playlist(
            id=remote_id("playlist", self.id, len(self.made)),
            name=name,
            owner=self,
            created_at=created_at,
            description=description,
            is_public=is_public,
            is_collaborative=is_collaborative,
            is_listed=is_listed,
            has_image=has_image,
            entries=[Entry(content, created_at) for content in contents],
        )
        self.made.append(playlist)
        self.library.append(playlist)
        return playlist

    def follow(self, playlist: Playlist) -> None:
        """Keep somebody else's playlist in the library."""
        self.library.append(playlist)

    def may_edit(self, playlist: Playlist) -> bool:
        """Whether the contents are this person's to read and to change (owner or collaborator)."""
        return playlist.owner is self or (playlist.is_collaborative and playlist in self.library)

    def may_see(self, playlist: Playlist) -> bool:
        """Whether the playlist exists at all as far as this person is told."""
        return playlist.is_public or self.may_edit(playlist)
