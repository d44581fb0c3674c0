"""From the database and the settings to a Last.fm that is ready to use."""

from collections.abc import Sequence
from typing import Any

from providers import conf
from providers.contracts import Type
from providers.datatypes import AuthAttempt
from providers.lastfm.auth import LastFMAuthenticator
from providers.lastfm.client import LastFMApplication
from providers.lastfm.provider import LastFMProvider
from providers.models import LastFMAuth
from providers.ratelimit import Rate, limiter_for

DEFAULT_RATE = Rate(5, 1.0)
"""A cautious guess: older terms of use are said to have allowed as much, averaged over five minutes."""


def build_provider(user: Any) -> LastFMProvider | None:
    """Return the person's Last.fm; None where they have not linked it (REQ-PROV-011, 012).

    Raises `ReauthorizationRequiredError` where the link is known to be dead and `ProviderConfigurationError`
    where the site has no API account, or its addresses are wrong.
    """
    row = LastFMAuth.of(user.pk)
    if row is None:
        return None
    return LastFMProvider(_application(), username=row.username, session_key=row.session_key)


def build_authenticator(attempt: AuthAttempt | None) -> LastFMAuthenticator:
    """Return the authenticator, bound to an attempt at linking, if there is one.

    Raises `ProviderConfigurationError` where the site has no API account, or its addresses are wrong.
    """
    return LastFMAuthenticator(_application(), callback_url=attempt.callback_url if attempt else "")


def authorize_origins() -> Sequence[str]:
    """Return the origin of the page on which people grant access."""
    return conf.origins("LASTFM_AUTH_URL")


def check_settings() -> Sequence[conf.SettingProblem]:
    """Find what is wrong with Last.fm's addresses: session keys travel to them."""
    return [*conf.address_problems("LASTFM_API_URL"), *conf.address_problems("LASTFM_AUTH_URL")]


def _application() -> LastFMApplication:
    for problem in check_settings():
        raise conf.ProviderConfigurationError(problem.text)
    api_key = conf.require("LASTFM_API_KEY")
    return LastFMApplication(
        api_key=api_key,
        api_secret=conf.require("LASTFM_API_SECRET"),
        api_url=conf.require("LASTFM_API_URL"),
        auth_url=conf.require("LASTFM_AUTH_URL"),
        limiter=limiter_for(
            Type.LASTFM, api_key, conf.rate_limit(Type.LASTFM, DEFAULT_RATE), redis_url=conf.redis_url()
        ),
    )
