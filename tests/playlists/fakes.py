"""Services whose playlists and songs are lists in this process."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from providers.datatypes import LazyTracks, LeftOut, Playlist, SyncPlaylistRequest, Track
from providers.exceptions import NotFoundError


def song(name: str, artist: str = "Ana", *, id: str = "", **fields: object) -> Track:
    """A track that has what a service tells of it; no two songs are equally long."""
    duration_ms = zlib.crc32(name.lower().encode("utf-8", "surrogatepass")) % 3_000_000
    known = {"album": "First", "duration_ms": duration_ms, "artists": (artist,)}
    return Track(id=id or f"{name}/{artist}", name=name, artist=artist, **{**known, **fields})  # type: ignore[arg-type]


@dataclass
class ListService:
    """A service. `before` is called with the name of what it is asked, before it does it, and may raise."""

    name: str
    songs: list[Track] = field(default_factory=list)
    lists: dict[str, Playlist] = field(default_factory=dict)
    contents: dict[str, list[Track | LeftOut]] = field(default_factory=dict)
    before: Callable[[str], None] = lambda what: None
    asked: list[str] = field(default_factory=list)
    page: int = 3
    _ids: Iterator[int] = field(default_factory=lambda: count(1))

    def type(self) -> str:
        return self.name

    def add(self, name: str, tracks: Sequence[Track | LeftOut] = (), **fields: object) -> Playlist:
        playlist = Playlist(id=f"{self.name}-{next(self._ids)}", name=name, **fields)  # type: ignore[arg-type]
        self.lists[playlist.id] = playlist
        self.contents[playlist.id] = list(tracks)
        return playlist

    def shows(self, playlist_id: str) -> list[str]:
        """The names of what is on a list."""
        return [entry.name for entry in self.contents[playlist_id]]

    def ids(self, playlist_id: str) -> list[str]:
        return [entry.id for entry in self.contents[playlist_id] if isinstance(entry, Track)]

    def _do(self, what: str) -> None:
        self.asked.append(what)
        self.before(what)

    @property
    def writes(self) -> list[str]:
        return [what for what in self.asked if what in ("create", "sync", "update", "delete")]

    def get_playlists(self) -> list[Playlist]:
        self._do("list")

        def loaded(playlist_id: str) -> LazyTracks:
            def pages() -> Iterator[list[Track | LeftOut]]:
                self._do("read")
                yield self.contents[playlist_id]

            return LazyTracks(pages)

        return [
            replace(one, tracks=loaded(one.id), track_count=len(self.contents[one.id])) for one in self.lists.values()
        ]

    def create_playlist(self, name: str, description: str, tracks: Sequence[Track]) -> Playlist:
        self._do("create")
        return self.add(name, self._taken(tracks), description=description)

    def sync_playlist(self, request: SyncPlaylistRequest) -> str:
        self._do("sync")
        if not request.remote_playlist_id:
            return self.add(request.name, self._taken(request.tracks), description=request.description).id
        if request.remote_playlist_id not in self.lists:
            raise NotFoundError("The list is gone.", provider=self.name)
        shown = self.lists[request.remote_playlist_id]
        self.lists[shown.id] = replace(shown, name=request.name, description=request.description)
        self.update_playlist_tracks(shown.id, request.tracks)
        return shown.id

    def update_playlist_tracks(self, remote_playlist_id: str, tracks: Sequence[Track]) -> None:
        taken = self._taken(tracks)
        self.contents[remote_playlist_id] = list(taken)
        self.before("written")
        if len(taken) < len(tracks):
            raise NotFoundError("Some songs are not in the library.", provider=self.name)

    def delete_playlist(self, remote_playlist_id: str) -> None:
        self._do("delete")
        self.lists.pop(remote_playlist_id, None)

    def iter_library(self) -> Iterator[list[Track]]:
        self._do("library")
        for first in range(0, len(self.songs), self.page):
            yield self.songs[first : first + self.page]

    def _taken(self, tracks: Sequence[Track]) -> list[Track]:
        there = {one.id for one in self.songs}
        return [track for track in tracks if track.id in there]
