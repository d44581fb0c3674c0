"""Last.fm's answers, brought into the shared shapes. Raises `InvalidResponseError` and nothing else."""

from collections.abc import Mapping
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from providers.contracts import Type
from providers.datatypes import AuthResult, Track
from providers.exceptions import InvalidResponseError
from providers.jsonvalues import SURPRISES, JsonObject, check_plain, web_address
from providers.paging import HistoryPage


def parse_session(document: Mapping[str, Any]) -> AuthResult:
    """Read auth.getSession. The session key is the access token; accounts have no id but their name, in any case."""
    session = _answer(document).object("session")
    name = session.required_text("name")
    return AuthResult(access_token=session.required_text("key"), account_id=name.casefold(), account_name=name)


def parse_recent_tracks(document: Mapping[str, Any]) -> HistoryPage:
    """Read a page of user.getRecentTracks in any of its shapes.

    A lone listen comes as an object in place of a list, an empty window of old without `@attr`. A row without
    a date is the track that is playing now, which comes on top of every page: it is left out.
    """
    recent = _answer(document).object("recenttracks")
    attributes = recent.object("@attr") if "@attr" in recent else recent
    if "totalPages" not in attributes:
        raise _missing("recenttracks.@attr.totalPages")
    try:
        tracks = _plain_tracks(document["recenttracks"]["track"])
    except SURPRISES:
        tracks = [_track(row) for row in recent.objects("track", or_one=True) if "date" in row]
    return HistoryPage(
        tracks=sorted(tracks, key=attrgetter("played_at"), reverse=True),
        total_pages=attributes.integer("totalPages"),
        total=attributes.integer("total") if "total" in attributes else None,
    )


def _plain_tracks(rows: Any) -> list[Track]:
    """Read the rows of a page that holds just what nearly every page holds, several times faster than row by row.

    Raises one of `SURPRISES` for any other, which may be as good as this and has to be read with care.
    """
    if not isinstance(rows, list):
        raise TypeError
    listens = [row for row in rows if row.get("date") is not None]
    names = [row["name"] for row in listens]
    artists = [row["artist"]["#text"] for row in listens]
    albums = [row["album"]["#text"] for row in listens]
    urls = [row["url"] for row in listens]
    mbids = [row["mbid"] for row in listens]
    seconds = [row["date"]["uts"] for row in listens]
    check_plain(names, artists, albums, urls, mbids, seconds)
    if not all(artists):
        raise ValueError
    return [
        Track(
            id="",
            name=name,
            artist=artist,
            album=album,
            played_at=datetime.fromtimestamp(int(uts), UTC),
            url=web_address(url),
            artists=(artist,),
            mbid=mbid,
        )
        for name, artist, album, url, mbid, uts in zip(names, artists, albums, urls, mbids, seconds, strict=True)
    ]


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
