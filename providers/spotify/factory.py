"""From a person, or an attempt at linking, to Spotify: the only file here that knows models and settings."""

from collections.abc import Sequence
from typing import Any

from providers import conf
from providers.contracts import Type
from providers.datatypes import AuthAttempt
from providers.models import SpotifyAuth
from providers.ratelimit import Rate, RateLimiter, limiter_for
from providers.spotify.auth import SpotifyApplication, SpotifyAuthenticator
from providers.spotify.provider import SpotifyProvider
from providers.tokens import StoredTokenSource

DEFAULT_RATE = Rate(15, 5)
"""A cautious guess: Spotify counts over a rolling half minute, but does not say how many calls it allows."""


def build_provider(user: Any) -> SpotifyProvider | None:
    """Return the person's Spotify with a token that is valid now; None where it was never linked (REQ-PROV-011).

    Raises what `registry.build` raises, and `ProviderConfigurationError`.
    """
    row = SpotifyAuth.of(user.pk)
    if row is None:
        return None
    # A refresh token is good only for the application it was granted to, whatever the settings say now.
    application = _application(row.client_id)
    token_source = StoredTokenSource(row, SpotifyAuthenticator(application).refresh_token)
    token_source.get_access_token()
    return SpotifyProvider(application, token_source=token_source, limiter=_limiter(application))


def build_authenticator(attempt: AuthAttempt | None) -> SpotifyAuthenticator:
    """Return what links accounts, bound to an attempt. Raises `ProviderConfigurationError`."""
    application = _application(attempt.client_id if attempt is not None else "")
    return SpotifyAuthenticator(application, attempt=attempt, limiter=_limiter(application))


def check_settings() -> Sequence[conf.SettingProblem]:
    """Find what is wrong with Spotify's settings, which are all addresses."""
    names = ("SPOTIFY_REDIRECT_URI", "SPOTIFY_ACCOUNTS_URL", "SPOTIFY_API_URL")
    return [problem for name in names for problem in conf.address_problems(name)]


def authorize_origins() -> Sequence[str]:
    """Return the origin of Spotify's consent page."""
    return conf.origins("SPOTIFY_ACCOUNTS_URL")


def _application(client_id: str) -> SpotifyApplication:
    for problem in check_settings():
        raise conf.ProviderConfigurationError(problem.text)
    return SpotifyApplication(
        client_id=client_id or conf.require("SPOTIFY_CLIENT_ID"),
        redirect_uri=conf.get("SPOTIFY_REDIRECT_URI"),
        accounts_url=conf.require("SPOTIFY_ACCOUNTS_URL"),
        api_url=conf.require("SPOTIFY_API_URL"),
    )


def _limiter(application: SpotifyApplication) -> RateLimiter | None:
    rate = conf.rate_limit(Type.SPOTIFY, DEFAULT_RATE)
    return limiter_for(Type.SPOTIFY, application.client_id, rate, redis_url=conf.redis_url())
