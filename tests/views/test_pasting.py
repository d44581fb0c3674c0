"""The page that takes the address a browser ended on."""

import logging
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from providers.datatypes import AuthResult
from providers.exceptions import AuthenticationError, ServiceUnavailableError
from providers.models import Connection, LinkAttempt, OwnApplication, SpotifyAuth
from tests.fake_services import FakeService, FakeServices
from tests.views.test_linking import text

pytestmark = pytest.mark.usefixtures("services")

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
DEAD_END = "http://127.0.0.1:1/nobody/listens/here/"


def url(service: FakeService) -> str:
    return f"/connections/{service.type}/paste/"


def begin(visitor: Client, service: FakeService) -> str:
    """Return the address that the page tells to open."""
    response = visitor.post(url(service))
    assert response.status_code == 200
    shown = re.search(r'<input id="consent"[^>]* value="([^"]+)"', response.content.decode())
    assert shown
    return unescape(shown[1])


def ended_on(service: FakeService, address: str, result: AuthResult | None = None) -> str:
    return f"{DEAD_END}?{urlencode(service.agree(address, result))}"


def paste(visitor: Client, service: FakeService, answer: str) -> Any:
    return visitor.post(url(service), {"answer": answer})


def test_the_page_begins_nothing_by_being_looked_at(visitor: Client, services: FakeServices) -> None:
    response = visitor.get(url(services.wavebox))
    assert "Link Wavebox by its address" in text(response)
    assert not LinkAttempt.objects.exists()


@pytest.mark.parametrize("name", ["wavebox", "tapedeck"])
def test_an_address_that_leads_nowhere_links_the_account_when_it_is_pasted(
    visitor: Client, services: FakeServices, name: str
) -> None:
    service = getattr(services, name)
    response = paste(visitor, service, ended_on(service, begin(visitor, service)))
    assert (response.status_code, response.headers["Location"]) == (303, "/connections/")
    assert Connection.objects.get().status == Connection.Status.OK
    assert "is linked as ada." in text(visitor.get("/connections/"))


def test_a_link_that_was_begun_with_the_button_can_be_ended_by_pasting(visitor: Client, services: FakeServices) -> None:
    address = visitor.post(f"/connections/{services.wavebox.type}/connect/").headers["Location"]
    assert paste(visitor, services.wavebox, ended_on(services.wavebox, address)).status_code == 303
    assert SpotifyAuth.objects.exists()


def test_what_is_no_answer_is_explained_and_costs_nothing(visitor: Client, services: FakeServices) -> None:
    address = begin(visitor, services.wavebox)
    response = paste(visitor, services.wavebox, address)
    assert "the one of the page on which you agree" in text(response)
    assert 'aria-invalid="true"' in text(response)
    assert paste(visitor, services.wavebox, ended_on(services.wavebox, address)).status_code == 303


@pytest.mark.parametrize("answer", ["", "hello", "x" * 100_000, "state=a-secret", "https://x.example/?code=a-secret"])
def test_what_was_pasted_is_never_shown_again(visitor: Client, services: FakeServices, answer: str) -> None:
    response = paste(visitor, services.wavebox, answer)
    assert "errorlist" in text(response)
    assert not answer or answer not in text(response).replace("“state=”", "")
    assert "a-secret" not in text(response)
    assert len(response.content) < 20_000


def test_a_denial_is_told_and_leads_back_to_pasting(visitor: Client, services: FakeServices) -> None:
    state = services.wavebox.agree(begin(visitor, services.wavebox))["state"]
    response = paste(visitor, services.wavebox, f"{DEAD_END}?error=access_denied&state={state}")
    assert response.status_code == 200
    assert "You did not let us in" in text(response)
    assert url(services.wavebox) in text(response)
    assert not Connection.objects.exists()


def test_an_address_pasted_twice_is_explained(visitor: Client, services: FakeServices) -> None:
    answer = ended_on(services.wavebox, begin(visitor, services.wavebox))
    paste(visitor, services.wavebox, answer)
    response = paste(visitor, services.wavebox, answer)
    assert response.status_code == 400
    assert "This was opened before" in text(response)


def test_an_address_that_was_pasted_is_worth_nothing_when_it_is_opened_and_the_other_way_round(
    visitor: Client, services: FakeServices
) -> None:
    service = services.wavebox
    for first, second in ((paste, _open), (_open, paste)):
        answer = ended_on(service, begin(visitor, service))
        assert first(visitor, service, answer).status_code == 303
        assert "This was opened before" in text(second(visitor, service, answer))


def _open(visitor: Client, service: FakeService, answer: str) -> Any:
    return visitor.get(f"/connections/{service.type}/callback/?{answer.partition('?')[2]}")


