"""From the database and the settings to a Navidrome that is ready to use."""

from collections.abc import Sequence
from typing import Any

from django.views.decorators.debug import sensitive_variables

from providers import conf
from providers.contracts import Type
from providers.models import NavidromeAuth
from providers.navidrome.provider import NavidromeProvider
from providers.ratelimit import Rate, limiter_for

DEFAULT_RATE = Rate(50, 1.0)
"""A guess at what a small server of one's own answers without trouble."""

LOGIN_RATE = Rate(2, 9.0)
"""What `LOGIN_WINDOW` admits, a little less because Navidrome counts it over a sliding window.

Each fetch signs in once. Without this the sixth person of a household would find the door shut at every run.
"""


def build_provider(user: Any) -> NavidromeProvider | None:
    """Return the person's Navidrome; None where they never signed in with it (REQ-PROV-011, 012).

    Raises `ReauthorizationRequiredError` where the stored password is known to be wrong and
    `ProviderConfigurationError` where the site has no Navidrome.
    """
    row = NavidromeAuth.of(user.pk)
    return None if row is None else build_for_credentials(row.username, row.password)


@sensitive_variables("password")
def build_for_credentials(username: str, password: str) -> NavidromeProvider:
    """Return the Navidrome of whoever these belong to, if they belong to anybody: for the sign-in backend only.

    Raises `ProviderConfigurationError` where the site has no Navidrome.
    """
    base_url = conf.require("NAVIDROME_URL").rstrip("/")
    rate, redis_url = conf.rate_limit(Type.NAVIDROME, DEFAULT_RATE), conf.redis_url()
    login_rate = LOGIN_RATE if rate is not None else None
    return NavidromeProvider(
        base_url,
        username=username,
        password=password,
        limiter=limiter_for(Type.NAVIDROME, base_url, rate, redis_url=redis_url),
        login_limiter=limiter_for(Type.NAVIDROME, f"{base_url}/auth/login", login_rate, redis_url=redis_url),
    )


def check_settings() -> Sequence[conf.SettingProblem]:
    """Find what is wrong with the server's address. Plain http is common at home, and a risk all the same."""
    return conf.address_problems("NAVIDROME_URL", may_be_plain_http=True)
