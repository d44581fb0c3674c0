"""Last.fm's answers, brought into the shared shapes. Raises `InvalidResponseError` and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from providers.contracts import Type
from providers.datatypes import AuthResult, Track
from providers.exceptions import InvalidResponseError
from providers.jsonvalues import JsonObject


@dataclass(frozen=True, slots=True)
class RecentTracksPage:
    """One page of user.getRecentTracks, newest first, and how many pages and listens the window has.

    `total` is None where Last.fm does not tell it.
    """

    tracks: list[Track]
    total_pages: int
    total: int | None


def parse_session(document: Mapping[str, Any]) -> AuthResult:
    """Read auth.getSession. The session key is the access token; accounts have no id but their name, in any case."""
    session = _answer(document).object("session")
    name = session.required_text("name")
    return AuthResult(access_token=session.required_text("key"), account_id=name.casefold(), account_name=name)


def parse_recent_tracks(document: Mapping[str, Any]) -> RecentTracksPage:
    """Read a page of user.getRecentTracks in any of its shapes.

    A lone listen comes as an object in place of a list, an empty window of old without `@attr`. A row without
    a date is the track that is playing now, which comes on top of every page: it is left out.
    """
    recent = _answer(document).object("recenttracks")
    attributes = recent.object("@attr") if "@attr" in recent else recent
    if "totalPages" not in attributes:
        raise _missing("recenttracks.@attr.totalPages")
    tracks = [_track(row) for row in recent.objects("track", or_one=True) if "date" in row]
    return RecentTracksPage(
        tracks=sorted(tracks, key=attrgetter("played_at"), reverse=True),
        total_pages=attributes.integer("totalPages"),
        total=attributes.integer("total") if "total" in attributes else None,
    )


def _track(row: JsonObject) -> Track:
    """Read a listen. Last.fm knows no track id, no duration and no ISRC: they stay empty."""
    played_at = row.object("date").unix_moment("uts")
    if played_at is None:
        raise _missing("recenttracks.track.date.uts")
    artist = row.object("artist").text("#text") or row.object("artist").text("name")
    return Track(
        id="",
        # An empty name is no reason to refuse a page for ever, and with it everything older.
        name=row.present_text("name"),
        artist=artist,
        album=row.object("album").text("#text"),
        played_at=played_at,
        url=row.web_address("url"),
        artists=(artist,) if artist else (),
        mbid=row.text("mbid"),
    )


def _answer(document: Mapping[str, Any]) -> JsonObject:
    return JsonObject(document, provider=Type.LASTFM)


def _missing(place: str) -> InvalidResponseError:
    return InvalidResponseError(f"In the answer {place} is missing.", provider=Type.LASTFM)
