"""Tags and filters of the pages: `{% load providers %}`."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.apps import apps
from django.template import Library, RequestContext
from django.utils import dateformat, timezone
from django.utils.html import format_html
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from providers import registry
from providers.models import Connection

register = Library()

_MINUTE_SECONDS, _HOUR_SECONDS, _DAY_SECONDS = 60, 3600, 86400


class Danger(NamedTuple):
    """A link that has died or soon will, and what the service is called."""

    connection: Connection
    service: str


@register.simple_tag
def live_script() -> SafeString | str:
    """Load htmx where the site has it: without, pages stay as they were when they were asked for."""
    if not apps.is_installed("django_htmx"):
        return ""
    script: SafeString = import_string("django_htmx.jinja.htmx_script")()
    return script


@register.inclusion_tag("providers/_banner.html", takes_context=True)
def links_in_danger(context: RequestContext) -> dict[str, Any]:
    """Show, on every page, which links have died or soon will."""
    user = context.get("user")
    if user is None or not user.is_authenticated:
        return {}
    labels = {spec.type: spec.label for spec in registry.specs()}
    connections = Connection.objects.filter(user=user.pk, provider_type__in=labels)
    in_danger = connections.in_danger()
    return {
        "dangers": [Danger(connection, labels[connection.provider_type]) for connection in in_danger],
        "here": context.request.path,
    }


@register.filter
def as_time(moment: datetime) -> SafeString:
    """Show a moment in the person's time zone, and on hover exactly, in UTC."""
    return _time_element(moment, pgettext("format of a time", "j M Y, H:i"))


@register.filter
def as_date(moment: datetime) -> SafeString:
    """Show the day of a moment in the person's time zone, and the moment on hover."""
    return _time_element(moment, pgettext("format of a date", "j M Y"))


@register.filter
def roughly(seconds: float) -> str:
    """Say how long something takes, as people do: "about 3 minutes"."""
    if seconds < _MINUTE_SECONDS:
        return _("less than a minute")
    if seconds < _HOUR_SECONDS:
        minutes = round(seconds / _MINUTE_SECONDS)
        return ngettext("about %(count)d minute", "about %(count)d minutes", minutes) % {"count": minutes}
    if seconds < _DAY_SECONDS:
        hours = round(seconds / _HOUR_SECONDS)
        return ngettext("about %(count)d hour", "about %(count)d hours", hours) % {"count": hours}
    days = round(seconds / _DAY_SECONDS)
    return ngettext("about %(count)d day", "about %(count)d days", days) % {"count": days}


def _time_element(moment: datetime, how: str) -> SafeString:
    utc = moment.astimezone(UTC)
    shown = dateformat.format(timezone.localtime(moment), how)
    title = f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    return format_html('<time datetime="{}" title="{}">{}</time>', utc.isoformat(), title, shown)
