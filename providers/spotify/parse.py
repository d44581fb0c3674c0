"""Spotify's answers, brought into the shared shapes. Raises `InvalidResponseError` and nothing else.

Answers come in two shapes: since February 2026 a playlist's `tracks` are called `items` and an entry's `track` is
called `item`; older applications get the old words, some get both (Spotify documentation, 2026-11).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import unescape
from operator import attrgetter
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urlsplit

import msgspec

from providers.contracts import Type
from providers.datatypes import AuthResult, LeftOut, Playlist, Track
from providers.exceptions import InvalidResponseError
from providers.jsonvalues import (
    MAX_INTEGER,
    SURPRISES,
    JsonObject,
    check_plain,
    decode_object,
    plain_isrc,
    web_address,
)

TRACK_FIELDS = "id,name,type,is_local,duration_ms,album(name),artists(name),external_ids(isrc),external_urls(spotify)"
PLAYLIST_ITEMS_FIELDS = f"next,items(is_local,item({TRACK_FIELDS}),track({TRACK_FIELDS}))"
"""The `fields` of a page of playlist items: what `parse_playlist_items` reads and nothing else."""

_MAX_MILLISECONDS = 2**53


@dataclass(frozen=True, slots=True)
class Profile:
    """Who `/me` is.

    `user_id` is what playlists name as their owner; `account_id` never changes and is for telling accounts apart.
    `sees_foreign_contents` tells whether the application is shown what is on other people's playlists.
    """

    user_id: str
    account_id: str
    name: str
    sees_foreign_contents: bool


@dataclass(frozen=True, slots=True)
class RecentlyPlayedPage:
    """One page of plays, newest first.

    `oldest` is the moment of the oldest play on it, also of one whose track is unknown; None on an empty page.
    `before` asks for the page behind it, in milliseconds since 1970; None where there is none.
    """

    listens: list[Track]
    oldest: datetime | None
    before: int | None


@dataclass(frozen=True, slots=True)
class PlaylistItemsPage:
    """One page of what is on a playlist; `next_offset` is where the page behind it begins, None on the last."""

    entries: list[Track | LeftOut]
    next_offset: int | None


def parse_token(document: Mapping[str, Any], now: datetime) -> AuthResult:
    """Read what the token endpoint granted at `now`. An answer without `refresh_token` leaves it empty."""
    token = _object(document)
    lifetime = token.integer("expires_in")
    return AuthResult(
        access_token=token.required_text("access_token"),
        refresh_token=token.text("refresh_token"),
        expires_at=now + timedelta(seconds=lifetime) if lifetime else None,
        scopes=tuple(token.text("scope").split()),
    )


def parse_profile(document: Mapping[str, Any]) -> Profile:
    """Read `/me`. Older answers have no `account_id`: there `id` has to do."""
    me = _object(document)
    user_id = me.required_text("id")
    return Profile(
        user_id=user_id,
        account_id=me.text("account_id") or user_id,
        name=me.text("display_name") or user_id,
        # What was taken from applications in development mode was taken together: their view of followers,
        # and of other people's playlists (Spotify's migration guide of February 2026).
        sees_foreign_contents="followers" in me,
    )


def parse_recently_played(document: Mapping[str, Any]) -> RecentlyPlayedPage:
    """Read a page of plays. A play whose track Spotify no longer knows is left out."""
    page = _object(document)
    plays = [(item.required_moment("played_at"), item) for item in page.required_objects("items")]
    listens = [_track(item.object("track"), played_at) for played_at, item in plays if "track" in item]
    listens.sort(key=attrgetter("played_at"), reverse=True)
    # At the end of what it keeps Spotify says null, for what is next, for the cursors or for both.
    before = page.object("cursors").integer("before", maximum=_MAX_MILLISECONDS) if "next" in page else 0
    return RecentlyPlayedPage(
        listens=listens,
        oldest=min((played_at for played_at, _ in plays), default=None),
        before=before or None,
    )


def parse_playlists(document: Mapping[str, Any], profile: Profile) -> list[Playlist]:
    """Read a page of `/me/playlists`, own and followed ones; entries may be null."""
    return [_playlist(item, profile) for item in _object(document).required_objects("items")]


def parse_playlist(document: Mapping[str, Any]) -> Playlist:
    """Read one playlist of the person's own."""
    return _playlist(_object(document), None)


def parse_playlist_items(body: bytes, *, offset: int, limit: int) -> PlaylistItemsPage:
    """Read a page of what is on a playlist, the one at `offset`, in its order.

    Local files, podcast episodes and what is no longer available are a `LeftOut` each: none of them can be carried
    to another playlist.
    """
    try:
        page = _plain_items_pages.decode(body)
        return PlaylistItemsPage(
            entries=[_plain_track(entry) for entry in page.items],
            next_offset=_next_offset(page.next or "", offset=offset, limit=limit),
        )
    except SURPRISES:
        document = _object(decode_object(body, provider=Type.SPOTIFY))
        return PlaylistItemsPage(
            entries=list(map(_playlist_entry, document.required_objects("items"))),
            next_offset=_next_offset(document.text("next"), offset=offset, limit=limit),
        )


