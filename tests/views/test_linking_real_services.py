"""The pages, the real Spotify and Last.fm clients and the simulated services, as one."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from providers import registry
from providers.models import Connection, LastFMAuth, LinkAttempt, SpotifyAuth
from providers.testing.simulators import faults
from providers.testing.simulators.catalogue import Catalogue
from providers.testing.simulators.faults import Faults
from providers.testing.simulators.lastfm import LastFMSimulator
from providers.testing.simulators.spotify import SpotifySimulator
from providers.testing.wsgi import mounted
from tests.fake_services import assert_nothing_is_linked

CATALOGUE = Catalogue()
REDIRECT_URI = "http://127.0.0.1:8000/connections/spotify/callback/"
NO_ANSWERS = [
    faults.html_error_page(status=200),
    faults.truncated_json(),
    faults.not_json(),
    faults.wrong_types(),
    faults.redirect_elsewhere(),
    faults.connection_closed(),
    faults.huge_body(),
]


@dataclass(frozen=True)
class Service:
    """A service that a person may link, and how they agree to it."""

    type: str
    label: str
    faults: Faults
    exchange: str
    agree: Callable[[str], str]
    secrets: Callable[[], list[str]]


@pytest.fixture
def both(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Service]]:
    """Serve Spotify and Last.fm under their real addresses; waits between retries are not waited for."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    spotify = SpotifySimulator(redirect_uris=[REDIRECT_URI], catalogue=CATALOGUE)
    lastfm = LastFMSimulator(catalogue=CATALOGUE)
    ada, lovelace = spotify.add_person("Ada"), lastfm.add_person("lovelace")
    settings.SPOTIFY_CLIENT_ID = spotify.client_id
    settings.SPOTIFY_REDIRECT_URI = REDIRECT_URI
    settings.LASTFM_API_KEY, settings.LASTFM_API_SECRET = lastfm.api_key, lastfm.api_secret
    settings.PROVIDER_RATE_LIMITS = "none"
    addresses: dict[str, Any] = {
        "https://accounts.spotify.com": spotify.accounts,
        "https://api.spotify.com": spotify.api,
        "https://ws.audioscrobbler.com": lastfm.api,
        "https://www.last.fm": lastfm.website,
    }
    with mounted(addresses):
        yield {
            "spotify": Service(
                "spotify",
                "Spotify",
                spotify.faults,
                "token",
                lambda address: spotify.approve(address, ada),
                lambda: [
                    secret for row in SpotifyAuth.objects.all() for secret in (row.access_token, row.refresh_token)
                ],
            ),
            "lastfm": Service(
                "lastfm",
                "Last.fm",
                lastfm.faults,
                "auth.getSession",
                lambda address: lastfm.approve(address, lovelace),
                lambda: [row.session_key for row in LastFMAuth.objects.all()],
            ),
        }


@pytest.fixture(params=["spotify", "lastfm"])
def service(request: pytest.FixtureRequest, both: dict[str, Service]) -> Service:
    return both[request.param]


def begin(visitor: Client, service: Service) -> str:
    response = visitor.post(f"/connections/{service.type}/connect/")
    assert response.status_code == 303
    return response.headers["Location"]


