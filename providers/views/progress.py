"""How far long work is, and when it will be done."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

_TOO_SOON_SECONDS = 2.0
"""What a pace is worth that was measured over less than this: nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Work of which `done` of `total` parts are done since it began; `total` is None where nobody knows."""

    done: int
    total: int | None
    began_at: datetime

    @property
    def percent(self) -> int | None:
        """How much of it is done, from 0 to 100."""
        return None if not self.total else min(100, 100 * self.done // self.total)

    @property
    def per_second(self) -> float | None:
        """How many parts a second were done since it began; None as long as that says nothing."""
        seconds = (timezone.now() - self.began_at).total_seconds()
        return self.done / seconds if self.done and seconds >= _TOO_SOON_SECONDS else None

    @property
    def per_minute(self) -> int | None:
        """How many parts a minute were done since it began."""
        return None if self.per_second is None else round(60 * self.per_second)

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at that pace; None where that cannot be told."""
        if self.total is None or self.per_second is None:
            return None
        return max(self.total - self.done, 0) / self.per_second
