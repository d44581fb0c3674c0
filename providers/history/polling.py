"""When a connection is fetched next."""

from datetime import datetime, timedelta

from django.utils import timezone

from providers.history.reports import FetchOutcome, FetchReport
from providers.models import HistorySync
from providers.registry import ProviderSpec
from providers.scheduling import jittered

FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=6)

SHORTEST_PLAY = timedelta(seconds=30)
"""No service counts less as a play (their documentation, 2026-11): a limited history fills up no faster than this."""

SAFE_PART = 0.8
"""The part of the time in which a limited history fills up that a fetch may be away, what it comes late not counted."""

FRACTION = 4
"""Of a service's limited history, the part that may fill up between two fetches at the pace just seen: a quarter."""

UNHURRIED = 25
"""How many new listens one fetch should find where the service keeps all of them."""

SLOW_DOWN = 1.5


def next_interval(spec: ProviderSpec, sync: HistorySync, stored: int) -> timedelta:
    """Return the time until the next fetch, after one that found `stored` new listens.

    A heavy listener is fetched more often than who listens to nothing. But nobody so seldom that a limited history
    could be filled up anew, as fast as anybody can listen: who slept may wake up to the shortest songs there are.
    """
    shortest, longest = spec.poll_interval
    limit = spec.history_limit
    if limit:
        longest = max(min(longest, limit * SHORTEST_PLAY * SAFE_PART), shortest)
    last = sync.poll_interval or shortest
    if stored == 0:
        return min(max(last * SLOW_DOWN, shortest), longest)
    if sync.last_fetched_at is None:
        # What came home is of years, and tells nothing of today's pace.
        return shortest
    target = limit / FRACTION if limit else UNHURRIED
    elapsed = max(timezone.now() - sync.last_fetched_at, timedelta(0))
    return min(max(min(elapsed * (target / stored), last * SLOW_DOWN), shortest), longest)


def next_due(report: FetchReport, interval: timedelta | None, failures: int) -> datetime | None:
    """Return when the connection is due again; None where nothing can be fetched until the person acts."""
    now = timezone.now()
    if report.needs_person:
        return None
    if report.outcome is FetchOutcome.OUT_OF_TIME:
        # To the back of the queue, so that one long history starves nobody.
        return now
    if report.outcome is FetchOutcome.COMPLETE and interval is not None:
        return now + jittered(interval)
    delay = report.resumes_at - now if report.resumes_at is not None else timedelta(0)
    if failures:
        # As often as when all is well, at the least: a limited history fills up meanwhile.
        delay = max(delay, min(FIRST_RETRY * 2 ** min(failures - 1, 16), interval or LONGEST_RETRY))
    return now + jittered(max(delay, timedelta(0)))
