"""What services and workers tell in English, shown in the language of whoever reads it."""

from django.utils.translation import gettext


def translated(text: str) -> str:
    """Return a text in the reader's language."""
    return gettext(text) if text else ""
