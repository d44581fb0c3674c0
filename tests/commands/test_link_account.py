"""`link_account`: an account linked from a terminal, or from a program that answers it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from typing import Any

import pytest
import requests
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from pytest_django import Settings

from providers import linking, registry
from providers.datatypes import AuthResult
from providers.exceptions import ServiceUnavailableError
from providers.models import Connection, LastFMAuth, LinkAttempt, OwnApplication, SpotifyAuth
from providers.testing.simulators.household import USERNAME, Household, serving_household
from tests.fake_services import FakeService, FakeServices
from tests.test_refresh_across_processes import database_url

DEAD_END = "http://127.0.0.1:1/nobody/listens/here/"
BO = AuthResult(access_token="access of 2", account_id="2", account_name="Bo")


@dataclass
class Terminal:
    """Somebody, or a program, in front of the command: reads the address, and types what `answers` make of it."""

    answers: list[str | Callable[[str], str]]
    is_terminal: bool = True

    def __post_init__(self) -> None:
        self.out, self.err = StringIO(), StringIO()

    def isatty(self) -> bool:
        return self.is_terminal

    def readline(self, size: int = -1) -> str:
        if not self.answers:
            return ""
        answer = self.answers.pop(0)
        address = self.out.getvalue().splitlines()[0]
        return (answer if isinstance(answer, str) else answer(address)) + "\n"


def agree(service: FakeService, result: AuthResult | None = None) -> Callable[[str], str]:
    def answer(address: str) -> str:
        return f"{DEAD_END}?" + "&".join(f"{name}={value}" for name, value in service.agree(address, result).items())

    return answer


@pytest.fixture
def run(user: User, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Terminal]:
    def run(provider_type: str, *answers: Any, is_terminal: bool = True, **options: Any) -> Terminal:
        terminal = Terminal(list(answers), is_terminal)
        monkeypatch.setattr("sys.stdin", terminal)
        try:
            call_command(
                "link_account",
                stdout=terminal.out,
                stderr=terminal.err,
                **{"user": "ada", "provider": provider_type, **options},
            )
        except CommandError as error:
            terminal.err.write(f"{error.returncode}: {error}")
        return terminal

    return run


@pytest.mark.parametrize("name", ["wavebox", "tapedeck"])
def test_an_account_is_linked_with_the_address_that_the_browser_ended_on(
    run: Any, user: User, services: FakeServices, name: str
) -> None:
    service = getattr(services, name)
    terminal = run(service.type, agree(service))
    address, linked = terminal.out.getvalue().splitlines()
    assert address.startswith(f"https://{service.type}.example/authorize?")
    assert linked == f"{registry.get(service.type).label} of ada is linked as ada."
    assert "Paste the address that it ends on:" in terminal.err.getvalue()
    assert Connection.objects.get().user == user


def test_a_program_is_told_the_address_and_nothing_else(run: Any, services: FakeServices) -> None:
    terminal = run(services.wavebox.type, agree(services.wavebox), is_terminal=False)
    assert terminal.err.getvalue() == ""
    assert len(terminal.out.getvalue().splitlines()) == 2


@pytest.mark.parametrize(
    ("public_url", "base"), [("", "http://127.0.0.1:8000"), ("https://bridge.example", "https://bridge.example")]
)
def test_the_browser_is_sent_back_to_where_people_see_the_site(
    run: Any, services: FakeServices, settings: Settings, public_url: str, base: str
) -> None:
    settings.PUBLIC_URL = public_url
    run(services.wavebox.type, agree(services.wavebox))
    run(services.wavebox.type, "")
    assert LinkAttempt.objects.get().callback_url == f"{base}/connections/spotify/callback/"


def test_who_pastes_something_else_on_a_terminal_is_asked_again(run: Any, services: FakeServices) -> None:
    terminal = run(services.wavebox.type, "", "hello", agree(services.wavebox))
    assert "Paste the address first" in terminal.err.getvalue()
    assert "“state=”" in terminal.err.getvalue()
    assert Connection.objects.exists()


@pytest.mark.parametrize(
    ("answer", "said"), [("", "1: Paste the address first"), ("hello", "1: This is not the address")]
)
def test_a_program_that_gives_something_else_is_refused(
    run: Any, services: FakeServices, answer: str, said: str
) -> None:
    terminal = run(services.wavebox.type, answer, agree(services.wavebox), is_terminal=False)
    assert said in terminal.err.getvalue()
    assert not Connection.objects.exists()


@pytest.mark.parametrize("is_terminal", [True, False])
def test_an_input_that_ends_is_wrong_usage(run: Any, services: FakeServices, is_terminal: bool) -> None:
    terminal = run(services.wavebox.type, is_terminal=is_terminal)
    assert "2: Standard input ended before an address came." in terminal.err.getvalue()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"user": "nobody"}, "2: There is no person 'nobody'."),
        ({"provider": "unheard-of"}, "2: There is no service 'unheard-of'"),
        ({"provider": "navidrome"}, "2: Attic is not linked: people sign in here with their account."),
    ],
)
def test_wrong_usage_is_one_clear_line(run: Any, services: FakeServices, options: dict[str, str], said: str) -> None:
    terminal = run(services.wavebox.type, **options)
    assert said in terminal.err.getvalue()
    assert terminal.out.getvalue() == ""


def test_an_answer_that_is_used_twice_is_explained(run: Any, user: User, services: FakeServices) -> None:
    def use_up(address: str) -> str:
        answer = agree(services.wavebox)(address)
        linking.complete(user, services.wavebox.type, linking.pasted_answer(answer))
        return answer

    assert "1: That answer was used before" in run(services.wavebox.type, use_up).err.getvalue()


def test_another_persons_answer_is_refused(run: Any, services: FakeServices) -> None:
    other = get_user_model().objects.create_user("bo")
    address = linking.begin(other, services.wavebox.type, callback_url=DEAD_END)
    terminal = run(services.wavebox.type, agree(services.wavebox)(address))
    assert "1: That answer belongs to another person's link" in terminal.err.getvalue()
    assert not Connection.objects.exists()


def test_a_person_who_said_no_is_told_apart(run: Any, services: FakeServices) -> None:
    def deny(address: str) -> str:
        return f"{DEAD_END}?error=access_denied&state={services.wavebox.agree(address)['state']}"

    assert "1: Wavebox says that the person cancelled." in run(services.wavebox.type, deny).err.getvalue()


def test_a_service_that_is_down_is_said_to_be_down(run: Any, services: FakeServices) -> None:
    services.wavebox.failure = ServiceUnavailableError("Wavebox does not answer.", provider="x")
    assert "1: Wavebox does not answer." in run(services.wavebox.type).err.getvalue()


def test_a_service_that_is_not_set_up_names_what_is_missing_unless_the_person_brought_an_application(
    run: Any, user: User, services: FakeServices, settings: Settings
) -> None:
    settings.SPOTIFY_CLIENT_ID = ""
    terminal = run(services.wavebox.type, agree(services.wavebox))
    assert "1: Wavebox needs SPOTIFY_CLIENT_ID to be set." in terminal.err.getvalue()
    OwnApplication.objects.create(user=user, provider_type=services.wavebox.type, client_id="own-1")
    run(services.wavebox.type, agree(services.wavebox))
    assert SpotifyAuth.objects.get().client_id == "own-1"


# --- another account -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("answer", "account"), [("y", "2"), ("Yes", "2"), ("n", "1"), ("", "1"), ("what", "1")])
def test_another_account_is_asked_about_on_a_terminal(
    run: Any, services: FakeServices, answer: str, account: str
) -> None:
    run(services.wavebox.type, agree(services.wavebox))
    terminal = run(services.wavebox.type, agree(services.wavebox, BO), answer)
    assert "Wavebox is linked as ada; this is Bo." in terminal.err.getvalue()
    assert Connection.objects.get().account_id == account
    assert not LinkAttempt.objects.exists()


def test_a_program_does_not_switch_accounts_by_accident(run: Any, services: FakeServices) -> None:
    run(services.wavebox.type, agree(services.wavebox))
    terminal = run(services.wavebox.type, agree(services.wavebox, BO), "y", is_terminal=False)
    assert "1: Wavebox is linked as ada; this is Bo. Nothing was changed. With --switch-account" in (
        terminal.err.getvalue()
    )
    assert Connection.objects.get().account_id == "1"
    assert not LinkAttempt.objects.exists()


@pytest.mark.parametrize("is_terminal", [True, False])
def test_who_says_so_at_once_is_not_asked(run: Any, services: FakeServices, is_terminal: bool) -> None:
    run(services.wavebox.type, agree(services.wavebox))
    run(services.wavebox.type, agree(services.wavebox, BO), switch_account=True, is_terminal=is_terminal)
    assert Connection.objects.get().account_id == "2"


# --- a real process, and real services on sockets --------------------------------------------------------------------


@pytest.fixture
def household() -> Iterator[Household]:
    with serving_household("http://127.0.0.1:1/connections/spotify/callback/") as household:
        yield household


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("provider_type", ["spotify", "lastfm"])
def test_a_program_links_an_account_through_a_pipe(household: Household, provider_type: str) -> None:
    get_user_model().objects.create_user("ada")
    process = subprocess.Popen(
        [sys.executable, "manage.py", "link_account", "--user", "ada", "--provider", provider_type],
        env={
            **os.environ,
            **household.settings,
            "DATABASE_URL": database_url(),
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            # As it is where nobody has set it: what is not flushed waits.
            "PYTHONUNBUFFERED": "",
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        agreed = requests.post(address, data=household.consents[provider_type], allow_redirects=False, timeout=30)
        said, complaints = process.communicate(agreed.headers["Location"] + "\n", timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, complaints
    label = registry.get(provider_type).label
    assert said in (f"{label} of ada is linked as Ana.\n", f"{label} of ada is linked as {USERNAME}.\n")
    secrets = [row.access_token for row in SpotifyAuth.objects.all()] + [
        row.session_key for row in LastFMAuth.objects.all()
    ]
    assert len(secrets) == 1
    assert secrets[0] not in said + complaints
