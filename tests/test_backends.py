import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import Client
from pytest_django import Settings

from providers import linking
from providers.backends import MAX_PASSWORD_LENGTH, NavidromeBackend, SignInUnavailableError
from providers.models import Connection, NavidromeAuth
from providers.testing.simulators.faults import READY_MADE
from providers.testing.simulators.navidrome import NavidromeSimulator, Person
from providers.testing.wsgi import mounted

BASE_URL = "https://music.example"
PASSWORD = "sésame & Söhne"
LOCAL_PASSWORD = "a local password"
LOGIN = "/accounts/login/"
UNAVAILABLE = "Navidrome does not answer as it should"
OUTAGES: dict[str, dict[str, Any]] = {
    **{kind: dict(answer()) for kind, answer in READY_MADE.items()},
    "too many requests": {"status": 429},
    "server error": {"status": 500},
    "a proxy's refusal": {"status": 401, "body": "<html>401</html>"},
    "tokens refused": {"body": '{"subsonic-response": {"status": "failed", "error": {"code": 41}}}'},
    "an error of its own": {"body": '{"subsonic-response": {"status": "failed", "error": {"code": 0}}}'},
}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _navidrome_is_set_up(settings: Settings) -> None:
    settings.NAVIDROME_URL = BASE_URL


@pytest.fixture
def navidrome(monkeypatch: pytest.MonkeyPatch) -> Iterator[NavidromeSimulator]:
    """Navidrome under an https address; waits between retries are not waited for."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    simulator = NavidromeSimulator()
    with mounted({BASE_URL: simulator.wsgi}):
        yield simulator


@pytest.fixture
def ada(navidrome: NavidromeSimulator) -> Person:
    return navidrome.add_person("ada", PASSWORD)


@pytest.fixture
def admin() -> User:
    return get_user_model().objects.create_superuser("root", password=LOCAL_PASSWORD)


def sign_in(username: str = "ada", password: str = PASSWORD, path: str = LOGIN) -> tuple[Client, Any]:
    client = Client()
    return client, client.post(path, {"username": username, "password": password})


def signed_in(username: str = "ada", password: str = PASSWORD) -> User:
    """Sign in on the page and return who it is."""
    client, answer = sign_in(username, password)
    assert answer.status_code == 302, answer.content.decode()
    user: User = get_user_model().objects.get(pk=client.session["_auth_user_id"])
    return user


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


class TestSigningIn:
    def test_the_first_time_makes_a_person_a_connection_and_credentials(self, ada: Person) -> None:
        answer = sign_in()[1]
        assert (answer.status_code, answer.headers["Location"]) == (302, "/connections/")
        user = get_user_model().objects.get()
        assert (user.username, user.is_active, user.is_staff, user.is_superuser) == ("ada", True, False, False)
        link = Connection.objects.get()
        assert (link.user, link.provider_type, link.status) == (user, "navidrome", "ok")
        assert (link.account_id, link.account_name) == ("ada", "ada")
        assert link.last_checked_at is not None
        row = NavidromeAuth.objects.get()
        assert (row.user, row.username, row.password) == (user, "ada", PASSWORD)

    def test_no_local_password_is_kept_and_the_stored_one_is_encrypted(self, ada: Person) -> None:
        user = signed_in()
        assert not user.has_usable_password()
        with connection.cursor() as cursor:
            cursor.execute("SELECT password FROM providers_navidromeauth")
            assert PASSWORD.encode() not in bytes(cursor.fetchone()[0])

    def test_again_it_is_the_same_person(self, ada: Person) -> None:
        assert signed_in() == signed_in()
        assert get_user_model().objects.count() == NavidromeAuth.objects.count() == Connection.objects.count() == 1

    def test_capitals_in_the_name_make_no_other_person(self, navidrome: NavidromeSimulator) -> None:
        navidrome.add_person("Björn", PASSWORD)
        assert signed_in("björn") == signed_in("BJörn") == signed_in("Björn")
        link = Connection.objects.get()
        assert (link.account_id, link.account_name) == ("björn", "Björn")

    def test_whoever_is_signed_in_carries_on_while_navidrome_is_down(
        self, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        client, _ = sign_in()
        navidrome.faults.add("/", status=503, times=None)
        assert client.get("/connections/").status_code == 200

    def test_a_changed_password_is_noticed(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        user = signed_in()
        navidrome.change_password(ada, "a new one")
        Connection.objects.get().mark_needs_reauth("Name or password is wrong: sign in again.")
        assert not is_signed_in(sign_in()[0])
        assert Connection.objects.get().status == "needs_reauth"
        assert signed_in(password="a new one") == user
        assert NavidromeAuth.objects.get().password == "a new one"
        link = Connection.objects.get()
        assert (link.status, link.status_detail) == ("ok", "")

    def test_credentials_that_no_key_decrypts_are_replaced(self, ada: Person) -> None:
        user = signed_in()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE providers_navidromeauth SET password = %s", [b"garbage"])
        assert signed_in() == user
        assert NavidromeAuth.objects.get().password == PASSWORD

    def test_with_a_password_that_navidrome_cannot_check_nobody_gets_in(self, navidrome: NavidromeSimulator) -> None:
        navidrome.add_person("proxied", PASSWORD, externally_authenticated=True)
        assert not is_signed_in(sign_in("proxied")[0])

    @pytest.mark.parametrize(("username", "password"), [("ada", "wrong"), ("nobody", PASSWORD), ("ada", PASSWORD[:-1])])
    def test_wrong_ones_get_nobody_in_and_make_nothing(self, ada: Person, username: str, password: str) -> None:
        client, answer = sign_in(username, password)
        assert not is_signed_in(client)
        assert "do not go together" in answer.content.decode()
        assert not get_user_model().objects.exists()
        assert not Connection.objects.exists()

    @pytest.mark.parametrize(
        ("username", "password"),
        [
            ("", PASSWORD),
            ("ada", ""),
            ("a\0da", PASSWORD),
            ("ada", "sés\0ame"),
            ("a" * 256, PASSWORD),
            ("ada", "p" * (MAX_PASSWORD_LENGTH + 1)),
            ("\ud800", PASSWORD),
            ("ada", "\ud800"),
            (None, None),
        ],
    )
    def test_what_no_account_has_is_not_even_asked_for(
        self, navidrome: NavidromeSimulator, username: Any, password: Any
    ) -> None:
        assert NavidromeBackend().authenticate(None, username=username, password=password) is None
        assert navidrome.faults.requests_seen == []

    @pytest.mark.parametrize("username", ["", "a\0da", "a" * 151, "a" * 100_000])
    @pytest.mark.parametrize("password", ["", "\0", "p" * 100_000])
    def test_the_page_survives_whatever_is_typed(self, ada: Person, username: str, password: str) -> None:
        client, answer = sign_in(username, password)
        assert answer.status_code == 200
        assert not is_signed_in(client)

    def test_without_a_navidrome_only_local_accounts_sign_in(
        self, navidrome: NavidromeSimulator, ada: Person, admin: User, settings: Settings
    ) -> None:
        settings.NAVIDROME_URL = ""
        assert not is_signed_in(sign_in()[0])
        assert signed_in("root", LOCAL_PASSWORD) == admin
        assert navidrome.faults.requests_seen == []

    def test_a_closed_account_stays_out(self, ada: Person) -> None:
        client, _ = sign_in()
        get_user_model().objects.update(is_active=False)
        NavidromeAuth.objects.all().delete()
        assert client.get("/connections/").status_code == 302
        assert not is_signed_in(sign_in()[0])
        assert not NavidromeAuth.objects.exists()


class TestIdentity:
    @pytest.mark.parametrize("local_name", ["ada", "ADA"])
    def test_a_local_account_of_that_name_is_never_taken_over(self, ada: Person, local_name: str) -> None:
        local = get_user_model().objects.create_superuser(local_name, password=LOCAL_PASSWORD)
        before = get_user_model().objects.values().get()
        user = signed_in()
        assert (user.username, user.is_staff, user.is_superuser) == ("ada@navidrome", False, False)
        assert signed_in() == user
        assert signed_in(local_name, LOCAL_PASSWORD) == local
        assert get_user_model().objects.values().get(pk=local.pk) | {"last_login": None} == before
        assert not Connection.objects.filter(user=local).exists()

    def test_the_next_free_name_is_taken(self, ada: Person) -> None:
        for name in ("ada", "ada@navidrome", "ada@NAVIDROME2"):
            get_user_model().objects.create_user(name)
        assert signed_in().username == "ada@navidrome3"

    def test_a_long_name_finds_room_for_its_ending(self, navidrome: NavidromeSimulator) -> None:
        name = "a" * 150
        navidrome.add_person(name, PASSWORD)
        get_user_model().objects.create_user(name)
        assert signed_in(name).username == "a" * 140 + "@navidrome"

    def test_who_disconnected_or_was_renamed_is_still_known(self, ada: Person) -> None:
        user = signed_in()
        linking.disconnect(user, "navidrome")
        get_user_model().objects.update(username="countess")
        assert not NavidromeAuth.objects.exists()
        assert signed_in() == user
        assert NavidromeAuth.objects.get().password == PASSWORD
        assert Connection.objects.get().status == "ok"

    def test_a_row_stored_without_signing_in_tells_who_it_is(self, ada: Person) -> None:
        user = get_user_model().objects.create_user("countess")
        NavidromeAuth.objects.create(user=user, username="Ada", password="old")
        assert signed_in() == user
        assert (Connection.objects.get().account_id, NavidromeAuth.objects.get().password) == ("ada", PASSWORD)

    def test_letters_that_navidrome_tells_apart_are_two_people(self, navidrome: NavidromeSimulator) -> None:
        signed_in_as = []
        for name in ("strasse", "straße"):
            # The simulator folds more than Navidrome does, so each has a server of their own.
            simulator = NavidromeSimulator()
            simulator.add_person(name, PASSWORD)
            with mounted({BASE_URL: simulator.wsgi}):
                signed_in_as.append(signed_in(name))
        assert signed_in_as[0] != signed_in_as[1]


class TestAdministrators:
    @pytest.fixture
    def boss(self, navidrome: NavidromeSimulator) -> Person:
        return navidrome.add_person("boss", PASSWORD, is_admin=True)

    def test_navidromes_administrators_are_none_here(self, boss: Person) -> None:
        user = signed_in("boss")
        assert (user.is_staff, user.is_superuser) == (False, False)

    def test_a_setting_makes_them_so_and_nobody_else(self, boss: Person, ada: Person, settings: Settings) -> None:
        assert not signed_in("boss").is_staff
        settings.NAVIDROME_ADMINS_ARE_STAFF = True
        user = signed_in("boss")
        assert (user.is_staff, user.is_superuser) == (True, True)
        assert not signed_in("ada").is_staff

    def test_rights_given_here_are_not_taken_away(self, ada: Person, settings: Settings) -> None:
        settings.NAVIDROME_ADMINS_ARE_STAFF = True
        signed_in()
        get_user_model().objects.update(is_staff=True)
        assert signed_in().is_staff


class TestOutages:
    @pytest.mark.parametrize("outage", sorted(OUTAGES))
    @pytest.mark.parametrize("operation", ["/rest/ping", "/rest/getUser"])
    def test_it_is_said_plainly_and_counts_for_nobody(
        self, navidrome: NavidromeSimulator, ada: Person, outage: str, operation: str
    ) -> None:
        navidrome.faults.add(operation, **OUTAGES[outage], times=None)
        for _ in range(6):
            client, answer = sign_in()
            assert answer.status_code == 200
            assert UNAVAILABLE in answer.content.decode()
            assert "a local administrator can still sign in" in answer.content.decode()
            assert not is_signed_in(client)
        assert not AccessAttempt.objects.exists()
        assert not get_user_model().objects.exists()
        navidrome.faults.clear()
        assert signed_in().username == "ada"

    def test_a_server_that_is_not_there_is_an_outage(self, settings: Settings) -> None:
        settings.NAVIDROME_URL = "http://127.0.0.1:9"
        assert UNAVAILABLE in sign_in()[1].content.decode()

    @pytest.mark.parametrize("url", ["music.example", "https://", "https://[broken"])
    def test_an_address_that_is_none_is_an_outage(self, settings: Settings, url: str) -> None:
        settings.NAVIDROME_URL = url
        assert UNAVAILABLE in sign_in()[1].content.decode()

    def test_nobody_waits_for_a_second_try(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        navidrome.faults.add("ping", status=503, times=None)
        sign_in()
        assert len(navidrome.faults.seen("ping")) == 1

    def test_a_local_administrator_signs_in_without_navidrome_being_asked(
        self, navidrome: NavidromeSimulator, admin: User
    ) -> None:
        navidrome.faults.add("/", status=503, times=None)
        assert signed_in("root", LOCAL_PASSWORD) == admin
        assert sign_in("root", LOCAL_PASSWORD, path="/admin/login/?next=/admin/")[1].status_code == 302
        assert navidrome.faults.requests_seen == []

    def test_guesses_at_a_local_account_are_counted_all_the_same(
        self, navidrome: NavidromeSimulator, admin: User
    ) -> None:
        navidrome.faults.add("/", status=503, times=None)
        answers = [sign_in("root", f"guess {number}")[1].status_code for number in range(6)]
        assert answers == [200, 200, 200, 200, 429, 429]

    def test_the_admins_own_page_says_it_too(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        navidrome.faults.add("/", status=503, times=None)
        answer = sign_in(path="/admin/login/")[1]
        assert (answer.status_code, UNAVAILABLE in answer.content.decode()) == (200, True)

    def test_callers_that_are_no_form_get_an_error_of_its_own(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        navidrome.faults.add("ping", status=503)
        with pytest.raises(SignInUnavailableError):
            NavidromeBackend().authenticate(None, username="ada", password=PASSWORD)


class TestThrottle:
    def test_five_wrong_passwords_lock_the_name_for_a_quarter_of_an_hour(
        self, navidrome: NavidromeSimulator, ada: Person
    ) -> None:
        navidrome.add_person("bob", PASSWORD)
        now = datetime(2026, 11, 22, 12, tzinfo=UTC)
        with time_machine.travel(now, tick=False) as clock:
            answers = [sign_in(password="wrong")[1] for _ in range(5)]
            assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
            assert "Too many attempts" in answers[-1].content.decode()
            asked = len(navidrome.faults.requests_seen)
            client, answer = sign_in()
            assert (answer.status_code, is_signed_in(client)) == (429, False)
            assert len(navidrome.faults.requests_seen) == asked
            assert signed_in("bob").username == "bob"
            clock.move_to(now + timedelta(minutes=14))
            assert sign_in()[1].status_code == 429
            clock.move_to(now + timedelta(minutes=16))
            assert signed_in().username == "ada"

    @pytest.mark.parametrize(
        "spell",
        [str.upper, str.title, lambda name: f" {name} ", lambda name: f"\N{FULLWIDTH LATIN SMALL LETTER A}{name[1:]}"],
    )
    def test_spellings_of_one_name_are_counted_together(self, ada: Person, spell: Callable[[str], str]) -> None:
        for _ in range(4):
            sign_in(spell("ada"), "wrong")
        assert sign_in("ada", "wrong")[1].status_code == 429

    def test_another_address_is_not_locked(self, ada: Person) -> None:
        for _ in range(5):
            sign_in(password="wrong")
        answer = Client(REMOTE_ADDR="192.0.2.7").post(LOGIN, {"username": "ada", "password": PASSWORD})
        assert answer.status_code == 302

    def test_an_address_made_up_in_a_header_is_not_believed(self, ada: Person) -> None:
        for number in range(5):
            Client(headers={"X-Forwarded-For": f"192.0.2.{number}"}).post(
                LOGIN, {"username": "ada", "password": "wrong"}
            )
        assert sign_in()[1].status_code == 429

    @pytest.mark.parametrize("local_name", ["somebody", "ada"])
    def test_getting_in_forgets_the_attempts_before(self, ada: Person, local_name: str) -> None:
        get_user_model().objects.create_user(local_name)
        for _ in range(3):
            sign_in(password="wrong")
            sign_in("ADA", "wrong")
            signed_in()
        assert not AccessAttempt.objects.exists()


class TestSecrets:
    def test_no_password_is_logged_shown_or_kept_in_clear(
        self, navidrome: NavidromeSimulator, ada: Person, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            shown = [sign_in()[1].content.decode(), sign_in(password="a wrong secret")[1].content.decode()]
            navidrome.faults.add("/", status=503, times=None)
            shown.append(sign_in()[1].content.decode())
        shown += [caplog.text, repr(AccessAttempt.objects.values().get())]
        assert not [text for text in shown if PASSWORD in text or "a wrong secret" in text]

    def test_an_error_carries_neither_password_nor_request(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        navidrome.faults.add("ping", status=503)
        with pytest.raises(SignInUnavailableError) as caught:
            authenticate_with_navidrome()
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


def authenticate_with_navidrome() -> Any:
    return NavidromeBackend().authenticate(None, username="ada", password=PASSWORD)


@pytest.mark.django_db(transaction=True)
class TestSignInsAtOnce:
    @pytest.mark.parametrize("taken_names", [[], ["ada"]])
    def test_the_first_ones_make_one_person(
        self, navidrome: NavidromeSimulator, ada: Person, taken_names: list[str]
    ) -> None:
        for name in taken_names:
            get_user_model().objects.create_user(name)
        assert len(set(sign_in_at_once(8))) == 1
        assert get_user_model().objects.count() == 1 + len(taken_names)
        assert NavidromeAuth.objects.count() == Connection.objects.count() == 1

    def test_later_ones_store_one_password(self, navidrome: NavidromeSimulator, ada: Person) -> None:
        user = signed_in()
        NavidromeAuth.objects.all().delete()
        assert sign_in_at_once(8) == [user.pk] * 8
        assert NavidromeAuth.objects.get().password == PASSWORD


def sign_in_at_once(times: int) -> list[Any]:
    """Sign ada in from so many threads and return who it was each time."""
    found: list[Any] = []
    barrier = Barrier(times)

    def sign_in_elsewhere() -> None:
        barrier.wait()
        try:
            found.append(authenticate_with_navidrome().pk)
        finally:
            connections.close_all()

    threads = [Thread(target=sign_in_elsewhere) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == times
    return found
