"""Navidrome's answers, brought into the shared shapes. Raises `InvalidResponseError` and nothing else.

Empty lists and false values are left out of the answers: what is absent is empty.
"""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from operator import attrgetter
from typing import Annotated, Any, Generic, Literal, TypeVar
from urllib.parse import quote

import msgspec

from providers.contracts import Type
from providers.datatypes import Playlist, Track
from providers.exceptions import InvalidResponseError
from providers.jsonvalues import MAX_INTEGER, SURPRISES, JsonObject, check_plain, decode_object, plain_isrc

_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person as the server knows them, the name in the server's own spelling."""

    name: str
    is_admin: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedAlbum:
    """An album, and when something of it was last played."""

    id: str
    played_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrobble:
    """One play of one song."""

    id: int
    song_id: str
    played_at: datetime


def account_id(username: str) -> str:
    """Return what stays the same however a name is typed: two names with one id are one Navidrome account.

    Navidrome compares names as SQLite's NOCASE does, which knows the case of ASCII letters only. To fold more
    would make one person of two.
    """
    return username.translate(_ASCII_LOWER)


def parse_response(body: bytes) -> dict[str, Any]:
    """Decode an answer and return its "subsonic-response", which is one of success."""
    response = decode_object(body, provider=Type.NAVIDROME).get("subsonic-response")
    if not isinstance(response, dict) or response.get("status") != "ok":
        raise InvalidResponseError("The answer is not one of a Subsonic server.", provider=Type.NAVIDROME)
    return response


def parse_account(response: Mapping[str, Any]) -> Account:
    """Read getUser."""
    user = _answer(response).object("user")
    return Account(name=user.required_text("username"), is_admin=user.boolean("adminRole"))


def parse_song(response: Mapping[str, Any], base_url: str) -> Track:
    """Read getSong."""
    return _song(_answer(response).object("song"), base_url)


def parse_album_id(response: Mapping[str, Any]) -> str:
    """Read from getSong which album the song is on; empty where it is on none."""
    return _answer(response).object("song").text("albumId")


def parse_album(response: Mapping[str, Any], base_url: str) -> list[Track]:
    """Read the songs of getAlbum."""
    return [_song(song, base_url) for song in _answer(response).object("album").objects("song")]


def parse_last_plays(response: Mapping[str, Any], base_url: str) -> list[Track]:
    """Read the songs of getAlbum that were ever played, the last played first, each at its last play."""
    songs = _answer(response).object("album").objects("song")
    played = [
        replace(_song(song, base_url), played_at=moment, play_count=song.integer("playCount"))
        for song in songs
        if (moment := _played_at(song))
    ]
    return sorted(played, key=attrgetter("played_at"), reverse=True)


def parse_recent_albums(response: Mapping[str, Any]) -> list[PlayedAlbum]:
    """Read the played albums of getAlbumList2, which come before those that never were."""
    albums = _answer(response).object("albumList2").objects("album")
    return [
        PlayedAlbum(id=album.required_text("id"), played_at=moment) for album in albums if (moment := _played_at(album))
    ]


def parse_scrobbles(rows: Sequence[Any]) -> list[Scrobble]:
    """Read a page of single plays, which must be in order: reading stops at the first that is old enough."""
    scrobbles = [_scrobble(row) for row in _answer({"scrobble": rows}).objects("scrobble")]
    if any(earlier.played_at < later.played_at for earlier, later in pairwise(scrobbles)):
        raise InvalidResponseError("The plays do not come the last one first.", provider=Type.NAVIDROME)
    return scrobbles


def parse_playlists(response: Mapping[str, Any], base_url: str) -> list[Playlist]:
    """Read getPlaylists."""
    rows = _answer(response).object("playlists").objects("playlist")
    return [_playlist(row, base_url) for row in rows]


def parse_playlist(body: bytes, base_url: str) -> Playlist:
    """Read getPlaylist, tracks included."""
    try:
        shown = _plain_playlists.decode(body).response.playlist
        check_plain(shown.id, shown.name, shown.comment, shown.owner)
        tracks = [_plain_song(song, base_url) for song in shown.entry]
        return replace(
            _described(
                shown.id, shown.name, shown.comment, shown.song_count, shown.owner, base_url, is_fixed=shown.readonly
            ),
            tracks=tuple(tracks),
        )
    except SURPRISES:
        row = _answer(parse_response(body)).object("playlist")
        return replace(
            _playlist(row, base_url), tracks=tuple([_song(entry, base_url) for entry in row.objects("entry")])
        )


def parse_songs(body: bytes, base_url: str) -> list[Track]:
    """Read a page of the songs that search3 found; past the last of them it is empty."""
    try:
        found = _plain_searches.decode(body).response.found
        return [_plain_song(song, base_url) for song in found.song]
    except SURPRISES:
        answer = _answer(parse_response(body))
        if "searchResult3" not in answer:
            # Or else it would be taken for the end of the library.
            raise InvalidResponseError("In the answer searchResult3 is missing.", provider=Type.NAVIDROME) from None
        return [_song(song, base_url) for song in answer.object("searchResult3").objects("song")]


