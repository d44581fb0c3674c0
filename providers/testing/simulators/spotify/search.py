"""Spotify's search: free words, and the fields ``track``, ``artist``, ``album`` and ``isrc``, quoted or not."""

import re
from collections.abc import Callable, Collection, Mapping

from providers.testing.simulators.catalogue import CatalogueTrack
from providers.testing.simulators.spotify.call import Call, page_frame
from providers.testing.simulators.spotify.errors import ApiError
from providers.testing.simulators.spotify.shapes import Json
from providers.testing.simulators.words import has_words

MAX_PAGE, DEFAULT_PAGE = 10, 5
MAX_LEGACY_PAGE, DEFAULT_LEGACY_PAGE = 50, 20
MAX_OFFSET = 1000
MAX_QUERY = 100
"""A longer query is answered with 404 (spotipy's issue tracker, 2022)."""

_TYPES = ("album", "artist", "audiobook", "episode", "playlist", "show", "track")
_PART = re.compile(r'(?:(?P<field>[a-z]+):)?(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')
_FIELDS: Mapping[str, Callable[[CatalogueTrack, str], bool]] = {
    "track": lambda track, words: has_words(words, track.name),
    "artist": lambda track, words: has_words(words, " ".join(track.artists)),
    "album": lambda track, words: has_words(words, track.album),
    "isrc": lambda track, code: track.isrc == code.upper() != "",
}


class Search:
    """The search endpoint. Only tracks are ever found."""

    def __init__(self, tracks: Collection[CatalogueTrack]) -> None:
        self._tracks = tracks

    def search(self, call: Call) -> Json:
        """A page for each of the types asked for."""
        query, types = call.request.args.get("q", ""), call.request.args.get("type", "").split(",")
        if not query.strip():
            raise ApiError(400, "No search query")
        if types == [""]:
            raise ApiError(400, "Missing parameter type")
        if not set(types) <= set(_TYPES):
            raise ApiError(400, "Bad search type field")
        is_reduced = call.shapes.is_reduced
        default, highest = (DEFAULT_PAGE, MAX_PAGE) if is_reduced else (DEFAULT_LEGACY_PAGE, MAX_LEGACY_PAGE)
        offset, limit = call.number("offset", 0, 0, MAX_OFFSET), call.number("limit", default, 1, highest)
        if len(query) > MAX_QUERY:
            raise ApiError(404, "Not found.")
        found = [track for track in self._tracks if _is_found(track, query)]
        answer = {}
        for kind in types:
            shown, kept = found if kind == "track" else [], {"query": query, "type": kind}
            frame = page_frame(call.request.base_url, offset=offset, limit=limit, total=len(shown), kept=kept)
            answer[f"{kind}s"] = frame | {"items": list(map(call.shapes.track, shown[offset : offset + limit]))}
        return answer


def _is_found(track: CatalogueTrack, query: str) -> bool:
    return all(_has_part(track, part) for part in _PART.finditer(query))


def _has_part(track: CatalogueTrack, part: re.Match[str]) -> bool:
    words = part["phrase"] if part["phrase"] is not None else part["word"]
    if part["field"] in _FIELDS:
        return _FIELDS[part["field"]](track, words)
    return has_words(words, " ".join((track.name, *track.artists, track.album)))
