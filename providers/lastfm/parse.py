"""Last.fm's answers, brought into the shared shapes. Raises `InvalidResponseError` and nothing else."""

from collections.abc import Mapping
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import msgspec

from providers.contracts import Type
from providers.datatypes import AuthResult, Track
from providers.exceptions import InvalidResponseError
from providers.jsonvalues import SURPRISES, JsonObject, check_plain, decode_object, plain_integer, web_address
from providers.paging import HistoryPage


def parse_session(document: Mapping[str, Any]) -> AuthResult:
    """Read auth.getSession. The session key is the access token; accounts have no id but their name, in any case."""
    session = _answer(document).object("session")
    name = session.required_text("name")
    return AuthResult(access_token=session.required_text("key"), account_id=name.casefold(), account_name=name)


def parse_recent_tracks(body: bytes) -> HistoryPage:
    """Read a page of user.getRecentTracks in any of its shapes.

    A lone listen comes as an object in place of a list, an empty window of old without `@attr`. A row without
    a date is the track that is playing now, which comes on top of every page: it is left out.
    """
    try:
        page = _plain_page(body)
    except SURPRISES:
        page = _page(_answer(decode_object(body, provider=Type.LASTFM)))
    page.tracks.sort(key=attrgetter("played_at"), reverse=True)
    return page


class _Text(msgspec.Struct, gc=False):
    text: str = msgspec.field(name="#text")


class _Date(msgspec.Struct, gc=False):
    uts: str


class _Row(msgspec.Struct, gc=False):
    name: str
    artist: _Text
    album: _Text
    url: str
    mbid: str
    date: _Date | None = None


class _Attributes(msgspec.Struct, rename="camel"):
    total_pages: str
    total: str


class _RecentTracks(msgspec.Struct):
    track: list[_Row]
    attributes: _Attributes = msgspec.field(name="@attr")


class _Document(msgspec.Struct):
    recenttracks: _RecentTracks


_plain_documents = msgspec.json.Decoder(_Document)


def _plain_page(body: bytes) -> HistoryPage:
    """Read a page that holds just what nearly every page holds, several times faster: most of it is never looked at.

    Raises one of `SURPRISES` for any other, which may be as good as this and has to be read with care.
    """
    recent = _plain_documents.decode(body).recenttracks
    listens = [(row, int(row.date.uts)) for row in recent.track if row.date is not None]
    for row, _ in listens:
        check_plain(row.artist.text, row.name, row.album.text, row.url, row.mbid)
    return HistoryPage(
        tracks=[
            Track(
                id="",
                name=row.name,
                artist=row.artist.text,
                album=row.album.text,
                played_at=datetime.fromtimestamp(uts, UTC),
                url=web_address(row.url),
                artists=(row.artist.text,),
                mbid=row.mbid,
            )
            for row, uts in listens
        ],
        total_pages=plain_integer(recent.attributes.total_pages),
        total=plain_integer(recent.attributes.total),
    )


def _page(document: JsonObject) -> HistoryPage:
    recent = document.object("recenttracks")
    attributes = recent.object("@attr") if "@attr" in recent else recent
    if "totalPages" not in attributes:
        raise _missing("recenttracks.@attr.totalPages")
    return HistoryPage(
        tracks=[_track(row) for row in recent.objects("track", or_one=True) if "date" in row],
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
