"""Playlists: which a person keeps, what is in them, and the few ways of changing that."""

from collections.abc import Iterable, Mapping
from typing import Any

from providers.testing.simulators.catalogue import CatalogueTrack
from providers.testing.simulators.spotify.call import Call, page_frame
from providers.testing.simulators.spotify.errors import ApiError
from providers.testing.simulators.spotify.fields import parse_fields, select
from providers.testing.simulators.spotify.people import Entry, Person, Playlist
from providers.testing.simulators.spotify.shapes import Json

MAX_PAGE = 50
MAX_LEGACY_PAGE = 100
MAX_URIS = 100
MAX_LIBRARY_URIS = 40
MAX_DESCRIPTION = 300


class Playlists:
    """The playlist endpoints, over everybody's playlists and the tracks that exist."""

    def __init__(self, people: Mapping[str, Person], tracks: Mapping[str, CatalogueTrack]) -> None:
        self._people = people
        self._tracks = tracks

    def mine(self, call: Call) -> Json:
        """What the person keeps: own and followed lists. A page may hold nulls, and fewer items than it counts."""
        call.require("playlist-read-private")
        person = call.grant.person
        is_told_all = "playlist-read-collaborative" in call.grant.scopes
        kept = [item for item in person.library if item is None or is_told_all or not item.is_collaborative]
        offset, limit = call.number("offset", 0, 0), call.number("limit", 20, 1, MAX_PAGE)
        listed = [item for item in kept[offset : offset + limit] if item is None or item.is_listed]
        frame = page_frame(call.request.base_url, offset=offset, limit=limit, total=len(kept), kept={})
        return frame | {"items": [item and call.shapes.listed_playlist(item) for item in listed]}

    def one(self, call: Call, key: str) -> Json:
        """A playlist with the first page of its contents, which are left out where the person may not read them."""
        playlist = self._find(call, key)
        return _selected(call, call.shapes.playlist(playlist, _first_page(call, playlist)))

    def items(self, call: Call, key: str) -> Json:
        """A page of a playlist's contents.

        ``fields`` is honoured, and is not repeated in the links to other pages.
        """
        call.require("playlist-read-private")
        playlist = self._find(call, key)
        if not _may_read(call, playlist):
            raise ApiError(403, "Forbidden")
        highest = MAX_LEGACY_PAGE if call.is_legacy else MAX_PAGE
        offset, limit = call.number("offset", 0, 0), call.number("limit", 20, 1, highest)
        return _selected(call, _page(call, playlist, offset, limit))

    def create(self, call: Call, owner: str | None = None) -> Json:
        """A new, empty playlist of the person's. Names need not be unique."""
        person = call.grant.person
        if owner not in (None, person.id):
            raise ApiError(403, "You cannot create a playlist for another user")
        wanted = _details(call, {"name": "", "description": "", "public": True, "collaborative": False})
        call.require(_scope_to_change(is_public=wanted["public"]))
        playlist = person.add_playlist(
            wanted["name"],
            created_at=call.now,
            description=wanted["description"],
            is_public=wanted["public"],
            is_collaborative=wanted["collaborative"],
            has_image=False,
        )
        return call.shapes.playlist(playlist, _first_page(call, playlist))

    def change(self, call: Call, key: str) -> None:
        """Other details, only the owner's to give; what is not named stays."""
        playlist = self._find(call, key)
        call.require(_scope_to_change(is_public=playlist.is_public))
        if playlist.owner is not call.grant.person:
            raise ApiError(403, "You cannot change a playlist you don't own.")
        there = {
            "name": playlist.name,
            "description": playlist.description or "",
            "public": playlist.is_public,
            "collaborative": playlist.is_collaborative,
        }
        wanted = _details(call, there)
        playlist.name, playlist.description = wanted["name"], wanted["description"]
        playlist.is_public, playlist.is_collaborative = wanted["public"], wanted["collaborative"]

    def add(self, call: Call, key: str) -> Json:
        """Add tracks at ``position``, or at the end."""
        playlist = self._editable(call, key)
        added = self._wanted(call)
        position = len(playlist.entries) if call.request.args.get("uris") else call.json().get("position")
        if position is None:
            position = len(playlist.entries)
        if not isinstance(position, int) or not 0 <= position <= len(playlist.entries):
            raise ApiError(400, "Index out of bounds.")
        return _written(playlist, [*playlist.entries[:position], *added, *playlist.entries[position:]])

    def replace(self, call: Call, key: str) -> Json:
        """Replace everything; an empty list of ``uris`` clears the playlist."""
        playlist = self._editable(call, key)
        return _written(playlist, self._wanted(call))

    def remove(self, call: Call, key: str) -> Json:
        """Remove every occurrence of the tracks named."""
        playlist = self._editable(call, key)
        body = call.json()
        items = body.get("tracks" if call.is_legacy else "items")
        if not isinstance(items, list) or not items:
            raise ApiError(400, "No items provided")
        if len(items) > MAX_URIS:
            raise ApiError(400, f"You can remove a maximum of {MAX_URIS} items per request.")
        if body.get("snapshot_id", playlist.snapshot_id) not in playlist.snapshots:
            raise ApiError(400, "Invalid snapshot id")
        gone = {track.key for track in self._resolved(_uri_of(item) for item in items)}
        kept = (entry for entry in playlist.entries if getattr(entry.content, "key", None) not in gone)
        return _written(playlist, kept)

    def forget(self, call: Call) -> None:
        """Take playlists out of the person's library: the nearest thing to deleting them."""
        uris = [uri for uri in call.request.args.get("uris", "").split(",") if uri]
        if not uris or len(uris) > MAX_LIBRARY_URIS:
            raise ApiError(400, f"Between 1 and {MAX_LIBRARY_URIS} uris are needed")
        for uri in uris:
            if not uri.startswith("spotify:playlist:"):
                raise ApiError(400, f"Invalid uri: {uri}")
        for uri in uris:
            self.unfollow(call, uri.removeprefix("spotify:playlist:"))

    def unfollow(self, call: Call, key: str) -> None:
        """Take one playlist out of the person's library; nothing happens when it is not there."""
        person = call.grant.person
        for playlist in [item for item in person.library if item is not None and item.id == key]:
            call.require(_scope_to_change(is_public=playlist.is_public))
            person.library.remove(playlist)

    def _find(self, call: Call, key: str) -> Playlist:
        for person in self._people.values():
            for playlist in person.made:
                if playlist.id == key and call.grant.person.may_see(playlist):
                    return playlist
        raise ApiError(404, "Resource not found")

    def _editable(self, call: Call, key: str) -> Playlist:
        playlist = self._find(call, key)
        call.require(_scope_to_change(is_public=playlist.is_public))
        if not call.grant.person.may_edit(playlist):
            raise ApiError(403, "You cannot change a playlist you don't own.")
        return playlist

    def _wanted(self, call: Call) -> list[Entry]:
        in_query = call.request.args.get("uris")
        uris = in_query.split(",") if in_query else call.json().get("uris")
        if not isinstance(uris, list):
            raise ApiError(400, "No uris provided")
        if len(uris) > MAX_URIS:
            raise ApiError(400, f"You can add a maximum of {MAX_URIS} tracks per request.")
        return [Entry(track, call.now) for track in self._resolved(uris)]

    def _resolved(self, uris: Iterable[object]) -> list[CatalogueTrack]:
        return [self._track(uri) for uri in uris]

    def _track(self, uri: object) -> CatalogueTrack:
        if not isinstance(uri, str) or not uri.startswith("spotify:track:"):
            raise ApiError(400, f"Invalid track uri: {uri}")
        try:
            return self._tracks[uri.removeprefix("spotify:track:")]
        except KeyError:
            raise ApiError(400, "Payload contains a non-existing ID") from None


