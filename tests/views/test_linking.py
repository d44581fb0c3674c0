import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import OperationalError
from django.db.models import Model
from django.db.models.sql.compiler import SQLInsertCompiler
from django.test import Client
from pytest_django import Settings

from providers.datatypes import AuthResult
from providers.exceptions import AuthenticationError, ServiceUnavailableError
from providers.models import Connection, LinkAttempt, SpotifyAuth
from tests.fake_services import FakeService, FakeServices

pytestmark = pytest.mark.usefixtures("services")

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


def url(service: FakeService, page: str) -> str:
    return f"/connections/{service.type}/{page}/"


def begin(visitor: Client, service: FakeService, **data: str) -> str:
    response = visitor.post(url(service, "connect"), data)
    assert response.status_code == 303
    return response.headers["Location"]


def come_back(visitor: Client, service: FakeService, params: dict[str, str]) -> Any:
    return visitor.get(f"{url(service, 'callback')}?{urlencode(params)}")


def link(visitor: Client, service: FakeService, account_id: str = "1", name: str = "ada", **data: str) -> Any:
    granted = AuthResult(access_token=f"access of {account_id}", account_id=account_id, account_name=name)
    return come_back(visitor, service, service.agree(begin(visitor, service, **data), granted))


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


# --- there and back --------------------------------------------------------------------------------------------------


def test_connecting_leads_to_the_service_with_a_callback_on_this_site(visitor: Client, services: FakeServices) -> None:
    address = urlsplit(begin(visitor, services.wavebox))
    assert address.hostname == f"{services.wavebox.type}.example"
    assert parse_qs(address.query)["cb"] == [f"http://testserver{url(services.wavebox, 'callback')}"]


def test_the_callback_is_where_peoples_browsers_see_the_site(
    visitor: Client, services: FakeServices, settings: Settings
) -> None:
    settings.PUBLIC_URL = "https://bridge.example"
    query = parse_qs(urlsplit(begin(visitor, services.wavebox)).query)
    assert query["cb"] == [f"https://bridge.example{url(services.wavebox, 'callback')}"]


def test_coming_back_links_and_ends_on_an_address_without_a_code(visitor: Client, services: FakeServices) -> None:
    response = link(visitor, services.wavebox, name="Ada L.")
    assert (response.status_code, response.headers["Location"]) == (303, "/connections/")
    assert Connection.objects.get().status == Connection.Status.OK
    assert "Wavebox is linked as Ada L." in text(visitor.get("/connections/"))


@pytest.mark.django_db
def test_a_callback_that_needs_a_sign_in_first_goes_on_afterwards(client: Client, services: FakeServices) -> None:
    person = get_user_model().objects.create_user("ada", password="pass word")
    client.force_login(person)
    back = services.wavebox.agree(begin(client, services.wavebox))
    client.logout()
    login = come_back(client, services.wavebox, back)
    assert login.status_code == 302
    client.force_login(person)
    there = parse_qs(urlsplit(login.headers["Location"]).query)["next"][0]
    assert client.get(there).status_code == 303
    assert Connection.objects.get().user == person


@pytest.mark.parametrize("target", ["/history/", "/history/?service=x", "http://testserver/history/"])
def test_the_way_on_may_lead_to_a_page_of_this_site(visitor: Client, services: FakeServices, target: str) -> None:
    assert link(visitor, services.wavebox, next=target).headers["Location"] == target


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "\\\\evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "http:///evil.example",
        "/nul\0",
        "/line\r\nbreak",
        "/" + "a" * 3000,
        "",
    ],
)
def test_the_way_on_never_leads_elsewhere(visitor: Client, services: FakeServices, target: str) -> None:
    assert link(visitor, services.wavebox, next=target).headers["Location"] == "/connections/"


# --- pages that say what happened ------------------------------------------------------------------------------------


def test_a_person_who_said_no_reads_that_nothing_was_linked(visitor: Client, services: FakeServices) -> None:
    state = services.wavebox.agree(begin(visitor, services.wavebox))["state"]
    response = come_back(visitor, services.wavebox, {"state": state, "error": "access_denied"})
    assert response.status_code == 200
    assert "You did not let us in" in text(response)
    assert "Nothing was linked." in text(response)
    assert not Connection.objects.exists()


def test_a_repeated_answer_is_explained(visitor: Client, services: FakeServices) -> None:
    back = services.wavebox.agree(begin(visitor, services.wavebox))
    come_back(visitor, services.wavebox, back)
    response = come_back(visitor, services.wavebox, back)
    assert response.status_code == 400
    assert "This was opened before" in text(response)


def test_a_late_answer_is_explained(visitor: Client, services: FakeServices) -> None:
    with time_machine.travel(NOW, tick=False):
        back = services.wavebox.agree(begin(visitor, services.wavebox))
    with time_machine.travel(NOW + timedelta(minutes=11), tick=False):
        response = come_back(visitor, services.wavebox, back)
    assert response.status_code == 400
    assert "That took too long" in text(response)
    assert not Connection.objects.exists()


