"""What carrying a playlist tells about itself."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from providers.models import PlaylistMirror
from providers.playlists.plan import Plan


class CarryOutcome(StrEnum):
    """How it went."""

    IN_STEP = "in_step"
    PARTLY = "partly"
    """All that was found is on the list; some of the tracks were not."""

    PLANNED = "planned"
    """Nothing was written, as was asked."""

    PARKED = "parked"
    """A service wants to be left alone until `resumes_at`."""

    REFUSED = "refused"
    """A person has to say first what they want."""

    TAKEN_OVER = "taken_over"
    """The lease ran out, and another worker goes on."""

    FAILED = "failed"


@dataclass(slots=True)
class CarryReport:
    """What one run did. `plan` is None where it did not come to one; `detail` is in plain words and holds no secret.

    `needs_person` says that the next run would end alike unless somebody acts, and `choices` are the wishes with any of
    which it would not (`providers.playlists.mirrors.Wishes`, as JSON has them).
    """

    mirror: PlaylistMirror
    outcome: CarryOutcome
    plan: Plan | None = None
    detail: str = ""
    resumes_at: datetime | None = None
    needs_person: bool = False
    choices: list[dict[str, Any]] = field(default_factory=list)
