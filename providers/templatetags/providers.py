"""Tags and filters of the pages: `{% load providers %}`."""

from typing import Any, NamedTuple

from django.apps import apps
from django.template import Library, RequestContext
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from providers import registry
from providers.models import Connection
from providers.moments import as_clock, as_date, as_time

register = Library()
register.filter(as_time)
register.filter(as_date)
register.filter(as_clock)

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
    types = [spec.type for spec in registry.specs()]
    in_danger = Connection.objects.filter(user=user.pk, provider_type__in=types).in_danger()
    return {
        "dangers": [Danger(connection, registry.label_of(connection.provider_type)) for connection in in_danger],
        "here": context.request.path,
    }


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
