"""The settings, as Django's own checks and those of the apps judge them."""

from collections.abc import Iterator

from django.core import checks

from providers import conf
from providers.doctor.findings import Finding, ok, problem, warning

ABOUT_HTTPS = frozenset({"security.W004", "security.W008", "security.W012", "security.W016"})
"""Checks that all miss one thing: a site that is used over https only."""


def examine() -> Iterator[Finding]:
    """Run every check, those for a site in production included where this is one."""
    messages = checks.run_checks(include_deployment_checks=not conf.get("DEBUG"))
    told = [message for message in messages if not message.is_silenced() and message.level >= checks.INFO]
    for message in told:
        if message.id not in ABOUT_HTTPS:
            judge = problem if message.level >= checks.ERROR else warning
            yield judge(message.msg, message.hint or f"Look up {message.id} among Django's system checks.")
    if any(message.id in ABOUT_HTTPS for message in told):
        yield warning(
            "The site can be used over plain http: passwords and sessions can be read on their way.",
            "Put a proxy that speaks https in front, have the site trust its header, and set PUBLIC_URL to the https "
            "address. manage.py check --deploy names each setting.",
        )
    if not told:
        yield ok("Django's checks find nothing.")
    if conf.get("DEBUG"):
        yield warning("DEBUG is on: error pages tell strangers how the site is built.", "Take DEBUG out.")
