"""The JSON in which Spotify says things, in the words from before February 2026, from after it, or in both at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any, Literal
from urllib.parse import quote_plus

from providers.testing.simulators.catalogue import CatalogueTrack
from providers.testing.simulators.spotify.people import (
    Content,
    Entry,
    Episode,
    LocalFile,
    Person,
    Play,
    Playlist,
    remote_id,
)

PlaylistShape = Literal["both", "new", "old"]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shapes:
    """Writes one application's answers. ``is_reduced`` leaves out what new applications no longer get."""

    root: str
    playlist_shape: PlaylistShape
    is_reduced: bool
    has_account_ids: bool

    def me(self, person: Person) -> Json:
        """The answer of ``/me``."""
        profile = self._user(person) | {"images": []}
        if self.has_account_ids:
            profile["account_id"] = person.account_id
        if not self.is_reduced:
            profile |= {"country": "NO", "product": "premium", "followers": {"href": None, "total": 7}}
        return profile

    def play(self, play: Play) -> Json:
        """One item of recently-played."""
        context = None
        if play.track is not None and play.track.track_number % 3:
            context = _named("album", play.track.album_key, self.root)
        return {
            "track": play.track and self.track(play.track),
            "played_at": _moment(play.played_at),
            "context": context,
        }

    def track(self, track: CatalogueTrack) -> Json:
        """A whole track. One without an ISRC has empty ``external_ids``, or none at all."""
        shape = {
            "album": {
                "album_type": "album",
                "artists": [self._artist(track.artist)],
                "images": _images(track.album_key),
                "name": track.album,
                "release_date": str(track.year),
                "release_date_precision": "year",
                "total_tracks": 12,
                **_named("album", track.album_key, self.root),
                "id": track.album_key,
            },
            "artists": [self._artist(artist) for artist in track.artists],
            "disc_number": 1,
            "duration_ms": track.duration_ms,
            "explicit": False,
            "id": track.key,
            "is_local": False,
            "name": track.name,
            "preview_url": None,
            "track_number": track.track_number,
            **_named("track", track.key, self.root),
        }
        if track.isrc:
            shape["external_ids"] = {"isrc": track.isrc}
        elif track.track_number % 2:
            shape["external_ids"] = {}
        if not self.is_reduced:
            shape |= {"available_markets": ["NO", "SE"], "popularity": 40}
        return shape

    def listed_playlist(self, playlist: Playlist) -> Json:
        """A playlist as lists of playlists show it: of its contents only how many there are."""
        return self.playlist(playlist, {"href": self.items_url(playlist), "total": len(playlist.entries)})

    def playlist(self, playlist: Playlist, contents: Json | None) -> Json:
        """A playlist with its ``contents``, which are left out altogether when the reader may not see them."""
        shape = {
            "collaborative": playlist.is_collaborative,
            # Told as for a page of HTML (spotify/web-api#980).
            "description": playlist.description and escape(playlist.description),
            "id": playlist.id,
            "images": _images(playlist.id)[:1] if playlist.has_image else None,
            "name": playlist.name,
            "owner": self._user(playlist.owner),
            "primary_color": None,
            "public": playlist.is_public,
            "snapshot_id": playlist.snapshot_id,
            **_named("playlist", playlist.id, self.root),
        }
        if contents is not None:
            shape |= self._in_both_words("items", "tracks", contents)
        return shape

    def entry(self, entry: Entry, owner: Person, types: frozenset[str]) -> Json:
        """One line of a playlist."""
        content = self._content(entry.content, types)
        shape: Json = {
            "added_at": _moment(entry.added_at),
            "added_by": {key: value for key, value in self._user(owner).items() if key != "display_name"},
            "is_local": isinstance(entry.content, LocalFile),
            "primary_color": None,
            "video_thumbnail": {"url": None},
        }
        return shape | self._in_both_words("item", "track", content)

    def _in_both_words(self, new: str, old: str, value: Any) -> Json:
        words: Mapping[str, tuple[str, ...]] = {"both": (new, old), "new": (new,), "old": (old,)}
        return dict.fromkeys(words[self.playlist_shape], value)

    def _content(self, content: Content, types: frozenset[str]) -> Json | None:
        match content:
            case CatalogueTrack():
                return self.track(content) | {"track": True, "episode": False}
            case LocalFile():
                return _local_file(content)
            case Episode() if "episode" in types:
                return self._episode(content)
            case Episode():
                return self._episode_as_track(content)
            case None:
                return None

    def _episode(self, episode: Episode) -> Json:
        return {
            "description": "",
            "duration_ms": episode.duration_ms,
            "explicit": False,
            "id": episode.key,
            "images": _images(episode.key),
            "name": episode.name,
            "release_date": "2026-01-15",
            "release_date_precision": "day",
            "show": {"name": episode.show, "id": remote_id("show", episode.show), "type": "show"},
            **_named("episode", episode.key, self.root),
            "track": False,
            "episode": True,
        }

    def _episode_as_track(self, episode: Episode) -> Json:
        shape = self._episode(episode)
        show = shape.pop("show")
        return shape | {
            "album": {"album_type": None, "artists": [], "id": show["id"], "name": show["name"], "type": "show"},
            "artists": [{"id": show["id"], "name": show["name"], "type": "artist"}],
            "external_ids": {},
            "is_local": False,
        }

    def _artist(self, name: str) -> Json:
        key = remote_id("artist", name)
        return {"id": key, "name": name, **_named("artist", key, self.root)}

    def _user(self, person: Person) -> Json:
        return {"display_name": person.display_name, "id": person.id, **_named("user", person.id, self.root)}

    def items_url(self, playlist: Playlist) -> str:
        """Where the contents are to be had, by the name this application knows the route by."""
        return f"{self.root}/v1/playlists/{playlist.id}/{'tracks' if self.playlist_shape == 'old' else 'items'}"


def _local_file(file: LocalFile) -> Json:
    words = (quote_plus(word) for word in (file.artist, file.album, file.name))
    return {
        "album": {
            "artists": [],
            "href": None,
            "id": None,
            "images": [],
            "name": file.album,
            "type": "album",
            "uri": None,
        },
        "artists": [
            {"external_urls": {}, "href": None, "id": None, "name": file.artist, "type": "artist", "uri": None}
        ],
        "disc_number": 0,
        "duration_ms": file.duration_ms,
        "explicit": False,
        "external_ids": {},
        "external_urls": {},
        "href": None,
        "id": None,
        "is_local": True,
        "name": file.name,
        "preview_url": None,
        "track_number": 0,
        "type": "track",
        "uri": f"spotify:local:{':'.join(words)}:{file.duration_ms // 1000}",
        "track": True,
        "episode": False,
    }


def _named(kind: str, key: str, root: str) -> Json:
    return {
        "external_urls": {"spotify": f"https://open.spotify.com/{kind}/{key}"},
        "href": f"{root}/v1/{kind}s/{key}",
        "type": kind,
        "uri": f"spotify:{kind}:{key}",
    }


def _images(key: str) -> list[Json]:
    return [
        {"height": size, "url": f"https://i.scdn.co/image/ab67616d0000b273{remote_id('image', key)}", "width": size}
        for size in (640, 300, 64)
    ]


def _moment(moment: datetime) -> str:
    if moment.microsecond == 0:
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