def test_an_answer_in_somebody_elses_browser_is_explained(visitor: Client, services: FakeServices) -> None:
    other = Client()
    other.force_login(get_user_model().objects.create_user("bo"))
    response = come_back(other, services.wavebox, services.wavebox.agree(begin(visitor, services.wavebox)))
    assert response.status_code == 400
    assert "This belongs to somebody else" in text(response)
    assert not Connection.objects.exists()


def test_an_answer_at_another_services_address_is_explained(visitor: Client, services: FakeServices) -> None:
    response = come_back(visitor, services.tapedeck, services.wavebox.agree(begin(visitor, services.wavebox)))
    assert "This belongs to somebody else" in text(response)
    assert not Connection.objects.exists()


@pytest.mark.parametrize(
    "query", ["", "state=", "state=x&code=y", "state=%00&code=%00", "state=a&state=b", "code=1", "%ff=%fe&state=%ff"]
)
def test_a_mangled_answer_is_explained(visitor: Client, services: FakeServices, query: str) -> None:
    response = visitor.get(f"{url(services.wavebox, 'callback')}?{query}")
    assert response.status_code == 400
    assert "Something is missing in that address" in text(response)


@pytest.mark.parametrize(
    ("failure", "status", "title"),
    [
        (ServiceUnavailableError("It does not answer.", provider="x"), 503, "Wavebox cannot be reached"),
        (AuthenticationError("It said invalid_grant.", provider="x"), 502, "Wavebox refused"),
    ],
)
def test_a_service_that_fails_is_explained_with_its_words(
    visitor: Client, services: FakeServices, failure: Exception, status: int, title: str
) -> None:
    back = services.wavebox.agree(begin(visitor, services.wavebox))
    services.wavebox.failure = failure
    response = come_back(visitor, services.wavebox, back)
    assert response.status_code == status
    assert title in text(response)
    assert str(failure) in text(response)
    assert not Connection.objects.exists()


