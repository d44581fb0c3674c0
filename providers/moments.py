"""A moment as pages show it: by the clock of whoever looks, and exactly."""

from datetime import UTC, datetime

from django.utils import dateformat, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import pgettext


def as_time(moment: datetime) -> SafeString:
    """Show a moment in the person's time zone, and on hover exactly, in UTC."""
    return _element(moment, pgettext("format of a time", "j M Y, H:i"))


def as_date(moment: datetime) -> SafeString:
    """Show the day of a moment in the person's time zone, and the moment on hover."""
    return _element(moment, pgettext("format of a date", "j M Y"))


def as_clock(moment: datetime, how: str = "H:i") -> SafeString:
    """Show the time of day of a moment where the day is told beside it, and the moment on hover."""
    return _element(moment, how)


def local(moment: datetime) -> datetime:
    """Return a moment in the person's time zone."""
    try:
        return timezone.localtime(moment)
    except OverflowError:
        # At the ends of what can be told.
        return moment


def _element(moment: datetime, how: str) -> SafeString:
    utc = moment.astimezone(UTC)
    shown = dateformat.format(local(moment), how)
    title = f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    return format_html('<time datetime="{}" title="{}">{}</time>', utc.isoformat(), title, shown)
