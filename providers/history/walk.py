"""Walking a connection's windows, under a lease.

The promise: every listen the service offered while a window was walked to its end is stored, exactly once, and
`complete_until` never passes one that was offered and not stored.

Services tell newest first, so how far a history is complete can only move when a window is closed, that is when all of
it was walked. Until then the window is open: with each few pages, the listens and the window's new edge are stored in
one transaction, fenced by the lease. A walk that dies leaves its window open, and the next one walks the rest of it,
closes it, and opens the next. A history that cannot be resumed is walked again whole.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from django.db import Error, transaction
from django.utils import timezone

from providers import conf
from providers.contracts import BatchedHistory, HistoryFetcher, hand_over
from providers.datatypes import HistoryEnd, Track
from providers.history import gaps, ingest, play_counts
from providers.history.reports import FetchReport
from providers.models import HistoryGap, HistorySync
from providers.scheduling import Lease, LeaseLostError

BEGINNING = datetime(1969, 12, 31, tzinfo=UTC)
"""Where a first fetch reads back to. A clock that was never set dates listens to 1970, and those count as well."""

STORE_LISTENS = 5000
STORE_SECONDS = 1.0
"""After so many listens, or so long, what came in is stored: a commit costs as much as reading a page or two."""


class OutOfTimeError(Exception):
    """The walk was stopped between two pages; its window stays open."""


def next_since(sync: HistorySync) -> datetime:
    """Return where the next window begins: a little before what is complete, for what arrives late."""
    if sync.complete_until is None:
        return BEGINNING
    # Where a clock that was ahead dated what is complete, plays of today would seem to be home already.
    return min(sync.complete_until, timezone.now()) - conf.history_overlap()


def offer(
    provider: HistoryFetcher, since: datetime, until: datetime | None, take: Callable[[list[Track]], None]
) -> HistoryEnd:
    """Hand every listen after `since`, up to and including `until`, to `take`, and return how the history ended."""
    if until is not None and isinstance(provider, BatchedHistory):
        return hand_over(provider.iter_recent_listens(since, until), take)
    return provider.get_recent_listens(since, take)


class Walk:
    """The walk of one connection's windows. Raises `LeaseLostError`, `OutOfTimeError` and what the provider raises."""

    def __init__(
        self,
        provider: HistoryFetcher,
        lease: Lease[HistorySync],
        report: FetchReport,
        *,
        should_stop: Callable[[], bool],
        on_progress: Callable[[FetchReport], None],
    ) -> None:
        self._provider = provider
        self._lease = lease
        self._report = report
        self._connection = report.connection
        self._should_stop = should_stop
        self._on_progress = on_progress
        self._pending: list[Track] = []
        self._stored_at = time.monotonic()
        self._oldest: datetime | None = None

    def run(self, since: datetime | None) -> None:
        """Walk what is left of an open window, then a new one, from `since` or from what is complete."""
        sync = self._lease.row
        if sync.window_since is not None:
            self._walk_window(sync)
        sync.window_since = since or next_since(sync)
        if since is not None:
            # A worker that dies at once must not take with it how far back it was asked to read.
            self._lease.update(**_window(sync))
        self._walk_window(sync)

    def read_again(self, since: datetime, until: datetime) -> None:
        """Offer and store a time anew that belongs to no window."""
        offer(self._provider, since, until, self._take_again)

    def _walk_window(self, sync: HistorySync) -> None:
        assert sync.window_since is not None  # noqa: S101, only open windows come here
        if sync.window_oldest is None:
            # It is walked from the top, of today: what an earlier try saw there says nothing of what came since.
            sync.window_began_at = timezone.now()
            sync.window_newest, sync.window_met_known, sync.window_done = None, False, 0
        sync.window_taken_up_at, sync.window_done_before = timezone.now(), sync.window_done
        self._oldest = sync.window_oldest
        try:
            end = offer(self._provider, sync.window_since, sync.window_oldest, self._take)
        except (LeaseLostError, OutOfTimeError, Error):
            raise
        except Exception:
            # What came home before the trouble stays.
            self._store()
            raise
        self._report.history_end = end
        self._close(sync, end)

    def _take(self, batch: list[Track]) -> None:
        sync = self._lease.row
        moments = [track.played_at for track in batch if track.played_at is not None]
        sync.window_newest = max(filter(None, [sync.window_newest, *moments]))
        self._oldest = min(filter(None, [self._oldest, *moments]))
        is_resumable = getattr(self._provider, "history_is_resumable", False)
        if is_resumable:
            sync.window_oldest = self._oldest
        self._note_reach(sync)
        sync.window_done += len(batch)
        expected = getattr(self._provider, "expected_listens", None)
        sync.window_total = None if expected is None else sync.window_done_before + expected
        self._pending += batch
        self._report.seen += len(batch)
        # A walk that cannot be resumed has to be finished, or it would begin anew for ever.
        must_stop = is_resumable and self._should_stop()
        if must_stop or len(self._pending) >= STORE_LISTENS or time.monotonic() - self._stored_at > STORE_SECONDS:
            self._store()
        self._on_progress(self._report)
        if must_stop:
            raise OutOfTimeError

    def _note_reach(self, sync: HistorySync) -> None:
        """Note once the walk has seen anything as old as what is complete: then nothing is missing in between."""
        seen = self._oldest_seen()
        if seen is not None and sync.complete_until is not None and seen <= sync.complete_until:
            sync.window_met_known = True

    def _oldest_seen(self) -> datetime | None:
        """Return how far back the window's walk has seen anything, listens that are told no longer included."""
        return min(filter(None, [self._oldest, getattr(self._provider, "oldest_seen", None)]), default=None)

    def _take_again(self, batch: list[Track]) -> None:
        with transaction.atomic():
            self._lease.update()
            stored = ingest.store(self._connection.user_id, self._connection.provider_type, batch)
        self._report.seen += len(batch)
        self._report.stored += stored
        self._on_progress(self._report)

    def _store(self) -> None:
        with transaction.atomic():
            stored = self._store_pending(self._lease.row)
            self._lease.update(**_window(self._lease.row))
        self._count_stored(stored)

    def _count_stored(self, stored: int) -> None:
        self._report.stored += stored
        self._pending = []
        self._stored_at = time.monotonic()
        self._on_progress(self._report)

    def _store_pending(self, sync: HistorySync) -> int:
        """Store what came in and return how much was new. The caller writes the window in the same transaction."""
        if not self._pending:
            return 0
        user_id, provider_type = self._connection.user_id, self._connection.provider_type
        self._compare_play_counts(sync)
        return ingest.store(user_id, provider_type, self._pending)

    def _compare_play_counts(self, sync: HistorySync) -> None:
        if not self._tells_last_plays_only():
            return
        lost = play_counts.compare(self._connection, self._pending)
        # What was played before the first fetch is no gap.
        if (
            lost
            and sync.complete_until is not None
            and sync.window_since is not None
            and sync.window_newest is not None
        ):
            # Of what arrived late, the plays that cannot be had may be as old as the oldest that is looked for.
            is_late = sync.window_newest <= sync.complete_until
            since = sync.window_since if is_late else sync.complete_until
            gaps.note_lost_plays(self._connection, since, sync.window_newest, lost)

    def _close(self, sync: HistorySync, end: HistoryEnd) -> None:
        """Close a window that was walked to its end, and move `complete_until` where the window reaches back to it."""
        assert sync.window_since is not None  # noqa: S101, only open windows come here
        with transaction.atomic():
            stored = self._store_pending(sync)
            reach = sync.complete_until
            # A play dated in the future must not hide what is heard until then.
            seen_until = min(filter(None, [sync.window_newest, sync.window_began_at])) if sync.window_newest else None
            # A walk over last plays says nothing of the plays between them.
            if end is HistoryEnd.REACHED_SINCE and seen_until is not None and not self._tells_last_plays_only():
                gaps.cover(
                    self._connection.user_id, self._connection.provider_type, sync.window_since, seen_until, by="fetch"
                )
            has_hole_before = sync.window_since > (reach or BEGINNING)
            if seen_until is not None and not has_hole_before:
                self._note_gap(sync, end)
                reach = max(filter(None, [reach, seen_until]))
            sync.window_since = sync.window_began_at = sync.window_newest = sync.window_oldest = sync.window_total = (
                None
            )
            sync.window_taken_up_at, sync.window_met_known = None, False
            sync.window_done = sync.window_done_before = 0
            self._lease.update(complete_until=reach, **_window(sync))
        self._count_stored(stored)

    def _note_gap(self, sync: HistorySync, end: HistoryEnd) -> None:
        """Note a gap where the service had no more, and nothing as old as what is complete was seen on the way."""
        self._note_reach(sync)
        keeps_all = getattr(self._provider, "history_limit", None) is None
        # Before a first fetch there was nothing to miss. Last plays move on: not to see the old ones says nothing.
        if (
            end is not HistoryEnd.EXHAUSTED
            or keeps_all
            or sync.complete_until is None
            or sync.window_met_known
            or self._tells_last_plays_only()
        ):
            return
        until = self._oldest_seen()
        # Plays that are all dated in the future are no evidence of what was played until now.
        if until is not None and (sync.window_began_at is None or until <= sync.window_began_at):
            gaps.note(self._connection, sync.complete_until, until, HistoryGap.Reason.NOT_KEPT)

    def _tells_last_plays_only(self) -> bool:
        return getattr(self._provider, "history_is_last_play_only", False)


def _window(sync: HistorySync) -> dict[str, object]:
    names = ("since", "began_at", "newest", "oldest", "met_known", "taken_up_at", "done_before", "done", "total")
    return {f"window_{name}": getattr(sync, f"window_{name}") for name in names}
