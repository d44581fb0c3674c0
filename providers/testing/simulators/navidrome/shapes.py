"""How Navidrome writes songs, albums, artists and playlists down in Subsonic answers.

What is empty or false is mostly left out. Source: Navidrome's public source and its recorded answers, 2026-11.
"""

import uuid
from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import Any

from providers.testing.simulators.catalogue import CatalogueTrack
from providers.testing.simulators.navidrome.server import Person, Playlist, Plays, Server

_SMART_REFRESH = timedelta(seconds=5)


def timestamp(moment: datetime) -> str:
    """A moment as Go writes it: in UTC, with as many decimals as it has."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return f"{text.rstrip('0').rstrip('.')}Z"


def artist_id(name: str) -> str:
    """The id under which the library files an artist."""
    return md5(name.encode(), usedforsecurity=False).hexdigest()[:22]


def added_at(song: CatalogueTrack) -> datetime:
    """When a song came into the library: some time in 2025."""
    return datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=int(artist_id(song.album_key)[:6], 16))


def album_plays(person: Person, songs: list[CatalogueTrack]) -> Plays | None:
    """What a person played of an album; ``None`` if nothing."""
    played = [person.plays[song.key] for song in songs if song.key in person.plays]
    if not played:
        return None
    return Plays(sum(plays.count for plays in played), max(plays.last for plays in played))


def child(song: CatalogueTrack, person: Person) -> dict[str, Any]:
    """A song, with what this person played of it."""
    artists = [{"id": artist_id(name), "name": name} for name in song.artists]
    return {
        "id": song.key,
        "parent": song.album_key,
        "isDir": False,
        "title": song.name,
        "album": song.album,
        "artist": " • ".join(song.artists),
        "track": song.track_number,
        "year": song.year,
        "coverArt": f"mf-{song.key}_0",
        "size": song.duration_ms * 100,
        "contentType": "audio/flac",
        "suffix": "flac",
        "duration": song.duration_ms // 1000,
        "bitRate": 800,
        "path": f"{song.artist}/{song.album}/{song.track_number:02} - {song.name}.flac",
        "discNumber": 1,
        "created": timestamp(added_at(song)),
        "albumId": song.album_key,
        "artistId": artist_id(song.artist),
        "type": "music",
        "isVideo": False,
        "bpm": 0,
        "comment": "",
        "sortName": song.name.casefold(),
        "mediaType": "song",
        "musicBrainzId": song.mbid,
        "isrc": [song.isrc] if song.isrc else [],
        "genres": [],
        "replayGain": {},
        "channelCount": 2,
        "samplingRate": 44100,
        "bitDepth": 16,
        "moods": [],
        "artists": artists,
        "displayArtist": " • ".join(song.artists),
        "albumArtists": artists[:1],
        "displayAlbumArtist": song.artist,
        "contributors": [],
        "displayComposer": "",
        "explicitStatus": "",
    } | _played(person.plays.get(song.key))


def album(songs: list[CatalogueTrack], person: Person) -> dict[str, Any]:
    """An album without its songs, with what this person played of it."""
    first = songs[0]
    return {
        "id": first.album_key,
        "name": first.album,
        "artist": first.artist,
        "artistId": artist_id(first.artist),
        "coverArt": f"al-{first.album_key}_0",
        "songCount": len(songs),
        "duration": sum(song.duration_ms for song in songs) // 1000,
        "created": timestamp(added_at(first)),
        "year": first.year,
        "userRating": 0,
        "genres": [],
        "musicBrainzId": str(uuid.uuid5(uuid.NAMESPACE_URL, first.album_key)),
        "isCompilation": False,
        "sortName": first.album.casefold(),
        "discTitles": [],
        "originalReleaseDate": {},
        "releaseDate": {},
        "releaseTypes": [],
        "recordLabels": [],
        "moods": [],
        "artists": [{"id": artist_id(first.artist), "name": first.artist}],
        "displayArtist": first.artist,
        "explicitStatus": "",
        "version": "",
    } | _played(album_plays(person, songs))


def artist(name: str, album_count: int) -> dict[str, Any]:
    """An artist by whom there are albums."""
    return {"id": artist_id(name), "name": name, "coverArt": f"ar-{artist_id(name)}_0", "albumCount": album_count}


def playlist(shown: Playlist, server: Server, person: Person) -> dict[str, Any]:
    """A playlist without its songs."""
    songs = server.entries(shown)
    shape: dict[str, Any] = {
        "id": shown.id,
        "name": shown.name,
        "songCount": len(songs),
        "duration": sum(song.duration_ms for song in songs) // 1000,
        "owner": shown.owner.name,
        "created": timestamp(shown.created),
        "changed": timestamp(server.clock() if shown.readonly else shown.changed),
        "coverArt": f"pl-{shown.id}_0",
    }
    if shown.comment:
        shape["comment"] = shown.comment
    if shown.public:
        shape["public"] = True
    if shown.readonly or not shown.is_editable_by(person):
        shape["readonly"] = True
    if shown.readonly:
        shape["validUntil"] = timestamp(server.clock() + _SMART_REFRESH)
    return shape


def _played(plays: Plays | None) -> dict[str, Any]:
    return {} if plays is None else {"playCount": plays.count, "played": timestamp(plays.last)}
