"""Listens that a service can no longer tell: noted where people see it, until something covers them.

A service that keeps a limited history drops what is older. A gap is noted only on evidence: a fetch went back as far as
the service could, and saw nothing as old as what was home already.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from providers import signals
from providers.models import Alert, AlertKind, Connection, HistoryGap

PRECISION = timedelta(minutes=1)
"""How roughly the roughest file tells when something was played."""


def note(connection: Connection, since: datetime, until: datetime, reason: HistoryGap.Reason) -> HistoryGap:
    """Note that nothing is known of the time after `since` and before `until`."""
    return _open(HistoryGap(connection=connection, since=since, until=until, reason=reason))


def note_lost_plays(connection: Connection, since: datetime, until: datetime, missing_plays: int) -> None:
    """Note that so many plays of this time cannot be had from a service that tells only the last play of each track.

    Such gaps come one after the other, and grow together: one in which nothing was lost for a day ends there.
    """
    recent = HistoryGap.objects.open().filter(
        connection=connection,
        reason=HistoryGap.Reason.LAST_PLAY_ONLY,
        since__lte=since,
        until__gte=since - timedelta(days=1),
    )
    if not recent.update(until=Greatest("until", until), missing_plays=F("missing_plays") + missing_plays):
        _open(
            HistoryGap(
                connection=connection,
                since=since,
                until=until,
                reason=HistoryGap.Reason.LAST_PLAY_ONLY,
                missing_plays=missing_plays,
            )
        )


def _open(gap: HistoryGap) -> HistoryGap:
    connection = gap.connection
    with transaction.atomic():
        gap.save()
        Alert.note(
            connection.user_id,
            AlertKind.GAP_OPENED,
            gap.matter,
            service=connection.provider_type,
            since=gap.since.isoformat(),
            until=gap.until.isoformat(),
        )
        signals.announce(signals.gap_opened, HistoryGap, gap=gap)
    return gap


def open_gaps(connection: Connection) -> list[HistoryGap]:
    """Return what the connection's service could not tell and nothing has filled since, newest first."""
    return list(HistoryGap.objects.open().filter(connection=connection))


def cover(user_id: int, provider_type: str, since: datetime, until: datetime, *, by: str) -> int:
    """Close the gaps that lie within this time, of which everything is home now, and return how many.

    A gap that is covered from one of its ends becomes smaller. `by` tells what brought the listens home.
    """
    gaps = HistoryGap.objects.open().filter(
        connection__user=user_id,
        connection__provider_type=provider_type,
        since__lt=until,
        until__gt=since,
    )
    closed = 0
    for gap in gaps:
        reaches_start, reaches_end = since <= gap.since + PRECISION, until >= gap.until - PRECISION
        if reaches_start and reaches_end:
            HistoryGap.objects.filter(pk=gap.pk).update(closed_at=timezone.now(), closed_by=by)
            Alert.settle(user_id, [gap.matter])
            closed += 1
        elif reaches_start:
            HistoryGap.objects.filter(pk=gap.pk, since=gap.since).update(since=until)
        elif reaches_end:
            HistoryGap.objects.filter(pk=gap.pk, until=gap.until).update(until=since)
    return closed
