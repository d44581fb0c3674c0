"""What a Navidrome server remembers: its library, its people, what they played and their playlists."""

import itertools
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from providers.testing.simulators.catalogue import CatalogueTrack

NOT_AUTHORIZED = 50
NOT_FOUND = 70


class RefusedError(Exception):
    """Navidrome says no: one of Subsonic's error codes, with the words that go with it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Scrobble(NamedTuple):
    """One play as the scrobbles table keeps it, in whole Unix seconds."""

    id: int
    song_id: str
    submission_time: int


@dataclass(slots=True)
class Plays:
    """How often something was played by one person, and when last."""

    count: int
    last: datetime


@dataclass(eq=False, slots=True)
class Playlist:
    """``song_ids`` are whatever was sent; those the library does not know are kept but never shown."""

    id: str
    name: str
    owner: "Person"
    created: datetime
    changed: datetime
    comment: str = ""
    public: bool = False
    readonly: bool = False
    song_ids: list[str] = field(default_factory=list)

    def is_visible_to(self, person: "Person") -> bool:
        """Owners, administrators and, of public lists, everybody may look."""
        return self.public or self.is_editable_by(person)

    def is_editable_by(self, person: "Person") -> bool:
        """Owners and administrators may write."""
        return person.is_admin or self.owner is person


@dataclass(eq=False)
class Person:
    """Someone with an account on the server."""

    id: str
    name: str
    password: str = field(repr=False)
    is_admin: bool
    externally_authenticated: bool
    _server: "Server" = field(repr=False)
    plays: dict[str, Plays] = field(default_factory=dict, repr=False)
    scrobbles: list[Scrobble] = field(default_factory=list, repr=False)
    used_salts: set[str] = field(default_factory=set, repr=False)

    def listen(self, song: CatalogueTrack, at: datetime) -> None:
        """Record a play of a song of the library, started ``at`` (aware): play count, last play, and a scrobble."""
        if song.key not in self._server.songs:
            raise ValueError(f"{song.name} is not in the library")
        plays = self.plays.setdefault(song.key, Plays(0, at))
        plays.count += 1
        plays.last = max(plays.last, at)
        self.scrobbles.append(Scrobble(self._server.next_scrobble_id(), song.key, int(at.timestamp())))

    def add_playlist(
        self,
        name: str,
        songs: Iterable[CatalogueTrack] = (),
        *,
        comment: str = "",
        public: bool = False,
        readonly: bool = False,
    ) -> Playlist:
        """Give the person a playlist. A ``readonly`` one stands for a smart playlist: its songs cannot be changed."""
        playlist = self._server.create_playlist(self, name, [song.key for song in songs])
        playlist.comment = comment
        playlist.public = public
        playlist.readonly = readonly
        return playlist


class Server:
    """The state behind the Subsonic and the native API, and who may do what with playlists."""

    def __init__(self, songs: Iterable[CatalogueTrack], clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.songs = {song.key: song for song in songs}
        self._people: dict[str, Person] = {}
        self._playlists: dict[str, Playlist] = {}
        self._scrobble_ids = itertools.count(1)

    def albums(self) -> dict[str, list[CatalogueTrack]]:
        """The songs of each album, by the album's id, in the order the library met them."""
        albums: defaultdict[str, list[CatalogueTrack]] = defaultdict(list)
        for song in self.songs.values():
            albums[song.album_key].append(song)
        return dict(albums)

    def next_scrobble_id(self) -> int:
        """The id of the next row of the scrobbles table, which all people share."""
        return next(self._scrobble_ids)

    def add_person(self, name: str, password: str, *, is_admin: bool, externally_authenticated: bool) -> Person:
        """Open an account; names are unique whatever the case of their ASCII letters."""
        if _without_case(name) in self._people:
            raise ValueError(f"{name} has an account already")
        person = Person(_new_id(), name, password, is_admin, externally_authenticated, self)
        self._people[_without_case(name)] = person
        return person

    def find_person(self, name: str) -> Person | None:
        """The person of that name, whatever the case of its ASCII letters."""
        return self._people.get(_without_case(name))

    def playlists_for(self, person: Person) -> list[Playlist]:
        """All playlists a person can see, by name."""
        visible = [playlist for playlist in self._playlists.values() if playlist.is_visible_to(person)]
        return sorted(visible, key=lambda playlist: playlist.name)

    def entries(self, playlist: Playlist) -> list[CatalogueTrack]:
        """The songs of a playlist that the library knows."""
        return [self.songs[song_id] for song_id in playlist.song_ids if song_id in self.songs]

    def playlist_for(self, person: Person, playlist_id: str) -> Playlist:
        """A playlist to look at. Raises `RefusedError` when there is none the person can see."""
        playlist = self._playlists.get(playlist_id)
        if playlist is None or not playlist.is_visible_to(person):
            raise RefusedError(NOT_FOUND, "data not found")
        return playlist

    def create_playlist(self, owner: Person, name: str, song_ids: Sequence[str]) -> Playlist:
        """A new private playlist; nothing is checked, neither whether the name is taken nor whether the songs exist."""
        now = self.clock()
        playlist = Playlist(_new_id(), name, owner, created=now, changed=now, song_ids=list(song_ids))
        self._playlists[playlist.id] = playlist
        return playlist

    def replace_songs(self, person: Person, playlist_id: str, song_ids: Sequence[str]) -> Playlist:
        """Put these songs in place of the playlist's; none at all leaves it as it was."""
        playlist = self._editable(person, playlist_id, songs=True)
        if song_ids:
            playlist.song_ids = list(song_ids)
        playlist.changed = self.clock()
        return playlist

    def update_playlist(
        self,
        person: Person,
        playlist_id: str,
        *,
        name: str | None,
        comment: str | None,
        public: bool | None,
        added_ids: Sequence[str],
        removed_indexes: Iterable[int],
    ) -> None:
        """Change what is not ``None``, remove by index in the list as it was shown before, then add at the end."""
        removed = set(removed_indexes)
        playlist = self._editable(person, playlist_id, songs=bool(removed or added_ids))
        if removed:
            kept = [song.key for index, song in enumerate(self.entries(playlist)) if index not in removed]
            playlist.song_ids = kept
        playlist.song_ids.extend(added_ids)
        playlist.name = playlist.name if name is None else name
        playlist.comment = playlist.comment if comment is None else comment
        playlist.public = playlist.public if public is None else public
        playlist.changed = self.clock()

    def delete_playlist(self, person: Person, playlist_id: str) -> None:
        """Remove a playlist for good, a smart one too."""
        del self._playlists[self._editable(person, playlist_id, songs=False).id]

    def _editable(self, person: Person, playlist_id: str, *, songs: bool) -> Playlist:
        playlist = self.playlist_for(person, playlist_id)
        if not playlist.is_editable_by(person) or (songs and playlist.readonly):
            raise RefusedError(NOT_AUTHORIZED, "User is not authorized for the given operation")
        return playlist


def _without_case(name: str) -> str:
    """What names are compared by: SQLite's NOCASE knows the case of ASCII letters only."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)


def _new_id() -> str:
    return secrets.token_hex(11)
