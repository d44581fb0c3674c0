import re
from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from musicbridge.demo import Visitor
from providers.testing.simulators.household import PASSWORD, USERNAME, serving_household
from tests.every_page import Address, furnish

MAX_BYTES = 50_000
MAX_QUERIES = 10


@pytest.fixture
def pages(transactional_db: None, live_server: LiveServer, settings: Settings) -> Iterator[dict[str, Address]]:
    """Return every page of a person with three linked services, a history, and hostile names everywhere."""
    with serving_household(f"{live_server.url}/connections/spotify/callback/") as household:
        for name, value in household.settings.items():
            setattr(settings, name, value)
        settings.PROVIDER_RATE_LIMITS = "none"
        visitor = Visitor(live_server.url)
        visitor.sign_in(USERNAME, PASSWORD)
        for provider_type, consent in household.consents.items():
            visitor.link(provider_type, consent)
        call_command("fetch_history", "--json")
        yield furnish(owner())


def owner() -> User:
    return get_user_model().objects.get(username=USERNAME)


def test_every_page_is_light_asks_little_and_shows_hostile_names_as_they_are(
    pages: dict[str, Address], client: Client
) -> None:
    client.force_login(owner())
    too_heavy, too_curious, not_inert = [], [], []
    for name, page in pages.items():
        if not page.is_read or name in ("callback", "export_history", "export_missing"):
            continue
        with CaptureQueriesContext(connection) as queries:
            response = client.get(page.path)
        assert response.status_code == 200, name
        html = response.content.decode()
        if len(response.content) > MAX_BYTES:
            too_heavy.append((name, len(response.content)))
        if len(queries) > MAX_QUERIES:
            too_curious.append((name, [query["sql"][:100] for query in queries]))
        if re.search(r"<script>|<b>&|href=\"javascript:|\"'<", html):
            not_inert.append(name)
    assert (too_heavy, too_curious, not_inert) == ([], [], [])


def test_what_belongs_to_another_person_is_not_there(pages: dict[str, Address], client: Client) -> None:
    client.force_login(get_user_model().objects.create_user("bo"))
    of_rows = {name: page for name, page in pages.items() if page.names_a_row}
    assert len(of_rows) >= 8
    for name, page in of_rows.items():
        assert client.get(page.path).status_code == (404 if page.is_read else 405), name
        assert client.post(page.path).status_code in ((404, 405) if page.is_read else (404,)), name
    for name, page in pages.items():
        if page.is_read and not page.names_a_row:
            response = client.get(page.path)
            shown = b"".join(response) if response.streaming else response.content
            assert b"alert(1)" not in shown, name


def test_who_is_not_signed_in_is_asked_to(pages: dict[str, Address], client: Client) -> None:
    for name, page in pages.items():
        response = client.get(page.path) if page.is_read else client.post(page.path)
        assert response.status_code == 302, name
        assert response.headers["Location"].startswith("/accounts/login/?next="), name
        assert response.headers["Cache-Control"] == "private, no-store", name
