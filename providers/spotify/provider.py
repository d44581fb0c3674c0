"""What one person's Spotify account can do here (REQ-PROV-030)."""

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from providers.contracts import BatchedHistory, Type, is_within, require_aware
from providers.datatypes import HistoryEnd, LazyTracks, LeftOut, Playlist, SyncPlaylistRequest, Track
from providers.exceptions import InvalidRequestError, NotFoundError, PermissionDeniedError, ProviderError
from providers.jsonvalues import plain_isrc
from providers.ratelimit import RateLimiter
from providers.rewrites import added_at_the_end, check_written
from providers.spotify.auth import SpotifyApplication, SpotifyAuthenticator
from providers.spotify.client import MAX_URIS, PAGE_LIMIT, SpotifyClient, TracksVanishedError, plain_description
from providers.spotify.parse import (
    parse_found_tracks,
    parse_next_offset,
    parse_playlist,
    parse_playlist_items,
    parse_playlists,
    parse_profile,
    parse_recently_played,
)
from providers.transport import BearerCredentials, TokenSource

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Spotify has answered queries of more than a hundred characters with 404 (spotipy's issue tracker, 2022).
_MAX_NAME, _MAX_ARTIST = 50, 30

_QUERY_SYNTAX = re.compile(r'["*:\\\x00-\x1f\x7f]+')


class SpotifyProvider(SpotifyAuthenticator, BatchedHistory):
    """One person's Spotify: recent plays, playlists, and the link itself."""

    history_limit: ClassVar[int | None] = 50

    def __init__(
        self,
        application: SpotifyApplication,
        *,
        token_source: TokenSource,
        limiter: RateLimiter | None = None,
    ) -> None:
        super().__init__(application, limiter=limiter)
        self._client = SpotifyClient(
            base_url=application.api_url, credentials=BearerCredentials(token_source), limiter=limiter
        )

    def type(self) -> str:
        """Return "spotify"."""
        return Type.SPOTIFY.value

    def iter_recent_listens(
        self, since: datetime, until: datetime | None = None
    ) -> Generator[list[Track], None, HistoryEnd]:
        """Yield the plays after `since`, up to and including `until`, newest first (REQ-PROV-033).

        Spotify keeps about the last 50, without podcasts, private sessions and plays under half a minute, and stamps
        them near the end of the play (Spotify documentation and issue tracker, 2026-11).
        """
        require_aware(since=since, until=until)
        self._begin_walk()
        # `before` is exclusive.
        before = None if until is None else _milliseconds(until) + 1
        while True:
            page = parse_recently_played(self._client.get_recently_played(before=before))
            self._note_seen([page.oldest])
            batch = [listen for listen in page.listens if is_within(listen.played_at, since, until)]
            if batch:
                yield batch
            if page.oldest is not None and page.oldest <= since:
                return HistoryEnd.REACHED_SINCE
            if page.oldest is None or page.before is None or (before is not None and page.before >= before):
                return HistoryEnd.EXHAUSTED
            before = page.before

    def get_playlists(self) -> list[Playlist]:
        """Return the playlists the person owns or follows.

        Applications in development mode are not shown what is on followed ones: those are not `is_readable`, and
        iterating their tracks raises `PermissionDeniedError`. Only the person's own lists and those they share in are
        `is_editable`. Entries that cannot be carried (local files, podcast episodes, what Spotify no longer has) are
        counted in `track_count` and told by `tracks.left_out`.
        """
        # By id, because a list that changes meanwhile can show a playlist on two pages.
        found = {playlist.id: playlist for playlist in self._iter_playlists()}
        return [self._with_tracks(playlist) for playlist in found.values()]

    def create_playlist(self, name: str, description: str, tracks: Sequence[Track]) -> Playlist:
        """Make a private playlist of these tracks, which must be Spotify's own, and return it.

        Raises `InvalidRequestError`, before anything is made, for a track without a Spotify id, and `NotFoundError`
        where Spotify no longer has one of them. When adding the tracks fails, the playlist is taken back, or the error
        says that an incomplete one was left behind.
        """
        track_ids = _ids_of(tracks)
        playlist = parse_playlist(self._client.create_playlist(name, description))
        try:
            for some_ids in _hundreds(track_ids):
                self._client.add_playlist_items(playlist.id, _uris_of(some_ids))
        except ProviderError as error:
            error.args = (f"{error} {self._take_back(playlist)}",)
            raise
        return self._with_tracks(replace(playlist, track_count=len(track_ids)))

    def sync_playlist(self, request: SyncPlaylistRequest) -> str:
        """Make the playlist look as requested and return its id (REQ-PROV-004).

        Name and description are written where they differ. Raises what `create_playlist` or `update_playlist_tracks`
        raise.
        """
        if not request.remote_playlist_id:
            return self.create_playlist(request.name, request.description, request.tracks).id
        track_ids = _ids_of(request.tracks)
        playlist = self._get_editable(request.remote_playlist_id)
        wanted = (request.name, plain_description(request.description))
        if (playlist.name, playlist.description) != wanted:
            self._client.change_playlist(playlist.id, name=request.name, description=request.description)
        self._write_tracks(playlist, track_ids)
        return playlist.id

    def update_playlist_tracks(self, remote_playlist_id: str, tracks: Sequence[Track]) -> None:
        """Replace all tracks of a playlist, which keeps its id; no tracks empty it (REQ-PROV-004).

        Nothing is written where they are there already, and where tracks are only added at the end, those alone. Else
        the list is written anew, a hundred at a time: what breaks off leaves its beginning, and a repeat adds the rest.

        Files of the person's own and podcast episodes on the list are none of our tracks: they stay while nothing is
        written or tracks are added at the end, behind them, and go when the list is written anew, because Spotify lets
        no application add a file.

        Spotify deletes no playlist. One that the person took out of their library is gone all the same, though it can
        still be read by its id: `NotFoundError`. One that they follow but may not change is a `PermissionDeniedError`.
        After writing the list is read back: `NotFoundError` says how many tracks are missing on it, because Spotify no
        longer has them. The others are there then.
        """
        track_ids = _ids_of(tracks)
        self._write_tracks(self._get_editable(remote_playlist_id), track_ids)

    def delete_playlist(self, remote_playlist_id: str) -> None:
        """Take a playlist out of the person's library. One that is gone already is no error (REQ-PROV-004)."""
        # What cannot be an id names no playlist, and a comma in it would make two of one.
        if _is_id(remote_playlist_id):
            with suppress(NotFoundError):
                self._client.remove_from_library(f"spotify:playlist:{remote_playlist_id}")

    def find_tracks(self, track: Track) -> list[Track]:
        """Return at most ten tracks that Spotify finds by the ISRC, or where that finds none by name and artist."""
        if track.isrc and (found := self._search(f"isrc:{plain_isrc(track.isrc)}")):
            return found
        name = _quotable(track.name, _MAX_NAME)
        artist = _quotable(track.artists[0] if track.artists else track.artist, _MAX_ARTIST)
        fields = [f'{field}:"{words}"' for field, words in (("track", name), ("artist", artist)) if words]
        return self._search(" ".join(fields)) if name else []

    def _search(self, query: str) -> list[Track]:
        return parse_found_tracks(self._client.search_tracks(query))

    def _iter_playlists(self) -> Iterator[Playlist]:
        profile = parse_profile(self._client.get_me())
        for page in _iter_pages(self._client.get_my_playlists):
            yield from parse_playlists(page, profile)

    def _get_editable(self, playlist_id: str) -> Playlist:
        """Find a playlist in the person's library that they may change."""
        for playlist in self._iter_playlists():
            if playlist.id == playlist_id:
                if playlist.is_editable:
                    return self._with_tracks(playlist)
                raise PermissionDeniedError(f"{playlist.name!r} is somebody else's playlist.", provider=self.type())
        raise NotFoundError("The playlist is no longer in the person's library.", provider=self.type())

    def _write_tracks(self, playlist: Playlist, track_ids: list[str]) -> None:
        there = [track.id for track in playlist.tracks]
        if there == track_ids:
            return
        added = added_at_the_end(there, track_ids)
        if added is None:
            added = self._replace_tracks(playlist, track_ids)
        for some_ids in _hundreds(added):
            self._add_what_is_there(playlist, some_ids)
        check_written([track.id for track in playlist.tracks], track_ids, provider=self.type())

    def _replace_tracks(self, playlist: Playlist, track_ids: Sequence[str]) -> Sequence[str]:
        """Put the first of the tracks in place of all there are, and return those that are still to be added."""
        try:
            self._client.replace_playlist_items(playlist.id, _uris_of(track_ids[:MAX_URIS]))
        except TracksVanishedError:
            self._client.replace_playlist_items(playlist.id, [])
            return track_ids
        return track_ids[MAX_URIS:]

    def _add_what_is_there(self, playlist: Playlist, track_ids: Sequence[str]) -> None:
        """Add at most a hundred tracks, but for those that are gone: Spotify refuses all of them for one that is."""
        try:
            self._client.add_playlist_items(playlist.id, _uris_of(track_ids))
        except TracksVanishedError:
            half = len(track_ids) // 2
            if half:
                self._add_what_is_there(playlist, track_ids[:half])
                self._add_what_is_there(playlist, track_ids[half:])

    def _take_back(self, playlist: Playlist) -> str:
        try:
            self._client.remove_from_library(f"spotify:playlist:{playlist.id}")
        except ProviderError:
            return f"An incomplete playlist {playlist.name!r} was left behind in Spotify; delete it there."
        return f"The incomplete playlist {playlist.name!r} was taken back."

    def _with_tracks(self, playlist: Playlist) -> Playlist:
        return replace(playlist, tracks=LazyTracks(partial(self._iter_entries, playlist.id)))

    def _iter_entries(self, playlist_id: str) -> Iterator[list[Track | LeftOut]]:
        offset: int | None = 0
        while offset is not None:
            body = self._client.get_playlist_items(playlist_id, offset=offset)
            page = parse_playlist_items(body, offset=offset, limit=PAGE_LIMIT)
            yield page.entries
            offset = page.next_offset


def _iter_pages(get_page: Callable[..., dict[str, Any]]) -> Iterator[dict[str, Any]]:
    offset: int | None = 0
    while offset is not None:
        page = get_page(offset=offset)
        yield page
        offset = parse_next_offset(page, offset=offset, limit=PAGE_LIMIT)


def _ids_of(tracks: Sequence[Track]) -> list[str]:
    for track in tracks:
        if not _is_id(track.id):
            raise InvalidRequestError(
                f"{track.name!r} has no Spotify id, so Spotify cannot add it.", provider=Type.SPOTIFY
            )
    return [track.id for track in tracks]


def _is_id(text: str) -> bool:
    """Tell whether a text could be one of Spotify's ids: they are base 62, and most of other services' are not."""
    return text.isascii() and text.isalnum()


def _hundreds(track_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (track_ids[start : start + MAX_URIS] for start in range(0, len(track_ids), MAX_URIS))


def _uris_of(track_ids: Sequence[str]) -> list[str]:
    return [f"spotify:track:{track_id}" for track_id in track_ids]


def _quotable(words: str, longest: int) -> str:
    """Return words as they may stand in quotes in a query: none of them means anything there, and not too many."""
    plain = " ".join(_QUERY_SYNTAX.sub(" ", words).split())
    if len(plain) <= longest:
        return plain
    # Half a word would be found nowhere.
    return plain[: longest + 1].rpartition(" ")[0] or plain[:longest]


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
