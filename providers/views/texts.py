"""Names as pages show them: services and files may give any, of any length."""

from html import escape

MAX_BYTES = 100
"""How much of a page one name may take."""


def shortened(text: str, max_bytes: int = MAX_BYTES) -> str:
    """Return a text, or as much of its beginning as takes so much of a page."""
    if len(text) <= max_bytes and _size(text) <= max_bytes:
        return text
    left = max_bytes
    for place, letter in enumerate(text):
        left -= _size(letter)
        if left < 0:
            return f"{text[:place]}…"
    return text


def _size(text: str) -> int:
    return len(escape(text).encode("utf-8", "replace"))
