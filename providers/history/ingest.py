"""A batch of tracks becomes rows, each listen exactly once."""

from collections.abc import Iterable

from providers.contracts import require_aware
from providers.datatypes import Track
from providers.models import DuplicateScan, Listen
from providers.models.history import fingerprint

_MAX_DURATION_MS = 2**31 - 1
"""What the column holds; a longer play is a mistake of the service."""


def unstored(user_id: int, provider_type: str, tracks: Iterable[Track], *, source: str = "api") -> list[Listen]:
    """Return unsaved rows for those of the tracks that are not in the database yet.

    Raises `ValueError` for a track that is no listen: without an aware `played_at`, or with None for a text.
    """
    rows = {}
    for track in tracks:
        if track.played_at is None:
            raise ValueError("a listen needs played_at")
        require_aware(played_at=track.played_at)
        # SQLite ignores a row with NULL just as it ignores one that is there: it would be lost in silence.
        if None in (track.id, track.name, track.artist, track.album, track.url, track.isrc):
            raise ValueError("a listen has texts, if empty ones, and never None")
        key = (track.played_at, fingerprint(track.name, track.artist))
        rows[key] = Listen(
            user_id=user_id,
            provider_type=provider_type,
            source=source,
            remote_track_id=track.id,
            name=track.name,
            artist=track.artist,
            album=track.album,
            duration_ms=min(max(track.duration_ms, 0), _MAX_DURATION_MS),
            played_at=track.played_at,
            url=track.url,
            isrc=track.isrc,
            fingerprint=key[1],
        )
    known = Listen.objects.filter(
        user_id=user_id, provider_type=provider_type, played_at__in=[played_at for played_at, _ in rows]
    ).values_list("played_at", "fingerprint")
    for stored_key in known:
        rows.pop(stored_key, None)
    return list(rows.values())


def knows_any(user_id: int, provider_type: str, tracks: Iterable[Track]) -> bool:
    """Tell whether any of the tracks is stored already."""
    tracks = list(tracks)
    return len(unstored(user_id, provider_type, tracks)) < len(
        {(track.played_at, track.name, track.artist) for track in tracks}
    )


def store(user_id: int, provider_type: str, tracks: Iterable[Track], *, source: str = "api") -> int:
    """Store the listens that are new and return how many there were. Storing twice changes nothing.

    Raises `ValueError` as `unstored` does; nothing is stored then.
    """
    new = unstored(user_id, provider_type, tracks, source=source)
    # A second process may store the same listen between the look and the write.
    Listen.objects.bulk_create(new, ignore_conflicts=True)
    if new:
        moments = [listen.played_at for listen in new]
        DuplicateScan.note(user_id, min(moments), max(moments))
    return len(new)
