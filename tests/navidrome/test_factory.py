from collections import Counter
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries, Settings

from providers import registry
from providers.conf import ProviderConfigurationError
from providers.exceptions import ReauthorizationRequiredError
from providers.models import Connection, NavidromeAuth
from providers.navidrome import SPEC
from providers.navidrome.client import LOGIN_WINDOW
from providers.navidrome.factory import LOGIN_RATE, build_provider, check_settings
from providers.navidrome.provider import NavidromeProvider
from providers.ratelimit import RateLimiter
from providers.testing.simulators.navidrome import NavidromeSimulator, Person
from providers.transport import MAX_WAIT_SECONDS
from tests.navidrome.conftest import BASE_URL, PASSWORD


@pytest.fixture(autouse=True)
def _navidrome_is_set_up(settings: Settings) -> None:
    settings.NAVIDROME_URL = f"{BASE_URL}/"


@pytest.mark.req("PROV-011")
def test_who_never_signed_in_with_navidrome_has_none(user: User) -> None:
    assert build_provider(user) is None
    assert registry.build("navidrome", user) is None


@pytest.mark.req("PROV-010")
@pytest.mark.req("PROV-012")
@pytest.mark.req("PROV-051")
def test_a_stored_row_is_all_it_takes(user: User, ada: Person) -> None:
    ada.add_playlist("Mine")
    NavidromeAuth.objects.create(user=user, username="ada", password=PASSWORD)
    provider = registry.build("navidrome", user)
    assert isinstance(provider, NavidromeProvider)
    assert [playlist.name for playlist in provider.get_playlists()] == ["Mine"]


def test_a_password_known_to_be_wrong_asks_the_person_to_sign_in_again(user: User) -> None:
    NavidromeAuth.objects.create(user=user, username="ada", password="old")
    Connection.objects.get(user=user).mark_needs_reauth("Name or password is wrong: sign in again.")
    with pytest.raises(ReauthorizationRequiredError, match="sign in again"):
        build_provider(user)


def test_a_site_without_navidrome_says_which_setting_it_lacks(user: User, settings: Settings) -> None:
    NavidromeAuth.objects.create(user=user, username="ada", password=PASSWORD)
    settings.NAVIDROME_URL = ""
    assert SPEC.missing_settings == ("NAVIDROME_URL",)
    with pytest.raises(ProviderConfigurationError, match="NAVIDROME_URL"):
        build_provider(user)


@pytest.mark.req("PROV-052")
def test_nobody_can_link_it() -> None:
    assert SPEC.authenticator_factory is None
    with pytest.raises(registry.UnknownProviderError):
        registry.build_authenticator("navidrome", None)


@pytest.mark.parametrize(
    ("url", "problems"),
    [
        ("", []),
        ("https://music.example/nd", []),
        ("http://127.0.0.1:4533", []),
        ("http://navidrome:4533", [False]),
        ("navidrome:4533", [True]),
        ("https://ada:secret@music.example", [True]),
    ],
)
def test_plain_http_is_a_risk_and_no_address_a_fault(settings: Settings, url: str, problems: list[bool]) -> None:
    settings.NAVIDROME_URL = url
    assert [problem.is_fatal for problem in check_settings()] == problems
    assert not [problem for problem in check_settings() if "secret" in problem.text]


def test_the_provider_shows_no_password(user: User) -> None:
    NavidromeAuth.objects.create(user=user, username="ada", password=PASSWORD)
    provider = build_provider(user)
    assert provider is not None
    assert PASSWORD not in repr(provider) + repr(vars(provider))


def test_building_asks_the_database_twice_at_most(
    user: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    NavidromeAuth.objects.create(user=user, username="ada", password=PASSWORD)
    with django_assert_max_num_queries(2):
        build_provider(user)


def test_the_people_of_one_server_take_turns_at_signing_in_to_its_own_api(
    navidrome: NavidromeSimulator, django_user_model: type[User], db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than five in 20 seconds from one address are refused: the first five of a household would always win."""
    turns: list[tuple[RateLimiter, int]] = []

    def take(limiter: RateLimiter, max_wait: float) -> bool:
        turns.append((limiter, len(navidrome.faults.seen("auth/login"))))
        return True

    monkeypatch.setattr(RateLimiter, "acquire", take)
    for number in range(3):
        user = django_user_model.objects.create(username=f"person {number}")
        navidrome.add_person(user.username, PASSWORD)
        NavidromeAuth.objects.create(user=user, username=user.username, password=PASSWORD)
        provider = build_provider(user)
        assert provider is not None
        provider.get_recent_listens(datetime.now(UTC), lambda batch: None)
    by_limiter = Counter(id(limiter) for limiter, _ in turns)
    door = next(limiter for limiter, _ in turns if by_limiter[id(limiter)] == 3)
    assert [seen for limiter, seen in turns if limiter is door] == [0, 1, 2]
    assert len(by_limiter) == 2


def test_signing_in_is_slow_enough_for_navidrome() -> None:
    assert LOGIN_RATE.requests / LOGIN_RATE.seconds < 5 / LOGIN_WINDOW.total_seconds()
    assert LOGIN_RATE.seconds <= MAX_WAIT_SECONDS
