import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from providers import registry
from providers.models import Connection, HistoryGap, HistorySync, NavidromeAuth, ServicePause, SpotifyAuth
from tests.fake_services import FakeServices

pytestmark = pytest.mark.usefixtures("services")

FETCHED_AT = datetime(2026, 11, 21, 19, 5, tzinfo=UTC)


@pytest.fixture
def connection(user: User) -> Connection:
    SpotifyAuth.objects.create(user=user, access_token="hidden access", refresh_token="hidden refresh")
    Connection.objects.update(account_name="ada", link_expires_at=datetime(2027, 5, 1, tzinfo=UTC))
    return Connection.objects.get()


def page(visitor: Client) -> str:
    response = visitor.get("/connections/")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def card(visitor: Client, label: str) -> str:
    return next(part for part in page(visitor).split("<article ")[1:] if f">{label}</a></h2>" in part)


def test_the_site_opens_with_the_connections(visitor: Client) -> None:
    assert visitor.get("/").headers["Location"] == "/connections/"


def test_a_service_that_is_not_linked_offers_to_link_it(visitor: Client, services: FakeServices) -> None:
    html = card(visitor, "Wavebox")
    assert "You have not linked Wavebox." in html
    assert f'action="/connections/{services.wavebox.type}/connect/"' in html
    assert "Disconnect" not in html


def test_what_a_service_can_do_is_computed_from_its_class(visitor: Client) -> None:
    html = card(visitor, "Wavebox")
    assert "Reads what you listened to" in html
    assert "playlists" not in html


def test_a_linked_service_says_as_whom_since_when_and_until_when(
    visitor: Client, connection: Connection, services: FakeServices
) -> None:
    HistorySync.objects.create(connection=connection, last_fetched_at=FETCHED_AT)
    html = card(visitor, "Wavebox")
    assert "Connected as <strong><bdi>ada</bdi></strong>." in html
    assert (
        '<time datetime="2026-11-21T19:05:00+00:00" title="2026-11-21 19:05:00 UTC">21 Nov 2026, 19:05</time>' in html
    )
    assert '<time datetime="2027-05-01T00:00:00+00:00" title="2027-05-01 00:00:00 UTC">1 May 2027</time>' in html
    assert f'href="/connections/{services.wavebox.type}/"' in html


def test_a_linked_service_that_was_never_fetched_says_so(visitor: Client, connection: Connection) -> None:
    assert "Not yet" in card(visitor, "Wavebox")


def test_the_last_error_is_shown(visitor: Client, connection: Connection) -> None:
    HistorySync.objects.create(connection=connection, last_error="The service answered nonsense.")
    assert "The service answered nonsense." in card(visitor, "Wavebox")


@pytest.mark.parametrize(
    ("is_last_play_only", "words"), [(True, "Last play of each track"), (False, "Every single play")]
)
def test_how_much_of_the_history_comes_home_is_said(
    visitor: Client, connection: Connection, is_last_play_only: bool, words: str
) -> None:
    Connection.objects.update(history_is_last_play_only=is_last_play_only)
    assert words in card(visitor, "Wavebox")


