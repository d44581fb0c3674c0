"""The typed view of the settings, and the only reader of `django.conf`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from providers.addresses import PlainHttpError, check_address
from providers.ratelimit import Rate

DEFAULTS: dict[str, Any] = {
    "FERNET_KEYS": (),
    "PUBLIC_URL": "",
    "PROVIDERS": ("providers.spotify", "providers.lastfm", "providers.navidrome"),
    "PROVIDER_RATE_LIMITS": "",
    "HISTORY_OVERLAP_SECONDS": 7200,
    "LEASE_SECONDS": 15,
    "REDIS_URL": "",
    "ALERT_SCHEMES": (
        *("ntfy", "ntfys", "gotify", "gotifys", "mailto", "mailtos", "json", "jsons", "form", "forms", "xml", "xmls"),
        *(
            "matrix",
            "matrixs",
            "tgram",
            "discord",
            "slack",
            "mmost",
            "mmosts",
            "rocket",
            "rockets",
            "nctalk",
            "nctalks",
        ),
        *("signal", "signals", "pover", "pbul", "bark", "barks", "hassio", "hassios", "apprise", "apprises"),
    ),
    "SPOTIFY_CLIENT_ID": "",
    "SPOTIFY_REDIRECT_URI": "",
    "SPOTIFY_ACCOUNTS_URL": "https://accounts.spotify.com",
    "SPOTIFY_API_URL": "https://api.spotify.com/v1",
    "LASTFM_API_KEY": "",
    "LASTFM_API_SECRET": "",
    "LASTFM_API_URL": "https://ws.audioscrobbler.com/2.0/",
    "LASTFM_AUTH_URL": "https://www.last.fm/api/auth/",
    "NAVIDROME_URL": "",
    "NAVIDROME_ADMINS_ARE_STAFF": False,
}


class ProviderConfigurationError(ImproperlyConfigured):
    """A setting is missing or wrong. The message names it and says what to do."""


def get(name: str) -> Any:
    """Return a setting, or its default where it is not set. An empty text is not set."""
    value = getattr(settings, name, "")
    return DEFAULTS.get(name, "") if value == "" else value


def require(name: str) -> str:
    """Return a setting of text that must not be empty. Raises `ProviderConfigurationError`."""
    value = str(get(name))
    if not value:
        raise ProviderConfigurationError(f"{name} is not set.")
    return value


_KINDS: Mapping[type, tuple[str, Callable[[Any], bool]]] = {
    str: ("a text", lambda value: isinstance(value, str)),
    bool: ("True or False", lambda value: isinstance(value, bool)),
    tuple: (
        "a list of texts",
        lambda value: isinstance(value, list | tuple) and all(isinstance(part, str) for part in value),
    ),
}
"""What a setting has to be, by the type of its default. Numbers are left to who reads them: these have bounds."""


def wrong_types() -> Iterator[str]:
    """Name the settings that are not of the kind they have to be, each in a sentence that says what that is."""
    for name, default in DEFAULTS.items():
        kind, is_of_kind = _KINDS.get(type(default), ("", lambda value: True))
        if not is_of_kind(value := get(name)):
            # The value itself may be a secret.
            yield f"{name} has to be {kind}, and is {'None' if value is None else f'of type {type(value).__name__}'}."


def unknown_names() -> Iterator[str]:
    """Name the settings that are called as if they were read here, and are not."""
    yield from (name for name in dir(settings) if name.startswith("PROVIDER") and name not in DEFAULTS)


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """What is wrong with the settings, in sentences that name the setting and say what to do.

    With a problem that `is_fatal` the service cannot work; without, it works at a risk.
    """

    text: str
    is_fatal: bool = True


def address_problems(name: str, *, may_be_plain_http: bool = False) -> list[SettingProblem]:
    """Find what is wrong with a setting that holds a service's address; an empty one is no matter of this.

    Plain http is a problem unless to a literal loopback address; with `may_be_plain_http` it is only a risk.
    """
    address = str(get(name))
    if not address:
        return []
    try:
        check_address(address)
    except PlainHttpError as error:
        return [SettingProblem(f"{name} {error}", is_fatal=not may_be_plain_http)]
    except ValueError as error:
        return [SettingProblem(f"{name} {error}")]
    return []


def origins(name: str) -> tuple[str, ...]:
    """Return the origin of a setting that holds an address; none where it is empty, or nobody is sent there."""
    address = str(get(name))
    if not address or address_problems(name):
        return ()
    url = urlsplit(address)
    return (f"{url.scheme}://{url.netloc}",)


def public_url() -> str:
    """Return the address of this site in people's browsers; empty where that is the one they asked for.

    Raises `ProviderConfigurationError` for what is no such address: services would send people there.
    """
    url = str(get("PUBLIC_URL"))
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise ProviderConfigurationError("PUBLIC_URL is not an address like https://music.example.org.")
    return url


def public_address(path: str) -> str:
    """Return where people's browsers find a page that `reverse` found; empty where PUBLIC_URL is not set.

    Raises `ProviderConfigurationError` as `public_url` does.
    """
    url = urlsplit(public_url())
    if not url.hostname:
        return ""
    # Of a site on a path, Django's `reverse` tells it in requests and commands, and not in the threads of a worker.
    below = url.path.rstrip("/")
    return f"{url.scheme}://{url.netloc}{'' if path.startswith(f'{below}/') else below}{path}"


def fernet_keys() -> tuple[str, ...]:
    """Return the texts that keys are derived from, newest first. Raises `ProviderConfigurationError`."""
    keys = get("FERNET_KEYS")
    if not keys:
        raise ProviderConfigurationError("FERNET_KEYS is not set: secrets can be neither stored nor read.")
    # Taken for a sequence, a lone text would make each of its characters a key.
    if not isinstance(keys, list | tuple) or not all(isinstance(key, str) and key for key in keys):
        raise ProviderConfigurationError("FERNET_KEYS is not a list of texts, none of them empty.")
    return tuple(keys)


def history_overlap() -> timedelta:
    """How far each fetch reads back before what is complete, to catch plays that arrive late.

    Raises `ProviderConfigurationError` for what is no such time: a negative one would leave a hole at every fetch.
    """
    value = get("HISTORY_OVERLAP_SECONDS")
    try:
        overlap = timedelta(seconds=float(value))
    except (TypeError, ValueError, OverflowError):
        overlap = timedelta(-1)
    if overlap < timedelta(0):
        raise ProviderConfigurationError(f"HISTORY_OVERLAP_SECONDS: {value!r} is not a number of seconds from 0 on.")
    return overlap


def lease_seconds() -> float:
    """How long a worker that died holds up what it was working on. Raises `ProviderConfigurationError`."""
    value = get("LEASE_SECONDS")
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = 0.0
    # A lease is renewed three times while it lives, by a database that may be busy.
    if not 1 <= seconds <= 3600:
        raise ProviderConfigurationError(f"LEASE_SECONDS: {value!r} is not a number of seconds from 1 to 3600.")
    return seconds


def alert_schemes() -> list[str]:
    """Return the beginnings of the addresses that alerts may be sent to. Raises `ProviderConfigurationError`."""
    schemes = get("ALERT_SCHEMES")
    if not isinstance(schemes, list | tuple) or not all(isinstance(name, str) and name.isalnum() for name in schemes):
        raise ProviderConfigurationError("ALERT_SCHEMES is not a list of words such as ntfy or mailtos, without ://.")
    return [name.lower() for name in schemes]


def redis_url() -> str:
    """Return the address of the Redis that processes share; empty where there is none.

    Raises `ProviderConfigurationError` for an address that is none, and where the package redis is missing.
    """
    url = str(get("REDIS_URL"))
    if url and urlsplit(url).scheme not in ("redis", "rediss", "unix"):
        raise ProviderConfigurationError("REDIS_URL does not begin with redis://, rediss:// or unix://.")
    if url and find_spec("redis") is None:
        raise ProviderConfigurationError(
            "REDIS_URL is set, but the package redis is not installed: install musicbridge[scale]."
        )
    return url


def rate_limits() -> dict[str, Rate] | None:
    """Return the rates that are set, by type; None where limits are switched off.

    Raises `ProviderConfigurationError`.
    """
    text = str(get("PROVIDER_RATE_LIMITS")).strip()
    if text == "none":
        return None
    rates: dict[str, Rate] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        provider_type, _, rate = part.partition("=")
        requests, _, seconds = rate.partition("/")
        try:
            rates[provider_type.strip()] = Rate(int(requests), float(seconds))
        except ValueError:
            raise ProviderConfigurationError(
                f"PROVIDER_RATE_LIMITS: {part!r} is not of the form type=requests/seconds, e.g. lastfm=5/1."
            ) from None
    return rates


def rate_limit(provider_type: str, default: Rate) -> Rate | None:
    """Return the rate a service may be called at; None where limits are switched off."""
    rates = rate_limits()
    return None if rates is None else rates.get(provider_type, default)