def _details(call: Call, otherwise: Json) -> Json:
    """The details a body names, held to what Spotify takes, and ``otherwise`` in place of those it does not name."""
    wanted = otherwise | {name: value for name, value in call.json().items() if name in otherwise}
    if not isinstance(wanted["name"], str) or not wanted["name"]:
        raise ApiError(400, "Missing required field: name")
    description = wanted["description"]
    if not isinstance(description, str) or len(description) > MAX_DESCRIPTION or "\n" in description:
        raise ApiError(400, "Invalid playlist description")
    if not isinstance(wanted["public"], bool) or not isinstance(wanted["collaborative"], bool):
        raise ApiError(400, "Malformed json")
    if wanted["public"] and wanted["collaborative"]:
        raise ApiError(400, "A collaborative playlist cannot be public")
    return wanted


def _may_read(call: Call, playlist: Playlist) -> bool:
    return not call.shapes.is_reduced or call.grant.person.may_edit(playlist)


def _first_page(call: Call, playlist: Playlist) -> Json | None:
    return _page(call, playlist, 0, MAX_LEGACY_PAGE) if _may_read(call, playlist) else None


def _page(call: Call, playlist: Playlist, offset: int, limit: int) -> Json:
    asked = call.request.args
    kept = {name: asked[name] for name in ("additional_types", "market") if name in asked}
    types = frozenset(asked.get("additional_types", "track").split(","))
    url, total = call.shapes.items_url(playlist), len(playlist.entries)
    entries = playlist.entries[offset : offset + limit]
    frame = page_frame(url, offset=offset, limit=limit, total=total, kept=kept)
    return frame | {"items": [call.shapes.entry(entry, playlist.owner, types) for entry in entries]}


def _scope_to_change(*, is_public: bool) -> str:
    return "playlist-modify-public" if is_public else "playlist-modify-private"


def _written(playlist: Playlist, entries: Iterable[Entry]) -> Json:
    return {"snapshot_id": playlist.write(entries)}


def _uri_of(item: Any) -> object:
    return item.get("uri") if isinstance(item, dict) else None


def _selected(call: Call, answer: Json) -> Json:
    fields = call.request.args.get("fields")
    if not fields:
        return answer
    try:
        selection = parse_fields(fields)
    except ValueError:
        raise ApiError(400, "Invalid fields") from None
    selected: Json = select(answer, selection)
    return selected
