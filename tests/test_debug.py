"""Error pages with DEBUG on, as a browser gets them: they say what happened and tell no secret."""

import html
import logging
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from django.utils.log import AdminEmailHandler
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter
from pytest_django import Settings

from musicbridge.urls import urlpatterns as site_urls
from providers import registry, tokens
from providers.checks import check_error_reports
from providers.debug import SecretsReporter, SecretsReporterFilter
from providers.models import SpotifyAuth
from providers.transport import ApiSession, Call

SECRET = "seeded-secret-0451"
STARS = SafeExceptionReporterFilter.cleansed_substitute

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


class Failing:
    """Credentials whose signing fails in the middle of our own code."""

    def sign(self, call: Call) -> None:
        token = call.headers["X-Token"]
        raise RuntimeError(f"cannot sign with {len(token)} characters")

    def renew(self, call: Call) -> bool:
        return False


def outer_view(request: HttpRequest, **kwargs: str) -> HttpResponse:
    """Fail in our own code, called from a view that is none of ours."""
    colour = "blue"
    assert colour
    ApiSession(provider="x", base_url="https://x.example", credentials=Failing()).request(
        "GET", headers={"X-Token": "".join(("seeded-", "secret-0451"))}
    )
    return HttpResponse()


def failing_view(request: HttpRequest) -> NoReturn:
    arguments = (request, {"nested": [request.GET.dict(), request.POST.dict()]})
    raise RuntimeError(f"{len(arguments)} things went wrong")


def quoting_view(request: HttpRequest) -> NoReturn:
    try:
        raise KeyError(request.GET["code"])
    except KeyError as error:
        raise RuntimeError(f"unknown code {request.GET['code']}") from error


urlpatterns = [
    *site_urls,
    path("outer/", outer_view),
    path("failing/", failing_view),
    path("quoting/", quoting_view),
]


@pytest.fixture(autouse=True)
def debug_site(settings: Settings) -> None:
    settings.DEBUG = True


@pytest.fixture
def visitor() -> Client:
    return Client(raise_request_exception=False)


def shown(response: Any) -> str:
    assert response.status_code == 500
    return html.unescape(response.content.decode())


