"""Every requirement of the specification has a test that names it.

Read from the sources and not from the collected items, so that it holds for any part of the suite that is run.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REQUIREMENTS = {
    f"PROV-{number:03}"
    for numbers in (range(1, 6), range(10, 14), range(20, 23), range(30, 34), range(40, 43), range(50, 53))
    for number in numbers
}


def _marks(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name.lower().startswith("test"):
            yield from node.decorator_list
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            yield from node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value]


def _required_by(source: str) -> set[str]:
    return {
        argument.value
        for mark in _marks(ast.parse(source))
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.req"
        for argument in mark.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


def _tested() -> set[str]:
    return set().union(*(_required_by(path.read_text()) for path in Path(__file__).parent.rglob("test_*.py")))


def test_every_requirement_has_a_test() -> None:
    assert sorted(REQUIREMENTS - _tested()) == []


def test_no_test_names_a_requirement_that_does_not_exist() -> None:
    assert sorted(_tested() - REQUIREMENTS) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("@pytest.mark.req('PROV-001')\ndef test_it(): ...", {"PROV-001"}),
        ("@pytest.mark.req('PROV-001')\nclass TestIt: ...", {"PROV-001"}),
        ("pytestmark = [pytest.mark.req('PROV-001'), pytest.mark.django_db]", {"PROV-001"}),
        ("@pytest.mark.req('PROV-001')\ndef helper(): ...", set()),
        ("# pytest.mark.req('PROV-001')", set()),
    ],
)
def test_only_marks_on_tests_count(source: str, found: set[str]) -> None:
    assert _required_by(source) == found
