"""Whom the throttle on signing in counts attempts for."""

import unicodedata
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest

_MAX_LENGTH = 255


def typed_name(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str:
    """Return the name as it was typed, in the one form that all its spellings share.

    Navidrome does not mind capitals: were they counted apart, so would be the guesses at one password. And what
    was typed counts, not the local account behind it: whoever gets in at last gets rid of the attempts before.
    """
    name = request.POST.get("username") or (credentials or {}).get("username") or ""
    return unicodedata.normalize("NFKC", name.strip()).casefold()[:_MAX_LENGTH]


def address(request: HttpRequest) -> str:
    """Return the address that a visitor comes from, as the outermost of the `PROXY_COUNT` proxies saw it.

    Each proxy appends whom it was asked by to X-Forwarded-For. What stands further left the visitor may have made up.
    """
    connecting: str = request.META.get("REMOTE_ADDR", "")
    hops = request.headers.get("X-Forwarded-For", "").split(",")
    if not 0 < settings.PROXY_COUNT <= len(hops):
        return connecting
    try:
        return str(ip_address(hops[-settings.PROXY_COUNT].strip()))
    except ValueError:
        return connecting
