"""The index of a library: all songs that a person could put on a playlist there, in the database, by what finds them.

It is filled from the service page by page, so that its size costs no memory, whenever songs are to be looked up and it
is not fresh. Only what differs is written.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from providers import scheduling
from providers.contracts import LibraryLister
from providers.datatypes import Track
from providers.jsonvalues import MAX_INTEGER, storable
from providers.models import Connection, LibraryIndex, LibraryKey, LibrarySong
from providers.models.history import hash_of
from providers.playlists.matching import lookup_keys
from providers.scheduling import Lease

FRESH_FOR = timedelta(hours=1)
"""How old an index may be that songs are looked up in."""

AT_ONCE = 500
"""How many songs, or keys, one statement names: no database takes any number of parameters."""

_CONTENT = ("name", "artist", "artists", "album", "duration_ms", "url", "isrc", "mbid")
"""The fields of a song that its service tells."""

KeysOf = Callable[[Track], Iterable[str]]

Row = TypeVar("Row")


def refresh(
    connection: Connection, lister: LibraryLister, *, on_progress: Callable[[int], None] = lambda songs: None
) -> LibraryIndex:
    """Read the library anew where its index is not fresh, waiting while somebody else does, and return the index.

    A walk that breaks off leaves what it has seen, and the next one begins anew. Raises what the lister raises,
    and `LeaseLostError` where the connection is deleted meanwhile or the worker is overtaken.
    """
    index = index_of(connection)
    if _is_fresh(index):
        return index
    lease = scheduling.claim(LibraryIndex.objects.all(), index.pk)
    if lease is None:
        raise scheduling.LeaseLostError
    try:
        with lease.renewed():
            if not _is_fresh(lease.row):
                _walk(lease, lister, on_progress)
    finally:
        lease.release(due_at=None)
    return lease.row


def index_of(connection: Connection) -> LibraryIndex:
    """Return a connection's index, an empty one where there was none."""
    index, _ = LibraryIndex.objects.get_or_create(connection=connection, defaults={"due_at": None})
    return index


def _is_fresh(index: LibraryIndex) -> bool:
    return index.refreshed_at is not None and timezone.now() - index.refreshed_at < FRESH_FOR


def _walk(lease: Lease[LibraryIndex], lister: LibraryLister, on_progress: Callable[[int], None]) -> None:
    index = lease.row
    walk, began_at, seen = index.walk + 1, timezone.now(), 0
    for page in lister.iter_library():
        for some in in_parts([track for track in page if track.id], AT_ONCE):
            with transaction.atomic():
                lease.update()
                _store(index, walk, some)
            seen += len(some)
        on_progress(seen)
    with transaction.atomic():
        # One walk says too little: a song that moves from one page to another meanwhile is on neither.
        _remove(index.songs.filter(walk__lt=walk - 1))
        lease.update(walk=walk, song_count=seen, refreshed_at=began_at)


def _store(index: LibraryIndex, walk: int, tracks: Sequence[Track]) -> None:
    told = {track.id: _content(track) for track in tracks}
    known = {song.remote_track_id: song for song in index.songs.filter(remote_track_id__in=told)}
    same, changed = [], []
    for remote_id, song in known.items():
        content = told.pop(remote_id)
        if all(getattr(song, name) == value for name, value in content.items()):
            same.append(song.pk)
            continue
        for name, value in content.items():
            setattr(song, name, value)
        song.walk = walk
        changed.append(song)
    index.songs.filter(pk__in=same).update(walk=walk)
    LibrarySong.objects.bulk_update(changed, [*_CONTENT, "walk"])
    LibraryKey.objects.filter(song__in=changed).delete()
    new = LibrarySong.objects.bulk_create(
        LibrarySong(index=index, remote_track_id=remote_id, walk=walk, **content) for remote_id, content in told.items()
    )
    LibraryKey.objects.bulk_create(
        LibraryKey(index=index, key=key, song=song)
        for song in (*changed, *new)
        for key in _hashed_keys(song.track, lookup_keys)
    )


