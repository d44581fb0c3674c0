"""The Subsonic methods of Navidrome that a listener's bridge needs, with Navidrome's ways of reading the specification.

Source: Navidrome's public source, OpenSubsonic documentation, 2026-11.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from providers.testing.simulators.catalogue import CatalogueTrack
from providers.testing.simulators.navidrome import shapes
from providers.testing.simulators.navidrome.params import GENERIC, Params
from providers.testing.simulators.navidrome.search import search
from providers.testing.simulators.navidrome.server import NOT_AUTHORIZED, NOT_FOUND, Person, RefusedError, Server

MAX_ALBUMS = 500
"""The largest page of albums: a higher ``size`` is cut to this."""

_EXTENSIONS = {
    "transcodeOffset": [1],
    "formPost": [1],
    "songLyrics": [1, 2],
    "indexBasedQueue": [1],
    "playbackReport": [1],
}

Albums = list[list[CatalogueTrack]]
Found = TypeVar("Found")


@dataclass(slots=True)
class Call:
    """One authenticated call. A method may set ``headers`` beside what it returns."""

    server: Server
    person: Person
    params: Params
    headers: dict[str, str] = field(default_factory=dict)


def extensions() -> dict[str, Any]:
    """getOpenSubsonicExtensions, the one method that asks for no credentials."""
    return {"openSubsonicExtensions": [{"name": name, "versions": versions} for name, versions in _EXTENSIONS.items()]}


def ping(call: Call) -> dict[str, Any]:
    """Nothing but the envelope."""
    return {}


def get_user(call: Call) -> dict[str, Any]:
    """Oneself; administrators may ask for anybody."""
    asked = call.params.text("username")
    person = call.server.find_person(asked)
    if person is None or not (person is call.person or call.person.is_admin):
        raise RefusedError(NOT_AUTHORIZED, "User is not authorized for the given operation")
    roles = dict.fromkeys(("settingsRole", "downloadRole", "streamRole", "scrobblingEnabled"), True)
    return {"user": {"username": person.name, "adminRole": person.is_admin, **roles, "folder": [1]}}


def get_song(call: Call) -> dict[str, Any]:
    """One song."""
    song = call.server.songs.get(call.params.text("id"))
    if song is None:
        raise RefusedError(NOT_FOUND, "data not found")
    return {"song": shapes.child(song, call.person)}


def get_album(call: Call) -> dict[str, Any]:
    """An album with its songs."""
    songs = call.server.albums().get(call.params.text("id"))
    if songs is None:
        raise RefusedError(NOT_FOUND, "Album not found")
    children = [shapes.child(song, call.person) for song in songs]
    return {"album": shapes.album(songs, call.person) | {"song": children}}


def get_album_list2(call: Call) -> dict[str, Any]:
    """A page of albums; ``recent`` means those the person played, last played first."""
    kind = call.params.text("type")
    if kind not in _ALBUM_ORDERS:
        raise RefusedError(GENERIC, f"Internal Server Error: type '{kind}' not implemented")
    size = min(call.params.number("size", 10), MAX_ALBUMS)
    offset = call.params.number("offset", 0)
    albums = _ALBUM_ORDERS[kind](list(call.server.albums().values()), call.person)
    call.headers["x-total-count"] = str(len(albums))
    shown = [shapes.album(songs, call.person) for songs in albums[offset : offset + size]]
    return {"albumList2": {"album": shown} if shown else {}}


def search3(call: Call) -> dict[str, Any]:
    """Artists, albums and songs, each with a page of its own."""
    artists = [shapes.artist(name, count) for name, count in _page(call, "artist", _find_artists)]
    albums = [shapes.album(songs, call.person) for songs in _page(call, "album", _find_albums)]
    songs = [shapes.child(song, call.person) for song in _page(call, "song", _find_songs)]
    result = {"artist": artists, "album": albums, "song": songs}
    return {"searchResult3": {name: rows for name, rows in result.items() if rows}}


def get_playlists(call: Call) -> dict[str, Any]:
    """One's own lists and other people's public ones; an administrator sees all."""
    shown = [shapes.playlist(playlist, call.server, call.person) for playlist in call.server.playlists_for(call.person)]
    return {"playlists": {"playlist": shown} if shown else {}}


def get_playlist(call: Call) -> dict[str, Any]:
    """A list with its songs."""
    return _with_entries(call, call.params.text("id"))


def create_playlist(call: Call) -> dict[str, Any]:
    """Make a list; or, with ``playlistId``, replace the songs of one, whatever ``name`` says."""
    playlist_id = call.params.optional("playlistId")
    name = call.params.optional("name")
    song_ids = call.params.texts("songId")
    if playlist_id:
        return _with_entries(call, call.server.replace_songs(call.person, playlist_id, song_ids).id)
    if not name:
        raise RefusedError(GENERIC, "Internal Server Error: required parameter name is missing")
    return _with_entries(call, call.server.create_playlist(call.person, name, song_ids).id)


def update_playlist(call: Call) -> dict[str, Any]:
    """Rename, comment, publish, remove by index, add at the end."""
    call.server.update_playlist(
        call.person,
        call.params.text("playlistId"),
        name=call.params.optional("name"),
        comment=call.params.optional("comment"),
        public=call.params.flag("public"),
        added_ids=call.params.texts("songIdToAdd"),
        removed_indexes=call.params.numbers("songIndexToRemove"),
    )
    return {}


def delete_playlist(call: Call) -> dict[str, Any]:
    """Remove a list."""
    call.server.delete_playlist(call.person, call.params.text("id"))
    return {}


def scrobble(call: Call) -> dict[str, Any]:
    """Count plays; songs that do not exist are passed over in silence."""
    call.params.text("id")
    song_ids = call.params.texts("id")
    times = call.params.numbers("time")
    if times and len(times) != len(song_ids):
        raise RefusedError(GENERIC, f"Wrong number of timestamps: {len(times)}, should be {len(song_ids)}")
    if call.params.flag("submission") is False:
        return {}
    moments = [datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=time) for time in times]
    for song_id, moment in zip(song_ids, moments or [call.server.clock()] * len(song_ids), strict=True):
        song = call.server.songs.get(song_id)
        if song is not None:
            call.person.listen(song, moment)
    return {}


METHODS: dict[str, Callable[[Call], dict[str, Any]]] = {
    "ping": ping,
    "getUser": get_user,
    "getSong": get_song,
    "getAlbum": get_album,
    "getAlbumList2": get_album_list2,
    "search3": search3,
    "getPlaylists": get_playlists,
    "getPlaylist": get_playlist,
    "createPlaylist": create_playlist,
    "updatePlaylist": update_playlist,
    "deletePlaylist": delete_playlist,
    "scrobble": scrobble,
}


def _with_entries(call: Call, playlist_id: str) -> dict[str, Any]:
    playlist = call.server.playlist_for(call.person, playlist_id)
    entries = [shapes.child(song, call.person) for song in call.server.entries(playlist)]
    shape = shapes.playlist(playlist, call.server, call.person)
    return {"playlist": shape | {"entry": entries} if entries else shape}


def _page(call: Call, kind: str, find: Callable[[Call, str], Iterable[Found]]) -> list[Found]:
    """A page of what is found. Where none is counted nothing is looked for, which spares a large library much."""
    offset, count = call.params.number(f"{kind}Offset", 0), call.params.number(f"{kind}Count", 20)
    if not count:
        return []
    return list(islice(find(call, call.params.optional("query") or ""), offset, offset + count))


def _find_artists(call: Call, query: str) -> Iterable[tuple[str, int]]:
    album_counts = Counter(songs[0].artist for songs in call.server.albums().values())
    return search(query, album_counts.items(), words=lambda artist: [artist[0]], mbid=lambda artist: "")


def _find_albums(call: Call, query: str) -> Iterable[list[CatalogueTrack]]:
    return search(
        query,
        call.server.albums().values(),
        words=lambda songs: [songs[0].album, songs[0].artist],
        mbid=lambda songs: str(shapes.album(songs, call.person)["musicBrainzId"]),
    )


def _find_songs(call: Call, query: str) -> Iterable[CatalogueTrack]:
    return search(
        query,
        call.server.songs.values(),
        words=lambda song: [song.name, song.album, *song.artists],
        mbid=lambda song: song.mbid,
    )


def _recent(albums: Albums, person: Person) -> Albums:
    return _played_albums(albums, person, lambda plays: plays.last)


def _frequent(albums: Albums, person: Person) -> Albums:
    return _played_albums(albums, person, lambda plays: plays.count)


def _played_albums(albums: Albums, person: Person, order: Callable[[Any], Any]) -> Albums:
    played = [(plays, songs) for songs in albums if (plays := shapes.album_plays(person, songs)) is not None]
    return [songs for _, songs in sorted(played, key=lambda item: order(item[0]), reverse=True)]


def _newest(albums: Albums, person: Person) -> Albums:
    return sorted(albums, key=lambda songs: shapes.added_at(songs[0]), reverse=True)


def _by_name(albums: Albums, person: Person) -> Albums:
    return sorted(albums, key=lambda songs: songs[0].album.casefold())


_ALBUM_ORDERS: dict[str, Callable[[Albums, Person], Albums]] = {
    "recent": _recent,
    "frequent": _frequent,
    "newest": _newest,
    "alphabeticalByName": _by_name,
}
