import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Barrier, Event, Thread

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import Error, transaction
from django.db import connection as database
from django.http import QueryDict
from pytest_django import Settings

from providers import conf, linking, registry, scheduling
from providers.datatypes import AuthResult, Track
from providers.exceptions import AuthenticationError, InvalidResponseError, ServiceUnavailableError
from providers.history import gaps, ingest
from providers.linking import AnotherAccount, InvalidStateError, LinkDeniedError, Linked, Problem
from providers.models import (
    Connection,
    HistoryGap,
    HistorySync,
    LastFMAuth,
    LinkAttempt,
    Listen,
    ProviderAuth,
    SpotifyAuth,
)
from tests.fake_services import FakeService, FakeServices, assert_nothing_is_linked

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
CALLBACK = "https://bridge.example/callback/"


@pytest.fixture
def other(db: None) -> User:
    return get_user_model().objects.create_user("bo")


def begin(user: User, service: FakeService, next_url: str = "") -> str:
    return linking.begin(user, service.type, callback_url=CALLBACK, next_url=next_url)


def answer(params: Mapping[str, str | list[str]]) -> QueryDict:
    query = QueryDict(mutable=True)
    for name, value in params.items():
        query.setlist(name, value if isinstance(value, list) else [value])
    return query


def complete(user: User, service: FakeService, params: Mapping[str, str | list[str]]) -> linking.Outcome:
    return linking.complete(user, service.type, answer(params))


def link(user: User, service: FakeService, result: AuthResult | None = None) -> linking.Outcome:
    return complete(user, service, service.agree(begin(user, service), result))


def account(account_id: str, name: str = "") -> AuthResult:
    return AuthResult(
        access_token=f"access of {account_id}",
        refresh_token=f"refresh of {account_id}",
        expires_at=NOW + timedelta(hours=1),
        scopes=("read", "write"),
        account_id=account_id,
        account_name=name or f"name of {account_id}",
    )


def problem_of(user: User, service: FakeService, params: Mapping[str, str | list[str]]) -> Problem:
    with pytest.raises(InvalidStateError) as caught:
        complete(user, service, params)
    return caught.value.problem


# --- linking ---------------------------------------------------------------------------------------------------------


@pytest.mark.req("PROV-005")
@pytest.mark.req("PROV-031")
@time_machine.travel(NOW, tick=False)
def test_an_account_is_linked_with_all_that_the_service_told_of_it(user: User, services: FakeServices) -> None:
    outcome = link(user, services.wavebox, account("7", "Ada L."))

    assert isinstance(outcome, Linked)
    connection = Connection.objects.get()
    assert outcome.connection == connection
    assert (connection.user, connection.provider_type) == (user, services.wavebox.type)
    assert (connection.account_id, connection.account_name) == ("7", "Ada L.")
    assert connection.status == Connection.Status.OK
    assert connection.authorized_at == NOW
    assert connection.link_expires_at == NOW + timedelta(days=180)
    row = user.spotify_auth
    assert (row.access_token, row.refresh_token) == ("access of 7", "refresh of 7")
    assert row.expires_at == NOW + timedelta(hours=1)
    assert row.scopes == "read write"
    assert row.client_id == "wavebox-client"


@pytest.mark.req("PROV-041")
def test_a_service_that_grants_a_token_and_no_code_is_linked_as_well(user: User, services: FakeServices) -> None:
    link(user, services.tapedeck, AuthResult(access_token="session", account_id="ada", account_name="ada"))

    assert (user.lastfm_auth.username, user.lastfm_auth.session_key) == ("ada", "session")
    assert Connection.objects.get().link_expires_at is None


def test_the_way_on_is_kept_until_the_person_comes_back(user: User, services: FakeServices) -> None:
    back = services.wavebox.agree(begin(user, services.wavebox, next_url="/history/"))
    outcome = complete(user, services.wavebox, back)
    assert isinstance(outcome, Linked)
    assert outcome.next_url == "/history/"


