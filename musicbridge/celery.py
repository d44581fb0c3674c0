"""The Celery application, for those who spread the fetching over many machines: `celery -A musicbridge worker`.

Celery finds this module by itself. Nothing else imports it: a site on one machine has no Celery installed.
"""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings
from kombu.transport.redis import Channel

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "musicbridge.settings")

if not settings.CELERY_BROKER_URL:
    # Celery tells any other exception in forty lines.
    raise SystemExit("REDIS_URL is not set: workers on many machines are woken through a Redis.")

# What is in flight when the broker goes away is worth nothing. To give it back to a broker that is not there ends the
# worker (kombu 5.7: AttributeError on a closed connection), which then does not see the broker return.
Channel.do_restore = False

app = Celery("musicbridge")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_the_logging_of_the_site(**_: Any) -> None:
    """Do nothing: where somebody listens, Celery sets up no logging of its own."""
