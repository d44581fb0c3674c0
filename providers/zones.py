"""In which time zone a person sees times: the one they chose, else their browser's, else the site's."""

from datetime import tzinfo
from functools import cache
from urllib.parse import unquote
from zoneinfo import ZoneInfo, available_timezones

from django.http import HttpRequest
from django.utils import timezone

CHOSEN_ZONE_COOKIE = "zone"
BROWSER_ZONE_COOKIE = "browser_zone"
"""Set by `zone.js`."""


def chosen_zone(request: HttpRequest) -> str:
    """Return the name of the zone the person chose; empty where they leave it to their browser."""
    return _known(request.COOKIES.get(CHOSEN_ZONE_COOKIE, ""))


def zone_of(request: HttpRequest) -> tzinfo:
    """Return the zone in which the person sees times. What a cookie says is believed where there is such a zone."""
    name = chosen_zone(request) or _known(unquote(request.COOKIES.get(BROWSER_ZONE_COOKIE, "")))
    return ZoneInfo(name) if name else timezone.get_default_timezone()


@cache
def zone_names() -> tuple[str, ...]:
    """Return the zones to choose from: those of the places people live in, and UTC."""
    return ("UTC", *sorted(name for name in _all_names() if "/" in name and not name.startswith("Etc/")))


def _known(name: str) -> str:
    return name if name in _all_names() else ""


@cache
def _all_names() -> set[str]:
    return available_timezones()
