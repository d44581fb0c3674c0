"""Names as pages show them: services and files may give any, of any length."""

from django.utils.html import escape

MAX_BYTES = 100
"""How much of a page one name may take."""

_LONGEST_ESCAPE = 6


def shortened(text: str) -> str:
    """Return a text, or as much of its beginning as takes `MAX_BYTES` of a page."""
    if len(text) * _LONGEST_ESCAPE <= MAX_BYTES:
        return text
    left = MAX_BYTES
    for place, letter in enumerate(text):
        left -= len(escape(letter).encode("utf-8", "replace"))
        if left < 0:
            return f"{text[:place]}…"
    return text
