"""Counts what happens, for metrics: one row per kind of event, in the database that all processes share.

A site is many processes, on one machine or on several, and most of them answer no HTTP: what each counted for itself
would be lost with it, and nobody could ask for it. A row is right whoever is asked, and outlives every restart. It is
changed by one UPDATE in a transaction of its own, after the work; fetches are paced by the services, so that even all
workers together come to it a few dozen times a second at most.
"""

import json
import logging

from django.db import Error
from django.db.models import F

from providers.models import EventCount

logger = logging.getLogger(__name__)


def count(name: str, amount: int = 0, **labels: str) -> None:
    """Count something that happened, and add up the amount that came of it.

    `labels` are of a bounded kind: services, outcomes and errors, never people. Never raises for what the database
    does: what is counted has been done, and must not be done again for this.
    """
    kind = {"name": name, "labels": json.dumps(labels, sort_keys=True)}
    try:
        if not _add(kind, amount):
            EventCount.objects.bulk_create([EventCount(**kind)], ignore_conflicts=True)
            _add(kind, amount)
    except Error as error:
        logger.warning("%s could not be counted: %s", name, type(error).__name__)


def _add(kind: dict[str, str], amount: int) -> int:
    return EventCount.objects.filter(**kind).update(times=F("times") + 1, amount=F("amount") + amount)
