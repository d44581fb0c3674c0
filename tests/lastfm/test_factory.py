from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from providers import conf, registry
from providers.contracts import Authenticator, HistoryCounter, HistoryFetcher
from providers.datatypes import AuthAttempt
from providers.exceptions import AuthenticationError, RateLimitedError, ReauthorizationRequiredError
from providers.fields import ciphertexts
from providers.lastfm import SPEC
from providers.lastfm.factory import authorize_origins, build_authenticator, build_provider
from providers.models import Connection, LastFMAuth
from providers.testing.simulators.lastfm import LastFMSimulator, Person
from tests.lastfm.conftest import CATALOGUE

CALLBACK = "https://site.example/connections/lastfm/callback/"


@pytest.fixture(autouse=True)
def configured(settings: Settings) -> None:
    settings.PROVIDERS = ["providers.lastfm"]
    settings.LASTFM_API_KEY = "k" * 32
    settings.LASTFM_API_SECRET = "s" * 32
    settings.LASTFM_API_URL = "https://ws.audioscrobbler.com/2.0/"
    settings.LASTFM_AUTH_URL = "https://www.last.fm/api/auth/"
    settings.PROVIDER_RATE_LIMITS = "none"


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("someone")


@pytest.mark.req("PROV-010")
@pytest.mark.req("PROV-011")
def test_a_person_who_never_linked_has_no_lastfm_and_that_is_no_error(user: User) -> None:
    assert registry.build("lastfm", user) is None


@pytest.mark.req("PROV-011")
def test_a_person_who_never_linked_has_none_even_where_the_site_is_not_set_up(user: User, settings: Settings) -> None:
    settings.LASTFM_API_KEY = ""
    assert build_provider(user) is None


@pytest.mark.req("PROV-012")
@pytest.mark.req("PROV-041")
def test_a_link_is_stored_encrypted_and_read_back_from_the_database(
    user: User, lastfm: LastFMSimulator, ada: Person
) -> None:
    heard_at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    ada.listen(CATALOGUE.tracks[0], heard_at)
    attempt = AuthAttempt(type="lastfm", callback_url=CALLBACK, state="abc")
    authenticator = registry.build_authenticator("lastfm", attempt)
    query = parse_qs(urlsplit(lastfm.approve(authenticator.get_auth_url(attempt.state), ada)).query)
    result = authenticator.exchange_code(query["token"][0])

    LastFMAuth(user=user).store(result)

    ((_, stored),) = ciphertexts(LastFMAuth.objects.all(), "pk")
    assert result.access_token.encode() not in bytes(stored)
    assert LastFMAuth.objects.get().session_key == result.access_token
    assert Connection.objects.get(user=user, provider_type="lastfm").account_name == "Ada"

    provider = registry.build("lastfm", User.objects.get(pk=user.pk))
    assert isinstance(provider, HistoryFetcher)
    found: list[datetime | None] = []
    provider.get_recent_listens(heard_at - timedelta(days=1), lambda batch: found.extend(t.played_at for t in batch))
    assert found == [heard_at]
    (seen,) = lastfm.faults.seen("user.getRecentTracks")
    assert (seen.query["user"], seen.query["sk"]) == (["Ada"], [result.access_token])


def test_a_dead_link_asks_the_person_and_is_not_none(user: User) -> None:
    LastFMAuth.objects.create(user=user, username="Ada", session_key="5e55104e")
    Connection.objects.get(user=user).mark_needs_reauth("Access was taken back.")
    with pytest.raises(ReauthorizationRequiredError, match="Access was taken back"):
        build_provider(user)


@pytest.mark.parametrize("name", ["LASTFM_API_KEY", "LASTFM_API_SECRET"])
def test_a_linked_person_on_a_site_without_an_api_account_is_a_matter_of_configuration(
    user: User, settings: Settings, name: str
) -> None:
    LastFMAuth.objects.create(user=user, username="Ada", session_key="5e55104e")
    setattr(settings, name, "")
    with pytest.raises(conf.ProviderConfigurationError, match=name):
        build_provider(user)
    with pytest.raises(conf.ProviderConfigurationError, match=name):
        build_authenticator(None)
    assert SPEC.missing_settings == (name,)


@pytest.mark.parametrize("name", ["LASTFM_API_URL", "LASTFM_AUTH_URL"])
def test_session_keys_do_not_travel_in_clear(settings: Settings, name: str) -> None:
    setattr(settings, name, "http://last.fm.example/2.0/")
    with pytest.raises(conf.ProviderConfigurationError, match=f"{name} is plain http"):
        build_authenticator(None)
    assert [problem.is_fatal for problem in SPEC.check_settings()] == [True]
    setattr(settings, name, "http://127.0.0.1:8011/ws/2.0/")
    assert build_authenticator(None).client_id == "k" * 32


def test_an_authenticator_without_an_attempt_can_do_all_but_send_people_away() -> None:
    authenticator = build_authenticator(None)
    assert authenticator.supports_auth()
    with pytest.raises(ValueError, match="callback_url"):
        authenticator.get_auth_url("abc")


def test_linking_leads_the_browser_to_the_origin_that_is_set(settings: Settings) -> None:
    assert list(authorize_origins()) == ["https://www.last.fm"]
    settings.LASTFM_AUTH_URL = "http://127.0.0.1:8011/www/api/auth/"
    assert list(SPEC.authorize_origins()) == ["http://127.0.0.1:8011"]


@pytest.mark.req("PROV-010")
@pytest.mark.req("PROV-040")
def test_the_registry_knows_it_by_its_type_and_capabilities() -> None:
    assert registry.get("lastfm") is SPEC
    assert SPEC.capabilities == (HistoryFetcher, Authenticator, HistoryCounter)
    assert SPEC.label == "Last.fm"
    assert SPEC.poll_interval == (timedelta(minutes=10), timedelta(hours=6))
    assert SPEC.played_at_marks == "start"
    assert SPEC.link_lifetime is None


def test_everybody_linked_through_one_api_key_shares_one_limit(
    user: User, settings: Settings, lastfm: LastFMSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers.transport.MAX_WAIT_SECONDS", 0.0)
    settings.LASTFM_API_KEY = "a key of this test alone"
    settings.PROVIDER_RATE_LIMITS = "lastfm=1/3600"
    LastFMAuth.objects.create(user=user, username="Ada", session_key="5e55104e")
    with pytest.raises(AuthenticationError):
        build_authenticator(None).exchange_code("token")
    provider = build_provider(user)
    assert provider is not None
    with pytest.raises(RateLimitedError):
        provider.get_recent_listens(datetime.now(UTC), lambda batch: None)
    assert len(lastfm.faults.requests_seen) == 1