def test_an_address_that_comes_too_late_is_explained(visitor: Client, services: FakeServices) -> None:
    with time_machine.travel(NOW, tick=False):
        answer = ended_on(services.wavebox, begin(visitor, services.wavebox))
    with time_machine.travel(NOW + timedelta(minutes=11), tick=False):
        response = paste(visitor, services.wavebox, answer)
    assert response.status_code == 400
    assert "That took too long" in text(response)


def test_somebody_elses_address_is_refused_and_stays_good_for_them(visitor: Client, services: FakeServices) -> None:
    other = Client()
    other.force_login(get_user_model().objects.create_user("bo"))
    answer = ended_on(services.wavebox, begin(other, services.wavebox))
    response = paste(visitor, services.wavebox, answer)
    assert response.status_code == 400
    assert "This belongs to somebody else" in text(response)
    assert not Connection.objects.exists()
    assert paste(other, services.wavebox, answer).status_code == 303


def test_another_services_address_is_refused(visitor: Client, services: FakeServices) -> None:
    response = paste(visitor, services.tapedeck, ended_on(services.wavebox, begin(visitor, services.wavebox)))
    assert "This belongs to somebody else" in text(response)
    assert not Connection.objects.exists()


def test_a_changed_address_is_told_to_be_copied_whole(visitor: Client, services: FakeServices) -> None:
    answer = ended_on(services.wavebox, begin(visitor, services.wavebox))
    response = paste(visitor, services.wavebox, answer.replace("state=", "state=x"))
    assert response.status_code == 400
    assert "copy all of the address" in text(response)
    assert not Connection.objects.exists()


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (ServiceUnavailableError("It does not answer.", provider="x"), 503),
        (AuthenticationError("It said invalid_grant.", provider="x"), 502),
    ],
)
def test_a_service_that_fails_is_explained(
    visitor: Client, services: FakeServices, failure: Exception, status: int
) -> None:
    answer = ended_on(services.wavebox, begin(visitor, services.wavebox))
    services.wavebox.failure = failure
    assert paste(visitor, services.wavebox, answer).status_code == status
    assert not Connection.objects.exists()


def test_another_account_is_asked_about(visitor: Client, services: FakeServices) -> None:
    service = services.wavebox
    paste(visitor, service, ended_on(service, begin(visitor, service)))
    other = AuthResult(access_token="b", account_id="2", account_name="Bo")
    response = paste(visitor, service, ended_on(service, begin(visitor, service), other))
    assert "Another Wavebox account?" in text(response)


def test_a_service_that_is_not_set_up_is_explained(visitor: Client, services: FakeServices, settings: Settings) -> None:
    settings.SPOTIFY_CLIENT_ID = ""
    response = visitor.post(url(services.wavebox))
    assert response.status_code == 503
    assert "Wavebox is not set up here" in text(response)


def test_who_has_an_application_of_their_own_can_paste_where_the_site_has_none(
    visitor: Client, user: User, services: FakeServices, settings: Settings
) -> None:
    settings.SPOTIFY_CLIENT_ID = ""
    OwnApplication.objects.create(user=user, provider_type=services.wavebox.type, client_id="own-1")
    response = paste(visitor, services.wavebox, ended_on(services.wavebox, begin(visitor, services.wavebox)))
    assert response.status_code == 303
    assert SpotifyAuth.objects.get().client_id == "own-1"


def test_no_page_and_no_log_holds_what_was_pasted(
    visitor: Client, services: FakeServices, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    back = services.wavebox.agree(begin(visitor, services.wavebox))
    answer = f"{DEAD_END}?{urlencode(back)}"
    responses = [paste(visitor, services.wavebox, answer), paste(visitor, services.wavebox, answer)]
    responses.append(paste(visitor, services.wavebox, answer.replace("state=", "stat=")))
    told = caplog.text + "".join(f"{response.headers}{response.content.decode()}" for response in responses)
    assert back["state"] not in told
    assert back["code"] not in told


@pytest.mark.parametrize("provider_type", ["navidrome", "unheard-of", "%00"])
def test_only_services_that_people_link_have_this_page(visitor: Client, provider_type: str) -> None:
    assert visitor.get(f"/connections/{provider_type}/paste/").status_code == 404
    assert visitor.post(f"/connections/{provider_type}/paste/", {"answer": "x"}).status_code == 404


def test_a_code_in_the_address_of_the_page_is_not_looked_at(visitor: Client, services: FakeServices) -> None:
    answer = ended_on(services.wavebox, begin(visitor, services.wavebox))
    assert visitor.get(f"{url(services.wavebox)}?answer={answer}").status_code == 200
    assert not Connection.objects.exists()


def test_a_forged_form_is_refused(user: User, services: FakeServices) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user)
    assert paste(strict, services.wavebox, "x").status_code == 403


def test_who_is_not_signed_in_is_asked_to(client: Client, db: None, services: FakeServices) -> None:
    assert client.get(url(services.wavebox)).headers["Location"].startswith("/accounts/login/")