def parse_found_tracks(document: Mapping[str, Any]) -> list[Track]:
    """Read what a search for tracks found, the best first."""
    items = _object(document).object("tracks").required_objects("items")
    return [_track(item, None) for item in items if item.text("id")]


def parse_next_offset(document: Mapping[str, Any], *, offset: int, limit: int) -> int | None:
    """Return where the page behind the one at `offset` begins; None where there is none."""
    return _next_offset(_object(document).text("next"), offset=offset, limit=limit)


def _next_offset(address: str, *, offset: int, limit: int) -> int | None:
    """Read the address of the next page, of which only the offset is taken: credentials never follow an answer's."""
    if not address:
        return None
    try:
        next_offset = int(parse_qs(urlsplit(address).query).get("offset", [str(offset + limit)])[0])
    except ValueError:
        next_offset = offset
    if next_offset <= offset:
        raise InvalidResponseError("In the answer next leads nowhere.", provider=Type.SPOTIFY)
    return next_offset


def _object(document: Mapping[str, Any]) -> JsonObject:
    return JsonObject(document, provider=Type.SPOTIFY)


class _Named(msgspec.Struct, gc=False):
    name: str


class _ExternalIds(msgspec.Struct, gc=False):
    isrc: str = ""


class _ExternalUrls(msgspec.Struct, gc=False):
    spotify: str


class _Content(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(min_length=1)]
    name: str
    type: Literal["track"]
    is_local: bool
    duration_ms: Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]
    album: _Named
    artists: Annotated[list[_Named], msgspec.Meta(min_length=1)]
    external_ids: _ExternalIds
    external_urls: _ExternalUrls


class _Entry(msgspec.Struct):
    is_local: bool
    item: _Content | None = None
    track: _Content | None = None


class _ItemsPage(msgspec.Struct):
    items: list[_Entry]
    next: str | None


_plain_items_pages = msgspec.json.Decoder(_ItemsPage)


def _plain_track(entry: _Entry) -> Track:
    """Read an entry that is a track with all that belongs to it, as nearly all are, several times faster.

    Raises one of `SURPRISES` for any other.
    """
    content = entry.item or entry.track
    if content is None or entry.is_local or content.is_local:
        raise ValueError
    artists = tuple([artist.name for artist in content.artists])
    isrc, url = content.external_ids.isrc, content.external_urls.spotify
    check_plain(content.id, content.name, content.album.name, isrc, url, *artists)
    if not all(artists):
        raise ValueError
    return Track(
        id=content.id,
        name=content.name,
        artist=", ".join(artists),
        album=content.album.name,
        duration_ms=content.duration_ms,
        url=web_address(url),
        isrc=plain_isrc(isrc),
        artists=artists,
    )


def _playlist_entry(entry: JsonObject) -> Track | LeftOut:
    # Only here do the words mean this: inside, Spotify has yes-or-no values called track and episode.
    content = entry.object("item" if "item" in entry else "track")
    if entry.boolean("is_local") or content.boolean("is_local"):
        return LeftOut(name=content.text("name"), reason="a file of one's own")
    if content.text("type") == "episode":
        return LeftOut(name=content.text("name"), reason="a podcast episode")
    if not content.text("id"):
        return LeftOut(name=content.text("name"), reason="no longer available")
    return _track(content, None)


def _track(track: JsonObject, played_at: datetime | None) -> Track:
    artists = tuple([name for artist in track.objects("artists") if (name := artist.text("name"))])
    return Track(
        id=track.text("id"),
        # A name may be empty, which a withdrawn track's is, but not missing.
        name=track.present_text("name"),
        artist=", ".join(artists),
        album=track.object("album").text("name"),
        duration_ms=track.integer("duration_ms"),
        played_at=played_at,
        url=track.object("external_urls").web_address("spotify"),
        isrc=plain_isrc(track.object("external_ids").text("isrc")),
        artists=artists,
    )


def _playlist(playlist: JsonObject, profile: Profile | None) -> Playlist:
    owner = playlist.object("owner")
    images = playlist.objects("images")
    is_editable = profile is None or playlist.boolean("collaborative") or owner.text("id") == profile.user_id
    return Playlist(
        id=playlist.required_text("id"),
        name=playlist.text("name"),
        # It comes as for a page of HTML, with &#x27; for an apostrophe (spotify/web-api#980).
        description=unescape(playlist.text("description")),
        image_url=images[0].web_address("url") if images else "",
        url=playlist.object("external_urls").web_address("spotify"),
        track_count=playlist.object("items" if "items" in playlist else "tracks").integer("total"),
        owner=owner.text("display_name") or owner.text("id"),
        is_readable=is_editable or (profile is not None and profile.sees_foreign_contents),
        is_editable=is_editable,
    )
