"""One connection's history, brought home.

Whoever fetches holds the lease of the connection's `HistorySync`; how its windows are walked is told in
`providers.history.walk`.
"""

import logging
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, IntegrityError, models, transaction
from django.db import connection as database
from django.utils import timezone

from providers import registry, scheduling
from providers.contracts import BatchedHistory, HistoryCounter, HistoryFetcher, require_aware
from providers.counters import count
from providers.datatypes import Track
from providers.exceptions import ProviderError, RateLimitedError, ReauthorizationRequiredError, TransientError
from providers.history import deletion, gaps, ingest, late_plays, polling
from providers.history.reports import FetchOutcome, FetchReport
from providers.history.walk import OutOfTimeError, Walk, next_since, offer
from providers.link_health import speaking_for
from providers.logcontext import logging_about
from providers.models import Connection, HistorySync
from providers.pauses import client_id_of, respecting_pauses
from providers.scheduling import Lease, LeaseLostError

logger = logging.getLogger(__name__)

Progress = Callable[[FetchReport], None]


def fetch(
    connection: Connection,
    *,
    since: datetime | None = None,
    max_seconds: float | None = None,
    on_progress: Progress = lambda report: None,
) -> FetchReport | None:
    """Bring home what a connection has new, due or not, and report; None where there is nothing to fetch from.

    Waits while a worker holds the connection. Never raises for what a service, a provider or a missing setting does:
    that becomes a report. `since` reads back to a moment of one's own (aware, else `ValueError`) instead of to where
    history is complete. After `max_seconds` the fetch stops between two pages; the next one goes on from there.
    """
    require_aware(since=since)
    # A row may go while it is waited for: linking another account makes a new one.
    while (row := _row_of(connection)) is not None:
        lease = scheduling.claim(_rows(), row.pk)
        if lease is not None:
            with lease.renewed():
                return _fetch(lease, since=since, should_stop=_after(max_seconds), on_progress=on_progress)
    return None


def work(lease: Lease[HistorySync], should_stop: Callable[[], bool]) -> None:
    """Fetch a connection that is due, for one turn at most, and give it back."""
    with logging_about(connection=lease.row.connection_id):
        report = _fetch(
            lease, since=None, should_stop=scheduling.one_turn(should_stop), on_progress=lambda report: None
        )
        if report is not None:
            logger.info("%s: %d new, %s", report.connection, report.stored, report.outcome.replace("_", " "))


def preview(
    connection: Connection, *, since: datetime | None = None, on_progress: Progress = lambda report: None
) -> FetchReport | None:
    """Read and count what a fetch would bring home, and store nothing. Otherwise as `fetch`."""
    require_aware(since=since)
    report = FetchReport(connection)
    sync = HistorySync.objects.filter(connection=connection).first() or HistorySync()

    def count(batch: list[Track]) -> None:
        report.seen += len(batch)
        report.stored += len(ingest.unstored(connection.user_id, connection.provider_type, batch))
        on_progress(report)

    def read(provider: HistoryFetcher) -> None:
        report.history_end = offer(provider, since or next_since(sync), None, count)

    return report if _attempt(report, read) else None


def due_histories(provider_type: str) -> "models.QuerySet[HistorySync]":
    """Return the rows that a worker claims for one service."""
    return _rows().filter(provider_type=provider_type)


def _rows() -> "models.QuerySet[HistorySync]":
    return HistorySync.objects.select_related("connection__user")


def _row_of(connection: Connection) -> HistorySync | None:
    """Return the connection's row, made now where there is none; None where the connection is gone."""
    if not Connection.objects.filter(pk=connection.pk).exists():
        return None
    # It may go at this very moment.
    with suppress(IntegrityError), transaction.atomic():
        HistorySync.adopt([connection])
    return HistorySync.objects.filter(connection=connection).first()


def _after(seconds: float | None) -> Callable[[], bool]:
    if seconds is None:
        return lambda: False
    stop_at = time.monotonic() + seconds
    return lambda: time.monotonic() > stop_at


def _fetch(
    lease: Lease[HistorySync], *, since: datetime | None, should_stop: Callable[[], bool], on_progress: Progress
) -> FetchReport | None:
    """Fetch under a lease, release it, and count what came of it; None where there is nothing to fetch from."""
    report = _run(lease, since=since, should_stop=should_stop, on_progress=on_progress)
    if report is not None:
        count("fetches", report.stored, service=report.connection.provider_type, outcome=report.outcome)
    return report