def parse_created_id(response: Mapping[str, Any]) -> str:
    """Read createPlaylist: the new list's id, empty where an old server does not tell it."""
    return _answer(response).object("playlist").text("id")


class _Artist(msgspec.Struct, gc=False):
    name: str


class _PlainSong(msgspec.Struct, rename="camel"):
    id: str
    title: Annotated[str, msgspec.Meta(min_length=1)]
    display_artist: Annotated[str, msgspec.Meta(min_length=1)]
    album_id: Annotated[str, msgspec.Meta(min_length=1)]
    artists: Annotated[list[_Artist], msgspec.Meta(min_length=1)]
    album: str = ""
    music_brainz_id: str = ""
    duration: Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)] = 0
    isrc: Annotated[list[str], msgspec.Meta(max_length=1)] = []


class _PlainPlaylist(msgspec.Struct, rename="camel"):
    id: str
    name: str = ""
    comment: str = ""
    owner: str = ""
    song_count: Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)] = 0
    readonly: bool = False
    entry: list[_PlainSong] = []


class _PlainSongs(msgspec.Struct):
    song: list[_PlainSong] = []


class _WithPlaylist(msgspec.Struct):
    status: Literal["ok"]
    playlist: _PlainPlaylist


class _WithSongs(msgspec.Struct):
    status: Literal["ok"]
    found: _PlainSongs = msgspec.field(name="searchResult3")


_Response = TypeVar("_Response")


class _PlainAnswer(msgspec.Struct, Generic[_Response]):
    response: _Response = msgspec.field(name="subsonic-response")


_plain_playlists = msgspec.json.Decoder(_PlainAnswer[_WithPlaylist])
_plain_searches = msgspec.json.Decoder(_PlainAnswer[_WithSongs])


def _plain_song(song: _PlainSong, base_url: str) -> Track:
    """Read a song that has just what OpenSubsonic says, several times faster. Raises one of `SURPRISES` for others."""
    artists = tuple([artist.name for artist in song.artists])
    check_plain(
        song.id, song.title, song.display_artist, song.album, song.album_id, song.music_brainz_id, *artists, *song.isrc
    )
    if not all(artists):
        raise ValueError
    return Track(
        id=song.id,
        name=song.title,
        artist=song.display_artist,
        album=song.album,
        duration_ms=song.duration * 1000,
        url=_album_url(base_url, song.album_id),
        isrc=plain_isrc("".join(song.isrc)),
        artists=artists,
        mbid=song.music_brainz_id,
    )


def _song(song: JsonObject, base_url: str) -> Track:
    artist, album, album_id, mbid = song.read_texts("displayArtist", "album", "albumId", "musicBrainzId")
    return Track(
        id=song.required_text("id"),
        name=song.required_text("title"),
        artist=artist or song.text("artist"),
        album=album,
        duration_ms=song.integer("duration") * 1000,
        url=_album_url(base_url, album_id) if album_id else "",
        isrc=next(filter(None, map(plain_isrc, song.texts("isrc"))), ""),
        artists=tuple([name for artist in song.objects("artists") if (name := artist.text("name"))]),
        mbid=mbid,
    )


@lru_cache(maxsize=4096)
def _album_url(base_url: str, album_id: str) -> str:
    """Return where an album is shown. Songs have no page of their own in Navidrome's player."""
    return f"{base_url}/app/#/album/{quote(album_id, safe='')}/show"


def _played_at(row: JsonObject) -> datetime | None:
    """Return the last play in whole seconds, as single plays are told: so one listen is one, told either way."""
    moment = row.moment("played")
    return None if moment is None else moment.replace(microsecond=0)


def _scrobble(row: JsonObject) -> Scrobble:
    played_at = row.unix_moment("submissionTime")
    if played_at is None:
        raise InvalidResponseError("In the answer a play has no time.", provider=Type.NAVIDROME)
    return Scrobble(id=row.integer("id"), song_id=row.required_text("mediaFileId"), played_at=played_at)


def _playlist(row: JsonObject, base_url: str) -> Playlist:
    """Read a list. Its picture cannot be fetched without credentials, so there is none (REQ-PROV-021)."""
    return _described(
        row.required_text("id"),
        row.text("name"),
        row.text("comment"),
        row.integer("songCount"),
        row.text("owner"),
        base_url,
        is_fixed=row.boolean("readonly"),
    )


def _described(
    playlist_id: str, name: str, comment: str, song_count: int, owner: str, base_url: str, *, is_fixed: bool
) -> Playlist:
    return Playlist(
        id=playlist_id,
        name=name,
        description=comment,
        url=f"{base_url}/app/#/playlist/{quote(playlist_id, safe='')}/show",
        track_count=song_count,
        owner=owner,
        is_editable=not is_fixed,
    )


def _answer(values: Mapping[str, Any]) -> JsonObject:
    return JsonObject(values, provider=Type.NAVIDROME)
