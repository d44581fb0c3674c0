"""What a person says of single tracks: kept for ever, and above every computation."""

from typing import Any

from providers.datatypes import Track
from providers.models import ManualMatch, MissingTrack, PlaylistMirror
from providers.models.playlists import song_as_json
from providers.playlists import library


class NoSuchSongError(LookupError):
    """The target has no song of this id, as far as is known."""


def choose(mirror: PlaylistMirror, track: Track, song_id: str) -> ManualMatch:
    """Keep that a track of the mirror's source is this song of its target. Raises `NoSuchSongError`.

    It holds for every list that has the track, from the next run on.
    """
    song = library.song(library.index_of(mirror.target), song_id)
    if song is None:
        raise NoSuchSongError(song_id)
    chosen, _ = ManualMatch.objects.update_or_create(
        user=mirror.user, defaults={"track": song_as_json(track), "song": song_as_json(song)}, **_of(mirror, track)
    )
    return chosen


def withdraw(mirror: PlaylistMirror, track: Track) -> bool:
    """Leave a track to matching again, and tell whether anything was said of it."""
    deleted, _ = ManualMatch.objects.filter(user=mirror.user, **_of(mirror, track)).delete()
    return bool(deleted)


def track_of(missing: MissingTrack) -> Track:
    """Return a missing track as its service told it."""
    return Track(
        id=missing.remote_track_id,
        name=missing.name,
        artist=missing.artist,
        album=missing.album,
        duration_ms=missing.duration_ms,
        isrc=missing.isrc,
        url=missing.url,
    )


def _of(mirror: PlaylistMirror, track: Track) -> dict[str, Any]:
    return {
        "source_type": mirror.source.provider_type,
        "source_key": ManualMatch.key_of(track),
        "target_type": mirror.target.provider_type,
    }
