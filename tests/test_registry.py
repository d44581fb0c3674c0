"""Every service there is, wherever it comes from."""

import sys
from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import EntryPoint
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from providers import registry
from providers.conf import ProviderConfigurationError
from providers.contracts import Provider
from providers.datatypes import AuthAttempt, AuthResult
from providers.exceptions import ServiceUnavailableError
from providers.ratelimit import Rate
from providers.registry import ENTRY_POINT_GROUP, ProviderSpec, UnknownProviderError

Queries = Callable[[int], Any]


class Radio:
    """A service that can do next to nothing, for one person."""

    def __init__(self, user: Any) -> None:
        self.user = user

    def type(self) -> str:
        return "radio"


class Link:
    """An authenticator that remembers the attempt it was bound to."""

    def __init__(self, attempt: AuthAttempt | None) -> None:
        self.attempt = attempt

    def supports_auth(self) -> bool:
        return True

    def get_auth_url(self, state: str) -> str:
        return f"https://radio.example/?state={state}"

    def exchange_code(self, code: str) -> AuthResult:
        return AuthResult(access_token=code)

    def refresh_token(self, refresh_token: str) -> AuthResult:
        return AuthResult(access_token=refresh_token)

    def disconnect(self) -> None: ...


def spec(**changes: Any) -> ProviderSpec:
    told: dict[str, Any] = {
        "type": "radio",
        "label": "Radio",
        "docs_url": "https://radio.example/",
        "provider_class": Radio,
        "factory": Radio,
        "credential_model": "providers.SpotifyAuth",
        "default_rate": Rate(1, 1),
        "poll_interval": (timedelta(minutes=1), timedelta(hours=1)),
        "played_at_marks": "start",
    }
    return ProviderSpec(**{**told, **changes})


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return what makes a module that can be imported by the name it returns."""

    def make(name: str, **contents: Any) -> str:
        made = ModuleType(name)
        vars(made).update(contents)
        monkeypatch.setitem(sys.modules, name, made)
        return name

    return make


def installed(monkeypatch: pytest.MonkeyPatch, *values: str) -> None:
    """Let packages be installed that offer services as entry points."""

    def entry_points(*, group: str) -> list[EntryPoint]:
        return [EntryPoint(name=value, value=value, group=group) for value in values if group == ENTRY_POINT_GROUP]

    monkeypatch.setattr(registry, "metadata", SimpleNamespace(entry_points=entry_points))


def types() -> list[str]:
    return [str(found.type) for found in registry.specs()]


class TestRegistration:
    @pytest.mark.req("PROV-010")
    def test_the_built_in_services_are_there_in_the_order_of_the_settings(self, settings: Settings) -> None:
        settings.PROVIDERS = ["providers.navidrome", "providers.spotify", "providers.lastfm"]
        assert types() == ["navidrome", "spotify", "lastfm"]

    def test_a_service_is_registered_by_naming_its_module(self, settings: Settings, module: Callable[..., str]) -> None:
        settings.PROVIDERS = ["providers.spotify", module("radio_service", SPEC=spec())]
        assert types() == ["spotify", "radio"]
        assert registry.get("radio").label == "Radio"

    def test_a_service_is_registered_by_installing_its_package(
        self, settings: Settings, module: Callable[..., str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        installed(monkeypatch, module("radio_service", SPEC=spec()))
        settings.PROVIDERS = ["providers.spotify"]
        assert types() == ["spotify", "radio"]

    def test_a_service_that_is_both_named_and_installed_is_there_once(
        self, settings: Settings, module: Callable[..., str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        installed(monkeypatch, module("radio_service", SPEC=spec()))
        settings.PROVIDERS = ["radio_service"]
        assert types() == ["radio"]

    def test_a_service_can_be_registered_by_hand(self, settings: Settings) -> None:
        settings.PROVIDERS = ["providers.spotify"]
        registry.register(spec())
        assert types() == ["spotify", "radio"]

    def test_two_services_of_one_type_are_refused(self, settings: Settings, module: Callable[..., str]) -> None:
        settings.PROVIDERS = [module("radio_one", SPEC=spec()), module("radio_two", SPEC=spec(label="Another"))]
        with pytest.raises(ProviderConfigurationError, match="Two services call themselves 'radio'"):
            registry.specs()

    def test_a_second_service_registered_by_hand_is_refused_and_the_first_stays(
        self, settings: Settings, module: Callable[..., str]
    ) -> None:
        settings.PROVIDERS = [module("radio_service", SPEC=spec())]
        with pytest.raises(ProviderConfigurationError):
            registry.register(spec(label="Another"))
        assert registry.get("radio").label == "Radio"

    @pytest.mark.parametrize("contents", [{}, {"SPEC": None}, {"SPEC": {"type": "radio"}}])
    def test_a_module_without_a_spec_is_named(
        self, settings: Settings, module: Callable[..., str], contents: dict[str, Any]
    ) -> None:
        settings.PROVIDERS = [module("no_service", **contents)]
        with pytest.raises(ProviderConfigurationError, match="no_service has no SPEC"):
            registry.specs()

    def test_a_module_that_is_not_there_is_named(self, settings: Settings) -> None:
        settings.PROVIDERS = ["nowhere_to_be_found"]
        with pytest.raises(ProviderConfigurationError, match="nowhere_to_be_found, which cannot be imported"):
            registry.specs()

    @pytest.mark.parametrize("value", ["nowhere_to_be_found", "providers.spotify:nothing_of_that_name"])
    def test_an_entry_point_that_leads_nowhere_is_named(self, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        installed(monkeypatch, value)
        with pytest.raises(ProviderConfigurationError, match=f"names {value}, which cannot be imported"):
            registry.specs()

    def test_after_a_failure_the_next_attempt_starts_anew(self, settings: Settings, module: Callable[..., str]) -> None:
        settings.PROVIDERS = ["providers.spotify", "nowhere_to_be_found"]
        with pytest.raises(ProviderConfigurationError):
            registry.specs()
        settings.PROVIDERS = ["providers.spotify"]
        assert types() == ["spotify"]

    def test_an_unknown_type_is_named_with_the_ones_there_are(self, settings: Settings) -> None:
        settings.PROVIDERS = ["providers.spotify", "providers.lastfm"]
        with pytest.raises(UnknownProviderError, match="'tape'; there are: spotify, lastfm"):
            registry.get("tape")

    def test_a_service_is_called_by_its_label_and_by_its_type_once_it_is_gone(self, settings: Settings) -> None:
        settings.PROVIDERS = ["providers.lastfm"]
        assert registry.label_of("lastfm") == "Last.fm"
        assert registry.label_of("tape") == "tape"


class TestSpec:
    def test_the_capabilities_are_those_of_the_class(self, settings: Settings) -> None:
        assert spec().capabilities == ()
        assert [capability.__name__ for capability in registry.get("lastfm").capabilities] == [
            "HistoryFetcher",
            "Authenticator",
            "HistoryCounter",
        ]

    def test_missing_settings_are_the_required_ones_that_are_empty(self, settings: Settings) -> None:
        settings.RADIO_URL, settings.RADIO_KEY = "https://radio.example/", ""
        told = spec(required_settings=("RADIO_URL", "RADIO_KEY", "RADIO_NAME"))
        assert told.missing_settings == ("RADIO_KEY", "RADIO_NAME")


class TestBuild:
    @pytest.mark.req("PROV-010")
    def test_hands_the_person_to_the_services_factory(self, settings: Settings, module: Callable[..., str]) -> None:
        settings.PROVIDERS = [module("radio_service", SPEC=spec())]
        person = object()
        provider = registry.build("radio", person)
        assert isinstance(provider, Radio)
        assert isinstance(provider, Provider)
        assert provider.user is person

    @pytest.mark.req("PROV-011")
    @pytest.mark.req("PROV-012")
    @pytest.mark.parametrize("provider_type", ["spotify", "lastfm", "navidrome"])
    def test_a_service_never_linked_is_none_and_costs_one_query(
        self, user: User, provider_type: str, django_assert_num_queries: Queries
    ) -> None:
        registry.specs()
        with django_assert_num_queries(1):
            assert registry.build(provider_type, user) is None

    @pytest.mark.req("PROV-011")
    def test_of_all_services_only_the_linked_ones_are_built(
        self, settings: Settings, user: User, module: Callable[..., str], django_assert_num_queries: Queries
    ) -> None:
        radio = module("radio_service", SPEC=spec())
        settings.PROVIDERS = ["providers.spotify", radio, "providers.lastfm", "providers.navidrome"]
        registry.specs()
        with django_assert_num_queries(3):
            (provider,) = registry.build_all(user)
        assert provider.type() == "radio"

    def test_what_a_factory_raises_reaches_the_caller(self, settings: Settings, module: Callable[..., str]) -> None:
        def down(user: Any) -> Provider:
            raise ServiceUnavailableError("Down.", provider="radio")

        settings.PROVIDERS = [module("radio_service", SPEC=spec(factory=down))]
        with pytest.raises(ServiceUnavailableError):
            registry.build("radio", object())
        with pytest.raises(ServiceUnavailableError):
            registry.build_all(object())

    def test_an_unknown_type_is_no_unlinked_service(self) -> None:
        with pytest.raises(UnknownProviderError):
            registry.build("tape", object())


class TestBuildAuthenticator:
    @pytest.mark.parametrize("attempt", [None, AuthAttempt(type="radio", callback_url="https://x.example/")])
    def test_binds_the_attempt(
        self, settings: Settings, module: Callable[..., str], attempt: AuthAttempt | None
    ) -> None:
        settings.PROVIDERS = [module("radio_service", SPEC=spec(authenticator_factory=Link))]
        link = registry.build_authenticator("radio", attempt)
        assert isinstance(link, Link)
        assert link.attempt is attempt

    @pytest.mark.req("PROV-052")
    @pytest.mark.parametrize("provider_type", ["navidrome", "tape"])
    def test_there_is_none_for_a_service_that_people_do_not_link_themselves(self, provider_type: str) -> None:
        with pytest.raises(UnknownProviderError):
            registry.build_authenticator(provider_type, None)
