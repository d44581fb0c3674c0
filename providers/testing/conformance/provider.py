"""What every provider says of itself, and that its spec says the same."""

import re
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from providers.contracts import (
    Authenticator,
    BatchedHistory,
    HistoryCounter,
    HistoryFetcher,
    LibraryLister,
    PlaylistManager,
    PlaylistSyncer,
    Provider,
    TrackFinder,
)
from providers.testing.conformance.assertions import assert_untold
from providers.testing.conformance.authenticator import AuthenticatorConformance
from providers.testing.conformance.finding import TrackFinderConformance
from providers.testing.conformance.history import (
    BatchedHistoryConformance,
    HistoryCounterConformance,
    HistoryFetcherConformance,
)
from providers.testing.conformance.kit import Kit
from providers.testing.conformance.library import LibraryListerConformance
from providers.testing.conformance.playlists import PlaylistManagerConformance, PlaylistSyncerConformance

if TYPE_CHECKING:
    from providers.registry import ProviderSpec

_KITS: dict[type, type] = {
    HistoryFetcher: HistoryFetcherConformance,
    BatchedHistory: BatchedHistoryConformance,
    PlaylistManager: PlaylistManagerConformance,
    PlaylistSyncer: PlaylistSyncerConformance,
    Authenticator: AuthenticatorConformance,
    HistoryCounter: HistoryCounterConformance,
    LibraryLister: LibraryListerConformance,
    TrackFinder: TrackFinderConformance,
}


class ProviderConformance(Kit):
    """For every provider: what it says it is (REQ-PROV-001), and that its spec tells the same."""

    def test_the_type_is_the_specs(self, provider: Provider, spec: "ProviderSpec") -> None:
        assert provider.type() == spec.type, f"type() returned {provider.type()!r}, the spec says {spec.type!r}"

    def test_the_type_is_a_stable_str(self, provider: Provider) -> None:
        first, again = provider.type(), provider.type()
        assert isinstance(first, str), f"type() returned a {type(first).__name__}, which is no str"
        assert first == again, f"type() changed from {first!r} to {again!r}"

    def test_the_type_fits_into_an_address(self, spec: "ProviderSpec") -> None:
        assert re.fullmatch("[a-z0-9_-]+", spec.type), f"{spec.type!r} is not of a-z, 0-9, - and _ alone"

    def test_the_provider_is_of_the_specs_class(self, provider: Provider, spec: "ProviderSpec") -> None:
        assert isinstance(provider, spec.provider_class), (
            f"the provider is a {type(provider).__name__}, the spec says {spec.provider_class.__name__}"
        )

    def test_capabilities_belong_to_the_class(self, provider: Provider) -> None:
        for capability in _KITS:
            assert isinstance(provider, capability) == issubclass(type(provider), capability), (
                f"{capability.__name__} comes and goes with the instance: pages are computed from the class"
            )

    def test_every_capability_has_its_kit(self, spec: "ProviderSpec") -> None:
        for capability, kit in _KITS.items():
            if issubclass(spec.provider_class, capability):
                assert isinstance(self, kit), (
                    f"{spec.provider_class.__name__} is a {capability.__name__}: let the test class be "
                    f"a {kit.__name__} too"
                )

    def test_whoever_lets_people_link_says_how(self, spec: "ProviderSpec") -> None:
        if spec.authenticator_factory is None:
            assert not issubclass(spec.provider_class, Authenticator), "the spec lacks its authenticator_factory"
        else:
            assert isinstance(self, AuthenticatorConformance), (
                "the spec has an authenticator_factory: let the test class be an AuthenticatorConformance too"
            )

    def test_the_spec_makes_sense(self, spec: "ProviderSpec") -> None:
        shortest, longest = spec.poll_interval
        assert spec.label, "label is empty"
        assert urlsplit(spec.docs_url).scheme in ("http", "https"), f"docs_url is no address: {spec.docs_url!r}"
        assert spec.credential_model.count(".") == 1, (
            f"credential_model is not app_label.Model: {spec.credential_model}"
        )
        assert timedelta(0) < shortest <= longest, f"poll_interval is not (shortest, longest): {spec.poll_interval}"
        assert spec.default_rate.requests > 0, "default_rate allows no request"
        assert spec.default_rate.seconds > 0, "default_rate counts over no time"
        assert spec.played_at_marks in ("start", "end"), f"played_at_marks is {spec.played_at_marks!r}"

    def test_repr_tells_no_secret(self, provider: Provider, secrets: list[str]) -> None:
        assert_untold(secrets, repr(provider), "repr() of the provider")
        assert_untold(secrets, str(provider), "str() of the provider")
