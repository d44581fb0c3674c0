from dataclasses import replace

import pytest
from django.core.checks import Error, Warning
from pytest_django import Settings

from providers import registry
from providers.checks import (
    check_limits,
    check_names,
    check_oauth_transport,
    check_services,
    check_session_cookie,
    check_types,
)
from providers.conf import SettingProblem
from tests.fake_services import FakeServices


@pytest.mark.parametrize("value", ["Strict", "strict"])
def test_a_session_cookie_that_stays_at_home_is_warned_of(settings: Settings, value: str) -> None:
    settings.SESSION_COOKIE_SAMESITE = value
    (message,) = check_session_cookie()
    assert message.id == "providers.W004"
    assert message.hint is not None
    assert '"Lax"' in message.hint


@pytest.mark.parametrize("value", ["Lax", "None", False])
def test_a_session_cookie_that_comes_back_from_a_service_is_in_order(settings: Settings, value: object) -> None:
    settings.SESSION_COOKIE_SAMESITE = value
    assert check_session_cookie() == []


def test_a_missing_setting_is_named_with_the_service_that_wants_it(settings: Settings, services: FakeServices) -> None:
    settings.SPOTIFY_CLIENT_ID = ""
    (message,) = check_services()
    assert isinstance(message, Warning)
    assert message.msg == "SPOTIFY_CLIENT_ID is not set, so Wavebox is not set up."
    assert message.hint is not None
    assert "Set SPOTIFY_CLIENT_ID" in message.hint


def test_services_that_are_set_up_are_in_order(services: FakeServices) -> None:
    assert check_services() == []


def test_a_wrong_setting_is_an_error_and_a_risky_one_a_warning(services: FakeServices) -> None:
    problems = (SettingProblem("A is wrong."), SettingProblem("B is risky.", is_fatal=False))
    registry.register(replace(registry.get("lastfm"), type="jukebox", label="Jukebox", check_settings=lambda: problems))
    wrong, risky = check_services()
    assert (type(wrong), wrong.msg) == (Error, "Jukebox: A is wrong.")
    assert (type(risky), risky.msg) == (Warning, "Jukebox: B is risky.")


@pytest.mark.parametrize("path", ["providers.typo", "json"])
def test_a_service_that_cannot_be_loaded_is_an_error_that_names_it(settings: Settings, path: str) -> None:
    settings.PROVIDERS = [path]
    (message,) = check_services()
    assert isinstance(message, Error)
    assert path in message.msg


def test_the_switch_that_lets_tokens_out_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OAUTHLIB_INSECURE_TRANSPORT", raising=False)
    assert check_oauth_transport() == []
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    (message,) = check_oauth_transport()
    assert "OAUTHLIB_INSECURE_TRANSPORT" in message.msg


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("SPOTIFY_CLIENT_ID", None, "SPOTIFY_CLIENT_ID has to be a text, and is None."),
        ("NAVIDROME_URL", 4533, "NAVIDROME_URL has to be a text, and is of type int."),
        ("PROVIDERS", "providers.spotify", "PROVIDERS has to be a list of texts, and is of type str."),
        ("PROVIDERS", [1], "PROVIDERS has to be a list of texts, and is of type list."),
        (
            "NAVIDROME_ADMINS_ARE_STAFF",
            "False",
            "NAVIDROME_ADMINS_ARE_STAFF has to be True or False, and is of type str.",
        ),
    ],
)
def test_a_setting_of_the_wrong_kind_is_an_error_that_says_what_it_has_to_be(
    settings: Settings, name: str, value: object, told: str
) -> None:
    setattr(settings, name, value)
    (message,) = check_types()
    assert isinstance(message, Error)
    assert message.msg == told


def test_a_setting_that_nobody_reads_is_warned_of_with_the_one_that_may_be_meant(settings: Settings) -> None:
    assert check_names() == []
    settings.PROVIDER_RATE_LIMIT = "none"
    (message,) = check_names()
    assert (message.id, message.msg) == ("providers.W007", "PROVIDER_RATE_LIMIT is a setting that nobody reads.")
    assert message.hint == "Is PROVIDER_RATE_LIMITS meant?"


@pytest.mark.parametrize("url", ["music.example.org", "ftp://music.example.org", "https://"])
def test_an_address_of_the_site_that_is_none_is_an_error(settings: Settings, url: str) -> None:
    settings.PUBLIC_URL = url
    (message,) = check_limits()
    assert "PUBLIC_URL" in message.msg
