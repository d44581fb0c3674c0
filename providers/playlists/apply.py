"""A plan, carried out: the list is written, read back, and what was written is noted, so that a kill loses nothing.

Before anything is written, the mirror notes what the list will be. Whoever comes after a kill finds a list that is as
it was, as it should be, or a beginning of that, and goes on; nobody's change is taken for it, nor it for anybody's.
"""

from collections.abc import Sequence, Set
from dataclasses import replace

from providers.datatypes import Playlist, SyncPlaylistRequest
from providers.exceptions import InvalidResponseError, NotFoundError
from providers.models import PlaylistMirror
from providers.playlists.ends import End
from providers.playlists.plan import Plan
from providers.scheduling import Lease


class SongsVanishedError(Exception):
    """Songs that were to be written are no longer in the target's library; `ids` are theirs."""

    def __init__(self, ids: Set[str]) -> None:
        super().__init__(f"{len(ids)} songs are gone")
        self.ids = ids


def find_target(mirror: PlaylistMirror, playlists: Sequence[Playlist], taken: Set[str]) -> Playlist | None:
    """Return the mirror's list among those of the target; None where there is none yet.

    One that was being made when a worker died is recognised: it has the name, was not there before, and belongs to no
    other mirror (`taken`). Raises `NotFoundError` where the list was deleted.
    """
    if mirror.target_playlist_id:
        for playlist in playlists:
            if playlist.id == mirror.target_playlist_id:
                return playlist
        raise NotFoundError("The list was deleted there.", provider=mirror.target.provider_type)
    if mirror.known_ids is None:
        return None
    others = {*taken, *mirror.known_ids}
    made = [playlist for playlist in playlists if playlist.name == mirror.name and playlist.id not in others]
    return made[0] if made else None


def apply(lease: Lease[PlaylistMirror], target: End, plan: Plan, playlist: Playlist | None, known: Set[str]) -> None:
    """Write what the plan says, to `playlist` or to a new list, and nothing else; `known` are all lists there now.

    Raises what the service raises, `SongsVanishedError` with the others written, and `LeaseLostError`.
    """
    ids = [song.id for song in plan.wanted]
    if playlist is None:
        lease.update(name=plan.name, target_playlist_id="", written=None, writing=ids, known_ids=sorted(known))
    else:
        lease.update(name=plan.name, writing=ids, target_playlist_id=playlist.id, known_ids=None)
    if not plan.is_empty:
        _write(lease, target, plan, "" if playlist is None else playlist.id)
    lease.update(written=ids, writing=None, known_ids=None, settled_digest="")


def _write(lease: Lease[PlaylistMirror], target: End, plan: Plan, remote_id: str) -> None:
    request = SyncPlaylistRequest(
        name=plan.name, description=plan.description, tracks=plan.wanted, remote_playlist_id=remote_id
    )
    if not remote_id:
        # With nothing but a name at first: its id is worth more than all that will be on it.
        with target.asked() as syncer:
            remote_id = syncer.sync_playlist(replace(request, description="", tracks=()))
        lease.update(target_playlist_id=remote_id, known_ids=None)
        request = replace(request, remote_playlist_id=remote_id)
    try:
        with target.asked() as syncer:
            syncer.sync_playlist(request)
    except NotFoundError:
        shown = _ids_on(target, remote_id)
        if shown is None:
            raise
        raise SongsVanishedError({song.id for song in plan.wanted}.difference(shown)) from None
    if _ids_on(target, remote_id) != [song.id for song in plan.wanted]:
        raise InvalidResponseError(
            f"{target.label} shows another list than was written.", provider=target.connection.provider_type
        )


def _ids_on(target: End, remote_id: str) -> list[str] | None:
    """Return the songs of a list, as the service shows them now; None where there is no such list."""
    with target.asked() as reader:
        for playlist in reader.get_playlists():
            if playlist.id == remote_id:
                return [song.id for song in playlist.tracks]
    return None
