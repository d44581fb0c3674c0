"""Last.fm: the history of what a person scrobbled, linked by web authentication (REQ-PROV-040 to 042)."""

from datetime import timedelta

from providers.contracts import Type
from providers.lastfm.factory import (
    DEFAULT_RATE,
    authorize_origins,
    build_authenticator,
    build_provider,
    check_settings,
)
from providers.lastfm.provider import LastFMProvider
from providers.registry import ProviderSpec

SPEC = ProviderSpec(
    type=Type.LASTFM,
    label="Last.fm",
    docs_url="https://www.last.fm/api",
    provider_class=LastFMProvider,
    factory=build_provider,
    authenticator_factory=build_authenticator,
    credential_model="providers.LastFMAuth",
    authorize_origins=authorize_origins,
    required_settings=("LASTFM_API_KEY", "LASTFM_API_SECRET"),
    check_settings=check_settings,
    address_settings=("LASTFM_API_URL",),
    default_rate=DEFAULT_RATE,
    poll_interval=(timedelta(minutes=10), timedelta(hours=6)),
    played_at_marks="start",
)
