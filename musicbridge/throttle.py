"""Whom the throttle on signing in counts attempts for."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

_MAX_LENGTH = 255


def typed_name(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str:
    """Return the name as it was typed, in the one form that all its spellings share.

    Navidrome does not mind capitals: were they counted apart, so would be the guesses at one password. And what
    was typed counts, not the local account behind it: whoever gets in at last gets rid of the attempts before.
    """
    name = request.POST.get("username") or (credentials or {}).get("username") or ""
    return unicodedata.normalize("NFKC", name.strip()).casefold()[:_MAX_LENGTH]
