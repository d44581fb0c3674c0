"""What the documented units and containers run is there to be run."""

import re
import shlex
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from tests.test_site import run

FOLDER = Path("docs/deployment")
UNITS = sorted(FOLDER.glob("*.service"))
COMPOSITIONS = sorted(FOLDER.glob("*.yaml"))
OURS = {f"python manage.py {name}" for name in get_commands()} | {
    "celery -A musicbridge worker",
    "celery -A musicbridge beat",
    "gunicorn musicbridge.wsgi",
}


def unit(path: Path) -> ConfigParser:
    parsed = ConfigParser(interpolation=None, strict=False)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(path.read_text())
    return parsed


def composition(path: Path) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(path.read_text())
    return parsed


def our_services(path: Path) -> dict[str, dict[str, Any]]:
    services = composition(path)["services"]
    return {name: service for name, service in services.items() if service["image"] == "musicbridge"}


def explained_settings() -> set[str]:
    return set(re.findall(r"^#?([A-Z_]+)=", Path(".env.example").read_text(), re.MULTILINE))


def is_ours(command: str) -> bool:
    return any(f"{command} ".startswith(f"{known} ") for known in OURS)


def instructions() -> list[tuple[str, str]]:
    text = (FOLDER / "Dockerfile").read_text().replace("\\\n", " ")
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in text.splitlines() if line and line[0] != "#"]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_runs_a_command_of_ours_with_its_settings_as_nobody_else(path: Path) -> None:
    service = unit(path)["Service"]
    program, _, command = service["ExecStart"].partition("/.venv/bin/")
    assert program == service["WorkingDirectory"] == "/opt/musicbridge"
    assert is_ours(command)
    assert service["Environment"] == "MUSICBRIDGE_ENV_FILE=/etc/musicbridge.env"
    assert service["User"] == service["StateDirectory"] == "musicbridge"


@pytest.mark.parametrize("path", COMPOSITIONS, ids=lambda path: path.name)
def test_each_container_of_ours_runs_a_command_of_ours(path: Path) -> None:
    services = our_services(path)
    assert {"migrate", "site"} < services.keys()
    assert all(is_ours(service["command"]) for service in services.values())


@pytest.mark.parametrize("path", COMPOSITIONS, ids=lambda path: path.name)
def test_containers_are_given_settings_that_there_are(path: Path) -> None:
    for service in our_services(path).values():
        assert service["environment"].keys() <= explained_settings()
        assert (path.parent / service["env_file"]).resolve() == Path(".env").resolve()
        assert (path.parent / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


@pytest.mark.parametrize("path", COMPOSITIONS, ids=lambda path: path.name)
def test_nothing_starts_before_the_database_is_up_to_date(path: Path) -> None:
    for name, service in our_services(path).items():
        if name != "migrate":
            assert service["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}


@pytest.mark.parametrize("path", COMPOSITIONS, ids=lambda path: path.name)
def test_what_changes_is_in_volumes_and_the_site_is_asked_whether_it_is_alive(path: Path) -> None:
    told = composition(path)
    mounted = {volume for service in told["services"].values() for volume in service.get("volumes", ())}
    assert {volume.partition(":")[0] for volume in mounted} == told["volumes"].keys()
    for service in our_services(path).values():
        assert service["volumes"] == ["data:/var/lib/musicbridge"]
        assert service["environment"]["MEDIA_ROOT"].startswith("/var/lib/musicbridge/")
    site = told["services"]["site"]
    assert "http://127.0.0.1:8000/healthz" in " ".join(site["healthcheck"]["test"])
    assert compile(site["healthcheck"]["test"][-1], "healthcheck", "exec")
    assert "--bind 0.0.0.0:8000" in site["command"]
    # To this machine only: a proxy with https stands in front.
    assert site["ports"] == ["127.0.0.1:8000:8000"]


def test_one_box_has_its_database_where_the_volume_is() -> None:
    services = our_services(FOLDER / "compose.yaml")
    assert services.keys() == {"migrate", "site", "watcher"}
    for service in services.values():
        assert service["environment"]["DATABASE_URL"].startswith("sqlite:////var/lib/musicbridge/")


def test_several_share_what_the_containers_beside_them_hold() -> None:
    path = FOLDER / "compose-scale.yaml"
    assert our_services(path).keys() == {"migrate", "site", "worker", "beat"}
    assert composition(path)["services"].keys() - our_services(path).keys() == {"postgres", "redis"}
    for service in our_services(path).values():
        assert "@postgres:5432/" in service["environment"]["DATABASE_URL"]
        assert service["environment"]["REDIS_URL"].startswith("redis://redis:")


def test_the_image_holds_what_there_is_and_runs_as_nobody_in_particular() -> None:
    told = instructions()
    for name, rest in told:
        if name == "COPY":
            assert Path(rest.split()[0]).exists(), rest
    assert [rest for name, rest in told if name == "USER"] == ["musicbridge"]
    (given,) = (rest for name, rest in told if name == "ENV")
    assert {word.partition("=")[0] for word in given.split()} - {"PYTHONUNBUFFERED", "MUSICBRIDGE_ENV_FILE"} <= (
        explained_settings()
    )
    (command,) = (rest for name, rest in told if name == "CMD")
    assert is_ours(" ".join(yaml.safe_load(command)))


@pytest.mark.parametrize(
    "command",
    sorted(
        {unit(FOLDER / "musicbridge.service")["Service"]["ExecStart"].partition("bin/")[2]}
        | {our_services(path)["site"]["command"] for path in COMPOSITIONS}
    ),
)
def test_the_site_starts_with_the_server_that_is_named(command: str) -> None:
    result = run("-m", *shlex.split(command), "--check-config", SECRET_KEY="x")
    assert result.returncode == 0, result.stderr
