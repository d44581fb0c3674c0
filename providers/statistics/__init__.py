"""What a person listened to, in numbers: counted month by month in the background, put together for any span of time.

Whole months come from the counts that are kept, and what remains of a span is counted from the listens themselves. So
the days and years of every time zone are exact, and what came home a moment ago is among them.
"""

from providers.statistics.background import work
from providers.statistics.counting import count, count_quarters

__all__ = ["count", "count_quarters", "work"]
