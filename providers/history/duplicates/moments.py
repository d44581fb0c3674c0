"""Whether two moments can belong to one play, and how well: pure numbers, in milliseconds.

Services stamp a play at one of its ends, most at its start; some at its end, but not from every player. Players
report a play once half of it or four minutes were heard, and a few of them stamp that moment. What is broken off ends
before its time, what was paused after it. Clocks are off by seconds, and files tell some times in minutes only.
"""

from dataclasses import dataclass
from typing import Literal

Marks = Literal["start", "end"]

BEST = 1000
"""How well moments fit at best. A fit of 0 is none."""

EXACT = BEST * 98 // 100
"""How well they fit where one play is told to the second or so."""

LONGEST_MS = 4 * 3_600_000
"""What is said to last longer than this is compared as if it lasted this long."""

REACH_MS = LONGEST_MS + 10 * 60_000
"""No two moments of one play are further apart."""

_CLOCKS_MS = 75_000
_EITHER_END_MS = 8_000
_PAUSE_MS = 5 * 60_000
_UNKNOWN_LENGTH_MS = 10 * 60_000
USUAL_LENGTH_MS = 210_000
_COUNTED_AFTER_MS = 240_000
_COUNTED_WITHIN_MS = 8_000
_COUNTED_LATE_MS = 180_000


@dataclass(frozen=True, slots=True)
class Moment:
    """When a play is stamped: at which end, None where that is not known, and to which precision.

    `is_certain` tells whether it is at that end without exception.
    """

    at_ms: int
    marks: Marks | None
    precision_ms: int
    is_certain: bool = False


def are_equally_long(a_ms: int, b_ms: int) -> bool:
    """Tell whether two durations are known, and those of one recording beyond doubt."""
    return min(a_ms, b_ms) > 0 and abs(a_ms - b_ms) <= 2_500


def differ_in_length(a_ms: int, b_ms: int) -> bool:
    """Tell whether two durations are known, and cannot be those of one recording."""
    return min(a_ms, b_ms) > 0 and abs(a_ms - b_ms) > max(15_000, max(a_ms, b_ms) // 10)


def fit(a: Moment, b: Moment, duration_ms: int) -> int:
    """Return how well the moments fit one play that lasts so long (0: unknown), from 0, not at all, to `BEST`."""
    duration_ms = min(duration_ms, LONGEST_MS)
    slack_ms = (a.precision_ms if a.precision_ms > 1000 else 0) + (b.precision_ms if b.precision_ms > 1000 else 0)
    if a.marks == b.marks:
        return _fit_of_same_end(abs(a.at_ms - b.at_ms), duration_ms, slack_ms, counted=a.marks != "end")
    end, start = (a, b) if a.marks == "end" or b.marks == "start" else (b, a)
    as_ends = _fit_of_ends(start.at_ms, end.at_ms, duration_ms, slack_ms, is_certain=end.is_certain)
    if end.marks == "end":
        return as_ends
    # A start, and one that is either.
    same_end = _fit_of_same_end(abs(a.at_ms - b.at_ms), duration_ms, slack_ms, counted=True)
    return max(same_end, as_ends * 9 // 10)


def _fit_of_same_end(apart_ms: int, duration_ms: int, slack_ms: int, *, counted: bool) -> int:
    # Never so tolerant that the next play of a short song could be meant.
    tolerance_ms = (min(_CLOCKS_MS, max(duration_ms // 2, 5_000)) if duration_ms else _CLOCKS_MS) + slack_ms
    if apart_ms <= tolerance_ms:
        return BEST - 300 * apart_ms // tolerance_ms
    if not counted or apart_ms > duration_ms * 9 // 10:
        return 0
    after_ms = apart_ms - min(duration_ms // 2, _COUNTED_AFTER_MS)
    if min(abs(after_ms), abs(apart_ms - duration_ms // 2)) <= _COUNTED_WITHIN_MS + slack_ms:
        return BEST * 35 // 100
    return BEST * 25 // 100 if 0 < after_ms <= _COUNTED_LATE_MS + slack_ms else 0


def _fit_of_ends(start_ms: int, end_ms: int, duration_ms: int, slack_ms: int, *, is_certain: bool) -> int:
    apart_ms = end_ms - start_ms
    is_either_end = not is_certain and abs(apart_ms) <= _EITHER_END_MS + slack_ms
    either_end = BEST * 35 // 100 if is_either_end else 0
    if apart_ms < -slack_ms:
        return either_end
    if not duration_ms:
        if apart_ms > _UNKNOWN_LENGTH_MS + slack_ms:
            return 0
        return max(either_end, BEST * 9 // 10 - 300 * abs(apart_ms - USUAL_LENGTH_MS) // _UNKNOWN_LENGTH_MS)
    late_ms = apart_ms - duration_ms
    if abs(late_ms) <= min(_CLOCKS_MS, duration_ms // 2) + slack_ms:
        return BEST - 300 * abs(late_ms) // (_CLOCKS_MS + slack_ms)
    if late_ms > 0:
        # A pause as long as the song is rather another play of it.
        longest_ms = min(_PAUSE_MS, duration_ms * 9 // 10) + slack_ms
        return BEST * 3 // 10 - BEST * 2 // 10 * late_ms // longest_ms if late_ms <= longest_ms else 0
    return max(either_end, BEST * 7 // 10 - BEST * 3 // 10 * min(-late_ms, duration_ms) // duration_ms)
