"""The site's Celery with a beat that ticks five times as often: a drill is in a hurry."""

from datetime import timedelta

from musicbridge.celery import app

app.conf.beat_schedule["tick"]["schedule"] = timedelta(seconds=2)
