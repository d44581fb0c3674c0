"""The Celery application, for those who spread the fetching over many machines: `celery -A musicbridge worker`.

Celery finds this module by itself. Nothing else imports it: a site on one machine has no Celery installed.
"""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "musicbridge.settings")

if not settings.CELERY_BROKER_URL:
    # Celery tells any other exception in forty lines.
    raise SystemExit("REDIS_URL is not set: workers on many machines are woken through a Redis.")

app = Celery("musicbridge")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_the_logging_of_the_site(**_: Any) -> None:
    """Do nothing: where somebody listens, Celery sets up no logging of its own."""
