"""What a fetch tells about itself."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from providers.datatypes import HistoryEnd
from providers.models import Connection, HistoryGap


class FetchOutcome(StrEnum):
    """How a fetch went."""

    COMPLETE = "complete"
    OUT_OF_TIME = "out_of_time"
    """It was told to stop, or worked long enough; the next one goes on from there."""

    PARKED = "parked"
    """The service wants to be left alone until `resumes_at`."""

    TAKEN_OVER = "taken_over"
    """Its lease ran out, and another worker goes on."""

    RELINKED = "relinked"
    """Another account was linked meanwhile."""

    FAILED = "failed"


@dataclass(slots=True)
class FetchReport:
    """What one fetch saw and did. `detail` says in plain words what went wrong, and holds no secret.

    `gaps` are what the service could not tell, of this fetch and of earlier ones, as far as nothing has filled them.
    `needs_person` says that nobody but the person can make the link work again.
    """

    connection: Connection
    seen: int = 0
    stored: int = 0
    outcome: FetchOutcome = FetchOutcome.COMPLETE
    history_end: HistoryEnd | None = None
    complete_until: datetime | None = None
    resumes_at: datetime | None = None
    needs_person: bool = False
    detail: str = ""
    gaps: list[HistoryGap] = field(default_factory=list)
