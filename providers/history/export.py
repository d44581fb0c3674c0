"""A person's whole history as one file, as it streams out: for other programs, and to be imported here again."""

from collections.abc import Iterator
from enum import StrEnum

from providers import registry
from providers.datatypes import Track
from providers.history.dumps import own
from providers.history.dumps.rows import Play
from providers.models import Listen

CHUNK_LISTENS = 2_000
"""How many listens are in memory at once."""

_FIELDS = (
    "played_at",
    "id",
    "provider_type",
    "source",
    "remote_track_id",
    "name",
    "artist",
    "album",
    "duration_ms",
    "url",
    "isrc",
)


class ExportFormat(StrEnum):
    """The kinds of file there are. Both hold all there is to know of a listen."""

    JSONL = "jsonl"
    CSV = "csv"


def export(user_id: int, export_format: ExportFormat) -> Iterator[bytes]:
    """Yield the file of a person's listens, oldest first, in UTF-8 and a piece at a time.

    What is a duplicate of what is left out: it is computed anew wherever the file is imported.
    """
    if export_format is ExportFormat.CSV:
        yield own.csv_header()
        yield from map(own.as_csv, _chunks(user_id))
    else:
        for plays in _chunks(user_id):
            yield own.as_json_lines(plays, registry.label_of)


def _chunks(user_id: int) -> Iterator[list[Play]]:
    """Yield the plays in order of their time, each chunk by a query of its own: none is open while nobody reads."""
    listens = Listen.objects.filter(user=user_id).order_by("played_at", "id").values_list(*_FIELDS)
    chunk = list(listens[:CHUNK_LISTENS])
    while chunk:
        yield [
            Play(
                provider_type,
                source,
                Track(
                    id=remote_track_id,
                    name=name,
                    artist=artist,
                    album=album,
                    duration_ms=duration_ms,
                    played_at=played_at,
                    url=url,
                    isrc=isrc,
                ),
            )
            for (
                played_at,
                _,
                provider_type,
                source,
                remote_track_id,
                name,
                artist,
                album,
                duration_ms,
                url,
                isrc,
            ) in chunk
        ]
        last_moment, last_id, *_ = chunk[-1]
        # Said this way, both databases walk the index from played_at on.
        following = listens.filter(played_at__gte=last_moment).exclude(played_at=last_moment, id__lte=last_id)
        chunk = list(following[:CHUNK_LISTENS])
