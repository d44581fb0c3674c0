"""Spotify: the last plays, and playlists to read and to write."""

from datetime import timedelta

from providers.contracts import Type
from providers.registry import ProviderSpec
from providers.spotify.factory import (
    APPLICATION_GUIDE,
    DEFAULT_RATE,
    authorize_origins,
    build_authenticator,
    build_provider,
    check_settings,
)
from providers.spotify.provider import SpotifyProvider

SPEC = ProviderSpec(
    type=Type.SPOTIFY,
    label="Spotify",
    docs_url="https://developer.spotify.com/documentation/web-api",
    provider_class=SpotifyProvider,
    factory=build_provider,
    authenticator_factory=build_authenticator,
    credential_model="providers.SpotifyAuth",
    authorize_origins=authorize_origins,
    required_settings=("SPOTIFY_CLIENT_ID", "SPOTIFY_REDIRECT_URI"),
    check_settings=check_settings,
    address_settings=("SPOTIFY_ACCOUNTS_URL", "SPOTIFY_API_URL"),
    redirect_setting="SPOTIFY_REDIRECT_URI",
    default_rate=DEFAULT_RATE,
    # Fifty plays are all that Spotify keeps, and of short songs that is little more than an hour and a half.
    poll_interval=(timedelta(minutes=10), timedelta(minutes=45)),
    # Six months from the person's consent, and no refresh prolongs them (Spotify blog, 2026-06-18). As many days as
    # the shortest six months have: a page that names the day must not name one too late.
    link_lifetime=timedelta(days=181),
    played_at_marks="end",
    application_guide=APPLICATION_GUIDE,
)
