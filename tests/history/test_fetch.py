from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.http import QueryDict

from providers import linking, registry
from providers.contracts import HistoryFetcher
from providers.datatypes import AuthResult, Track
from providers.exceptions import (
    PermissionDeniedError,
    RateLimitedError,
    RateLimitScope,
    ReauthorizationRequiredError,
    ServiceUnavailableError,
)
from providers.fields import DecryptionError
from providers.history.fetch import fetch, preview
from providers.history.reports import FetchOutcome
from providers.history.walk import BEGINNING
from providers.models import Connection, HistorySync, Listen, ServicePause
from tests.history.fakes import START, ListHistory, listen_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection(user):
    return Connection.objects.create(user=user, provider_type="lastfm")


@pytest.fixture
def history(monkeypatch):
    provider = ListHistory([listen_at(minutes) for minutes in range(0, 50, 10)])
    monkeypatch.setattr(registry, "build", lambda provider_type, user: provider)
    return provider


@pytest.fixture
def link(user, services):
    """What links an account of Wavebox the way a person does: asked, if there is another, and answered."""

    def link_account(account_id):
        service = services.wavebox
        address = linking.begin(user, service.type, callback_url="https://bridge.example/callback/")
        query = QueryDict(mutable=True)
        query.update(service.agree(address, AuthResult(access_token=f"of {account_id}", account_id=account_id)))
        outcome = linking.complete(user, service.type, query)
        if isinstance(outcome, linking.AnotherAccount):
            outcome = linking.confirm(user, service.type, outcome.token)
        return outcome.connection

    return link_account


def sync_of(connection):
    return HistorySync.objects.get(connection=connection)


def down(number):
    raise ServiceUnavailableError("down", provider="lastfm")


def test_a_first_fetch_brings_everything_home(connection, history):
    report = fetch(connection)

    assert (report.outcome, report.seen, report.stored) == (FetchOutcome.COMPLETE, 5, 5)
    assert Listen.objects.count() == 5
    assert history.asked == [(BEGINNING, None)]
    assert sync_of(connection).complete_until == START + timedelta(minutes=40)


def test_the_next_fetch_overlaps_what_is_complete_and_stores_only_what_is_new(connection, history, settings):
    settings.HISTORY_OVERLAP_SECONDS = 900
    fetch(connection)
    history.listens += [listen_at(35, "arrived late"), listen_at(60)]

    report = fetch(connection)

    assert history.asked[-1] == (START + timedelta(minutes=25), None)
    assert report.stored == 2
    assert sync_of(connection).complete_until == START + timedelta(minutes=60)


def test_a_fetch_that_breaks_off_keeps_its_pages_and_does_not_claim_completeness(connection, history):
    history.before_page = lambda number: down(number) if number == 1 else None

    report = fetch(connection)

    assert (report.outcome, report.stored, report.detail) == (FetchOutcome.FAILED, 2, "down")
    assert sync_of(connection).complete_until is None
    assert sync_of(connection).last_error == "down"


def test_the_fetch_after_one_that_broke_off_walks_the_rest_first_then_what_is_new(connection, history):
    history.before_page = lambda number: down(number) if number == 1 else None
    fetch(connection)
    history.before_page = lambda number: None
    history.listens.append(listen_at(50))

    report = fetch(connection)

    # The page that came home ended at minute 30; that second is asked for again, in case it held more.
    assert history.asked[1] == (BEGINNING, START + timedelta(minutes=30))
    assert report.outcome is FetchOutcome.COMPLETE
    assert Listen.objects.count() == 6
    assert sync_of(connection).complete_until == START + timedelta(minutes=50)
    assert sync_of(connection).last_error == ""


def test_a_history_that_cannot_be_resumed_is_walked_again_whole(connection, history):
    history.history_is_resumable = False
    history.before_page = lambda number: down(number) if number == 1 else None
    fetch(connection)
    history.before_page = lambda number: None

    fetch(connection)

    assert history.asked[1] == (BEGINNING, None)
    assert Listen.objects.count() == 5


def test_a_fetch_stops_when_its_time_is_up_and_the_next_goes_on(connection, history):
    assert fetch(connection, max_seconds=-1).outcome is FetchOutcome.OUT_OF_TIME
    assert Listen.objects.count() == 2
    assert sync_of(connection).complete_until is None

    assert fetch(connection).outcome is FetchOutcome.COMPLETE
    assert Listen.objects.count() == 5


def test_a_history_that_cannot_be_resumed_is_not_cut_short(connection, history):
    history.history_is_resumable = False

    assert fetch(connection, max_seconds=-1).outcome is FetchOutcome.COMPLETE


def test_an_explicit_since_leaves_the_hole_before_it_open(connection, history):
    fetch(connection, since=START + timedelta(minutes=25))

    assert Listen.objects.count() == 2
    assert sync_of(connection).complete_until is None

    fetch(connection)

    assert Listen.objects.count() == 5


def test_a_play_of_a_clock_that_was_never_set_comes_home(connection, history):
    history.listens = [Track(id="", name="One", artist="Ana", played_at=datetime(1970, 1, 1, tzinfo=UTC))]

    assert fetch(connection).stored == 1


