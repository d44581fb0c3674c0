"""From a person, or an attempt at linking, to Spotify: the only file here that knows models and settings."""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from providers import conf
from providers.contracts import Type
from providers.datatypes import AuthAttempt
from providers.models import SpotifyAuth
from providers.ratelimit import Rate, RateLimiter, limiter_for
from providers.registry import ApplicationGuide
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


def clean_client_id(text: str) -> str:
    """Return a client id as Spotify writes it. Raises `ValueError` for what is none."""
    client_id = text.strip().lower()
    if not re.fullmatch("[0-9a-f]{32}", client_id):
        raise ValueError(
            _("A client id of Spotify has 32 characters, each of them a digit or one of the letters a to f.")
        )
    return client_id


APPLICATION_GUIDE = ApplicationGuide(
    dashboard_url="https://developer.spotify.com/dashboard",
    # In the words of the dashboard as of 2026-11.
    steps=(
        gettext_lazy(
            "Open Spotify's developer dashboard and sign in with your Spotify account. It has to have Premium: Spotify "
            "lets nobody else run an application."
        ),
        gettext_lazy("Press “Create app”. Give it any name and description you like, such as “musicbridge”."),
        gettext_lazy(
            "Under “Redirect URIs” add the address shown below, exactly as it stands there, and press “Add”. Spotify "
            "accepts no other, not even one that differs by a slash."
        ),
        gettext_lazy("Under “Which API/SDKs are you planning to use?” tick “Web API”. Agree to the terms and save."),
        gettext_lazy(
            "Open “User Management” and add everybody who will link through it, yourself included: the name and the "
            "e-mail address of their Spotify account. Spotify allows five people."
        ),
        gettext_lazy(
            "Open “Basic Information”, copy the client ID, and paste it below. Leave the client secret where it is: "
            "nothing here asks for it."
        ),
    ),
    redirect_uri=partial(conf.get, "SPOTIFY_REDIRECT_URI"),
    clean_client_id=clean_client_id,
    replaces_settings=("SPOTIFY_CLIENT_ID",),
)
"""What a household does that is past Spotify's limit of five people per application."""


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
