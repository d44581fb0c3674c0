"""What docs/adding_a_provider.md says is so: its code is the example's code, its tables are complete."""

import re
import textwrap
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from providers import exceptions, registry
from providers.registry import CAPABILITIES, ENTRY_POINT_GROUP, ProviderSpec
from providers.testing import conformance
from tests.example_provider.provider import SPEC

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGE = (DOCS / "adding_a_provider.md").read_text()
SOURCES = [*(ROOT / "tests" / "example_provider").glob("*.py"), ROOT / "tests" / "test_example_provider.py"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def first_cells() -> list[str]:
    return re.findall(r"^\| `(\w+)`", PAGE, re.MULTILINE)


SETTINGS_BLOCK = next(block for block in blocks("python") if "INSTALLED_APPS" in block)


@pytest.mark.parametrize("block", [block for block in blocks("python") if block != SETTINGS_BLOCK])
def test_code_on_the_page_is_code_of_the_example(block: str) -> None:
    assert any(block in source.read_text() for source in SOURCES)


def test_the_settings_on_the_page_register_the_service(settings: Settings) -> None:
    found: dict[str, Any] = {}
    exec(SETTINGS_BLOCK.replace("musicbridge_radiola", "tests.example_provider"), found)
    assert found["INSTALLED_APPS"][-1] == "tests.example_provider"
    settings.PROVIDERS = found["PROVIDERS"]
    assert registry.get("radiola") is SPEC
    assert all(found[name] for name in SPEC.required_settings)


def test_the_entry_point_is_of_the_group_that_is_read() -> None:
    (block,) = blocks("toml")
    assert tomllib.loads(textwrap.dedent(block))["project"]["entry-points"].keys() == {ENTRY_POINT_GROUP}


def test_every_capability_every_field_and_every_kit_has_its_row() -> None:
    wanted = {capability.__name__ for capability in CAPABILITIES} | {field.name for field in fields(ProviderSpec)}
    assert sorted((wanted | set(conformance.__all__)) - set(first_cells())) == []


def test_every_method_of_a_capability_is_named() -> None:
    methods = {f"`{name}(" for capability in CAPABILITIES for name in vars(capability) if name.islower()}
    assert sorted(method for method in methods if not method.startswith("`_") and method not in PAGE) == []


def test_every_error_is_named() -> None:
    errors = {name for name, value in vars(exceptions).items() if isinstance(value, type) and name.endswith("Error")}
    assert sorted(name for name in errors if f"`{name}`" not in PAGE) == []


def test_every_fixture_that_the_kits_ask_for_is_named() -> None:
    kits = Path(conformance.__file__).parent.glob("*.py")
    fixtures = {name for kit in kits for name in re.findall(r"^    (\w+) = wanted\(", kit.read_text(), re.MULTILINE)}
    assert "faults" in fixtures
    assert sorted(name for name in fixtures if f"`{name}`" not in PAGE) == []


def test_every_file_that_is_linked_is_there() -> None:
    targets = re.findall(r"\]\((\.\./[^)]+)\)", PAGE)
    assert targets
    assert [target for target in targets if not (DOCS / target).exists()] == []
