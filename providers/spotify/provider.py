"""What one person's Spotify account can do here (REQ-PROV-030)."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from providers.contracts import BatchedHistory, Type, is_within, require_aware
from providers.datatypes import HistoryEnd, LazyTracks, Playlist, Track
from providers.exceptions import InvalidRequestError, ProviderError
from providers.ratelimit import RateLimiter
from providers.spotify.auth import SpotifyApplication, SpotifyAuthenticator
from providers.spotify.client import MAX_URIS, PAGE_LIMIT, SpotifyClient
from providers.spotify.parse import (
    parse_next_offset,
    parse_playlist,
    parse_playlist_items,
    parse_playlists,
    parse_profile,
    parse_recently_played,
)
from providers.transport import BearerCredentials, TokenSource

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
        iterating their tracks raises `PermissionDeniedError`. Tracks that cannot be carried (local files, podcast
        episodes, what Spotify has withdrawn) are counted in `track_count` but left out of `tracks`.
        """
        profile = parse_profile(self._client.get_me())
        pages = _iter_pages(self._client.get_my_playlists)
        # By id, because a list that changes meanwhile can show a playlist on two pages.
        found = {playlist.id: playlist for page in pages for playlist in parse_playlists(page, profile)}
        return [self._with_tracks(playlist) for playlist in found.values()]

    def create_playlist(self, name: str, description: str, tracks: Sequence[Track]) -> Playlist:
        """Make a private playlist of these tracks, which must be Spotify's own, and return it.

        Raises `InvalidRequestError`, before anything is made, for a track without a Spotify id. When adding the
        tracks fails, the playlist is taken back, or the error says that an incomplete one was left behind.
        """
        uris = [_uri_of(track) for track in tracks]
        playlist = parse_playlist(self._client.create_playlist(name, description))
        try:
            for start in range(0, len(uris), MAX_URIS):
                self._client.add_playlist_items(playlist.id, uris[start : start + MAX_URIS])
        except ProviderError as error:
            error.args = (f"{error} {self._take_back(playlist)}",)
            raise
        return self._with_tracks(replace(playlist, track_count=len(uris)))

    def _take_back(self, playlist: Playlist) -> str:
        try:
            self._client.remove_from_library(f"spotify:playlist:{playlist.id}")
        except ProviderError:
            return f"An incomplete playlist {playlist.name!r} was left behind in Spotify; delete it there."
        return f"The incomplete playlist {playlist.name!r} was taken back."

    def _with_tracks(self, playlist: Playlist) -> Playlist:
        return replace(playlist, tracks=LazyTracks(partial(self._iter_track_pages, playlist.id)))

    def _iter_track_pages(self, playlist_id: str) -> Iterator[list[Track]]:
        offset: int | None = 0
        while offset is not None:
            body = self._client.get_playlist_items(playlist_id, offset=offset)
            page = parse_playlist_items(body, offset=offset, limit=PAGE_LIMIT)
            yield page.tracks
            offset = page.next_offset


def _iter_pages(get_page: Callable[..., dict[str, Any]]) -> Iterator[dict[str, Any]]:
    offset: int | None = 0
    while offset is not None:
        page = get_page(offset=offset)
        yield page
        offset = parse_next_offset(page, offset=offset, limit=PAGE_LIMIT)


def _uri_of(track: Track) -> str:
    # Spotify's ids are base 62; most of what another service calls an id is not.
    if not (track.id.isascii() and track.id.isalnum()):
        raise InvalidRequestError(f"{track.name!r} has no Spotify id, so Spotify cannot add it.", provider=Type.SPOTIFY)
    return f"spotify:track:{track.id}"


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
