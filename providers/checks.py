"""System checks: what is missing or wrong in the settings, and what to do about it."""

import os
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.utils.module_loading import import_string

from providers import conf, debug, registry

SETTINGS = "providers"
"""The tag of all checks here: `manage.py check --tag providers`."""


@register(SETTINGS)
def check_fernet_keys(**_: Any) -> list[CheckMessage]:
    """Without a key no secret can be stored; the default of the library would tie it to SECRET_KEY."""
    try:
        conf.fernet_keys()
    except conf.ProviderConfigurationError as error:
        return [Error(str(error), hint="Set it to one or more long random texts, newest first.", id="providers.E001")]
    return []


@register(SETTINGS)
def check_limits(**_: Any) -> list[CheckMessage]:
    """What cannot be read would stop every fetch."""
    messages: list[CheckMessage] = []
    readers = (
        conf.rate_limits,
        conf.redis_url,
        conf.history_overlap,
        conf.lease_seconds,
        conf.alert_schemes,
        conf.public_url,
    )
    for read in readers:
        try:
            read()
        except conf.ProviderConfigurationError as error:
            messages.append(Error(str(error), id="providers.E004"))
    return messages


@register(SETTINGS)
def check_types(**_: Any) -> list[CheckMessage]:
    """What is of the wrong kind would fail where it is read, with an error that names no setting."""
    hint = "Leave it out where there is nothing to set."
    return [Error(problem, hint=hint, id="providers.E005") for problem in conf.wrong_types()]


@register(SETTINGS)
def check_names(**_: Any) -> list[CheckMessage]:
    """A name that is spelled wrong would be passed over in silence."""
    try:
        of_services = {name for spec in registry.specs() for name in spec.required_settings}
    except conf.ProviderConfigurationError:
        return []  # `check_services` says so.
    return [
        Warning(
            f"{name} is a setting that nobody reads.",
            hint=" ".join(f"Is {close} meant?" for close in get_close_matches(name, conf.DEFAULTS, 1)) or None,
            id="providers.W007",
        )
        for name in conf.unknown_names()
        if name not in of_services
    ]


@register(SETTINGS)
def check_services(**_: Any) -> list[CheckMessage]:
    """A service without its settings is merely not set up; one with wrong settings would fail at run time."""
    try:
        specs = registry.specs()
    except conf.ProviderConfigurationError as error:
        return [Error(str(error), id="providers.E003")]
    return [message for spec in specs for message in _messages(spec)]


@register(SETTINGS, Tags.security)
def check_session_cookie(**_: Any) -> list[CheckMessage]:
    """A strict cookie stays at home when a service sends the browser back: nobody would be signed in then."""
    if str(conf.get("SESSION_COOKIE_SAMESITE")).lower() != "strict":
        return []
    return [
        Warning(
            'SESSION_COOKIE_SAMESITE is "Strict": people who come back from a service are asked to sign in again.',
            hint='Set it to "Lax", which is Django\'s default.',
            id="providers.W004",
        )
    ]


@register(SETTINGS, Tags.security)
def check_oauth_transport(**_: Any) -> list[CheckMessage]:
    """Nothing here needs oauthlib's switch: it is for other software, and for this one it is a hole."""
    if not os.environ.get("OAUTHLIB_INSECURE_TRANSPORT"):
        return []
    return [
        Warning(
            "OAUTHLIB_INSECURE_TRANSPORT is set: OAuth would send tokens over plain http to anywhere.",
            hint="Take it out of the environment. On this machine plain http works without it.",
            id="providers.W006",
        )
    ]


def _messages(spec: registry.ProviderSpec) -> Iterator[CheckMessage]:
    for name in spec.missing_settings:
        yield Warning(
            f"{name} is not set, so {spec.label} is not set up.",
            hint=f"Set {name} ({spec.docs_url}), or take {spec.label} out of PROVIDERS.",
            id="providers.W002",
        )
    for problem in spec.check_settings():
        text = f"{spec.label}: {problem.text}"
        if problem.is_fatal:
            yield Error(text, id="providers.E002")
        else:
            yield Warning(text, id="providers.W003")


@register(SETTINGS)
def check_error_reports(**_: Any) -> list[CheckMessage]:
    """Django's own error pages and mails show variables, queries and forms, and with them secrets."""
    wanted = {
        "DEFAULT_EXCEPTION_REPORTER": debug.SecretsReporter,
        "DEFAULT_EXCEPTION_REPORTER_FILTER": debug.SecretsReporterFilter,
    }
    return [
        Warning(
            f"{name} is not providers.debug.{ours.__name__} or built on it, so error pages and mails can show secrets.",
            hint=f'Set {name} = "providers.debug.{ours.__name__}".',
            id="providers.W005",
        )
        for name, ours in wanted.items()
        if not issubclass(import_string(conf.get(name)), ours)
    ]