def path(address: str) -> str:
    """Cut the origin off: the test's browser knows one site only."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def come_back(visitor: Client, service: Service) -> Any:
    return visitor.get(path(service.agree(begin(visitor, service))))


@pytest.mark.req("PROV-005")
@pytest.mark.req("PROV-031")
@pytest.mark.req("PROV-041")
def test_linking_ends_in_a_provider_that_works(visitor: Client, user: User, service: Service) -> None:
    response = come_back(visitor, service)
    assert (response.status_code, response.headers["Location"]) == (303, "/connections/")
    connection = Connection.objects.get()
    assert connection.account_id
    assert connection.account_name in ("Ada", "lovelace")
    assert registry.build(service.type, user) is not None


def test_a_link_that_lasts_half_a_year_says_until_when(visitor: Client, both: dict[str, Service]) -> None:
    come_back(visitor, both["spotify"])
    come_back(visitor, both["lastfm"])
    expires_at = Connection.objects.get(provider_type="spotify").link_expires_at
    assert expires_at is not None
    assert timedelta(days=180) < expires_at - timezone.now() < timedelta(days=184)
    assert Connection.objects.get(provider_type="lastfm").link_expires_at is None


def test_linking_the_same_account_again_asks_nothing(visitor: Client, service: Service) -> None:
    come_back(visitor, service)
    assert come_back(visitor, service).status_code == 303


def test_a_code_that_was_spent_elsewhere_is_refused_by_the_service(visitor: Client, service: Service) -> None:
    spent = service.agree(begin(visitor, service))
    visitor.get(path(spent))
    Connection.objects.all().delete()
    SpotifyAuth.objects.all().delete()
    LastFMAuth.objects.all().delete()
    fresh = service.agree(begin(visitor, service))
    name = "code" if service.type == "spotify" else "token"
    old_code, new_code = (parse_qs(urlsplit(address).query)[name][0] for address in (spent, fresh))
    response = visitor.get(path(fresh.replace(new_code, old_code)))
    assert response.status_code == 502
    assert f"{service.label} refused" in response.content.decode()
    assert_nothing_is_linked()


@pytest.mark.parametrize("answer", NO_ANSWERS)
def test_nonsense_in_answer_to_the_exchange_links_nothing(
    visitor: Client, service: Service, answer: faults.Answer
) -> None:
    service.faults.add(service.exchange, times=None, **answer)
    response = come_back(visitor, service)
    assert response.status_code in (502, 503)
    assert "Nothing was linked." in response.content.decode()
    assert_nothing_is_linked()


def test_a_service_that_is_down_is_said_to_be_down(visitor: Client, service: Service) -> None:
    service.faults.add(service.exchange, times=None, **faults.html_error_page(status=503))
    response = come_back(visitor, service)
    assert response.status_code == 503
    assert f"{service.label} cannot be reached" in response.content.decode()
    assert_nothing_is_linked()


def test_an_address_that_is_no_secure_one_is_the_administrators_to_mend(
    visitor: Client, both: dict[str, Service], settings: Settings
) -> None:
    settings.SPOTIFY_REDIRECT_URI = "http://localhost:8000/connections/spotify/callback/"
    response = visitor.post("/connections/spotify/connect/")
    assert response.status_code == 503
    assert "Spotify is not set up here" in response.content.decode()
    assert not LinkAttempt.objects.exists()


def test_a_token_that_was_granted_an_hour_ago_is_refused(visitor: Client, both: dict[str, Service]) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        old = parse_qs(urlsplit(both["lastfm"].agree(begin(visitor, both["lastfm"]))).query)["token"][0]
        clock.shift(timedelta(minutes=61))
        fresh = both["lastfm"].agree(begin(visitor, both["lastfm"]))
        token = parse_qs(urlsplit(fresh).query)["token"][0]
        response = visitor.get(path(fresh.replace(token, old)))
    assert response.status_code == 502
    assert_nothing_is_linked()


def test_no_secret_of_a_link_is_told_in_pages_headers_or_logs(
    visitor: Client, service: Service, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.DEBUG = True
    caplog.set_level(logging.DEBUG)
    address = begin(visitor, service)
    verifier = LinkAttempt.objects.get().code_verifier
    responses = [visitor.get(path(service.agree(address))), visitor.get("/connections/")]
    secrets = service.secrets()
    assert secrets
    responses.append(visitor.get(f"/connections/{service.type}/disconnect/"))
    service.faults.add(service.exchange, times=None, **faults.wrong_types())
    responses.append(come_back(visitor, service))
    told = caplog.text + address + "".join(f"{response.headers}{response.content.decode()}" for response in responses)
    assert all(secret not in told for secret in [verifier, *secrets])
    database = "".join(str(row) for row in Connection.objects.values())
    assert all(secret not in database for secret in secrets)


# --- from anywhere ---------------------------------------------------------------------------------------------------


def test_the_address_that_the_browser_ended_on_links_when_it_is_pasted(
    visitor: Client, user: User, service: Service
) -> None:
    page = f"/connections/{service.type}/paste/"
    shown = visitor.post(page).context["consent_url"]
    response = visitor.post(page, {"answer": f" {service.agree(shown)}\n"})
    assert (response.status_code, response.headers["Location"]) == (303, "/connections/")
    assert registry.build(service.type, user) is not None


def test_the_address_of_the_consent_page_is_no_answer_and_costs_nothing(visitor: Client, service: Service) -> None:
    page = f"/connections/{service.type}/paste/"
    shown = visitor.post(page).context["consent_url"]
    response = visitor.post(page, {"answer": shown})
    assert response.status_code == 200
    assert response.context["error"]
    assert visitor.post(page, {"answer": service.agree(shown)}).status_code == 303


def test_a_code_that_was_pasted_into_another_attempt_is_refused_by_the_service(
    visitor: Client, both: dict[str, Service]
) -> None:
    spotify, page = both["spotify"], "/connections/spotify/paste/"
    stolen, own = (spotify.agree(visitor.post(page).context["consent_url"]) for _ in range(2))
    codes = [parse_qs(urlsplit(address).query)["code"][0] for address in (stolen, own)]
    response = visitor.post(page, {"answer": own.replace(codes[1], codes[0])})
    assert response.status_code == 502
    assert_nothing_is_linked()


def test_a_household_links_through_an_application_of_its_own(
    visitor: Client, user: User, both: dict[str, Service], settings: Settings
) -> None:
    own = "0123456789abcdef0123456789abcdef"
    simulator = SpotifySimulator(client_id=own, redirect_uris=[REDIRECT_URI], catalogue=CATALOGUE)
    person = simulator.add_person("Ada")
    settings.SPOTIFY_CLIENT_ID = ""
    with mounted({"https://accounts.spotify.com": simulator.accounts, "https://api.spotify.com": simulator.api}):
        assert visitor.post("/connections/spotify/connect/").status_code == 503
        assert REDIRECT_URI in visitor.get("/connections/spotify/application/").content.decode()
        visitor.post("/connections/spotify/application/", {"client_id": own.upper()})
        back = visitor.get(path(simulator.approve(begin(visitor, both["spotify"]), person)))
        assert back.status_code == 303
        assert SpotifyAuth.objects.get().client_id == own
        assert registry.build("spotify", user) is not None
        SpotifyAuth.objects.update(expires_at=timezone.now())
        assert registry.build("spotify", user) is not None