def test_a_service_that_is_not_set_up_is_explained_to_whom_it_concerns(
    visitor: Client, services: FakeServices, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.SPOTIFY_CLIENT_ID = ""
    response = visitor.post(url(services.wavebox, "connect"))
    assert response.status_code == 503
    assert "Wavebox is not set up here" in text(response)
    assert "SPOTIFY_CLIENT_ID" not in text(response)
    assert "SPOTIFY_CLIENT_ID" in caplog.text


def test_no_page_and_no_log_holds_state_or_code(
    visitor: Client, services: FakeServices, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    back = services.wavebox.agree(begin(visitor, services.wavebox))
    come_back(visitor, services.wavebox, back)
    shown = text(come_back(visitor, services.wavebox, back)) + caplog.text
    assert "opened before" in shown
    assert back["state"] not in shown
    assert back["code"] not in shown


@pytest.mark.parametrize("model", [LinkAttempt, SpotifyAuth])
def test_djangos_own_error_page_shows_no_secret_when_the_database_fails(
    visitor: Client, services: FakeServices, settings: Settings, monkeypatch: pytest.MonkeyPatch, model: type[Model]
) -> None:
    execute = SQLInsertCompiler.execute_sql

    def execute_or_fail(compiler: SQLInsertCompiler, *args: Any, **kwargs: Any) -> Any:
        if compiler.query.model is model:
            raise OperationalError("the disk is full")
        return execute(compiler, *args, **kwargs)

    settings.DEBUG = True
    # As in a site that does not use `providers.debug`.
    settings.DEFAULT_EXCEPTION_REPORTER = "django.views.debug.ExceptionReporter"
    settings.DEFAULT_EXCEPTION_REPORTER_FILTER = "django.views.debug.SafeExceptionReporterFilter"
    visitor.raise_request_exception = False
    monkeypatch.setattr("secrets.token_urlsafe", lambda length: f"random-{length}")
    granted = AuthResult(access_token="granted access", refresh_token="granted refresh", account_id="1")
    if model is SpotifyAuth:
        back = services.wavebox.agree(begin(visitor, services.wavebox), granted)
        monkeypatch.setattr(SQLInsertCompiler, "execute_sql", execute_or_fail)
        response = come_back(visitor, services.wavebox, back)
    else:
        monkeypatch.setattr(SQLInsertCompiler, "execute_sql", execute_or_fail)
        response = visitor.post(url(services.wavebox, "connect"))
    assert response.status_code == 500
    assert "the disk is full" in text(response)
    assert "providers/linking/attempts.py" in text(response)
    for secret in ("random-48", "granted access", "granted refresh"):
        assert secret not in text(response)


# --- another account -------------------------------------------------------------------------------------------------


@pytest.fixture
def question(visitor: Client, services: FakeServices) -> Any:
    """Return the page that asks whether Bo's account is meant, where Ada's was linked."""
    link(visitor, services.wavebox, "1", "Ada")
    return link(visitor, services.wavebox, "2", "Bo <b>")


def token_of(question: Any) -> str:
    return str(question.context["outcome"].token)


def test_another_account_is_asked_about(question: Any) -> None:
    assert question.status_code == 200
    assert "Another Wavebox account?" in text(question)
    assert "<bdi>Ada</bdi>" in text(question)
    assert "<bdi>Bo &lt;b&gt;</bdi>" in text(question)
    assert SpotifyAuth.objects.get().access_token == "access of 1"


def test_switching_links_the_other_account(visitor: Client, services: FakeServices, question: Any) -> None:
    response = visitor.post(url(services.wavebox, "confirm"), {"token": token_of(question), "answer": "switch"})
    assert (response.status_code, response.headers["Location"]) == (303, "/connections/")
    assert SpotifyAuth.objects.get().access_token == "access of 2"
    assert Connection.objects.get().account_name == "Bo <b>"


def test_keeping_forgets_the_other_account(visitor: Client, services: FakeServices, question: Any) -> None:
    response = visitor.post(url(services.wavebox, "confirm"), {"token": token_of(question), "answer": "keep"})
    assert response.status_code == 303
    assert SpotifyAuth.objects.get().access_token == "access of 1"
    assert not LinkAttempt.objects.exists()
    assert "Wavebox stays linked as before." in text(visitor.get("/connections/"))


@pytest.mark.parametrize("token", ["", "x", "nul\0", "a" * 100_000])
def test_an_answer_to_no_question_is_explained(visitor: Client, services: FakeServices, token: str) -> None:
    response = visitor.post(url(services.wavebox, "confirm"), {"token": token, "answer": "switch"})
    assert response.status_code == 400
    assert "Something is missing in that address" in text(response)


def test_a_question_answered_twice_is_explained(visitor: Client, services: FakeServices, question: Any) -> None:
    data = {"token": token_of(question), "answer": "switch"}
    visitor.post(url(services.wavebox, "confirm"), data)
    assert "This was opened before" in text(visitor.post(url(services.wavebox, "confirm"), data))


# --- disconnecting ---------------------------------------------------------------------------------------------------


def test_disconnecting_asks_first(visitor: Client, services: FakeServices) -> None:
    link(visitor, services.wavebox)
    response = visitor.get(url(services.wavebox, "disconnect"))
    assert "Disconnect Wavebox?" in text(response)
    assert SpotifyAuth.objects.exists()


def test_disconnecting_deletes_the_credentials_when_it_is_confirmed(visitor: Client, services: FakeServices) -> None:
    link(visitor, services.wavebox)
    response = visitor.post(url(services.wavebox, "disconnect"))
    assert (response.status_code, response.headers["Location"]) == (303, "/connections/")
    assert not SpotifyAuth.objects.exists()
    assert "Wavebox is disconnected. Your listens stay." in text(visitor.get("/connections/"))


def test_disconnecting_what_is_not_linked_leads_back(visitor: Client, services: FakeServices) -> None:
    assert visitor.get(url(services.wavebox, "disconnect")).headers["Location"] == "/connections/"
    assert "Wavebox is not linked." in text(visitor.get("/connections/"))
    assert visitor.post(url(services.wavebox, "disconnect")).status_code == 303


def test_disconnecting_touches_nobody_else(visitor: Client, user: User, services: FakeServices) -> None:
    other = get_user_model().objects.create_user("bo")
    SpotifyAuth.objects.create(user=other, access_token="x")
    link(visitor, services.wavebox)
    visitor.post(url(services.wavebox, "disconnect"))
    assert SpotifyAuth.objects.get().user == other


# --- who may, and how ------------------------------------------------------------------------------------------------

PAGES = ["connect", "callback", "confirm", "disconnect"]


@pytest.mark.parametrize("provider_type", ["navidrome", "unheard-of", "%00", "a" * 1000])
@pytest.mark.parametrize("page", PAGES)
def test_only_services_that_people_link_have_these_pages(visitor: Client, provider_type: str, page: str) -> None:
    address = f"/connections/{provider_type}/{page}/"
    response = visitor.get(address) if page == "callback" else visitor.post(address)
    assert response.status_code == 404


@pytest.mark.parametrize("page", ["connect", "confirm"])
def test_what_changes_something_is_posted(visitor: Client, services: FakeServices, page: str) -> None:
    assert visitor.get(url(services.wavebox, page)).status_code == 405


def test_a_callback_is_only_ever_got(visitor: Client, services: FakeServices) -> None:
    back = services.wavebox.agree(begin(visitor, services.wavebox))
    assert visitor.head(f"{url(services.wavebox, 'callback')}?{urlencode(back)}").status_code == 405
    assert visitor.post(url(services.wavebox, "callback"), back).status_code == 405
    assert LinkAttempt.objects.exists()


@pytest.mark.parametrize("page", ["connect", "confirm", "disconnect"])
def test_a_forged_form_is_refused(user: User, services: FakeServices, page: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user)
    response = strict.post(url(services.wavebox, page))
    assert response.status_code == 403
    assert "This form is too old" in text(response)
