"""Navidrome's answers, brought into the shared shapes. Raises `InvalidResponseError` and nothing else.

Empty lists and false values are left out of the answers: what is absent is empty.
"""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from operator import attrgetter
from typing import Any
from urllib.parse import quote

from providers.contracts import Type
from providers.datatypes import Playlist, Track
from providers.exceptions import InvalidResponseError
from providers.jsonvalues import JsonObject, plain_isrc

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


def parse_playlist(response: Mapping[str, Any], base_url: str) -> Playlist:
    """Read getPlaylist, tracks included."""
    row = _answer(response).object("playlist")
    return replace(_playlist(row, base_url), tracks=tuple(_song(entry, base_url) for entry in row.objects("entry")))


def parse_created_id(response: Mapping[str, Any]) -> str:
    """Read createPlaylist: the new list's id, empty where an old server does not tell it."""
    return _answer(response).object("playlist").text("id")


def _song(song: JsonObject, base_url: str) -> Track:
    isrcs = map(plain_isrc, song.texts("isrc"))
    album_id = song.text("albumId")
    return Track(
        id=song.required_text("id"),
        name=song.required_text("title"),
        artist=song.text("displayArtist") or song.text("artist"),
        album=song.text("album"),
        duration_ms=song.integer("duration") * 1000,
        # Songs have no page of their own in Navidrome's player.
        url=f"{base_url}/app/#/album/{quote(album_id, safe='')}/show" if album_id else "",
        isrc=next(filter(None, isrcs), ""),
        artists=tuple(name for artist in song.objects("artists") if (name := artist.text("name"))),
        mbid=song.text("musicBrainzId"),
    )


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
    playlist_id = row.required_text("id")
    return Playlist(
        id=playlist_id,
        name=row.text("name"),
        description=row.text("comment"),
        url=f"{base_url}/app/#/playlist/{quote(playlist_id, safe='')}/show",
        track_count=row.integer("songCount"),
        owner=row.text("owner"),
    )


def _answer(values: Mapping[str, Any]) -> JsonObject:
    return JsonObject(values, provider=Type.NAVIDROME)
