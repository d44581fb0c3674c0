"""The conformance kit: subclass it in your own pytest suite, and it proves that your provider keeps the contract.

Make one test class out of the kits for what your provider can do, and override the fixtures they ask for::

    class TestRadiola(ProviderConformance, BatchedHistoryConformance, AuthenticatorConformance, FactoryConformance):
        @pytest.fixture
        def spec(self): return SPEC
        @pytest.fixture
        def provider(self, service): return RadiolaProvider(...)  # of a linked person, against a simulated service
        @pytest.fixture
        def faults(self, service): return service.faults  # a providers.testing.simulators.faults.Faults

A fixture that is missing fails and says what to provide; nothing is ever skipped, and a capability without its
kit fails too. `tests/example_provider` of the source repository, with its test, is a complete example.
"""

from providers.testing.conformance.authenticator import AuthenticatorConformance
from providers.testing.conformance.factory import FactoryConformance
from providers.testing.conformance.finding import TrackFinderConformance
from providers.testing.conformance.history import (
    BatchedHistoryConformance,
    HistoryCounterConformance,
    HistoryFetcherConformance,
)
from providers.testing.conformance.library import LibraryListerConformance
from providers.testing.conformance.playlists import PlaylistManagerConformance, PlaylistSyncerConformance
from providers.testing.conformance.provider import ProviderConformance

__all__ = [
    "AuthenticatorConformance",
    "BatchedHistoryConformance",
    "FactoryConformance",
    "HistoryCounterConformance",
    "HistoryFetcherConformance",
    "LibraryListerConformance",
    "PlaylistManagerConformance",
    "PlaylistSyncerConformance",
    "ProviderConformance",
    "TrackFinderConformance",
]
