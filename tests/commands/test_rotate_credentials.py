"""`rotate_credentials` at the command line."""

import re
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from pytest_django import Settings

from providers.models import LastFMAuth, NavidromeAuth

pytestmark = pytest.mark.django_db

SECRET = "seeded-secret-0451"


@pytest.fixture
def linked(user: User, settings: Settings) -> User:
    """Return a person whose secrets are under an old key, where a new one was set since."""
    settings.FERNET_KEYS = ["old key"]
    LastFMAuth.objects.create(user=user, username="ada", session_key=SECRET)
    NavidromeAuth.objects.create(user=user, username="ada", password=SECRET)
    settings.FERNET_KEYS = ["new key", "old key"]
    return user


def run(*arguments: str) -> tuple[str, str, CommandError | None]:
    """Return what was said on stdout and stderr, and how it failed if it did."""
    out, err = StringIO(), StringIO()
    try:
        call_command("rotate_credentials", *arguments, stdout=out, stderr=err)
    except CommandError as error:
        return out.getvalue(), err.getvalue(), error
    return out.getvalue(), err.getvalue(), None


def test_afterwards_the_old_key_can_go(linked: User, settings: Settings) -> None:
    out, err, failure = run()
    assert failure is None
    assert err == ""
    assert "providers.LastFMAuth: 1 rows, 1 encrypted anew" in out
    assert "providers.SpotifyAuth: 0 rows, 0 encrypted anew" in out
    assert "Every secret is under the newest key." in out
    settings.FERNET_KEYS = ["new key"]
    assert (LastFMAuth.objects.get().session_key, NavidromeAuth.objects.get().password) == (SECRET, SECRET)


def test_run_again_it_finds_nothing_to_do(linked: User) -> None:
    run()
    out, _, failure = run()
    assert failure is None
    assert set(re.findall(r"(\d+) encrypted anew", out)) == {"0"}


def test_a_dry_run_counts_and_changes_nothing(linked: User, settings: Settings) -> None:
    out, _, failure = run("--dry-run")
    assert failure is None
    assert "providers.NavidromeAuth: 1 rows, 1 to be encrypted anew" in out
    settings.FERNET_KEYS = ["old key"]
    assert NavidromeAuth.objects.get().password == SECRET


@pytest.mark.parametrize("arguments", [(), ("--dry-run",)])
def test_a_row_that_cannot_be_decrypted_is_named_and_the_exit_code_says_so(
    linked: User, settings: Settings, arguments: tuple[str, ...]
) -> None:
    row = NavidromeAuth.objects.get()
    settings.FERNET_KEYS = ["lost key"]
    row.save()
    settings.FERNET_KEYS = ["new key", "old key"]
    out, err, failure = run(*arguments)
    assert failure is not None
    assert failure.returncode == 1
    assert f"providers.NavidromeAuth {row.pk}: password cannot be decrypted" in err
    assert "LastFMAuth" not in err
    assert "providers.LastFMAuth: 1 rows, 1 " in out
    assert SECRET not in out + err + str(failure)


def test_a_secret_written_under_an_older_key_meanwhile_is_named(linked: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("providers.rotation._rotate_rows", lambda model, pks: None)
    _, err, failure = run()
    assert failure is not None
    assert failure.returncode == 1
    assert "session_key was written under an older key meanwhile" in err
