"""Navidrome: what people sign in with, the history of its player, and playlists (REQ-PROV-050 to 052).

There is no auth module and no authenticator factory: Navidrome is not linked, signing in links it (ADR-0005).
"""

from datetime import timedelta

from providers.contracts import Type
from providers.navidrome.factory import DEFAULT_RATE, build_provider, check_settings
from providers.navidrome.provider import NavidromeProvider
from providers.registry import ProviderSpec

SPEC = ProviderSpec(
    type=Type.NAVIDROME,
    label="Navidrome",
    docs_url="https://www.navidrome.org/docs/",
    provider_class=NavidromeProvider,
    factory=build_provider,
    credential_model="providers.NavidromeAuth",
    required_settings=("NAVIDROME_URL",),
    check_settings=check_settings,
    address_settings=("NAVIDROME_URL",),
    default_rate=DEFAULT_RATE,
    poll_interval=(timedelta(minutes=5), timedelta(hours=1)),
    played_at_marks="start",
)