class TestVariables:
    def test_what_our_own_frames_hold_is_not_shown(self, visitor: Client) -> None:
        page = shown(visitor.get("/outer/"))
        assert "cannot sign with 18 characters" in page
        assert "_exchange" in page or "in sign" in page
        assert SECRET not in page

    def test_what_other_frames_hold_is_shown_as_ever(self, visitor: Client) -> None:
        assert "'blue'" in shown(visitor.get("/outer/"))

    def test_what_is_called_from_our_frames_is_not_shown(
        self, visitor: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def library(*args: object, **kwargs: object) -> NoReturn:
            def generator() -> Iterator[int]:
                deep = kwargs["headers"]
                yield len(str(deep))
                raise RuntimeError("the library gave up")

            list(generator())
            raise AssertionError

        monkeypatch.setattr(Failing, "sign", lambda self, call: None)
        monkeypatch.setattr("requests.Session.request", library)
        page = shown(visitor.get("/outer/"))
        assert "the library gave up" in page
        assert "deep" in page
        assert SECRET not in page

    def test_the_cause_of_an_error_is_not_shown_either(self, visitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        def library(*args: object, **kwargs: object) -> NoReturn:
            def socket(data: object) -> NoReturn:
                raise OSError("no route")

            try:
                socket(kwargs["headers"])
            except OSError as error:
                raise RuntimeError("the library gave up") from error
            raise AssertionError

        monkeypatch.setattr(Failing, "sign", lambda self, call: None)
        monkeypatch.setattr("requests.Session.request", library)
        page = shown(visitor.get("/outer/"))
        assert "no route" in page
        assert SECRET not in page

    def test_stored_tokens_are_not_shown_when_their_refresh_breaks(
        self, visitor: Client, user: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        SpotifyAuth.objects.create(user=user, access_token=SECRET, refresh_token=SECRET, expires_at=None)
        monkeypatch.setattr(tokens, "_lives", lambda row, leeway: 1 / 0)

        def building_view(request: HttpRequest) -> HttpResponse:
            registry.build("spotify", user)
            return HttpResponse()

        monkeypatch.setattr(f"{__name__}.urlpatterns", [*urlpatterns, path("building/", building_view)])
        page = shown(visitor.get("/building/"))
        assert "division by zero" in page
        assert SECRET not in page


class TestRequests:
    def test_the_query_is_shown_by_name_only(self, visitor: Client) -> None:
        page = shown(visitor.get("/failing/", {"code": SECRET, "state": f"{SECRET}-state"}))
        assert "2 things went wrong" in page
        assert "code" in page
        assert SECRET not in page

    def test_an_encoded_query_is_not_shown_in_any_spelling(self, visitor: Client) -> None:
        page = shown(visitor.get("/failing/?code=seeded%2Bsecret%20%C3%BC"))
        assert not any(spelling in page for spelling in ("seeded+secret ü", "seeded%2Bsecret", "seeded%2bsecret"))

    def test_the_form_is_shown_by_name_only(self, visitor: Client) -> None:
        page = shown(visitor.post("/failing/", {"password": SECRET, "username": "ada-the-countess"}))
        assert "password" in page
        assert SECRET not in page
        assert "ada-the-countess" not in page

    def test_cookies_and_headers_are_not_shown(self, visitor: Client) -> None:
        visitor.cookies["sessionid"] = SECRET
        visitor.cookies["other"] = f"{SECRET}-other"
        page = shown(
            visitor.get(
                "/failing/",
                headers={
                    "authorization": f"Bearer {SECRET}",
                    "referer": f"https://site.example/connections/x/callback/?code={SECRET}",
                    "x-token": SECRET,
                },
            )
        )
        assert SECRET not in page

    def test_an_error_that_quotes_the_query_is_not_quoted(self, visitor: Client) -> None:
        page = shown(visitor.get("/quoting/", {"code": SECRET}))
        assert "RuntimeError" in page
        assert "KeyError" in page
        assert SECRET not in page

    def test_the_real_callback_shows_neither_code_nor_state(
        self, visitor: Client, user: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def breaks(*args: object, **kwargs: object) -> NoReturn:
            raise RuntimeError("unexpected")

        monkeypatch.setattr("providers.linking.complete", breaks)
        visitor.force_login(user)
        page = shown(visitor.get("/connections/spotify/callback/", {"code": SECRET, "state": f"{SECRET}-state"}))
        assert "unexpected" in page
        assert SECRET not in page

    def test_signing_in_shows_no_password(self, visitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        def breaks(*args: object, **kwargs: object) -> NoReturn:
            raise RuntimeError("unexpected")

        monkeypatch.setattr("django.contrib.auth.backends.ModelBackend.authenticate", breaks)
        page = shown(visitor.post("/accounts/login/", {"username": "ada", "password": SECRET}))
        assert "unexpected" in page
        assert SECRET not in page

    def test_a_variable_that_a_page_lacks_is_logged_without_the_page(
        self, visitor: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG, logger="django.template")
        shown(visitor.get("/failing/", {"code": SECRET}))
        assert "Exception while resolving variable" in caplog.text
        assert SECRET not in caplog.text


class TestSettings:
    def test_keys_and_addresses_with_passwords_are_not_shown(self, visitor: Client, settings: Settings) -> None:
        settings.FERNET_KEYS = [SECRET]
        settings.REDIS_URL = f"redis://:{SECRET}@redis.example:6379/0"
        settings.LASTFM_API_SECRET = SECRET
        page = shown(visitor.get("/failing/"))
        assert "redis.example" in page
        assert SECRET not in page

    def test_the_environment_that_a_server_mixes_into_requests_is_not_shown(self, visitor: Client) -> None:
        page = shown(visitor.get("/failing/", DATABASE_URL=f"postgres://ada:{SECRET}@db.example/x"))
        assert "db.example" in page
        assert SECRET not in page


class TestMails:
    def test_a_mail_about_an_error_tells_no_secret_either(self, visitor: Client, settings: Settings) -> None:
        settings.DEBUG = False
        settings.ADMINS = [("Ada", "ada@site.example")]
        handler = AdminEmailHandler(include_html=True)
        logging.getLogger("django.request").addHandler(handler)
        try:
            visitor.post(f"/failing/?code={SECRET}", {"password": SECRET})
        finally:
            logging.getLogger("django.request").removeHandler(handler)
        (message,) = mail.outbox
        assert "2 things went wrong" in message.body
        assert SECRET not in message.message().as_string()


class TestWithoutARequest:
    def test_an_error_outside_of_any_request_can_be_reported(self) -> None:
        report = self.report()
        assert "cannot sign" in report.get_traceback_text()
        assert SECRET not in html.unescape(report.get_traceback_html())

    def report(self) -> SecretsReporter:
        try:
            outer_view(HttpRequest())
        except RuntimeError as error:
            return SecretsReporter(None, type(error), error, error.__traceback__)
        raise AssertionError


class TestTheCheck:
    def test_this_site_needs_no_word(self) -> None:
        assert check_error_reports() == []

    @pytest.mark.parametrize(
        ("setting", "theirs"),
        [
            ("DEFAULT_EXCEPTION_REPORTER", "django.views.debug.ExceptionReporter"),
            ("DEFAULT_EXCEPTION_REPORTER_FILTER", "django.views.debug.SafeExceptionReporterFilter"),
        ],
    )
    def test_a_site_with_djangos_own_is_warned(self, settings: Settings, setting: str, theirs: str) -> None:
        setattr(settings, setting, theirs)
        (warning,) = check_error_reports()
        assert setting in warning.msg
        assert warning.hint is not None
        assert "providers.debug." in warning.hint

    def test_one_built_on_ours_is_as_good(self, settings: Settings) -> None:
        settings.DEFAULT_EXCEPTION_REPORTER_FILTER = f"{__name__}.Stricter"
        assert check_error_reports() == []

    def test_without_it_the_pages_would_tell(self, visitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("django.views.debug.get_exception_reporter_class", lambda request: ExceptionReporter)
        monkeypatch.setattr(
            "django.views.debug.get_exception_reporter_filter", lambda request: SafeExceptionReporterFilter()
        )
        assert SECRET in shown(visitor.get("/outer/"))
        assert SECRET in shown(visitor.get("/failing/", {"code": SECRET}))


class Stricter(SecretsReporterFilter):
    """A site's own filter."""
