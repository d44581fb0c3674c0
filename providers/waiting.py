"""Whether anybody comes to work that is due in the background."""

from datetime import timedelta

from django.utils import timezone

from providers.scheduling import Scheduled

NEGLECTED_AFTER = timedelta(minutes=2)
"""After what time of waiting a page says that nobody may be there to work.

Soon, unlike `LATE_AFTER`: it is said, with a "may", to a person who has just asked for something and looks on.
"""

LATE_AFTER = timedelta(minutes=15)
"""What is due for longer than this shows that nobody is there to do the work, or that they do not keep up.

Late, unlike `NEGLECTED_AFTER`: it wakes an operator, and a queue that is long for a moment must not.
"""


def is_held(row: Scheduled) -> bool:
    """Tell whether somebody works on it now."""
    return row.lease_until is not None and row.lease_until > timezone.now()


def is_waiting(row: Scheduled) -> bool:
    """Tell whether it is due, and nobody works on it yet."""
    return row.due_at is not None and row.due_at <= timezone.now() and not is_held(row)


def is_neglected(row: Scheduled) -> bool:
    """Tell whether it waits for so long that there may be nobody to work on it."""
    return is_waiting(row) and row.due_at is not None and row.due_at < timezone.now() - NEGLECTED_AFTER