def test_two_tabs_may_link_at_once(user: User, services: FakeServices) -> None:
    first, second = begin(user, services.wavebox), begin(user, services.wavebox)
    assert isinstance(complete(user, services.wavebox, services.wavebox.agree(second)), Linked)
    assert isinstance(complete(user, services.wavebox, services.wavebox.agree(first)), Linked)


def test_every_attempt_has_a_state_and_a_verifier_of_its_own(user: User, services: FakeServices) -> None:
    addresses = {begin(user, services.wavebox) for _ in range(20)}
    assert len(addresses) == 20
    verifiers = {attempt.code_verifier for attempt in LinkAttempt.objects.all()}
    assert len(verifiers) == 20
    assert {len(verifier) for verifier in verifiers} == {64}


def test_neither_state_nor_verifier_is_in_the_database_in_clear(user: User, services: FakeServices) -> None:
    state = services.wavebox.agree(begin(user, services.wavebox))["state"]
    verifier = LinkAttempt.objects.get().code_verifier
    with database.cursor() as cursor:
        cursor.execute("SELECT * FROM providers_linkattempt")
        stored = repr([bytes(value) if isinstance(value, memoryview) else value for value in cursor.fetchone()])
    assert "wavebox-client" in stored
    assert state not in stored
    assert verifier not in stored


def test_linking_again_revives_a_dead_link_and_keeps_its_cursor(user: User, services: FakeServices) -> None:
    link(user, services.wavebox, account("7"))
    connection = Connection.objects.get()
    connection.mark_needs_reauth("The service said invalid_grant.")
    HistorySync.objects.update(complete_until=NOW, last_error="Link again.", due_at=None)
    version = user.spotify_auth.token_version

    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        link(user, services.wavebox, account("7"))

    connection.refresh_from_db()
    assert (connection.status, connection.status_detail) == (Connection.Status.OK, "")
    assert connection.authorized_at == NOW + timedelta(days=1)
    assert (connection.history_sync.complete_until, connection.history_sync.last_error) == (NOW, "")
    assert connection.history_sync.due_at == NOW + timedelta(days=1)
    assert SpotifyAuth.objects.get().token_version > version


def test_linking_again_is_the_way_out_when_no_key_decrypts_the_old_secrets(
    user: User, services: FakeServices, settings: Settings
) -> None:
    settings.FERNET_KEYS = ["a key that was lost"]
    link(user, services.wavebox, account("7"))
    settings.FERNET_KEYS = ["another key"]

    assert isinstance(link(user, services.wavebox, account("7")), Linked)
    assert SpotifyAuth.objects.get().access_token == "access of 7"


def test_expired_attempts_are_swept_away_by_the_next_one(user: User, services: FakeServices) -> None:
    with time_machine.travel(NOW, tick=False):
        begin(user, services.wavebox)
    with time_machine.travel(NOW + timedelta(minutes=10), tick=False):
        begin(user, services.wavebox)
    assert LinkAttempt.objects.count() == 1


