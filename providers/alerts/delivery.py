"""Alerts on their way to one target: what waits there is told in one message, as often as a person can bear."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models import F
from django.utils import timezone

from providers.alerts.problems import Problem
from providers.alerts.sending import Message, send
from providers.alerts.texts import message_of, trial_message
from providers.fields import DecryptionError
from providers.models import Alert, AlertTarget
from providers.scheduling import Lease, jittered, make_due

logger = logging.getLogger(__name__)

MAX_MESSAGES = 6
SPAN = timedelta(hours=1)
"""At most so many messages in this time. What comes in beyond waits, and is told in one."""

FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=4)

MAX_TRIES = 12
"""After so many, most of a day, an alert is given up."""

KEPT = timedelta(days=90)
"""How long an alert is kept to be shown, once it is dealt with and over."""


def rows() -> "models.QuerySet[AlertTarget]":
    """Return the rows that a worker claims. An address that no key decrypts must not keep them from being read."""
    return AlertTarget.objects.defer("url")


def work(lease: Lease[AlertTarget], should_stop: Callable[[], bool]) -> None:
    """Tell one target what waits for it, and give it back."""
    target = lease.row
    if should_stop():
        lease.release(due_at=target.due_at, failures=target.failures)
        return
    if not target.is_enabled:
        # Noted by somebody who had looked just before it was paused.
        Alert.waiting().filter(target=target).delete()
    waiting = list(Alert.waiting().filter(target=target))
    if not waiting:
        lease.release(due_at=None)
        return
    if (resumes_at := _may_send_at(target)) > timezone.now():
        lease.release(due_at=resumes_at, failures=target.failures)
        return
    problem = _send(target, message_of(waiting))
    now = timezone.now()
    alerts = Alert.objects.filter(pk__in=[alert.pk for alert in waiting])
    with transaction.atomic():
        lease.update(tried_at=now, problem=problem)
        if problem:
            alerts.update(tries=F("tries") + 1)
            alerts.filter(tries__gte=MAX_TRIES).update(given_up_at=now)
        else:
            alerts.update(told_at=now)
        target.alerts.filter(is_open=False, created_at__lt=now - KEPT).delete()
    logger.info("%s: %s", target, problem or "sent")
    failures = target.failures + 1 if problem else 0
    lease.release(due_at=_next_due(target, failures), failures=failures)


def try_out(target: AlertTarget) -> str:
    """Send a message to see whether it arrives, at once, and return the problem, empty where there is none."""
    problem = _send(target, trial_message())
    target.tried_at, target.problem = timezone.now(), problem
    target.save(update_fields=["tried_at", "problem"])
    if not problem:
        try_again(target)
    return problem


def try_again(target: AlertTarget) -> None:
    """Send what waits for the next try as soon as a worker is free: there is a reason to hope that it arrives."""
    make_due(AlertTarget.objects.filter(pk=target.pk, due_at__isnull=False))


def pause(target: AlertTarget) -> None:
    """Tell a target nothing until `resume`; what waits is told no more: it may be long over by then."""
    with transaction.atomic():
        AlertTarget.objects.filter(pk=target.pk).update(is_enabled=False)
        Alert.waiting().filter(target=target).delete()


def resume(target: AlertTarget) -> None:
    """Tell a target again what happens from now on."""
    AlertTarget.objects.filter(pk=target.pk).update(is_enabled=True)


def _send(target: AlertTarget, message: Message) -> str:
    try:
        url = target.url
    except DecryptionError:
        return Problem.UNREADABLE
    return send(url, message).problem


def _may_send_at(target: AlertTarget) -> datetime:
    """Return from when on the target takes another message."""
    now = timezone.now()
    recent = target.alerts.filter(told_at__gt=now - SPAN).order_by("-told_at")
    # What one message told has one time.
    sent = list(recent.values_list("told_at", flat=True).distinct()[:MAX_MESSAGES])
    return sent[-1] + SPAN if len(sent) == MAX_MESSAGES and sent[-1] is not None else now


def _next_due(target: AlertTarget, failures: int) -> datetime | None:
    if not Alert.waiting().filter(target=target).exists():
        return None
    delay = min(FIRST_RETRY * 2 ** min(failures - 1, 16), LONGEST_RETRY) if failures else timedelta(0)
    return timezone.now() + jittered(delay)
