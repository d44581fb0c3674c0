"""A service brought by a third party: it keeps the contract, and works without the product being edited."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from providers import registry, worker
from providers.models import Connection, Listen
from providers.registry import ProviderSpec
from providers.testing.conformance import (
    AuthenticatorConformance,
    BatchedHistoryConformance,
    FactoryConformance,
    ProviderConformance,
)
from providers.testing.simulators.faults import Faults
from providers.testing.wsgi import mounted
from tests.admin.acting import act
from tests.example_provider.models import RadiolaAuth
from tests.example_provider.provider import SPEC, RadiolaProvider
from tests.example_provider_service import ACCESS_TOKEN_SECONDS, PAGE_SIZE, Radiola

MOST_LINES = 120


@pytest.fixture
def radiola(settings: Settings) -> Iterator[Radiola]:
    """Radiola under the address in the settings."""
    settings.PROVIDER_RATE_LIMITS = "none"
    service = Radiola()
    with mounted({settings.RADIOLA_URL: service}):
        yield service


def link(user: User, radiola: Radiola) -> RadiolaAuth:
    access_token, refresh_token = radiola.issue_tokens()
    expires_at = timezone.now() + timedelta(seconds=ACCESS_TOKEN_SECONDS)
    return RadiolaAuth.objects.create(
        user=user, access_token=access_token, refresh_token=refresh_token, expires_at=expires_at
    )


class TestRadiola(ProviderConformance, BatchedHistoryConformance, AuthenticatorConformance, FactoryConformance):
    """The whole kit over the example, as its author would run it."""

    @pytest.fixture
    def spec(self) -> ProviderSpec:
        return SPEC

    @pytest.fixture
    def row(self, user: User, radiola: Radiola) -> RadiolaAuth:
        return link(user, radiola)

    @pytest.fixture
    def provider(self, row: RadiolaAuth) -> RadiolaProvider:
        provider = registry.build("radiola", row.user)
        assert isinstance(provider, RadiolaProvider)
        return provider

    @pytest.fixture
    def secrets(self, row: RadiolaAuth) -> list[str]:
        return [row.access_token, row.refresh_token]

    @pytest.fixture
    def faults(self, radiola: Radiola) -> Faults:
        return radiola.faults

    @pytest.fixture
    def listen(self, radiola: Radiola) -> Callable[[datetime], None]:
        return radiola.listen

    @pytest.fixture
    def page_size(self) -> int:
        return PAGE_SIZE

    @pytest.fixture
    def approve(self, radiola: Radiola) -> Callable[[str], str]:
        return radiola.approve

    @pytest.fixture
    def link(self, radiola: Radiola) -> Callable[[User], RadiolaAuth]:
        return lambda user: link(user, radiola)


def test_it_is_shorter_than_a_third_party_would_fear() -> None:
    files = (Path(__file__).parent / "example_provider").glob("*.py")
    assert sum(len(file.read_text().splitlines()) for file in files) < MOST_LINES


# In the product, of which nothing was edited for it


@pytest.fixture
def visitor(user: User, client: Client) -> Client:
    client.force_login(user)
    return client


def link_through_pages(visitor: Client, radiola: Radiola) -> str:
    """Link as a person would, and return the page they end on."""
    address = visitor.post("/connections/radiola/connect/").headers["Location"]
    returned = urlsplit(radiola.approve(address))
    return visitor.get(f"{returned.path}?{returned.query}", follow=True).content.decode()


def fetched() -> dict[str, Any]:
    out = StringIO()
    call_command("fetch_history", "--provider", "radiola", "--json", stdout=out, stderr=StringIO())
    (report,) = json.loads(out.getvalue())
    assert isinstance(report, dict)
    return report


@pytest.mark.django_db
def test_a_person_links_it_through_the_pages(visitor: Client, user: User, radiola: Radiola) -> None:
    page = link_through_pages(visitor, radiola)
    connection = Connection.objects.get(user=user, provider_type="radiola")
    assert (connection.account_name, connection.status) == ("Ada", Connection.Status.OK)
    assert "Radiola" in page
    assert "Ada" in page
    assert not any(token in page for token in radiola.access_tokens | radiola.refresh_tokens)


@pytest.mark.django_db
def test_its_card_says_what_it_can_do(visitor: Client, radiola: Radiola) -> None:
    page = visitor.get("/connections/").content.decode()
    card = page[page.index("service-radiola") :]
    assert "Reads what you listened to" in card[: card.index("</article>")]


@pytest.mark.django_db
def test_the_content_security_policy_lets_the_browser_go_there(visitor: Client, settings: Settings) -> None:
    policy = visitor.get("/connections/").headers["Content-Security-Policy"]
    (form_action,) = (part for part in policy.split("; ") if part.startswith("form-action "))
    assert settings.RADIOLA_URL in form_action.split()


@pytest.mark.django_db
def test_a_person_disconnects_it_through_the_pages(visitor: Client, user: User, radiola: Radiola) -> None:
    link_through_pages(visitor, radiola)
    visitor.post("/connections/radiola/disconnect/")
    assert not RadiolaAuth.objects.filter(user=user).exists()
    assert Connection.objects.get(user=user).status == Connection.Status.DISCONNECTED


@pytest.mark.django_db
def test_fetch_history_brings_its_listens_home(user: User, radiola: Radiola) -> None:
    link(user, radiola)
    moments = [timezone.now().replace(microsecond=0) - timedelta(minutes=number) for number in range(PAGE_SIZE + 2)]
    for moment in moments:
        radiola.listen(moment)
    assert fetched()["stored"] == len(moments)
    assert fetched()["stored"] == 0
    assert set(Listen.objects.filter(user=user).values_list("played_at", flat=True)) == set(moments)


@pytest.mark.django_db
def test_an_expired_token_of_it_is_refreshed_before_it_is_read(user: User, radiola: Radiola) -> None:
    row = link(user, radiola)
    RadiolaAuth.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    radiola.access_tokens.clear()
    radiola.listen(timezone.now())
    assert fetched()["stored"] == 1
    assert RadiolaAuth.objects.get().refresh_token != row.refresh_token


@pytest.mark.django_db
def test_a_dead_link_to_it_asks_the_person_to_link_again(visitor: Client, user: User, radiola: Radiola) -> None:
    link(user, radiola)
    radiola.access_tokens.clear()
    radiola.refresh_tokens.clear()
    with pytest.raises(CommandError):
        fetched()
    assert Connection.objects.get(user=user).status == Connection.Status.NEEDS_REAUTH
    assert "Link again" in visitor.get("/connections/").content.decode()


def test_list_providers_shows_it_among_the_others() -> None:
    out = StringIO()
    call_command("list_providers", "--json", stdout=out)
    listed = {service["type"]: service for service in json.loads(out.getvalue())}
    assert listed["radiola"]["label"] == "Radiola"
    assert listed["radiola"]["capabilities"] == ["HistoryFetcher", "Authenticator"]


@pytest.mark.django_db
@pytest.mark.parametrize(("action", "listens"), [("fetch_now", 1), ("check_now", 0), ("disconnect", 0)])
def test_the_admin_shows_it_and_acts_on_it_and_a_worker_fetches_it(
    admin_client: Client, user: User, radiola: Radiola, action: str, listens: int
) -> None:
    row = link(user, radiola)
    radiola.listen(timezone.now())
    connection = Connection.objects.get(user=user)
    changelist = reverse("admin:providers_connection_changelist")
    page = act(admin_client, changelist, action, connection).content.decode()
    assert "Radiola" in page
    assert row.access_token not in page
    assert worker.drain("radiola") == listens
    assert Listen.objects.count() == listens
    assert RadiolaAuth.objects.exists() == (action != "disconnect")
