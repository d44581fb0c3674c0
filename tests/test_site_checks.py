"""What the app says of a site that is not as it needs it."""

import pytest
from django.core.checks import Error
from pytest_django import Settings

from providers.site_checks import check_databases, check_pages, check_uploads

AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"


def test_our_own_site_gives_no_cause() -> None:
    assert [*check_pages(), *check_databases(), *check_uploads()] == []


def test_pages_at_no_address_are_warned_of_with_the_line_to_add(settings: Settings) -> None:
    settings.ROOT_URLCONF = "django.contrib.auth.urls"
    (message,) = check_pages()
    assert message.id == "providers.W008"
    assert 'include("providers.urls")' in str(message.hint)


def test_pages_that_cannot_know_who_asks_are_an_error(settings: Settings) -> None:
    settings.MIDDLEWARE = [path for path in settings.MIDDLEWARE if path != AUTHENTICATION]
    (message,) = check_pages()
    assert isinstance(message, Error)
    assert "AuthenticationMiddleware" in message.msg


@pytest.mark.parametrize("login_url", ["/nowhere/", "nowhere", "/accounts/logn/"])
def test_a_way_to_sign_in_that_leads_nowhere_is_warned_of(settings: Settings, login_url: str) -> None:
    settings.LOGIN_URL = login_url
    (message,) = check_pages()
    assert message.id == "providers.W009"
    assert login_url in message.msg


@pytest.mark.parametrize("login_url", ["admin:login", "/accounts/login/?from=here", "https://id.example.org/login"])
def test_a_way_to_sign_in_that_leads_somewhere_is_in_order(settings: Settings, login_url: str) -> None:
    settings.LOGIN_URL = login_url
    assert check_pages() == []


def test_pages_that_cannot_tell_what_came_of_a_click_are_warned_of(settings: Settings) -> None:
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "django.contrib.messages"]
    (message,) = check_pages()
    assert message.id == "providers.W010"


@pytest.mark.parametrize(
    ("database", "warned"),
    [
        ({"ENGINE": "django.db.backends.postgresql"}, []),
        ({"ENGINE": "django.db.backends.postgresql", "ATOMIC_REQUESTS": True}, ["providers.W011"]),
        ({"ENGINE": "django.db.backends.sqlite3"}, ["providers.W012"]),
        ({"ENGINE": "django.db.backends.sqlite3", "OPTIONS": {"transaction_mode": "IMMEDIATE"}}, []),
    ],
)
def test_a_database_in_which_work_would_fail_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, database: dict[str, object], warned: list[str]
) -> None:
    # Not through pytest-django's settings: Django warns of databases that change meanwhile.
    monkeypatch.setattr("providers.conf.settings.DATABASES", {"default": database})
    assert [message.id for message in check_databases()] == warned


def test_uploads_that_would_be_put_anywhere_are_warned_of(settings: Settings) -> None:
    settings.MEDIA_ROOT = ""
    (message,) = check_uploads()
    assert message.id == "providers.W013"