def test_a_play_dated_in_the_future_does_not_hide_what_comes_before_it(connection, history):
    history.listens.append(listen_at(60 * 24 * 365 * 100))
    before = datetime.now(UTC)

    fetch(connection)

    assert Listen.objects.count() == 6
    assert before <= sync_of(connection).complete_until <= datetime.now(UTC)


def test_nothing_seen_leaves_completeness_where_it_was(connection, history):
    fetch(connection)
    history.listens.clear()

    fetch(connection)

    assert sync_of(connection).complete_until == START + timedelta(minutes=40)


def test_a_dry_run_counts_and_changes_nothing(connection, history):
    report = preview(connection)

    assert (report.seen, report.stored) == (5, 5)
    assert not Listen.objects.exists()
    assert not HistorySync.objects.exists()


def test_a_dead_link_is_shown_on_the_connection(connection, monkeypatch):
    def build(provider_type, user):
        raise ReauthorizationRequiredError("Link again.", provider="lastfm")

    monkeypatch.setattr(registry, "build", build)

    assert fetch(connection).outcome is FetchOutcome.FAILED
    connection.refresh_from_db()
    assert (connection.status, connection.status_detail) == (Connection.Status.NEEDS_REAUTH, "Link again.")


def test_a_working_link_is_shown_as_working(connection, history):
    fetch(connection)

    connection.refresh_from_db()
    assert connection.status == Connection.Status.OK
    assert connection.last_checked_at is not None


def test_a_token_that_outlives_its_link_does_not_revive_it(connection, history):
    def die(number):
        Connection.objects.get(pk=connection.pk).mark_needs_reauth("Seen by another process.")

    history.before_page = die

    assert fetch(connection).outcome is FetchOutcome.COMPLETE
    connection.refresh_from_db()
    assert (connection.status, connection.status_detail) == ("needs_reauth", "Seen by another process.")


def test_what_an_old_fetch_saw_says_nothing_about_a_link_disconnected_meanwhile(connection, history):
    def disconnect(number):
        Connection.objects.get(pk=connection.pk).mark_disconnected()

    history.before_page = disconnect

    fetch(connection)

    connection.refresh_from_db()
    assert connection.status == Connection.Status.DISCONNECTED


def test_a_person_who_is_deleted_meanwhile_is_passed_over(connection, history):
    history.before_page = lambda number: User.objects.all().delete() if number == 1 else None

    assert fetch(connection) is None
    assert not Listen.objects.exists()


def test_a_person_who_was_deleted_before_the_first_page_is_passed_over(connection, history, monkeypatch):
    def build(provider_type, user):
        User.objects.all().delete()
        return history

    monkeypatch.setattr(registry, "build", build)

    assert fetch(connection) is None
    assert not HistorySync.objects.exists()


def test_a_fetch_stops_when_another_account_is_linked_meanwhile_and_leaves_its_cursor_alone(link, history):
    connection = link("7")
    history.before_page = lambda number: link("8") if number == 1 else None

    report = fetch(connection)

    assert (report.outcome, report.stored) == (FetchOutcome.RELINKED, 0)
    assert not Listen.objects.exists()
    assert sync_of(connection).complete_until is None


def test_another_account_linked_while_the_old_ones_token_was_refreshed_gets_a_cursor_of_its_own(
    link, history, monkeypatch
):
    connection = link("7")

    def build(provider_type, user):
        link("8")
        return history

    monkeypatch.setattr(registry, "build", build)

    assert fetch(connection).outcome is FetchOutcome.RELINKED
    assert sync_of(connection).complete_until is None
    assert not Listen.objects.exists()


def test_the_same_account_linked_again_meanwhile_disturbs_nothing(link, history):
    connection = link("7")
    history.before_page = lambda number: link("7") if number == 1 else None

    assert fetch(connection).outcome is FetchOutcome.COMPLETE
    assert Listen.objects.count() == 5
    assert sync_of(connection).complete_until == START + timedelta(minutes=40)


def test_a_long_pause_parks_everybody_linked_through_the_application(connection, history):
    retry_at = datetime.now(UTC) + timedelta(hours=3)
    history.client_id = "app"

    def refuse(number):
        raise RateLimitedError("slow down", provider="lastfm", retry_at=retry_at)

    history.before_page = refuse
    assert fetch(connection).outcome is FetchOutcome.PARKED

    history.before_page = lambda number: None
    report = fetch(connection)

    assert (report.outcome, report.resumes_at, report.seen) == (FetchOutcome.PARKED, retry_at, 0)
    assert ServicePause.until_for("lastfm", "app") == retry_at
    assert ServicePause.until_for("lastfm", "another app") is None


def test_a_limit_of_one_account_parks_nobody_else(connection, history):
    def refuse(number):
        retry_at = datetime.now(UTC) + timedelta(hours=3)
        raise RateLimitedError("slow", provider="lastfm", retry_at=retry_at, scope=RateLimitScope.ACCOUNT)

    history.before_page = refuse

    assert fetch(connection).outcome is FetchOutcome.PARKED
    assert not ServicePause.objects.exists()


