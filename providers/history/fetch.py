"""One connection's history, brought home window by window.

Services tell newest first, so how far a history is complete can only move when a whole window was walked
(`HistorySync`). After each page its listens and the window's new edge are stored in one transaction. A walk
that dies leaves its window open: the next fetch first walks the rest of it, closes it, then opens the next.
"""

import logging
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, transaction
from django.utils import timezone

from providers import conf, registry
from providers.contracts import BatchedHistory, HistoryFetcher, hand_over, require_aware
from providers.datatypes import HistoryEnd, Track
from providers.exceptions import ProviderError, RateLimitedError
from providers.history import ingest
from providers.link_health import noting_dead_link
from providers.models import Connection, HistorySync
from providers.pauses import client_id_of, respecting_pauses

logger = logging.getLogger(__name__)

BEGINNING = datetime(1969, 12, 31, tzinfo=UTC)
"""Where a first fetch reads back to. A clock that was never set dates listens to 1970, and those count as well."""


class FetchOutcome(StrEnum):
    """How a fetch went."""

    COMPLETE = "complete"
    OUT_OF_TIME = "out_of_time"
    PARKED = "parked"
    RELINKED = "relinked"
    FAILED = "failed"


@dataclass(slots=True)
class FetchReport:
    """What one fetch saw and did. `detail` says in plain words what went wrong, and holds no secret."""

    connection: Connection
    seen: int = 0
    stored: int = 0
    outcome: FetchOutcome = FetchOutcome.COMPLETE
    history_end: HistoryEnd | None = None
    complete_until: datetime | None = None
    resumes_at: datetime | None = None
    detail: str = ""


class _OutOfTimeError(Exception):
    """The fetch used up its time; its window stays open."""


class _CursorGoneError(Exception):
    """The cursor that is walked with is no longer there: another account was linked, or the person is gone."""


def fetch(
    connection: Connection,
    *,
    since: datetime | None = None,
    is_dry_run: bool = False,
    max_seconds: float | None = None,
    on_progress: Callable[[FetchReport], None] | None = None,
) -> FetchReport | None:
    """Bring home what a connection has new, and report; None where there is nothing to fetch from, or no longer.

    Never raises for what a service, a provider or a missing setting does: that becomes a report. `since`
    reads back to a moment of one's own (aware, else `ValueError`) instead of to where history is complete. A dry
    run stores nothing. After `max_seconds` the fetch stops between two pages; the next one goes on from there.
    """
    require_aware(since=since)
    report = FetchReport(connection)
    try:
        with noting_dead_link(connection):
            provider = registry.build(connection.provider_type, connection.user)
            if not isinstance(provider, HistoryFetcher):
                return None
            with respecting_pauses(provider.type(), client_id_of(provider)):
                walk = _Walk(provider, report, is_dry_run=is_dry_run, max_seconds=max_seconds, on_progress=on_progress)
                walk.run(since)
        connection.mark_ok()
    except RateLimitedError as error:
        report.outcome = FetchOutcome.PARKED
        report.resumes_at = error.retry_at
        report.detail = str(error)
    except _CursorGoneError:
        report.outcome = FetchOutcome.RELINKED
        report.detail = "Another account was linked meanwhile: the next fetch begins with its history."
    except (ProviderError, ImproperlyConfigured, registry.UnknownProviderError) as error:
        report.outcome = FetchOutcome.FAILED
        report.detail = str(error)
    except DatabaseError as error:
        report.outcome = FetchOutcome.FAILED
        report.detail = f"The database refused: {type(error).__name__}."
        logger.error("%s could not be stored: %s", connection, type(error).__name__)
    except Exception as error:  # noqa: BLE001, one provider's bug must not stop the other connections
        report.outcome = FetchOutcome.FAILED
        report.detail = f"A bug in the provider: {type(error).__name__}."
        # Where it happened, but not what it says: a foreign exception's text may hold anything.
        logger.error(
            "%s failed with %s\n%s", connection, type(error).__name__, "".join(traceback.format_tb(error.__traceback__))
        )
    if not is_dry_run:
        try:
            _note(report)
        except _CursorGoneError:
            return report if Connection.objects.filter(pk=connection.pk).exists() else None
    return report


def _cursor_of(connection: Connection) -> HistorySync:
    """Return the cursor in the history of the account that the connection was read with, made now if need be."""
    with transaction.atomic():
        # Whoever links another account takes the same lock: none is linked between the look and the cursor.
        row = Connection.objects.select_for_update().filter(pk=connection.pk).first()
        if row is None or row.is_of_another_account(connection.account_id):
            raise _CursorGoneError
        return HistorySync.objects.get_or_create(connection=connection)[0]


def _keep(sync: HistorySync, *fields: str) -> None:
    changes = {name: getattr(sync, name) for name in fields}
    if not HistorySync.objects.filter(pk=sync.pk).update(**changes):
        raise _CursorGoneError


