"""A person's Navidrome: listening history and playlists, in both directions (REQ-PROV-050)."""

import logging
import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

from providers.contracts import BatchedHistory, Type, is_within, require_aware
from providers.datatypes import HistoryEnd, LazyTracks, Playlist, SyncPlaylistRequest, Track
from providers.exceptions import (
    AuthenticationError,
    InvalidRequestError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    ProviderError,
)
from providers.navidrome.client import NativeClient, SubsonicClient
from providers.navidrome.parse import (
    Account,
    PlayedAlbum,
    Scrobble,
    account_id,
    parse_account,
    parse_album,
    parse_album_id,
    parse_created_id,
    parse_last_plays,
    parse_playlist,
    parse_playlists,
    parse_recent_albums,
    parse_scrobbles,
    parse_song,
    parse_songs,
)
from providers.ratelimit import RateLimiter
from providers.readahead import read_ahead
from providers.rewrites import added_at_the_end, check_written, places_to_remove

logger = logging.getLogger(__name__)

SCROBBLE_PAGE = 100
ALBUM_PAGE = 500
SONG_PAGE = 500

_TELLS_NO_SINGLE_PLAYS = (NotFoundError, AuthenticationError, PermissionDeniedError)
"""How an older server answers, another one, or one whose own API is shut."""


