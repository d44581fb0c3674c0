from urllib.parse import parse_qs, urlsplit

import pytest

from providers.contracts import Authenticator
from providers.exceptions import AuthenticationError, ReauthorizationRequiredError
from providers.lastfm.auth import LastFMAuthenticator
from providers.lastfm.client import LastFMApplication
from providers.testing.simulators.faults import READY_MADE
from providers.testing.simulators.lastfm import LastFMSimulator, Person

CALLBACK = "https://site.example/connections/lastfm/callback/"


@pytest.fixture
def authenticator(application: LastFMApplication) -> LastFMAuthenticator:
    return LastFMAuthenticator(application, callback_url=CALLBACK)


def returned(address: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}


@pytest.mark.req("PROV-005")
@pytest.mark.req("PROV-040")
def test_it_is_an_authenticator_that_people_use_themselves(authenticator: LastFMAuthenticator) -> None:
    assert isinstance(authenticator, Authenticator)
    assert authenticator.supports_auth()


@pytest.mark.req("PROV-005")
@pytest.mark.req("PROV-041")
def test_a_person_who_agrees_comes_back_with_the_state_and_a_token_worth_a_session(
    authenticator: LastFMAuthenticator, lastfm: LastFMSimulator, ada: Person
) -> None:
    address = lastfm.approve(authenticator.get_auth_url("st&te=1"), ada)
    assert address.startswith(CALLBACK)
    back = returned(address)
    assert back["state"] == "st&te=1"

    result = authenticator.exchange_code(back["token"])
    assert len(result.access_token) == 32
    assert (result.account_id, result.account_name) == ("ada", "Ada")
    assert result.expires_at is None
    assert result.access_token not in repr(result)
    (seen,) = lastfm.faults.seen("auth.getSession")
    assert "sk" not in seen.query


def test_a_query_that_the_callback_has_already_is_kept(application: LastFMApplication) -> None:
    url = LastFMAuthenticator(application, callback_url=f"{CALLBACK}?lang=is&empty=").get_auth_url("abc")
    assert url.startswith("https://www.last.fm/api/auth/?")
    assert returned(url) == {"api_key": "k" * 32, "cb": f"{CALLBACK}?lang=is&empty=&state=abc"}


def test_without_a_callback_there_is_no_page_to_send_anyone_to(application: LastFMApplication) -> None:
    with pytest.raises(ValueError, match="callback_url"):
        LastFMAuthenticator(application).get_auth_url("abc")


def test_a_token_is_good_for_one_session(
    authenticator: LastFMAuthenticator, lastfm: LastFMSimulator, ada: Person
) -> None:
    token = returned(lastfm.approve(authenticator.get_auth_url("abc"), ada))["token"]
    authenticator.exchange_code(token)
    with pytest.raises(AuthenticationError) as caught:
        authenticator.exchange_code(token)
    assert not isinstance(caught.value, ReauthorizationRequiredError)
    assert token not in str(caught.value)


def test_an_exchange_that_fails_for_a_moment_is_tried_again(
    authenticator: LastFMAuthenticator, lastfm: LastFMSimulator, ada: Person
) -> None:
    token = returned(lastfm.approve(authenticator.get_auth_url("abc"), ada))["token"]
    lastfm.faults.add("auth.getSession", **READY_MADE["html_error_page"]())
    assert authenticator.exchange_code(token).account_name == "Ada"


def test_a_session_cannot_be_refreshed_and_costs_no_call_to_find_out(
    authenticator: LastFMAuthenticator, lastfm: LastFMSimulator
) -> None:
    with pytest.raises(ReauthorizationRequiredError, match="cannot be refreshed"):
        authenticator.refresh_token("anything")
    assert lastfm.faults.requests_seen == []


def test_disconnecting_calls_nothing_because_there_is_nothing_to_call(
    authenticator: LastFMAuthenticator, lastfm: LastFMSimulator
) -> None:
    authenticator.disconnect()
    assert lastfm.faults.requests_seen == []


def test_the_application_is_known_by_its_api_key(authenticator: LastFMAuthenticator) -> None:
    assert authenticator.client_id == "k" * 32