def _content(track: Track) -> dict[str, Any]:
    content: dict[str, Any] = {name: getattr(track, name) for name in _CONTENT}
    content = {name: storable(value) if isinstance(value, str) else value for name, value in content.items()}
    content["artists"] = [storable(artist) for artist in track.artists]
    content["duration_ms"] = min(max(track.duration_ms, 0), MAX_INTEGER)
    return content


def _hashed_keys(track: Track, keys_of: KeysOf) -> set[int]:
    return {hash_of(key) for key in keys_of(track)}


def candidates(index: LibraryIndex, tracks: Sequence[Track], keys_of: KeysOf = lookup_keys) -> list[list[Track]]:
    """Return for each of the tracks the songs that share a key with it. A few statements, however many songs."""
    keys = [_hashed_keys(track, keys_of) for track in tracks]
    found: dict[int, list[int]] = defaultdict(list)
    for some in in_parts(list(set().union(*keys)), AT_ONCE):
        rows = LibraryKey.objects.filter(index=index, key__in=some).values_list("key", "song_id")
        for key, song_id in rows:
            found[key].append(song_id)
    songs: dict[int, Track] = {}
    for ids in in_parts(list(set().union(*found.values())), AT_ONCE):
        rows_of_songs = LibrarySong.objects.filter(pk__in=ids).values_list("pk", "remote_track_id", *_CONTENT)
        songs.update((pk, _track(remote_id, content)) for pk, remote_id, *content in rows_of_songs)
    return [
        [songs[pk] for pk in sorted({pk for key in keys_of_one for pk in found.get(key, ())}) if pk in songs]
        for keys_of_one in keys
    ]


def _track(remote_id: str, content: Iterable[Any]) -> Track:
    values = dict(zip(_CONTENT, content, strict=True))
    return Track(id=remote_id, **{**values, "artists": tuple(values["artists"])})


def holds(index: LibraryIndex, remote_track_id: str) -> bool:
    """Tell whether a song is in the library."""
    return index.songs.filter(remote_track_id=remote_track_id).exists()


def was_met(index: LibraryIndex, remote_track_id: str) -> bool:
    """Tell whether the last walk met a song: one that it did not is gone, or has only moved meanwhile."""
    return index.songs.filter(remote_track_id=remote_track_id, walk__gte=index.walk).exists()


def song(index: LibraryIndex, remote_track_id: str) -> Track | None:
    """Return a song of the library by its id; None where there is none."""
    found = index.songs.filter(remote_track_id=remote_track_id).first()
    return None if found is None else found.track


def keep(index: LibraryIndex, songs: Sequence[Track]) -> None:
    """Add songs that were found by other means than a walk."""
    with transaction.atomic():
        _store(index, index.walk, list({song.id: song for song in songs if song.id}.values()))


def forget(index: LibraryIndex, remote_track_ids: Iterable[str]) -> None:
    """Leave songs out that turned out to be gone."""
    for some in in_parts(list(remote_track_ids), AT_ONCE):
        _remove(index.songs.filter(remote_track_id__in=some))


def _remove(songs: "QuerySet[LibrarySong]") -> None:
    # Its keys at once: Django would read each of them first.
    LibraryKey.objects.filter(song__in=songs).delete()
    songs.delete()


def search(index: LibraryIndex, text: str, *, at_most: int = 20) -> list[Track]:
    """Return songs whose title or artist holds each word of a text, whatever its case, for a person to choose from."""
    songs = index.songs.order_by("name", "pk")
    for word in text.split():
        songs = songs.filter(Q(name__icontains=word) | Q(artist__icontains=word))
    return [song.track for song in songs[:at_most]]


def in_parts(rows: Sequence[Row], size: int) -> Iterator[Sequence[Row]]:
    """Yield rows in their order, so many at a time."""
    for first in range(0, len(rows), size):
        yield rows[first : first + size]