class NavidromeProvider(BatchedHistory):
    """One person's Navidrome, over Subsonic. No Authenticator: signing in to this site is the link (REQ-PROV-052).

    The history has two tiers. Where the server tells single plays, in its own API, those are read. Where it does
    not, Subsonic tells the last play of each song, and that is all there is. Which tier a walk is on is known
    before its first batch, and shows in `history_is_last_play_only` and `history_is_resumable`.

    Single plays only add to what Subsonic tells (REQ-PROV-051): a server has kept them since some update, or not at
    all where `EnableScrobbleHistory` is off. So behind the oldest of them come the last plays from before it, no
    longer in order, and a walk that breaks off there goes on from the oldest single play.

    Both tiers take a song's names from Subsonic and its times in whole seconds, so that a play told by both is
    the same listen. A play of a song that has left the library is nothing but an id: it is not offered.
    """

    history_is_last_play_only = True
    history_is_resumable = False

    def __init__(
        self,
        base_url: str,
        *,
        username: str,
        password: str,
        limiter: RateLimiter | None = None,
        login_limiter: RateLimiter | None = None,
    ) -> None:
        self._base_url = base_url
        self._username = username
        self._subsonic = SubsonicClient(base_url, username, password, limiter)
        self._native = NativeClient(base_url, username, password, limiter, login_limiter)
        self._songs: dict[str, Track | None] = {}
        self._albums_read: set[str] = set()

    def type(self) -> str:
        """Return "navidrome" (REQ-PROV-001)."""
        return Type.NAVIDROME.value

    def supports_auth(self) -> bool:
        """Say that nobody links Navidrome: it is what people sign in with (REQ-PROV-005, ADR-0005)."""
        return False

    def get_account(self) -> Account:
        """Return who the credentials belong to. Raises `ReauthorizationRequiredError` where they are wrong."""
        self._subsonic.ping()
        account = parse_account(self._subsonic.get_user(self._username))
        if account_id(account.name) != account_id(self._username):
            raise InvalidResponseError("The server names another account than the one asked for.", provider=self.type())
        return account

    # History

    def iter_recent_listens(
        self, since: datetime, until: datetime | None = None
    ) -> Generator[list[Track], None, HistoryEnd]:
        """Yield the listens after `since`, up to and including `until`, on the better tier that the server has."""
        require_aware(since=since, until=until)
        return self._walk(since, until)

    def count_listens(self, since: datetime, until: datetime) -> int:
        """Return how many single plays there are after `since`, up to and including `until`.

        Plays of songs that have left the library count as well, though they are not offered. Raises `NotFoundError`
        where the server tells no single plays: last plays cannot be counted without reading them all.
        """
        require_aware(since=since, until=until)
        first, last = max(0, math.floor(since.timestamp()) + 1), math.floor(until.timestamp())
        if first > last:
            return 0
        try:
            count = self._native.count_scrobbles(first=first, last=last)
            # A server that keeps no single plays counts none, whatever was played.
            if count or self._get_scrobbles(0, None):
                return count
        except _TELLS_NO_SINGLE_PLAYS:
            pass
        raise NotFoundError("The server tells no single plays that could be counted.", provider=self.type())

    def _walk(self, since: datetime, until: datetime | None) -> Generator[list[Track], None, HistoryEnd]:
        self._begin_walk()
        try:
            page = self._get_scrobbles(0, until)
        except _TELLS_NO_SINGLE_PLAYS:
            # Wrong credentials come to light below.
            page = []
        has_single_plays = bool(page)
        self.history_is_last_play_only, self.history_is_resumable = not has_single_plays, has_single_plays
        if not has_single_plays:
            return (yield from self._iter_last_plays(since, until))
        return (yield from self._iter_single_plays(page, since, until))

    def _iter_single_plays(
        self, page: list[Scrobble], since: datetime, until: datetime | None
    ) -> Generator[list[Track], None, HistoryEnd]:
        """Walk the plays to the first one that is old enough: meeting it tells that nothing is missing in between."""
        # What is played during the walk must not push plays from page to page.
        newest = page[0].played_at
        offered: list[Scrobble] = []
        start = 0
        while page:
            self._note_seen(scrobble.played_at for scrobble in page[-1:])
            batch = [
                replace(song, played_at=scrobble.played_at)
                for scrobble in page
                # A play that arrives late, within the walk, pushes the end of a page to the top of the next.
                if scrobble not in offered
                and is_within(scrobble.played_at, since, until)
                and (song := self._song(scrobble.song_id)) is not None
            ]
            if batch:
                yield batch
            if page[-1].played_at <= since:
                return HistoryEnd.REACHED_SINCE
            offered = page
            start += len(page)
            page = self._get_scrobbles(start, newest)
            if page == offered:
                raise InvalidResponseError("The pages of plays do not go on.", provider=self.type())
        self.history_is_resumable = False
        return (yield from self._iter_last_plays(since, offered[-1].played_at - timedelta(seconds=1)))

    def _get_scrobbles(self, start: int, until: datetime | None) -> list[Scrobble]:
        return parse_scrobbles(self._native.get_scrobbles(start=start, size=SCROBBLE_PAGE, until=until))

    def _song(self, song_id: str) -> Track | None:
        """Return a song, and keep its whole album: a long history is of many songs, but of far fewer albums."""
        if song_id not in self._songs:
            try:
                response = self._subsonic.get_song(song_id)
            except NotFoundError:
                logger.info("Plays of a song that has left the library are passed over.")
                self._songs[song_id] = None
            else:
                self._songs[song_id] = parse_song(response, self._base_url)
                self._keep_album(parse_album_id(response))
        return self._songs[song_id]

    def _keep_album(self, album_id: str) -> None:
        if not album_id or album_id in self._albums_read:
            return
        self._albums_read.add(album_id)
        # It only saves requests: where it cannot be read, songs are asked for one by one.
        with suppress(NotFoundError, InvalidResponseError):
            for song in parse_album(self._subsonic.get_album(album_id), self._base_url):
                self._songs.setdefault(song.id, song)

    def _iter_last_plays(self, since: datetime, until: datetime | None) -> Generator[list[Track], None, HistoryEnd]:
        album_ids, end = self._get_played_albums(since)
        with closing(read_ahead(self._get_last_plays, album_ids, lambda: self._subsonic.latency)) as albums:
            for plays in albums:
                self._note_seen(track.played_at for track in plays[-1:])
                batch = [track for track in plays if is_within(track.played_at, since, until)]
                if batch:
                    yield batch
                if any(track.played_at and track.played_at <= since for track in plays):
                    end = HistoryEnd.REACHED_SINCE
        return end

    def _get_last_plays(self, album_id: str) -> list[Track]:
        try:
            return parse_last_plays(self._subsonic.get_album(album_id), self._base_url)
        except NotFoundError:
            return []

    def _get_played_albums(self, since: datetime) -> tuple[list[str], HistoryEnd]:
        """Return the albums played after `since`, all before any is looked into: playing one moves it to the front."""
        ids: dict[str, None] = {}
        end = HistoryEnd.EXHAUSTED
        offset = 0
        while page := self._get_recent_albums(offset):
            if ids.keys() >= {album.id for album in page}:
                raise InvalidResponseError("The pages of albums do not go on.", provider=self.type())
            self._note_seen(album.played_at for album in page[-1:])
            ids.update((album.id, None) for album in page if album.played_at > since)
            if page[-1].played_at <= since:
                end = HistoryEnd.REACHED_SINCE
                break
            offset += len(page)
        if offset:
            # An album that moved to the front while the later pages were read was on none of them.
            ids.update((album.id, None) for album in self._get_recent_albums(0) if album.played_at > since)
        return list(ids), end

    def _get_recent_albums(self, offset: int) -> list[PlayedAlbum]:
        return parse_recent_albums(self._subsonic.get_recent_albums(offset=offset, size=ALBUM_PAGE))

    # The library

    def iter_library(self) -> Iterator[list[Track]]:
        """Yield all songs of the library, page by page.

        A song that leaves the library meanwhile can hide one behind it, which the next reading finds. One that comes
        meanwhile makes no song come twice.
        """
        first = self._get_songs(0)
        if not first:
            return
        beginnings: set[str] = set()
        # A server may give fewer at once than it is asked for.
        offsets = count(len(first), len(first))
        with closing(read_ahead(self._get_songs, offsets, lambda: self._subsonic.latency)) as pages:
            page, shown = first, frozenset[str]()
            while page:
                if page[0].id in beginnings:
                    raise InvalidResponseError("The pages of songs do not go on.", provider=self.type())
                beginnings.add(page[0].id)
                songs = {song.id: song for song in page}
                if fresh := [song for song_id, song in songs.items() if song_id not in shown]:
                    yield fresh
                page, shown = next(pages), frozenset(songs)

    def _get_songs(self, offset: int) -> list[Track]:
        return parse_songs(self._subsonic.get_songs(offset=offset, size=SONG_PAGE), self._base_url)

    # Playlists

    def get_playlists(self) -> list[Playlist]:
        """Return the person's own lists, though administrators are shown everybody's (REQ-PROV-003).

        Smart lists and those that follow a file are among them, and not `is_editable`.
        """
        playlists = parse_playlists(self._subsonic.get_playlists(), self._base_url)
        return [self._with_lazy_tracks(playlist) for playlist in playlists if self._is_own(playlist)]

    def create_playlist(self, name: str, description: str, tracks: Sequence[Track]) -> Playlist:
        """Make a new list and return it as the server shows it.

        Raises `NotFoundError` where the library misses some of the songs. Whatever is raised, no half-made list
        is left behind, unless the server can no longer be reached to remove it.
        """
        song_ids = _ids_of(tracks)
        known = {playlist.id for playlist in self.get_playlists()}
        answer = self._subsonic.create_playlist(name, song_ids)
        playlist_id = parse_created_id(answer) or self._find_new_id(name, known)
        try:
            if description:
                self._subsonic.describe_playlist(playlist_id, name=name, comment=description)
            return self._get_verified(playlist_id, song_ids)
        except ProviderError:
            with suppress(ProviderError):
                self._subsonic.delete_playlist(playlist_id)
            raise

    def sync_playlist(self, request: SyncPlaylistRequest) -> str:
        """Make the list look as requested and return its id (REQ-PROV-004).

        Raises what `create_playlist` or `update_playlist_tracks` raise.
        """
        if not request.remote_playlist_id:
            return self.create_playlist(request.name, request.description, request.tracks).id
        song_ids = _ids_of(request.tracks)
        shown = self._get_editable(request.remote_playlist_id)
        # The songs first: supysonic 0.7.9 cannot describe a list that never had any.
        self._write_songs(shown, song_ids)
        if (shown.name, shown.description) != (request.name, request.description):
            self._subsonic.describe_playlist(shown.id, name=request.name, comment=request.description)
        return shown.id

    def delete_playlist(self, remote_playlist_id: str) -> None:
        """Remove a list. One that is gone already is no error (REQ-PROV-004)."""
        with suppress(NotFoundError):
            self._subsonic.delete_playlist(remote_playlist_id)

    def update_playlist_tracks(self, remote_playlist_id: str, tracks: Sequence[Track]) -> None:
        """Replace all songs of a list, which keeps its id; no songs empty it (REQ-PROV-004).

        Nothing is written where they are there already, and where some are only added at the end, or only taken away,
        no more than that; any other change is one request with all of them.

        Raises `NotFoundError` where the list is gone or the library misses some of the songs: the others are
        in the list then. Raises `PermissionDeniedError` for a list that is not `is_editable`, somebody else's among
        them, which an administrator could change.
        """
        song_ids = _ids_of(tracks)
        self._write_songs(self._get_editable(remote_playlist_id), song_ids)

    def _with_lazy_tracks(self, playlist: Playlist) -> Playlist:
        def load_pages() -> Iterator[list[Track]]:
            yield list(self._get_playlist(playlist.id).tracks)

        return replace(playlist, tracks=LazyTracks(load_pages))

    def _is_own(self, playlist: Playlist) -> bool:
        return account_id(playlist.owner) == account_id(self._username)

    def _get_editable(self, playlist_id: str) -> Playlist:
        playlist = self._get_playlist(playlist_id)
        if not (playlist.is_editable and self._is_own(playlist)):
            raise PermissionDeniedError(
                f"{playlist.name!r} is filled by the server, or belongs to somebody else.", provider=self.type()
            )
        return playlist

    def _get_playlist(self, playlist_id: str) -> Playlist:
        return parse_playlist(self._subsonic.get_playlist(playlist_id), self._base_url)

    def _find_new_id(self, name: str, known: set[str]) -> str:
        """Find the list just made on a server that does not tell which it is."""
        new = [playlist.id for playlist in self.get_playlists() if playlist.name == name and playlist.id not in known]
        if len(new) != 1:
            raise InvalidResponseError("The server does not tell which playlist it made.", provider=self.type())
        return new[0]

    def _write_songs(self, shown: Playlist, song_ids: list[str]) -> None:
        there = _ids_of(shown.tracks)
        if there == song_ids:
            return
        # Never both in one request: servers differ in which of the two they do first. Nor is anything added to an empty
        # list: supysonic 0.7.9 cannot.
        if there and (added := added_at_the_end(there, song_ids)) is not None:
            self._subsonic.add_songs(shown.id, added)
        elif (places := places_to_remove(there, song_ids)) is not None:
            self._subsonic.remove_songs(shown.id, places)
        else:
            self._subsonic.replace_songs(shown.id, song_ids)
        self._get_verified(shown.id, song_ids)

    def _get_verified(self, playlist_id: str, song_ids: list[str]) -> Playlist:
        """Read a list back. Navidrome takes ids it does not know and never shows them."""
        playlist = self._get_playlist(playlist_id)
        check_written(_ids_of(playlist.tracks), song_ids, provider=self.type())
        return playlist


def _ids_of(tracks: Iterable[Track]) -> list[str]:
    ids = [track.id for track in tracks]
    if not all(ids):
        raise InvalidRequestError("A track without an id cannot be on a playlist.", provider=Type.NAVIDROME)
    return ids
