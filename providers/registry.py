"""Every service there is, keyed by type. Knows none of them by name.

Services come from the `PROVIDERS` setting (dotted paths of modules or packages) and from the entry-point
group `musicbridge.providers`; each names a module whose `SPEC` is a `ProviderSpec`.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib import import_module, metadata
from typing import Any, Literal

from django.core.signals import setting_changed
from django.utils.functional import Promise

from providers import conf
from providers.contracts import (
    Authenticator,
    AuthenticatorFactory,
    Factory,
    HistoryCounter,
    HistoryFetcher,
    LibraryLister,
    PlaylistManager,
    PlaylistSyncer,
    Provider,
    TrackFinder,
)
from providers.datatypes import AuthAttempt
from providers.ratelimit import Rate

ENTRY_POINT_GROUP = "musicbridge.providers"
CAPABILITIES: tuple[type, ...] = (
    HistoryFetcher,
    PlaylistManager,
    PlaylistSyncer,
    Authenticator,
    HistoryCounter,
    LibraryLister,
    TrackFinder,
)


# Named here because inside ProviderSpec `type` is the service's identifier.
ProviderClass = type[Provider]
Capability = type


class UnknownProviderError(LookupError):
    """No service of this type is registered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationGuide:
    """How a person registers an application of their own with a service, to link through instead of the site's.

    `steps` are sentences in the order in which they are followed, the first of them at `dashboard_url`; translated
    lazily. `redirect_uri` tells what has to be registered, to the letter. `clean_client_id` returns a client id as it
    is kept and raises `ValueError`, which says what is wrong with it. `replaces_settings` are those of the
    `required_settings` that nobody needs who has an application of their own.
    """

    dashboard_url: str
    steps: Sequence[str | Promise]
    redirect_uri: Callable[[], str]
    clean_client_id: Callable[[str], str]
    replaces_settings: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """All that pages, admin, commands and checks need to know of a service.

    `credential_model` is an "app_label.Model" on `providers.models.ProviderAuth`. `authorize_origins` tells
    the origins that linking leads the browser to, for a Content-Security-Policy. `poll_interval` is the
    shortest and the longest time between two fetches. `link_lifetime` is how long a link lives after the
    person agreed to it, None for ever. `played_at_marks` tells which end of a play `Track.played_at` is.
    `check_settings` tells what is wrong with the service's settings, for the system check; that one of the
    `required_settings` is empty need not be told. `application_guide` is there where people may bring an application
    of their own. `address_settings` name the settings that hold addresses which the site calls, and `redirect_setting`
    the one with the address that the service is to send people back to.
    """

    type: str
    label: str
    docs_url: str
    provider_class: ProviderClass
    factory: Factory
    credential_model: str
    default_rate: Rate
    poll_interval: tuple[timedelta, timedelta]
    played_at_marks: Literal["start", "end"]
    authenticator_factory: AuthenticatorFactory | None = None
    authorize_origins: Callable[[], Sequence[str]] = tuple
    required_settings: Sequence[str] = ()
    check_settings: Callable[[], Sequence[conf.SettingProblem]] = tuple
    link_lifetime: timedelta | None = None
    application_guide: ApplicationGuide | None = None
    address_settings: Sequence[str] = ()
    redirect_setting: str = ""

    @property
    def capabilities(self) -> tuple[Capability, ...]:
        """The protocols that the provider class fulfils."""
        return tuple(capability for capability in CAPABILITIES if issubclass(self.provider_class, capability))

    @property
    def history_limit(self) -> int | None:
        """How many of the latest plays the service keeps, None for all."""
        return getattr(self.provider_class, "history_limit", None)

    @property
    def missing_settings(self) -> tuple[str, ...]:
        """The required settings that are empty. A service with any is shown as not set up."""
        return tuple(name for name in self.required_settings if not conf.get(name))


_specs: dict[str, ProviderSpec] | None = None
_lock = threading.RLock()


def specs() -> tuple[ProviderSpec, ...]:
    """Return every registered service, in the order of the settings."""
    return tuple(_load().values())


def get(provider_type: str) -> ProviderSpec:
    """Return the service of this type. Raises `UnknownProviderError`."""
    try:
        return _load()[provider_type]
    except KeyError:
        raise UnknownProviderError(f"There is no service {provider_type!r}; there are: {', '.join(_load())}.") from None


def label_of(provider_type: str) -> str:
    """Return what people call a service; its bare type where it is not installed any more."""
    spec = _load().get(provider_type)
    return provider_type if spec is None else spec.label


def register(spec: ProviderSpec) -> None:
    """Add a service. Raises `ProviderConfigurationError` where its type is taken by another."""
    _add(_load(), spec)


def build(provider_type: str, user: Any) -> Provider | None:
    """Return the person's provider, ready to use; None where they have not linked the service (REQ-PROV-011).

    An expired token is refreshed first (REQ-PROV-013). Raises `ReauthorizationRequiredError` where the person
    has to link again, `TransientError` where the service cannot refresh now, and `UnknownProviderError`.
    """
    return get(provider_type).factory(user)


def build_all(user: Any) -> list[Provider]:
    """Return all of the person's providers. Raises what `build` raises."""
    providers = (spec.factory(user) for spec in specs())
    return [provider for provider in providers if provider is not None]


def build_authenticator(provider_type: str, attempt: AuthAttempt | None) -> Authenticator:
    """Return the service's authenticator, bound to an attempt at linking, if there is one.

    Raises `UnknownProviderError`, also for a service that people do not link themselves.
    """
    factory = get(provider_type).authenticator_factory
    if factory is None:
        raise UnknownProviderError(f"{provider_type} is not a service that people link themselves.")
    return factory(attempt)


def _load() -> dict[str, ProviderSpec]:
    global _specs
    with _lock:
        if _specs is None:
            loaded: dict[str, ProviderSpec] = {}
            for path in conf.get("PROVIDERS"):
                _add(loaded, _spec_of(_imported(partial(import_module, path), f"PROVIDERS names {path}"), path))
            for entry_point in metadata.entry_points(group=ENTRY_POINT_GROUP):
                module = _imported(entry_point.load, f"The entry point {entry_point.name} names {entry_point.value}")
                _add(loaded, _spec_of(module, entry_point.value))
            _specs = loaded
        return _specs


def _imported(load: Callable[[], Any], origin: str) -> Any:
    try:
        return load()
    except (ImportError, AttributeError) as error:
        raise conf.ProviderConfigurationError(f"{origin}, which cannot be imported: {error}.") from error


def _spec_of(module: Any, origin: str) -> ProviderSpec:
    spec = getattr(module, "SPEC", None)
    if not isinstance(spec, ProviderSpec):
        raise conf.ProviderConfigurationError(f"{origin} has no SPEC that is a ProviderSpec.")
    return spec


def _add(loaded: dict[str, ProviderSpec], spec: ProviderSpec) -> None:
    if loaded.setdefault(spec.type, spec) is not spec:
        raise conf.ProviderConfigurationError(f"Two services call themselves {spec.type!r}.")


def _forget(*, setting: str, **_: Any) -> None:
    global _specs
    if setting == "PROVIDERS":
        with _lock:
            _specs = None


setting_changed.connect(_forget)
