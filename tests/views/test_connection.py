from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from providers import link_health
from providers.exceptions import (
    InvalidResponseError,
    RateLimitedError,
    RateLimitScope,
    ReauthorizationRequiredError,
    ServiceUnavailableError,
)
from providers.models import Connection, HistoryGap, HistorySync, SpotifyAuth
from tests.fake_services import FakeServices

pytestmark = pytest.mark.usefixtures("services")

MOMENT = datetime(2026, 11, 21, 19, 5, tzinfo=UTC)


@pytest.fixture
def connection(user: User) -> Connection:
    SpotifyAuth.objects.create(user=user, access_token="hidden access", scopes="playlists-read history-read")
    Connection.objects.update(account_name="ada", authorized_at=MOMENT, last_checked_at=None)
    return Connection.objects.get()


@pytest.fixture
def address(services: FakeServices) -> str:
    return f"/connections/{services.wavebox.type}/"


def page(visitor: Client, address: str) -> str:
    response = visitor.get(address)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_everything_about_a_link_is_on_its_page(visitor: Client, connection: Connection, address: str) -> None:
    HistorySync.objects.create(
        connection=connection,
        last_fetched_at=MOMENT,
        complete_until=MOMENT - timedelta(minutes=4),
        count_differences={"2026-11-02": 1, "2026-11-03": -2},
        last_error="The service answered nonsense.",
    )
    html = page(visitor, address)
    assert "Connected as <strong><bdi>ada</bdi></strong>." in html
    assert "<dt>Linked since</dt><dd><time" in html
    assert '<dt>Complete until</dt><dd><time datetime="2026-11-21T19:01:00+00:00"' in html
    assert "<dt>Counted differently there</dt><dd>2 days</dd>" in html
    assert "<li><code>history-read</code></li><li><code>playlists-read</code></li>" in html
    assert "The service answered nonsense." in html
    assert "Reads what you listened to" in html
    assert 'href="/connections/spotify/disconnect/"' in html


def test_a_service_that_is_not_linked_can_be_linked_on_its_page_and_nothing_else(visitor: Client, address: str) -> None:
    html = page(visitor, address)
    assert f'action="{address}connect/"' in html
    assert "Check now" not in html
    assert "Disconnect" not in html


def test_there_is_no_page_of_a_service_nobody_knows(visitor: Client) -> None:
    assert visitor.get("/connections/tapedeck/").status_code == 404


def test_the_page_shows_nothing_of_another_person(client: Client, connection: Connection, address: str) -> None:
    client.force_login(get_user_model().objects.create_user("bo"))
    html = page(client, address)
    assert "ada" not in html
    assert "You have not linked Wavebox." in html
    assert client.post(f"{address}check/").status_code == 404


def test_no_secret_is_on_the_page(visitor: Client, connection: Connection, address: str) -> None:
    assert "hidden access" not in page(visitor, address)


def test_the_page_costs_the_same_however_many_gaps_there_are(
    visitor: Client, connection: Connection, address: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    HistorySync.objects.create(connection=connection)
    HistoryGap.objects.bulk_create(
        HistoryGap(connection=connection, since=MOMENT, until=MOMENT, reason=HistoryGap.Reason.NOT_KEPT)
        for _ in range(500)
    )
    with django_assert_max_num_queries(8):
        html = page(visitor, address)
    assert "and more before that" in html
    assert len(html) < 50_000


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception | None], list[Connection]]:
    """Let the service answer a check with this, and return the connections it was asked for."""

    def answer(error: Exception | None) -> list[Connection]:
        asked: list[Connection] = []

        def check(connection: Connection) -> bool:
            asked.append(connection)
            if error is not None:
                raise error
            return True

        monkeypatch.setattr(link_health, "check", check)
        return asked

    return answer


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (None, "The link to Wavebox works."),
        (ReauthorizationRequiredError("over", provider="x"), "The link to Wavebox does not work any more."),
        (ServiceUnavailableError("down", provider="x"), "Wavebox cannot be reached just now."),
        (InvalidResponseError("nonsense", provider="x"), "Wavebox could not be asked."),
        (
            RateLimitedError("slow", provider="x", retry_at=MOMENT, scope=RateLimitScope.APPLICATION),
            'Wavebox asked for a pause until <time datetime="2026-11-21T19:05:00+00:00"',
        ),
        (RateLimitedError("slow", provider="x"), "Wavebox asked for a pause, and can be asked again later."),
    ],
)
def test_a_check_tells_what_the_service_says(
    visitor: Client,
    connection: Connection,
    address: str,
    answers: Callable[[Exception | None], list[Connection]],
    error: Exception | None,
    told: str,
) -> None:
    asked = answers(error)
    response = visitor.post(f"{address}check/", {"from": "connection"}, follow=True)
    assert response.redirect_chain == [(address, 303)]
    assert told in response.content.decode()
    assert asked == [connection]


def test_who_checks_twice_in_a_row_is_answered_from_the_first_time(
    visitor: Client,
    connection: Connection,
    address: str,
    answers: Callable[[Exception | None], list[Connection]],
) -> None:
    asked = answers(None)
    Connection.objects.update(last_checked_at=timezone.now())
    assert "The link to Wavebox works." in visitor.post(f"{address}check/", follow=True).content.decode()
    assert asked == []


def test_a_check_is_not_made_by_a_mere_visit(visitor: Client, connection: Connection, address: str) -> None:
    assert visitor.get(f"{address}check/").status_code == 405


def test_what_a_worker_noted_is_shown_as_text(visitor: Client, connection: Connection, address: str) -> None:
    HistorySync.objects.create(connection=connection, last_error="<b>100 %</b> %s {x}")
    assert "&lt;b&gt;100 %&lt;/b&gt; %s {x}" in page(visitor, address)


def test_a_service_that_is_not_set_up_cannot_be_linked_here(
    visitor: Client, connection: Connection, address: str, settings: Settings
) -> None:
    settings.SPOTIFY_CLIENT_ID = ""
    assert "/connect/" not in page(visitor, address)