def _note(report: FetchReport) -> None:
    sync = _cursor_of(report.connection)
    sync.last_error = report.detail
    fields = ["last_error"]
    if report.outcome in (FetchOutcome.COMPLETE, FetchOutcome.OUT_OF_TIME):
        sync.last_fetched_at = timezone.now()
        fields.append("last_fetched_at")
    _keep(sync, *fields)
    report.complete_until = sync.complete_until


class _Walk:
    """The walk of one provider's windows, on behalf of one fetch."""

    def __init__(
        self,
        provider: HistoryFetcher,
        report: FetchReport,
        *,
        is_dry_run: bool,
        max_seconds: float | None,
        on_progress: Callable[[FetchReport], None] | None,
    ) -> None:
        self._provider = provider
        self._report = report
        self._connection = report.connection
        self._is_dry_run = is_dry_run
        self._stop_at = None if max_seconds is None else time.monotonic() + max_seconds
        self._on_progress = on_progress

    def run(self, since: datetime | None) -> None:
        if self._is_dry_run:
            sync = HistorySync.objects.filter(connection=self._connection).first() or HistorySync()
            self._report.history_end = self._offer(since or _next_since(sync), None, self._preview)
            return
        sync = _cursor_of(self._connection)
        with suppress(_OutOfTimeError):
            self._report.outcome = FetchOutcome.OUT_OF_TIME
            self._walk_windows(sync, since)
            self._report.outcome = FetchOutcome.COMPLETE
        self._note_tier()

    def _walk_windows(self, sync: HistorySync, since: datetime | None) -> None:
        if sync.window_since is not None:
            self._walk_window(sync)
        sync.window_since = since or _next_since(sync)
        sync.window_began_at = timezone.now()
        sync.window_newest = sync.window_oldest = None
        _keep(sync, "window_since", "window_began_at", "window_newest", "window_oldest")
        self._walk_window(sync)

    def _walk_window(self, sync: HistorySync) -> None:
        assert sync.window_since is not None  # noqa: S101, only open windows come here
        self._report.history_end = self._offer(
            sync.window_since, sync.window_oldest, lambda batch: self._take(sync, batch)
        )
        _close(sync)

    def _offer(self, since: datetime, until: datetime | None, take: Callable[[list[Track]], None]) -> HistoryEnd:
        if until is not None and isinstance(self._provider, BatchedHistory):
            return hand_over(self._provider.iter_recent_listens(since, until), take)
        return self._provider.get_recent_listens(since, take)

    def _take(self, sync: HistorySync, batch: list[Track]) -> None:
        moments = [track.played_at for track in batch if track.played_at is not None]
        sync.window_newest = max(filter(None, [sync.window_newest, *moments]))
        is_resumable = getattr(self._provider, "history_is_resumable", False)
        if is_resumable:
            sync.window_oldest = min(filter(None, [sync.window_oldest, *moments]))
        with transaction.atomic():
            _keep(sync, "window_newest", "window_oldest")
            stored = ingest.store(self._connection.user_id, self._connection.provider_type, batch)
        self._count(batch, stored)
        # A walk that cannot be resumed has to be finished, or it would begin anew for ever.
        if is_resumable and self._stop_at is not None and time.monotonic() > self._stop_at:
            raise _OutOfTimeError

    def _preview(self, batch: list[Track]) -> None:
        self._count(batch, len(ingest.unstored(self._connection.user_id, self._connection.provider_type, batch)))

    def _count(self, batch: list[Track], stored: int) -> None:
        self._report.seen += len(batch)
        self._report.stored += stored
        if self._on_progress is not None:
            self._on_progress(self._report)

    def _note_tier(self) -> None:
        tier = getattr(self._provider, "history_is_last_play_only", None)
        if self._connection.history_is_last_play_only and tier is False:
            # The plays between the last ones were not to be had until now: the next window goes back for them.
            HistorySync.objects.filter(connection=self._connection).update(complete_until=None)
        self._connection.history_is_last_play_only = tier
        Connection.objects.filter(pk=self._connection.pk).update(history_is_last_play_only=tier)


def _next_since(sync: HistorySync) -> datetime:
    return BEGINNING if sync.complete_until is None else sync.complete_until - conf.history_overlap()


def _close(sync: HistorySync) -> None:
    """Close a window that was walked to its end, and move `complete_until` where the window reaches back to it."""
    has_hole_before = (sync.window_since or BEGINNING) > (sync.complete_until or BEGINNING)
    if sync.window_newest is not None and sync.window_began_at is not None and not has_hole_before:
        # A play dated in the future must not hide what is heard until then.
        reached = min(sync.window_newest, sync.window_began_at)
        sync.complete_until = max(filter(None, [sync.complete_until, reached]))
    sync.window_since = sync.window_began_at = sync.window_newest = sync.window_oldest = None
    _keep(sync, "complete_until", "window_since", "window_began_at", "window_newest", "window_oldest")