def test_a_pause_that_is_over_holds_nobody_back(connection, history):
    ServicePause.begin("lastfm", "", datetime.now(UTC) - timedelta(seconds=1))

    assert fetch(connection).outcome is FetchOutcome.COMPLETE


def test_a_longer_pause_is_not_shortened_by_a_shorter_one(connection):
    far = datetime.now(UTC) + timedelta(hours=9)
    ServicePause.begin("lastfm", "", far)
    ServicePause.begin("lastfm", "", far - timedelta(hours=8))

    assert ServicePause.until_for("lastfm", "") == far


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (PermissionDeniedError("A scope is missing.", provider="lastfm"), "A scope is missing."),
        (DecryptionError("cannot be decrypted"), "cannot be decrypted"),
        (registry.UnknownProviderError("no such service"), "no such service"),
        (OperationalError("seeded-secret"), "The database refused: OperationalError."),
        (KeyError("seeded-secret"), "A bug in the provider: KeyError."),
    ],
)
def test_whatever_goes_wrong_becomes_a_report_without_secrets(connection, monkeypatch, caplog, error, detail):
    def build(provider_type, user):
        raise error

    monkeypatch.setattr(registry, "build", build)

    report = fetch(connection)

    assert (report.outcome, report.detail) == (FetchOutcome.FAILED, detail)
    assert "seeded-secret" not in caplog.text


def test_a_connection_without_credentials_is_passed_over(connection, monkeypatch):
    monkeypatch.setattr(registry, "build", lambda provider_type, user: None)

    assert fetch(connection) is None
    assert sync_of(connection).due_at is None


def test_a_provider_that_offers_only_the_callback_form_is_fetched_too(connection, monkeypatch):
    batched = ListHistory([listen_at(minutes) for minutes in range(3)])

    class CallbackOnly:
        def type(self):
            return "lastfm"

        def get_recent_listens(self, since, callback):
            return batched.get_recent_listens(since, callback)

    provider = CallbackOnly()
    assert isinstance(provider, HistoryFetcher)
    monkeypatch.setattr(registry, "build", lambda provider_type, user: provider)

    assert fetch(connection).stored == 3
    assert sync_of(connection).complete_until == START + timedelta(minutes=2)


def test_the_tier_in_use_is_noted(connection, history):
    history.history_is_last_play_only = True

    fetch(connection)

    connection.refresh_from_db()
    assert connection.history_is_last_play_only is True


def test_a_naive_since_is_refused(connection, history):
    with pytest.raises(ValueError, match="since"):
        fetch(connection, since=datetime(2026, 1, 1))  # noqa: DTZ001, naive on purpose


class Killed(BaseException):
    """The process ends in the middle of it."""


def killed(number):
    raise Killed


def test_of_two_plays_of_one_moment_on_two_pages_neither_is_lost_where_a_fetch_breaks_off_between_them(
    connection, history
):
    history.listens = [listen_at(0, "One"), listen_at(0, "Two"), listen_at(0, "Three")]
    history.before_page = lambda number: down(number) if number == 1 else None
    fetch(connection)
    history.before_page = lambda number: None

    fetch(connection)

    assert Listen.objects.count() == 3


def test_how_far_back_was_asked_for_outlives_a_process_that_is_killed_at_once(connection, history, settings):
    settings.HISTORY_OVERLAP_SECONDS = 60
    fetch(connection)
    history.listens.append(listen_at(5, "arrived late"))
    history.before_page = killed
    with pytest.raises(Killed):
        fetch(connection, since=START)
    history.before_page = lambda number: None
    HistorySync.objects.update(lease_until=START)

    fetch(connection)

    assert Listen.objects.filter(name="arrived late").exists()


def test_plays_are_not_passed_over_that_a_clock_that_was_ahead_dated_as_complete(connection, history, time_machine):
    history.listens.append(listen_at(600))
    time_machine.move_to(START + timedelta(minutes=500), tick=False)
    fetch(connection)
    time_machine.move_to(START + timedelta(minutes=60), tick=False)
    history.listens.append(listen_at(60))

    fetch(connection)

    assert Listen.objects.filter(name="Track 60").exists()


def test_pages_are_stored_some_at_a_time_and_at_the_latest_when_the_service_fails(connection, history):
    history.page_size = 1
    stored = []

    def look(number):
        stored.append(Listen.objects.count())
        if number == 4:
            down(number)

    history.before_page = look

    assert fetch(connection).stored == 4
    assert stored == [0, 0, 0, 0, 0]
    assert sync_of(connection).window_oldest == START + timedelta(minutes=10)


def test_a_fetch_leaves_the_lease_to_run_out_when_its_process_is_killed(connection, history):
    history.before_page = killed
    with pytest.raises(Killed):
        fetch(connection)

    sync = sync_of(connection)
    assert sync.lease_until > datetime.now(UTC)
    assert sync.due_at <= datetime.now(UTC)