def _run(
    lease: Lease[HistorySync], *, since: datetime | None, should_stop: Callable[[], bool], on_progress: Progress
) -> FetchReport | None:
    """Fetch under a lease and release it; None where there is nothing to fetch from, or no longer."""
    sync = lease.row
    report = FetchReport(sync.connection)

    def read(provider: HistoryFetcher) -> None:
        doomed = deletion.pending(sync.connection.user_id).filter(provider_type=sync.provider_type)
        if not deletion.finish(doomed, should_stop):
            report.outcome = FetchOutcome.OUT_OF_TIME
            return
        now = timezone.now()
        walk = Walk(provider, lease, report, should_stop=should_stop, on_progress=on_progress)
        try:
            walk.run(since)
        except OutOfTimeError:
            report.outcome = FetchOutcome.OUT_OF_TIME
        _note_tier(provider, lease)
        if report.outcome is FetchOutcome.COMPLETE and sync.complete_until is not None:
            _read_late_plays(provider, lease, walk, now)

    try:
        if not _attempt(report, read):
            lease.release(due_at=None)
            return None
        _release(lease, report)
    except LeaseLostError:
        if not Connection.objects.filter(pk=sync.connection_id).exists():
            return None
        if HistorySync.objects.filter(pk=sync.pk).exists():
            report.outcome, report.detail = FetchOutcome.TAKEN_OVER, "Another worker goes on with it."
        else:
            report.outcome = FetchOutcome.RELINKED
            report.detail = "Another account was linked meanwhile: the next fetch begins with its history."
        return report
    except Error as error:
        # The lease runs out by itself. The next connection to be fetched needs a database that answers.
        database.close_if_unusable_or_obsolete()
        _note_database_error(report, error)
        return report
    report.complete_until = sync.complete_until
    report.gaps = gaps.open_gaps(sync.connection)
    return report


def _attempt(report: FetchReport, read: Callable[[HistoryFetcher], None]) -> bool:
    """Read from the connection's provider and report what goes wrong; False where there is nothing to read from."""
    connection = report.connection
    try:
        with speaking_for(connection):
            provider = registry.build(connection.provider_type, connection.user)
            if not isinstance(provider, HistoryFetcher):
                return False
            with respecting_pauses(provider.type(), client_id_of(provider)):
                read(provider)
        connection.mark_ok()
    except LeaseLostError:
        raise
    except RateLimitedError as error:
        report.outcome, report.detail = FetchOutcome.PARKED, str(error)
        report.resumes_at = error.retry_at
    except (ProviderError, ImproperlyConfigured, registry.UnknownProviderError) as error:
        report.outcome, report.detail = FetchOutcome.FAILED, str(error)
        report.needs_person = isinstance(error, ReauthorizationRequiredError)
        report.resumes_at = error.retry_at if isinstance(error, TransientError) else None
    except Error as error:
        _note_database_error(report, error)
    except Exception as error:  # noqa: BLE001, one provider's bug must not stop the other connections
        report.outcome, report.detail = FetchOutcome.FAILED, f"A bug in the provider: {type(error).__name__}."
        # Where it happened, but not what it says: a foreign exception's text may hold anything.
        logger.error(
            "%s failed with %s\n%s", connection, type(error).__name__, "".join(traceback.format_tb(error.__traceback__))
        )
    return True


def _note_database_error(report: FetchReport, error: Exception) -> None:
    report.outcome, report.detail = FetchOutcome.FAILED, f"The database refused: {type(error).__name__}."
    logger.error("%s could not be stored: %s", report.connection, type(error).__name__)


def _note_tier(provider: HistoryFetcher, lease: Lease[HistorySync]) -> None:
    connection = lease.row.connection
    tier = getattr(provider, "history_is_last_play_only", None)
    if connection.history_is_last_play_only and tier is False:
        # The plays between the last ones were not to be had until now: the next window goes back for them.
        lease.update(complete_until=None)
    if connection.history_is_last_play_only != tier:
        connection.history_is_last_play_only = tier
        Connection.objects.filter(pk=connection.pk).update(history_is_last_play_only=tier)


def _read_late_plays(provider: HistoryFetcher, lease: Lease[HistorySync], walk: Walk, until: datetime) -> None:
    if not (isinstance(provider, HistoryCounter) and isinstance(provider, BatchedHistory)):
        return
    if provider.history_is_last_play_only:
        # Each of them replaces another: how many there are says nothing.
        return
    sync = lease.row
    left = late_plays.read(sync.connection, provider, sync.count_differences, until, walk.read_again)
    if left != sync.count_differences:
        lease.update(count_differences=left)


def _release(lease: Lease[HistorySync], report: FetchReport) -> None:
    sync = lease.row
    # A service that wants a pause and does not say how long is asked ever more seldom.
    is_setback = report.outcome is FetchOutcome.FAILED or (
        report.outcome is FetchOutcome.PARKED and report.resumes_at is None
    )
    failures = sync.failures + 1 if is_setback else 0
    changes: dict[str, Any] = {"last_error": report.detail}
    interval = sync.poll_interval
    if report.outcome in (FetchOutcome.COMPLETE, FetchOutcome.OUT_OF_TIME):
        changes["last_fetched_at"] = timezone.now()
    if report.outcome is FetchOutcome.COMPLETE:
        interval = polling.next_interval(registry.get(sync.provider_type), sync, report.stored)
        changes["poll_interval"] = interval
    lease.release(due_at=polling.next_due(report, interval, failures), failures=failures, **changes)
