"""What has to be written for a remote playlist to hold other tracks, and whether it holds them afterwards."""

from collections import Counter
from collections.abc import Sequence

from providers.exceptions import InvalidResponseError, NotFoundError


def added_at_the_end(there: Sequence[str], wanted: Sequence[str]) -> Sequence[str] | None:
    """Return the ids that make `wanted` of `there` when they are added to its end; None where that is not enough."""
    return wanted[len(there) :] if wanted[: len(there)] == there else None


def places_to_remove(there: Sequence[str], wanted: Sequence[str]) -> list[int] | None:
    """Return the places, counted from 0, whose removal makes `wanted` of `there`; None where that is not enough."""
    places, found = [], 0
    for place, track_id in enumerate(there):
        if found < len(wanted) and track_id == wanted[found]:
            found += 1
        else:
            places.append(place)
    return places if found == len(wanted) else None


def check_written(shown: Sequence[str], wanted: Sequence[str], *, provider: str) -> None:
    """Hold a playlist, read back, to what was written.

    Raises `NotFoundError` where tracks are missing on it, for they are gone from the service, and
    `InvalidResponseError` where it differs in any other way.
    """
    missing = (Counter(wanted) - Counter(shown)).total()
    if missing:
        raise NotFoundError(
            f"{missing} of the {len(wanted)} songs are missing: the service does not have them.", provider=provider
        )
    if shown != wanted:
        raise InvalidResponseError("The playlist does not hold what was written.", provider=provider)
