"""The arrows of the house: what a module may import, and where no service may be named."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
APP = ROOT / "providers"

SERVICE_FILES = {"__init__.py", "auth.py", "client.py", "factory.py", "parse.py", "provider.py"}
BOTTOM = ("addresses", "contracts", "datatypes", "exceptions")

# Everything generic: it works for a service that nobody here has heard of.
GENERIC = [
    *(APP / name for name in ("apps.py", "checks.py", "registry.py", "link_health.py", "pauses.py", "rotation.py")),
    *(APP / name for name in ("scheduling.py", "tasks.py", "tokens.py", "urls.py", "worker.py")),
    *(
        path
        for folder in (
            "admin",
            "alerts",
            "doctor",
            "history",
            "linking",
            "management",
            "statistics",
            "templatetags",
            "views",
        )
        for path in (APP / folder).rglob("*.py")
    ),
    *(APP / name for name in ("counters.py", "logcontext.py", "metrics.py")),
    *(ROOT / "templates" / "providers").rglob("*.html"),
]
NAMES_SERVICES_BY_PURPOSE = [
    APP / "management" / "commands" / "simulate_providers.py",
    *(APP / "history" / "dumps").glob("*.py"),
]


def imports_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_every_import_keeps_the_contracts_in_pyproject() -> None:
    # In a process of its own, because it configures logging, and other tests look at logs.
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"]
    linted = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize("name", BOTTOM)
def test_the_contract_needs_nothing_but_the_standard_library(name: str) -> None:
    allowed = {*sys.stdlib_module_names, *(f"providers.{other}" for other in BOTTOM)}
    imported = set(imports_in(ast.parse((APP / f"{name}.py").read_text())))
    assert {module for module in imported if module not in allowed and module.partition(".")[0] not in allowed} == set()


def test_no_generic_code_names_a_service() -> None:
    named = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in GENERIC
        if path not in NAMES_SERVICES_BY_PURPOSE
        for match in re.finditer(r"spotify|last\.?fm|navidrome", path.read_text(), re.IGNORECASE)
    }
    assert named == set()


@pytest.mark.parametrize("service", ["spotify", "lastfm"])
def test_services_are_folders_of_the_same_files(service: str) -> None:
    assert {path.name for path in (APP / service).glob("*.py")} == SERVICE_FILES


@pytest.mark.req("PROV-052")
def test_navidrome_has_no_authenticator_file() -> None:
    assert {path.name for path in (APP / "navidrome").glob("*.py")} == SERVICE_FILES - {"auth.py"}


def test_an_import_inside_a_function_dodges_no_circle() -> None:
    inside = {
        (str(path.relative_to(ROOT)), module)
        for package in ("providers", "musicbridge")
        for path in (ROOT / package).rglob("*.py")
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for module in imports_in(function)
    }
    assert inside == {
        ("providers/ratelimit.py", "providers.sharedlimit"),  # It needs a package that few sites have.
        ("providers/doctor/machine.py", "redis"),  # A site without one need not have the package.
        ("providers/apps.py", "providers"),  # Django wants checks imported when apps are ready.
        ("providers/management/commands/simulate_providers.py", "providers.testing.simulators.household"),
        ("musicbridge/management/commands/demo.py", "providers.testing.simulators.household"),
    }