def test_a_service_that_keeps_only_the_latest_plays_says_how_many(
    visitor: Client, connection: Connection, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    Connection.objects.update(history_is_last_play_only=False)
    monkeypatch.setattr(registry.get(services.wavebox.type).provider_class, "history_limit", 50)
    assert "The last 50 plays" in card(visitor, "Wavebox")


def test_a_dead_link_says_why_and_what_to_do(visitor: Client, connection: Connection) -> None:
    connection.mark_needs_reauth("The service does not know the link any more.")
    html = card(visitor, "Wavebox")
    assert "Needs you" in html
    assert "The service does not know the link any more." in html
    assert "Once it is linked again, everything goes on where it stopped." in html
    assert "Link again<span" in html


def test_a_disconnected_service_can_be_linked_again(visitor: Client, connection: Connection) -> None:
    connection.mark_disconnected()
    html = card(visitor, "Wavebox")
    assert "You disconnected Wavebox." in html
    assert "/connect/" in html


@pytest.mark.parametrize(("days", "is_soon"), [(29, True), (31, False)])
def test_a_link_that_ends_within_a_month_says_so_on_every_page(
    visitor: Client, connection: Connection, days: int, is_soon: bool
) -> None:
    Connection.objects.update(link_expires_at=timezone.now() + timedelta(days=days))
    html = card(visitor, "Wavebox")
    assert ("Expires soon" in html) is is_soon
    assert ("Link again<span" in html) is is_soon
    for address in ("/connections/", "/history/", "/playlists/", "/time-zone/"):
        assert ("The link to Wavebox ends on" in visitor.get(address).content.decode()) is is_soon


def test_a_dead_link_says_so_on_every_page_and_leads_to_where_it_is_mended(
    visitor: Client, connection: Connection, services: FakeServices
) -> None:
    connection.mark_needs_reauth("The service does not know the link any more.")
    for address in ("/connections/", "/history/", "/playlists/", "/time-zone/"):
        html = visitor.get(address).content.decode()
        assert "The link to Wavebox has ended." in html
        assert f'href="/connections/{services.wavebox.type}/"' in html


def test_the_page_of_a_dead_link_does_not_lead_to_itself(
    visitor: Client, connection: Connection, services: FakeServices
) -> None:
    connection.mark_needs_reauth("The service does not know the link any more.")
    html = visitor.get(f"/connections/{services.wavebox.type}/").content.decode()
    assert "The link to Wavebox has ended." in html
    assert "See to Wavebox" not in html


def test_a_link_in_danger_is_nobody_elses_worry(client: Client, connection: Connection) -> None:
    connection.mark_needs_reauth("The service does not know the link any more.")
    client.force_login(get_user_model().objects.create_user("bo"))
    assert "has ended" not in client.get("/history/").content.decode()


def test_a_service_without_its_settings_is_not_set_up(visitor: Client, settings: Settings) -> None:
    settings.SPOTIFY_CLIENT_ID = ""
    html = card(visitor, "Wavebox")
    assert "Your administrator has not set up Wavebox on this site yet." in html
    assert "<button" not in html
    assert "<form" not in visitor.get("/connections/spotify/").content.decode().split("<main")[1]


def test_a_pause_is_shown_with_its_end(visitor: Client, connection: Connection, services: FakeServices) -> None:
    until = timezone.now() + timedelta(hours=3)
    ServicePause.begin(services.wavebox.type, "wavebox-client", until)
    html = card(visitor, "Wavebox")
    assert "Wavebox asked for a pause until" in html
    assert f"{until.astimezone(UTC):%H:%M}</time>" in html


@pytest.mark.parametrize(("client_id", "is_paused"), [("wavebox-client", True), ("own-1", False), ("", True)])
def test_a_pause_is_of_those_only_who_are_linked_through_the_application_that_it_is_for(
    visitor: Client, connection: Connection, services: FakeServices, client_id: str, is_paused: bool
) -> None:
    SpotifyAuth.objects.update(client_id=client_id)
    ServicePause.begin(services.wavebox.type, "wavebox-client", timezone.now() + timedelta(hours=3))
    assert ("asked for a pause until" in card(visitor, "Wavebox")) is is_paused


def test_a_link_through_an_application_of_ones_own_lives_on_when_that_is_forgotten_here(
    visitor: Client, connection: Connection, settings: Settings
) -> None:
    settings.SPOTIFY_CLIENT_ID = ""
    SpotifyAuth.objects.update(client_id="own-1")
    html = card(visitor, "Wavebox")
    assert "Connected as" in html
    assert "Fetch now" in html
    # For that it takes one again.
    assert "/connect/" not in visitor.get("/connections/spotify/").content.decode()


def test_a_pause_that_is_over_is_not_shown(visitor: Client, connection: Connection, services: FakeServices) -> None:
    ServicePause.begin(services.wavebox.type, "wavebox-client", timezone.now() - timedelta(seconds=1))
    assert "pause" not in card(visitor, "Wavebox")


def test_a_service_one_signs_in_with_can_be_fetched_but_not_linked(visitor: Client, user: User) -> None:
    assert "Sign in here with your Attic account and it is linked." in card(visitor, "Attic")
    NavidromeAuth.objects.create(user=user, username="ada", password="hidden password")
    html = card(visitor, "Attic")
    assert "Connected as <strong><bdi>ada</bdi></strong>, the account you sign in with." in html
    assert html.count("<button") == 1
    assert "Fetch now" in html
    assert "/disconnect/" not in html


def test_other_peoples_connections_are_not_shown(visitor: Client) -> None:
    other = get_user_model().objects.create_user("bo")
    SpotifyAuth.objects.create(user=other, access_token="x")
    Connection.objects.update(account_name="bo at the service")
    html = page(visitor)
    assert "bo at the service" not in html
    assert "You have not linked Wavebox." in html


def test_no_secret_is_on_the_page(visitor: Client, connection: Connection) -> None:
    assert "hidden" not in page(visitor).replace('type="hidden"', "").replace('class="hidden"', "").replace(
        'aria-hidden="true"', ""
    )


def test_a_hostile_account_name_is_inert(visitor: Client, connection: Connection) -> None:
    Connection.objects.update(account_name="<script>alert(1)</script>")
    html = page(visitor)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_a_site_without_services_says_so(visitor: Client, settings: Settings) -> None:
    settings.PROVIDERS = ()
    assert not registry.specs()
    assert "There are no services here." in page(visitor)


def test_the_page_costs_the_same_however_much_is_linked(
    visitor: Client, user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(6):  # session, person, links in danger, connections, pauses, own applications
        visitor.get("/connections/")
    SpotifyAuth.objects.create(user=user, access_token="x")
    NavidromeAuth.objects.create(user=user, username="ada", password="x")
    for linked in Connection.objects.all():
        HistorySync.objects.create(connection=linked, last_fetched_at=FETCHED_AT)
    with django_assert_num_queries(7):  # and the gaps, of all connections at once
        visitor.get("/connections/")


def test_the_next_fetch_is_announced(visitor: Client, connection: Connection) -> None:
    HistorySync.objects.create(connection=connection, due_at=datetime(2126, 11, 21, 19, 35, tzinfo=UTC))
    assert ">21 Nov 2126, 19:35</time>" in card(visitor, "Wavebox")

    HistorySync.objects.update(due_at=timezone.now())
    assert "As soon as possible" in card(visitor, "Wavebox")


def begin_a_window(connection: Connection, **fields: Any) -> None:
    HistorySync.objects.create(
        connection=connection,
        window_since=FETCHED_AT,
        window_taken_up_at=timezone.now() - timedelta(minutes=2),
        **fields,
    )


def test_a_long_history_shows_how_much_of_it_is_home_how_fast_it_comes_and_when_it_is_done(
    visitor: Client, connection: Connection
) -> None:
    begin_a_window(
        connection,
        window_done_before=600,
        window_done=1800,
        window_total=5400,
        lease_until=timezone.now() + timedelta(seconds=15),
    )
    html = card(visitor, "Wavebox")
    assert '<progress max="100" value="33"' in html
    assert "1,800 of 5,400 listens" in html
    # What came home in an earlier run says nothing of the pace of this one.
    assert re.search(r"(59\d|600) a minute, about 6 minutes left", html)


def test_a_history_of_unknown_length_shows_how_much_of_it_is_home(visitor: Client, connection: Connection) -> None:
    begin_a_window(connection, window_done=1200)
    html = card(visitor, "Wavebox")
    assert "1,200 listens so far" in html
    assert "<progress" not in html
    assert "left" not in html


def test_a_fetch_that_was_put_off_says_when_it_goes_on(visitor: Client, connection: Connection) -> None:
    begin_a_window(connection, window_done=1200, window_total=5000, due_at=datetime(2126, 11, 21, 19, 35, tzinfo=UTC))
    html = card(visitor, "Wavebox")
    assert 'Goes on at <time datetime="2126-11-21T19:35:00+00:00"' in html
    assert "a minute" not in html


@pytest.mark.parametrize(("due_in_seconds", "is_live"), [(0, True), (3600, False)])
def test_a_card_looks_for_news_by_itself_while_there_will_be_some(
    visitor: Client, connection: Connection, due_in_seconds: int, is_live: bool
) -> None:
    HistorySync.objects.create(connection=connection, due_at=timezone.now() + timedelta(seconds=due_in_seconds))
    assert ("hx-trigger" in card(visitor, "Wavebox")) is is_live


def test_a_fetch_that_nobody_does_is_no_secret(visitor: Client, connection: Connection) -> None:
    HistorySync.objects.create(connection=connection, due_at=timezone.now() - timedelta(minutes=10))
    assert "nobody seems to be there to do it" in card(visitor, "Wavebox")


def test_what_a_service_could_not_tell_is_shown_until_something_fills_it(
    visitor: Client, connection: Connection
) -> None:
    gap = HistoryGap.objects.create(
        connection=connection,
        since=FETCHED_AT - timedelta(hours=5),
        until=FETCHED_AT,
        reason=HistoryGap.Reason.NOT_KEPT,
    )
    html = card(visitor, "Wavebox")
    assert "Missing from your history." in html
    assert ">21 Nov 2026, 14:05</time>" in html

    gap.closed_at = timezone.now()
    gap.save()
    assert "Missing from your history." not in card(visitor, "Wavebox")


def test_fetch_now_makes_the_connection_due(visitor: Client, connection: Connection, services: FakeServices) -> None:
    HistorySync.objects.create(connection=connection, due_at=timezone.now() + timedelta(hours=5))
    assert f'action="/connections/{services.wavebox.type}/fetch/"' in card(visitor, "Wavebox")

    response = visitor.post(f"/connections/{services.wavebox.type}/fetch/", follow=True)

    assert "Wavebox is fetched next." in response.content.decode()
    assert HistorySync.objects.get().due_at <= timezone.now()


@pytest.mark.parametrize("provider_type", ["tapedeck", "lastfm"])
def test_nothing_is_fetched_from_what_is_not_linked(
    visitor: Client, connection: Connection, provider_type: str
) -> None:
    assert visitor.post(f"/connections/{provider_type}/fetch/").status_code == 404
    assert not HistorySync.objects.exists()


def test_fetch_now_is_for_ones_own_links_and_never_by_a_mere_visit(
    client: Client, visitor: Client, connection: Connection, services: FakeServices
) -> None:
    address = f"/connections/{services.wavebox.type}/fetch/"
    assert visitor.get(address).status_code == 405

    client.force_login(get_user_model().objects.create_user("bo"))
    assert client.post(address).status_code == 404
    assert not HistorySync.objects.exists()


def test_a_link_that_cannot_be_used_is_not_offered_to_be_fetched(visitor: Client, connection: Connection) -> None:
    connection.mark_needs_reauth("Link again.")
    assert "Fetch now" not in card(visitor, "Wavebox")
