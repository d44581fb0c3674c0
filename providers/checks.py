"""System checks: what is missing or wrong in the settings, and what to do about it."""

from typing import Any

from django.core.checks import CheckMessage, Error, register

from providers import conf


@register
def check_fernet_keys(**_: Any) -> list[CheckMessage]:
    """Without a key no secret can be stored; the default of the library would tie it to SECRET_KEY."""
    if conf.get("FERNET_KEYS"):
        return []
    return [
        Error(
            "FERNET_KEYS is not set.",
            hint="Set it to one or more long random texts, newest first.",
            id="providers.E001",
        )
    ]
