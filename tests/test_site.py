import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from pytest_django import Settings

from musicbridge import settings as site_settings
from musicbridge.logs import WithoutQueries
from providers import conf, registry

_SHOW = """
import json
from musicbridge import settings
names = ["SECURE_SSL_REDIRECT", "SECURE_PROXY_SSL_HEADER", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE",
         "SECURE_HSTS_SECONDS", "CSRF_TRUSTED_ORIGINS", "ALLOWED_HOSTS", "SPOTIFY_CLIENT_ID", "PROVIDERS",
         "HISTORY_OVERLAP_SECONDS", "DATABASES"]
print(json.dumps({name: getattr(settings, name, None) for name in names}, default=str))
"""
_PRODUCTION = {"MUSICBRIDGE_ENV_FILE": "tests/production.env"}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, *arguments],
        env={**inherited, "MUSICBRIDGE_ENV_FILE": os.devnull, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def settings_with(**environment: str) -> dict[str, object]:
    result = run("-c", _SHOW, **environment)
    assert result.returncode == 0, result.stderr
    shown: dict[str, object] = json.loads(result.stdout)
    return shown


def test_djangos_checks_find_nothing_to_say_about_a_site_in_production() -> None:
    result = run("manage.py", "check", "--deploy", "--fail-level", "INFO", **_PRODUCTION)
    assert result.returncode == 0, result.stderr


def test_behind_a_trusted_proxy_everything_is_https() -> None:
    shown = settings_with(**_PRODUCTION)
    assert shown["SECURE_SSL_REDIRECT"] is True
    assert shown["SECURE_PROXY_SSL_HEADER"] == ["HTTP_X_FORWARDED_PROTO", "https"]
    assert shown["SESSION_COOKIE_SECURE"] is shown["CSRF_COOKIE_SECURE"] is True
    assert shown["SECURE_HSTS_SECONDS"] == 31_536_000
    assert shown["CSRF_TRUSTED_ORIGINS"] == ["https://music.example.org"]
    assert "music.example.org" in str(shown["ALLOWED_HOSTS"])


def test_a_header_that_anybody_can_send_is_not_trusted_and_causes_no_endless_redirects() -> None:
    shown = settings_with(SECRET_KEY="x", PUBLIC_URL="https://music.example.org")
    assert shown["SECURE_PROXY_SSL_HEADER"] is None
    assert shown["SECURE_SSL_REDIRECT"] is False
    assert shown["SESSION_COOKIE_SECURE"] is True


def test_a_site_on_plain_http_keeps_its_cookies_usable() -> None:
    shown = settings_with(SECRET_KEY="x", PUBLIC_URL="http://127.0.0.1:8000")
    assert shown["SESSION_COOKIE_SECURE"] is shown["CSRF_COOKIE_SECURE"] is False
    assert shown["SECURE_HSTS_SECONDS"] == 0


def test_the_services_settings_come_from_the_environment() -> None:
    shown = settings_with(SECRET_KEY="x", SPOTIFY_CLIENT_ID="mine", PROVIDERS="a.service,b.service")
    assert shown["SPOTIFY_CLIENT_ID"] == "mine"
    assert shown["PROVIDERS"] == ["a.service", "b.service"]


@pytest.mark.parametrize("name", ["PROVIDERS", "HISTORY_OVERLAP_SECONDS", "DATABASE_URL", "ALLOWED_HOSTS"])
def test_a_line_left_unfilled_means_the_default(name: str) -> None:
    unset = settings_with(SECRET_KEY="x")
    assert settings_with(SECRET_KEY="x", **{name: ""}) == unset
    assert unset["PROVIDERS"] == ["providers.spotify", "providers.lastfm", "providers.navidrome"]


def test_every_setting_is_explained_in_the_example_and_none_that_there_is_not() -> None:
    site = set(re.findall(r'env\.\w+\("(\w+)"', Path(site_settings.__file__).read_text())) - {"MUSICBRIDGE_ENV_FILE"}
    explained = re.findall(r"^#?([A-Z_]+)=", Path(".env.example").read_text(), re.MULTILINE)
    assert sorted(explained) == sorted(site | conf.DEFAULTS.keys())


def test_the_example_shows_the_defaults_in_its_comments(settings: Settings) -> None:
    shown = dict(re.findall(r"^#([A-Z_]+)=(.+)$", Path(".env.example").read_text(), re.MULTILINE))
    settings.PROVIDERS = shown.pop("PROVIDERS").split(",")
    settings.PROVIDER_RATE_LIMITS = shown.pop("PROVIDER_RATE_LIMITS")
    assert conf.rate_limits() == {spec.type: spec.default_rate for spec in registry.specs()}
    assert tuple(settings.PROVIDERS) == conf.DEFAULTS["PROVIDERS"]
    assert shown == {name: str(conf.DEFAULTS.get(name, text)) for name, text in shown.items()}


def test_a_secret_can_be_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "client_id").write_text("from a file")
    shown = settings_with(SECRET_KEY="x", SPOTIFY_CLIENT_ID_FILE=str(tmp_path / "client_id"))
    assert shown["SPOTIFY_CLIENT_ID"] == "from a file"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("GET /callback/?state=s3cret&code=s3cret HTTP/1.1", "303", "0"), '"GET /callback/ HTTP/1.1" 303 0'),
        (("GET /connections/ HTTP/1.1", "200", "10"), '"GET /connections/ HTTP/1.1" 200 10'),
    ],
)
def test_no_query_reaches_the_log(arguments: tuple[str, ...], message: str) -> None:
    record = logging.LogRecord("django.server", logging.INFO, "", 0, '"%s" %s %s', arguments, None)
    assert WithoutQueries().filter(record)
    assert record.getMessage() == message


def test_pages_without_an_icon_of_their_own_get_the_sites(client: Client) -> None:
    answer = client.get("/favicon.ico")

    assert answer.headers["Location"] == "/static/providers/icon.svg"
    assert finders.find("providers/icon.svg")
