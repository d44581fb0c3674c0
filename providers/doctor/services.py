"""Whether the services can be reached from here, and whether their clocks agree with ours. No credentials are sent."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests

from providers import conf, registry
from providers.doctor.findings import Finding, ok, problem, warning
from providers.doctor.timeouts import TIMEOUT_SECONDS
from providers.transport import GuardedSession

MAX_SECONDS_APART = 60
"""Signatures, tokens and the moments of plays bear no clock that is further off."""


def examine() -> Iterator[Finding]:
    """Ask every address in the settings of the services that are set up, all at once."""
    asked = [
        (spec.label, name, str(conf.get(name)))
        for spec in registry.specs()
        for name in spec.address_settings
        if not spec.missing_settings and conf.get(name) and not conf.address_problems(name, may_be_plain_http=True)
    ]
    with ThreadPoolExecutor(max(len(asked), 1)) as pool:
        for findings in pool.map(lambda one: _ask(*one), asked):
            yield from findings
    if not asked:
        yield warning("No service is set up.", "The settings of each are explained where Django's checks point to.")


def _ask(label: str, name: str, address: str) -> list[Finding]:
    try:
        answer = GuardedSession().get(address, timeout=TIMEOUT_SECONDS)
    except requests.exceptions.SSLError:
        return [
            problem(
                f"{label} shows a certificate that this machine does not trust ({name}).",
                "Is its name in the setting the one in the certificate? A certificate of your own has to be known to "
                "this machine: name it in REQUESTS_CA_BUNDLE.",
            )
        ]
    except requests.Timeout:
        return [problem(f"{label} does not answer within seconds ({name}).", _reaching(name))]
    except requests.RequestException:
        return [problem(f"{label} cannot be reached ({name}).", _reaching(name))]
    if answer.status_code >= 500:
        return [warning(f"{label} answers {answer.status_code} ({name}).", "It is in trouble itself: wait.")]
    return [ok(f"{label} answers ({name})."), *_clock(label, answer.headers.get("Date", ""))]


def _reaching(name: str) -> str:
    return f"Is {name} right, and does a firewall, a proxy or the name service of this machine stand in between?"


def _clock(label: str, date: str) -> Iterator[Finding]:
    try:
        theirs = parsedate_to_datetime(date)
    except ValueError:
        return
    ahead = (datetime.now(UTC) - theirs.replace(tzinfo=theirs.tzinfo or UTC)).total_seconds()
    if abs(ahead) > MAX_SECONDS_APART:
        where = "ahead of" if ahead > 0 else "behind"
        yield problem(
            f"This machine's clock is {abs(ahead):.0f} seconds {where} {label}'s.",
            "Have it set by NTP (timedatectl set-ntp true).",
        )
