"""What the documented units and containers run is there to be run."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from tests.test_site import run

FOLDER = Path("docs/deployment")
FILES = sorted(path for path in FOLDER.iterdir() if path.suffix in (".service", ".yaml"))


def commands(path: Path) -> list[str]:
    return re.findall(r"^(?:ExecStart=/opt/musicbridge/\.venv/bin/| +command: )(.+)$", path.read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_documented_command_is_one_of_ours(path: Path) -> None:
    known = {f"python manage.py {name}" for name in get_commands()}
    known |= {"celery -A musicbridge worker", "celery -A musicbridge beat", "gunicorn musicbridge.wsgi", "redis-server"}
    for command in commands(path):
        assert any(f"{command} ".startswith(f"{name} ") for name in known), command
    assert commands(path)


def test_each_unit_is_told_where_its_settings_are() -> None:
    for path in FOLDER.glob("*.service"):
        assert "Environment=MUSICBRIDGE_ENV_FILE=" in path.read_text()


def test_containers_are_given_settings_that_there_are() -> None:
    text = (FOLDER / "compose.yaml").read_text()
    given = set(re.findall(r"^    ([A-Z_]+):", text.partition("services:")[0], re.MULTILINE)) - {"MUSICBRIDGE_ENV_FILE"}
    explained = set(re.findall(r"^#?([A-Z_]+)=", Path(".env.example").read_text(), re.MULTILINE))
    assert given
    assert given <= explained


def test_the_site_starts_with_the_server_that_the_units_name() -> None:
    result = run("-m", "gunicorn", "musicbridge.wsgi", "--check-config", SECRET_KEY="x")
    assert result.returncode == 0, result.stderr
