"""Reminders that a link expires, some time before it does (`providers.models.connections.REMINDERS`)."""

import math
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from providers.models import Alert, AlertKind, Connection

AT_ONCE = 1000


def remind() -> int:
    """Have everybody told whose reminder is due, and return how many were. Each is told once.

    Where nobody looked for a while, only the latest one is told, and nothing of a link that has expired since.
    """
    now = timezone.now()
    due = Connection.objects.filter(reminder_due_at__lte=now).order_by("reminder_due_at")
    reminded = 0
    while found := list(due[:AT_ONCE]):
        reminded += sum(_remind(connection, now) for connection in found)
    return reminded


def _remind(connection: Connection, now: datetime) -> bool:
    with transaction.atomic():
        # Of several who look, one moves it on.
        is_mine = Connection.objects.filter(pk=connection.pk, reminder_due_at=connection.reminder_due_at).update(
            reminder_due_at=connection.next_reminder_after(now)
        )
        expires_at = connection.link_expires_at
        if not is_mine or expires_at is None or expires_at <= now:
            return False
        matter = connection.matter("expiry")
        Alert.settle(connection.user_id, [matter])
        Alert.note(
            connection.user_id,
            AlertKind.LINK_EXPIRES,
            matter,
            service=connection.provider_type,
            days=math.ceil((expires_at - now) / timedelta(days=1)),
            expires_at=expires_at.isoformat(),
        )
    return True
