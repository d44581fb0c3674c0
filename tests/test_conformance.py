"""The conformance kit names each fault and nothing else: it is run over providers that have one fault each."""

from collections import defaultdict
from dataclasses import dataclass, field

import pytest

from tests.broken_providers import FAULTS, Fault
from tests.sound_provider import Everything

# The runs inside this run need no database, no browser and nobody who watches sockets.
PLAIN = [f"-pno:{name}" for name in ("cacheprovider", "django", "hypothesispytest", "playwright", "pytest_socket")]


# Of these the fault is not in the provider.
SEEN_TO_FAIL_BELOW = {
    "test_every_capability_has_its_kit",
    "test_whoever_lets_people_link_says_how",
    "test_linking_makes_a_connection",
}


@dataclass
class Results:
    """A pytest plugin that keeps what came of each check, by the class it ran in."""

    passed: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    failed: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    skipped: list[str] = field(default_factory=list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        _, suite, check = report.nodeid.partition("[")[0].split("::")
        if report.failed:
            self.failed[suite][check] = report.longreprtext
        elif report.skipped:
            self.skipped.append(report.nodeid)
        elif report.when == "call":
            self.passed[suite].add(check)


def run(folder: pytest.TempPathFactory, source: str) -> Results:
    results = Results()
    inside = folder.mktemp("kit")
    # A name of its own: of a name that was imported before, Python may give back the module of then.
    module = inside / f"test_{inside.name}.py"
    module.write_text(source)
    pytest.main([str(module), "-q", "--import-mode=importlib", *PLAIN], plugins=[results])
    assert results.skipped == []
    return results


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Run the kits over the sound provider and over every broken one."""
    lines = [
        "from tests import broken_providers, sound_provider",
        f"class TestSound(sound_provider.{Everything.__name__}): pass",
    ]
    for fault in FAULTS:
        name = fault.provider.__name__
        lines.append(f"class Test{name}(sound_provider.{fault.suite.__name__}):")
        lines.append(f"    provider_class = broken_providers.{name}")
    return run(tmp_path_factory, "\n".join(lines))


def test_a_provider_that_keeps_the_contract_passes(results: Results) -> None:
    checks = {name for name in dir(Everything) if name.startswith("test_")}
    assert results.failed["TestSound"] == {}
    assert results.passed["TestSound"] == checks


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.provider.__name__)
def test_a_broken_provider_fails_the_check_that_names_its_fault(results: Results, fault: Fault) -> None:
    failed = results.failed[f"Test{fault.provider.__name__}"]
    assert set(failed) == fault.checks
    assert any(fault.says in text for text in failed.values())


def test_every_check_is_seen_to_fail() -> None:
    proven = set().union(*(fault.checks for fault in FAULTS), SEEN_TO_FAIL_BELOW)
    checks = {name for name in dir(Everything) if name.startswith("test_")}
    assert sorted(checks - proven) == []


def test_a_missing_fixture_fails_and_says_what_to_provide(tmp_path_factory: pytest.TempPathFactory) -> None:
    source = """
from providers.testing.conformance import HistoryFetcherConformance
class TestNothing(HistoryFetcherConformance): pass
"""
    results = run(tmp_path_factory, source)
    assert results.passed == {}
    assert "TestNothing needs a fixture 'provider': the provider of a linked person" in str(results.failed)


def test_a_capability_without_its_kit_fails(tmp_path_factory: pytest.TempPathFactory) -> None:
    source = """
from providers.testing.conformance import ProviderConformance
from tests.sound_provider import History
class TestHistoryOnly(History, ProviderConformance): pass
"""
    failed = run(tmp_path_factory, source).failed["TestHistoryOnly"]
    assert set(failed) == {"test_every_capability_has_its_kit", "test_whoever_lets_people_link_says_how"}
    assert "SoundProvider is a PlaylistManager: let the test class be a PlaylistManagerConformance too" in str(failed)


def test_credentials_that_make_no_connection_fail(tmp_path_factory: pytest.TempPathFactory) -> None:
    source = """
import pytest
from tests.sound_provider import Factories, Person
class Hidden(Person):
    def count(self): return 0
class TestHidden(Factories):
    @pytest.fixture
    def user(self, service): return Hidden(service)
"""
    failed = run(tmp_path_factory, source).failed["TestHidden"]
    assert set(failed) == {"test_linking_makes_a_connection"}
    assert "saving credentials made 0 connections that pages could show" in str(failed)
