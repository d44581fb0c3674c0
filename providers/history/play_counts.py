"""Plays that a service cannot tell because it knows only the last one of each track, but counts all of them."""

from collections.abc import Iterable

from providers.datatypes import Track
from providers.models import Connection, PlayCount

_LONGEST_ID = 255
"""What the column holds; no service's ids are nearly as long."""


def compare(connection: Connection, tracks: Iterable[Track]) -> int:
    """Remember how often these tracks were played by now, and return how many plays came between without being told.

    Of each track one play is told, the last. Seen again without having been played, it counts for nothing.
    """
    told = {track.id: track.play_count for track in tracks if track.play_count and 0 < len(track.id) <= _LONGEST_ID}
    counts = PlayCount.objects.filter(connection=connection, remote_track_id__in=told)
    known = dict(counts.values_list("remote_track_id", "play_count"))
    PlayCount.objects.bulk_create(
        [
            PlayCount(connection=connection, remote_track_id=track_id, play_count=count)
            for track_id, count in told.items()
            if known.get(track_id) != count
        ],
        update_conflicts=True,
        unique_fields=["connection", "remote_track_id"],
        update_fields=["play_count"],
    )
    return sum(max(count - known.get(track_id, 0) - 1, 0) for track_id, count in told.items())