def test_nothing_secret_is_logged(user: User, services: FakeServices, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    address = begin(user, services.wavebox)
    verifier = LinkAttempt.objects.get().code_verifier
    back = services.wavebox.agree(address, account("7"))
    complete(user, services.wavebox, back)
    with pytest.raises(InvalidStateError):
        complete(user, services.wavebox, back)
    linking.disconnect(user, services.wavebox.type)
    assert "linked" in caplog.text
    for secret in (back["state"], back["code"], verifier, "access of 7", "refresh of 7"):
        assert secret not in caplog.text


# --- answers that fit no attempt -------------------------------------------------------------------------------------


def test_an_answer_is_taken_once(user: User, services: FakeServices) -> None:
    back = services.wavebox.agree(begin(user, services.wavebox))
    complete(user, services.wavebox, back)
    Connection.objects.all().delete()
    SpotifyAuth.objects.all().delete()
    assert problem_of(user, services.wavebox, back) is Problem.REPEATED
    assert_nothing_is_linked()


def test_an_answer_that_failed_cannot_be_tried_again(user: User, services: FakeServices) -> None:
    back = services.wavebox.agree(begin(user, services.wavebox))
    services.wavebox.failure = ServiceUnavailableError("down", provider="x")
    with pytest.raises(ServiceUnavailableError):
        complete(user, services.wavebox, back)
    services.wavebox.failure = None
    assert problem_of(user, services.wavebox, back) is Problem.REPEATED
    assert_nothing_is_linked()


@pytest.mark.parametrize("seconds", [601, 86_400])
def test_an_answer_that_comes_too_late_is_refused(user: User, services: FakeServices, seconds: int) -> None:
    with time_machine.travel(NOW, tick=False):
        back = services.wavebox.agree(begin(user, services.wavebox))
    with time_machine.travel(NOW + timedelta(seconds=seconds), tick=False):
        assert problem_of(user, services.wavebox, back) is Problem.EXPIRED
    assert_nothing_is_linked()


def test_an_answer_within_ten_minutes_is_in_time(user: User, services: FakeServices) -> None:
    with time_machine.travel(NOW, tick=False):
        back = services.wavebox.agree(begin(user, services.wavebox))
    with time_machine.travel(NOW + timedelta(seconds=599), tick=False):
        assert isinstance(complete(user, services.wavebox, back), Linked)


def test_an_expired_answer_stays_expired_after_its_row_was_swept(user: User, services: FakeServices) -> None:
    with time_machine.travel(NOW, tick=False):
        back = services.wavebox.agree(begin(user, services.wavebox))
    with time_machine.travel(NOW + timedelta(minutes=11), tick=False):
        begin(user, services.wavebox)
        assert problem_of(user, services.wavebox, back) is Problem.EXPIRED


def test_another_persons_answer_is_refused_and_stays_good_for_them(
    user: User, other: User, services: FakeServices
) -> None:
    back = services.wavebox.agree(begin(other, services.wavebox))
    assert problem_of(user, services.wavebox, back) is Problem.FOREIGN
    assert_nothing_is_linked()
    assert isinstance(complete(other, services.wavebox, back), Linked)


def test_another_services_answer_is_refused(user: User, services: FakeServices) -> None:
    back = services.wavebox.agree(begin(user, services.wavebox))
    assert problem_of(user, services.tapedeck, back) is Problem.FOREIGN
    assert_nothing_is_linked()


@pytest.mark.parametrize(
    "state", ["", "x", "made.up.state", "a" * 100_000, "nul\0", "line\nbreak", ["one", "two"], [], "\u202e", "état"]
)
def test_a_state_that_was_never_ours_is_refused(user: User, services: FakeServices, state: str | list[str]) -> None:
    begin(user, services.wavebox)
    assert problem_of(user, services.wavebox, {"state": state, "code": "code"}) is Problem.MANGLED
    assert LinkAttempt.objects.count() == 1


def test_a_changed_state_is_refused(user: User, services: FakeServices) -> None:
    back = services.wavebox.agree(begin(user, services.wavebox))
    changed = ("b" if back["state"][0] == "a" else "a") + back["state"][1:]
    assert problem_of(user, services.wavebox, back | {"state": changed}) is Problem.MANGLED
    assert problem_of(user, services.wavebox, back | {"state": back["state"] + "x"}) is Problem.MANGLED
    assert isinstance(complete(user, services.wavebox, back), Linked)


@pytest.mark.parametrize(
    "rest",
    [
        {},
        {"code": ""},
        {"code": ["one", "two"]},
        {"code": "one", "token": "two"},
        {"code": "a" * 100_000},
        {"code": "nul\0"},
        {"code": "line\r\nbreak"},
        {"error": ["access_denied", "access_denied"]},
        {"error": ""},
    ],
)
def test_a_good_state_with_a_mangled_rest_links_nothing(
    user: User, services: FakeServices, rest: dict[str, str | list[str]]
) -> None:
    state = services.wavebox.agree(begin(user, services.wavebox))["state"]
    assert problem_of(user, services.wavebox, {"state": state, **rest}) is Problem.MANGLED
    assert_nothing_is_linked()


def test_the_state_is_looked_at_before_anything_else(user: User, services: FakeServices) -> None:
    assert problem_of(user, services.wavebox, {"state": "made.up.state", "error": "access_denied"}) is Problem.MANGLED


@pytest.mark.django_db(transaction=True)
def test_of_two_threads_with_the_same_answer_exactly_one_wins(services: FakeServices) -> None:
    user = get_user_model().objects.create_user("ada")
    for _ in range(5):
        back = answer(services.wavebox.agree(begin(user, services.wavebox)))
        start = Barrier(4)
        outcomes: list[object] = []

        def run(back: QueryDict = back, start: Barrier = start, outcomes: list[object] = outcomes) -> None:
            start.wait()
            try:
                outcomes.append(type(linking.complete(user, services.wavebox.type, back)))
            except InvalidStateError as error:
                outcomes.append(error.problem)
            finally:
                database.close()

        threads = [Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes, key=str) == [Linked, *[Problem.REPEATED] * 3]


@pytest.mark.django_db(transaction=True)
def test_two_tabs_that_link_a_service_for_the_first_time_at_once_both_succeed(services: FakeServices) -> None:
    for number in range(5):
        user = get_user_model().objects.create_user(f"ada {number}")
        backs = [answer(services.wavebox.agree(begin(user, services.wavebox))) for _ in range(4)]
        start = Barrier(len(backs))
        outcomes: list[object] = []

        def run(back: QueryDict, user: User = user, start: Barrier = start, outcomes: list[object] = outcomes) -> None:
            start.wait()
            try:
                outcomes.append(type(linking.complete(user, services.wavebox.type, back)))
            except Exception as error:  # noqa: BLE001, whatever it is, it is the outcome
                outcomes.append(error)
            finally:
                database.close()

        threads = [Thread(target=run, args=[back]) for back in backs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outcomes == [Linked] * len(backs)
        assert SpotifyAuth.objects.filter(user=user).count() == 1


@pytest.mark.django_db(transaction=True)
def test_linking_again_and_a_fetch_that_stores_meanwhile_wait_for_each_other_but_never_both_at_once(
    services: FakeServices,
) -> None:
    user = get_user_model().objects.create_user("ada")
    link(user, services.wavebox)
    lease = scheduling.claim(HistorySync.objects.all(), HistorySync.objects.get().pk)
    assert lease is not None
    is_over = Event()
    troubles: list[Exception] = []

    def store_pages() -> None:
        try:
            for minutes in count():
                with transaction.atomic():
                    page = [Track(id="", name="Song", artist="Ana", played_at=NOW + timedelta(minutes=minutes))]
                    ingest.store(user.pk, services.wavebox.type, page)
                    lease.update(window_done=minutes)
                # SQLite lets one writer in at a time, and whoever comes back at once comes first.
                if is_over.wait(0.005):
                    break
        except Error as error:
            troubles.append(error)
        finally:
            database.close()

    fetch = Thread(target=store_pages)
    fetch.start()
    try:
        for _ in range(10):
            link(user, services.wavebox)
    finally:
        is_over.set()
        fetch.join()
    assert not troubles


# --- refusals --------------------------------------------------------------------------------------------------------


def test_a_person_who_said_no_is_told_apart_and_the_attempt_is_over(user: User, services: FakeServices) -> None:
    state = services.wavebox.agree(begin(user, services.wavebox))["state"]
    with pytest.raises(LinkDeniedError):
        complete(user, services.wavebox, {"state": state, "error": "access_denied"})
    assert problem_of(user, services.wavebox, {"state": state, "code": "code-0"}) is Problem.REPEATED
    assert_nothing_is_linked()


@pytest.mark.parametrize("error", ["server_error", "temporarily_unavailable"])
def test_a_service_that_sends_people_back_because_it_is_down_is_down(
    user: User, services: FakeServices, error: str
) -> None:
    state = services.wavebox.agree(begin(user, services.wavebox))["state"]
    with pytest.raises(ServiceUnavailableError):
        complete(user, services.wavebox, {"state": state, "error": error})


@pytest.mark.parametrize(
    ("error", "said"), [("invalid_scope", "invalid_scope"), ("<b>hello</b>", "an error it did not explain")]
)
def test_any_other_error_is_a_refusal_and_only_known_words_are_repeated(
    user: User, services: FakeServices, error: str, said: str
) -> None:
    state = services.wavebox.agree(begin(user, services.wavebox))["state"]
    with pytest.raises(AuthenticationError) as caught:
        complete(user, services.wavebox, {"state": state, "error": error})
    assert str(caught.value) == f"Wavebox answered {said}."


@pytest.mark.parametrize("result", [account("x" * 256), account("7", "n" * 256), account("nul\0"), account("7", "\0")])
def test_an_account_that_no_column_holds_is_the_services_fault(
    user: User, services: FakeServices, result: AuthResult
) -> None:
    with pytest.raises(InvalidResponseError):
        link(user, services.wavebox, result)
    assert_nothing_is_linked()


def test_a_row_that_cannot_be_stored_leaves_nothing_behind(
    user: User, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    def store_and_fail(self: ProviderAuth, result: AuthResult) -> None:
        self.save()
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(SpotifyAuth, "store", store_and_fail)
    with pytest.raises(RuntimeError):
        link(user, services.wavebox)
    assert_nothing_is_linked()


def test_a_service_that_is_not_set_up_names_what_is_missing(
    user: User, services: FakeServices, settings: Settings
) -> None:
    settings.SPOTIFY_CLIENT_ID = ""
    with pytest.raises(conf.ProviderConfigurationError, match="SPOTIFY_CLIENT_ID"):
        begin(user, services.wavebox)
    assert not LinkAttempt.objects.exists()


@pytest.mark.parametrize("provider_type", ["navidrome", "unheard-of"])
def test_a_service_that_people_do_not_link_is_unknown_here(
    user: User, services: FakeServices, provider_type: str
) -> None:
    with pytest.raises(registry.UnknownProviderError):
        linking.begin(user, provider_type, callback_url=CALLBACK)


# --- another account -------------------------------------------------------------------------------------------------


@pytest.fixture
def linked(user: User, services: FakeServices) -> Connection:
    link(user, services.wavebox, account("7", "Ada"))
    connection = Connection.objects.get()
    HistorySync.objects.update(complete_until=NOW)
    gaps.note(connection, NOW - timedelta(hours=2), NOW, HistoryGap.Reason.NOT_KEPT)
    Listen.objects.create(user=user, provider_type=services.wavebox.type, name="x", played_at=NOW, fingerprint=1)
    return connection


def test_another_account_is_asked_about_and_not_linked(user: User, services: FakeServices, linked: Connection) -> None:
    outcome = link(user, services.wavebox, account("8", "Bo"))

    assert isinstance(outcome, AnotherAccount)
    assert (outcome.old_account, outcome.new_account) == ("Ada", "Bo")
    assert SpotifyAuth.objects.get().access_token == "access of 7"
    linked.refresh_from_db()
    assert linked.account_id == "7"
    assert linked.history_sync.complete_until == NOW


def test_a_disconnected_account_is_remembered_too(user: User, services: FakeServices, linked: Connection) -> None:
    linking.disconnect(user, services.wavebox.type)
    assert isinstance(link(user, services.wavebox, account("8")), AnotherAccount)
    assert not SpotifyAuth.objects.exists()


@pytest.mark.parametrize(("old", "new"), [("", "8"), ("7", "")])
def test_an_account_that_cannot_be_told_apart_is_not_asked_about(
    user: User, services: FakeServices, old: str, new: str
) -> None:
    link(user, services.wavebox, account(old, "Ada"))
    assert isinstance(link(user, services.wavebox, account(new, "Ada")), Linked)


def test_what_was_granted_for_another_account_waits_encrypted(
    user: User, services: FakeServices, linked: Connection
) -> None:
    link(user, services.wavebox, account("8"))
    with database.cursor() as cursor:
        cursor.execute("SELECT pending_result FROM providers_linkattempt")
        assert b"access of 8" not in bytes(cursor.fetchone()[0])


def test_switching_starts_a_new_cursor_and_keeps_the_old_listens(
    user: User, services: FakeServices, linked: Connection
) -> None:
    with time_machine.travel(NOW, tick=False):
        outcome = link(user, services.wavebox, account("8", "Bo"))
    assert isinstance(outcome, AnotherAccount)
    with time_machine.travel(NOW + timedelta(minutes=9), tick=False):
        linking.confirm(user, services.wavebox.type, outcome.token)

    linked = Connection.objects.get()
    assert (linked.account_id, linked.account_name, linked.status) == ("8", "Bo", Connection.Status.OK)
    assert linked.authorized_at == NOW
    assert linked.link_expires_at == NOW + timedelta(days=180)
    assert HistorySync.objects.get().complete_until is None
    assert not HistoryGap.objects.exists()
    assert Listen.objects.count() == 1
    row = SpotifyAuth.objects.get()
    assert (row.access_token, row.refresh_token) == ("access of 8", "refresh of 8")
    assert (row.expires_at, row.scopes, row.client_id) == (NOW + timedelta(hours=1), "read write", "wavebox-client")


def test_a_question_is_answered_once(user: User, services: FakeServices, linked: Connection) -> None:
    outcome = link(user, services.wavebox, account("8"))
    assert isinstance(outcome, AnotherAccount)
    linking.decline(user, services.wavebox.type, outcome.token)
    with pytest.raises(InvalidStateError) as caught:
        linking.confirm(user, services.wavebox.type, outcome.token)
    assert caught.value.problem is Problem.REPEATED
    assert SpotifyAuth.objects.get().access_token == "access of 7"
    assert not LinkAttempt.objects.exists()


def test_a_question_is_not_open_for_ever(user: User, services: FakeServices, linked: Connection) -> None:
    with time_machine.travel(NOW, tick=False):
        outcome = link(user, services.wavebox, account("8"))
    assert isinstance(outcome, AnotherAccount)
    with (
        time_machine.travel(NOW + timedelta(minutes=11), tick=False),
        pytest.raises(InvalidStateError) as caught,
    ):
        linking.confirm(user, services.wavebox.type, outcome.token)
    assert caught.value.problem is Problem.EXPIRED


def test_nobody_else_answers_the_question(user: User, other: User, services: FakeServices, linked: Connection) -> None:
    outcome = link(user, services.wavebox, account("8"))
    assert isinstance(outcome, AnotherAccount)
    for person, service in ((other, services.wavebox), (user, services.tapedeck)):
        with pytest.raises(InvalidStateError) as caught:
            linking.confirm(person, service.type, outcome.token)
        assert caught.value.problem is Problem.FOREIGN
    linking.confirm(user, services.wavebox.type, outcome.token)


def test_a_state_answers_no_question_and_a_question_is_no_state(
    user: User, services: FakeServices, linked: Connection
) -> None:
    outcome = link(user, services.wavebox, account("8"))
    assert isinstance(outcome, AnotherAccount)
    assert problem_of(user, services.wavebox, {"state": outcome.token, "code": "code-0"}) is Problem.MANGLED
    state = services.wavebox.agree(begin(user, services.wavebox))["state"]
    with pytest.raises(InvalidStateError):
        linking.confirm(user, services.wavebox.type, state)
    assert Connection.objects.get().account_id == "7"


# --- a person's own application --------------------------------------------------------------------------------------


def test_a_person_can_link_what_is_set_up_or_what_they_brought_an_application_to(
    user: User, other: User, services: FakeServices, settings: Settings
) -> None:
    wavebox, tapedeck, attic = (
        registry.get(one) for one in (services.wavebox.type, services.tapedeck.type, "navidrome")
    )
    assert linking.can_link(user, wavebox)
    assert linking.can_link(user, tapedeck)
    assert not linking.can_link(user, attic)
    settings.SPOTIFY_CLIENT_ID = ""
    assert not linking.can_link(user, wavebox)
    linking.use_application(user, wavebox.type, "own-1")
    assert linking.can_link(user, wavebox)
    assert not linking.can_link(other, wavebox)
    assert linking.own_client_ids(user) == {wavebox.type: "own-1"}
    assert linking.own_client_ids(other) == {}


def test_an_application_of_ones_own_is_brought_to_services_that_take_one_only(
    user: User, services: FakeServices
) -> None:
    with pytest.raises(registry.UnknownProviderError):
        linking.use_application(user, services.tapedeck.type, "own-1")
    with pytest.raises(ValueError, match="begins with own-"):
        linking.use_application(user, services.wavebox.type, "1")
    assert linking.own_client_ids(user) == {}


def test_what_the_guide_does_not_replace_is_missed_all_the_same(
    user: User, services: FakeServices, settings: Settings
) -> None:
    settings.PROVIDERS = ["providers.spotify"]
    settings.SPOTIFY_CLIENT_ID = settings.SPOTIFY_REDIRECT_URI = ""
    linking.use_application(user, "spotify", "0123456789abcdef0123456789abcdef")
    assert linking.missing_settings(registry.get("spotify"), "") == ["SPOTIFY_CLIENT_ID", "SPOTIFY_REDIRECT_URI"]
    with pytest.raises(conf.ProviderConfigurationError, match="Spotify needs SPOTIFY_REDIRECT_URI to be set"):
        linking.begin(user, "spotify", callback_url=CALLBACK)


def test_whose_application_a_link_was_made_through_is_known_without_a_key(
    user: User, services: FakeServices, settings: Settings
) -> None:
    spec = registry.get(services.wavebox.type)
    assert linking.client_id_in_use(user, spec) == ""
    link(user, services.wavebox)
    settings.FERNET_KEYS = ["another key"]
    assert linking.client_id_in_use(user, spec) == "wavebox-client"
    assert linking.client_id_in_use(user, registry.get(services.tapedeck.type)) == ""


# --- disconnecting ---------------------------------------------------------------------------------------------------


def test_disconnecting_deletes_the_credentials_and_keeps_what_hangs_on_the_connection(
    user: User, services: FakeServices, linked: Connection
) -> None:
    linking.disconnect(user, services.wavebox.type)

    linked.refresh_from_db()
    assert linked.status == Connection.Status.DISCONNECTED
    assert linked.history_sync.complete_until == NOW
    assert not SpotifyAuth.objects.exists()
    assert Listen.objects.count() == 1
    assert services.wavebox.disconnects == 1


@pytest.mark.parametrize(
    "failure", [ServiceUnavailableError("The service is down.", provider="x"), RuntimeError("secret in a message")]
)
def test_disconnecting_does_not_need_the_service(
    user: User,
    services: FakeServices,
    linked: Connection,
    failure: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    services.wavebox.failure = failure
    linking.disconnect(user, services.wavebox.type)
    assert not SpotifyAuth.objects.exists()
    assert Connection.objects.get().status == Connection.Status.DISCONNECTED
    assert "was not told" in caplog.text
    assert "secret in a message" not in caplog.text


def test_disconnecting_what_no_key_decrypts_works(
    user: User, services: FakeServices, linked: Connection, settings: Settings
) -> None:
    settings.FERNET_KEYS = ["another key"]
    linking.disconnect(user, services.wavebox.type)
    assert not SpotifyAuth.objects.exists()


def test_disconnecting_what_was_never_linked_changes_nothing(user: User, services: FakeServices) -> None:
    linking.disconnect(user, services.wavebox.type)
    assert_nothing_is_linked()


def test_disconnecting_touches_nobody_else(user: User, other: User, services: FakeServices, linked: Connection) -> None:
    link(other, services.wavebox, account("9"))
    link(user, services.tapedeck, account("t"))
    linking.disconnect(user, services.wavebox.type)
    assert SpotifyAuth.objects.get().user == other
    assert LastFMAuth.objects.get().user == user
    assert set(Connection.objects.filter(status="ok").values_list("user__username", "provider_type")) == {
        ("bo", services.wavebox.type),
        ("ada", services.tapedeck.type),
    }
