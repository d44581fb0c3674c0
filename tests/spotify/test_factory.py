from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings
from werkzeug.test import Client

from providers import conf, registry
from providers.contracts import Authenticator, HistoryFetcher, PlaylistManager
from providers.datatypes import AuthAttempt
from providers.exceptions import ReauthorizationRequiredError, ServiceUnavailableError
from providers.models import Connection, SpotifyAuth
from providers.spotify import SPEC
from providers.spotify.factory import authorize_origins, build_authenticator, build_provider, check_settings
from providers.testing.simulators.spotify import Person, SpotifySimulator
from tests.spotify.conftest import ACCOUNTS_URL, API_URL, REDIRECT_URI

ATTEMPT = AuthAttempt(type="spotify", callback_url=REDIRECT_URI, code_verifier="v" * 64)


@pytest.fixture(autouse=True)
def configured(settings: Settings) -> None:
    settings.PROVIDERS = ["providers.spotify"]
    settings.SPOTIFY_CLIENT_ID = "musicbridge-demo"
    settings.SPOTIFY_REDIRECT_URI = REDIRECT_URI
    settings.SPOTIFY_ACCOUNTS_URL = ACCOUNTS_URL
    settings.SPOTIFY_API_URL = API_URL
    settings.PROVIDER_RATE_LIMITS = "none"


def link(user: User, spotify: SpotifySimulator, person: Person, *, expires_in: timedelta) -> SpotifyAuth:
    """Store tokens for a person as a link would, the access token expiring then."""
    access_token, refresh_token = spotify.issue_tokens(person, expires_in=int(expires_in.total_seconds()))
    return SpotifyAuth.objects.create(
        user=user,
        access_token=access_token,
        refresh_token=refresh_token,
        expires_at=timezone.now() + expires_in,
    )


@pytest.fixture
def outdated(transactional_db: None, spotify: SpotifySimulator, ada: Person) -> SpotifyAuth:
    """A link whose access token has expired."""
    user = User.objects.create_user("someone")
    row = link(user, spotify, ada, expires_in=timedelta(seconds=-1))
    spotify.expire_access_tokens()
    return row


@pytest.mark.req("PROV-010")
@pytest.mark.req("PROV-011")
def test_a_person_who_never_linked_has_no_spotify_and_that_is_no_error(user: User) -> None:
    assert registry.build("spotify", user) is None


@pytest.mark.req("PROV-011")
def test_a_person_who_never_linked_has_none_even_where_the_site_is_not_set_up(user: User, settings: Settings) -> None:
    settings.SPOTIFY_CLIENT_ID = ""
    assert build_provider(user) is None


@pytest.mark.req("PROV-012")
@pytest.mark.req("PROV-030")
def test_a_linked_person_gets_a_provider_from_the_database(user: User, spotify: SpotifySimulator, ada: Person) -> None:
    row = link(user, spotify, ada, expires_in=timedelta(hours=1))
    ada.add_playlist("Mix")
    provider = registry.build("spotify", User.objects.get(pk=user.pk))
    assert isinstance(provider, HistoryFetcher)
    assert isinstance(provider, Authenticator)
    assert isinstance(provider, PlaylistManager)
    assert [playlist.name for playlist in provider.get_playlists()] == ["Mix"]
    assert spotify.seen("me")[0].headers["Authorization"] == f"Bearer {row.access_token}"
    assert spotify.seen("token") == []


@pytest.mark.req("PROV-013")
@pytest.mark.req("PROV-032")
@pytest.mark.django_db(transaction=True)
def test_an_expired_token_is_refreshed_and_stored_before_the_provider_is_handed_out(
    outdated: SpotifyAuth, spotify: SpotifySimulator
) -> None:
    provider = build_provider(outdated.user)
    stored = SpotifyAuth.objects.get()
    (asked,) = spotify.seen("token")
    assert asked.form["refresh_token"] == [outdated.refresh_token]
    assert stored.access_token != outdated.access_token
    assert stored.refresh_token != outdated.refresh_token
    assert stored.expires_at is not None
    assert stored.expires_at > timezone.now() + timedelta(minutes=50)
    assert provider is not None
    provider.get_playlists()
    assert spotify.seen("me")[0].headers["Authorization"] == f"Bearer {stored.access_token}"


@pytest.mark.req("PROV-032")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("simulator_options", [{"rotates_refresh_tokens": False}])
def test_the_old_refresh_token_stays_where_spotify_sends_no_new_one(
    outdated: SpotifyAuth, spotify: SpotifySimulator
) -> None:
    build_provider(outdated.user)
    stored = SpotifyAuth.objects.get()
    assert stored.refresh_token == outdated.refresh_token
    assert stored.access_token != outdated.access_token


@pytest.mark.req("PROV-032")
@pytest.mark.django_db(transaction=True)
def test_a_token_that_spotify_refuses_early_is_refreshed_once_and_the_call_repeated(
    spotify: SpotifySimulator, ada: Person
) -> None:
    user = User.objects.create_user("someone")
    link(user, spotify, ada, expires_in=timedelta(hours=1))
    provider = build_provider(user)
    assert provider is not None
    spotify.expire_access_tokens()
    assert provider.get_playlists() == []
    assert len(spotify.seen("token")) == 1


@pytest.mark.django_db(transaction=True)
def test_a_link_that_is_over_asks_the_person_and_is_not_tried_again(
    outdated: SpotifyAuth, spotify: SpotifySimulator, ada: Person
) -> None:
    spotify.revoke(ada)
    for _ in range(2):
        with pytest.raises(ReauthorizationRequiredError, match="Link Spotify again"):
            build_provider(outdated.user)
    assert len(spotify.seen("token")) == 1
    assert Connection.objects.get().status == Connection.Status.NEEDS_REAUTH
    assert SpotifyAuth.objects.get().refresh_token == outdated.refresh_token


@pytest.mark.django_db(transaction=True)
def test_a_token_endpoint_that_is_down_leaves_the_link_as_it_is(
    outdated: SpotifyAuth, spotify: SpotifySimulator
) -> None:
    spotify.faults.add("token", status=503)
    with pytest.raises(ServiceUnavailableError):
        build_provider(outdated.user)
    assert Connection.objects.get().status == Connection.Status.OK
    assert SpotifyAuth.objects.get().refresh_token == outdated.refresh_token


@pytest.mark.django_db(transaction=True)
def test_a_refresh_is_refused_inside_a_transaction_that_could_lose_it(
    outdated: SpotifyAuth, spotify: SpotifySimulator
) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        build_provider(outdated.user)
    assert spotify.seen("token") == []


@pytest.mark.django_db(transaction=True)
def test_a_refresh_token_is_used_for_the_application_it_was_granted_to(
    outdated: SpotifyAuth, spotify: SpotifySimulator, settings: Settings
) -> None:
    SpotifyAuth.objects.update(client_id="musicbridge-demo")
    settings.SPOTIFY_CLIENT_ID = "the-next-application"
    provider = build_provider(outdated.user)
    assert provider is not None
    assert provider.client_id == "musicbridge-demo"
    assert spotify.seen("token")[0].form["client_id"] == ["musicbridge-demo"]


@pytest.mark.req("PROV-031")
def test_an_attempt_is_finished_by_an_authenticator_built_anew(spotify: SpotifySimulator, ada: Person) -> None:
    address = build_authenticator(ATTEMPT).get_auth_url("s")
    query = address.partition("?")[2]
    back = Client(spotify.accounts).post(f"/authorize?{query}", data={"person": ada.id, "decision": "agree"})
    code = back.headers["Location"].partition("code=")[2].partition("&")[0]
    assert build_authenticator(ATTEMPT).exchange_code(code).account_name == "Ada"


def test_an_attempt_stays_with_the_application_it_began_with() -> None:
    assert build_authenticator(None).client_id == "musicbridge-demo"
    attempt = AuthAttempt(type="spotify", callback_url=REDIRECT_URI, client_id="before", code_verifier="v" * 64)
    assert build_authenticator(attempt).client_id == "before"
    assert "client_id=before&" in build_authenticator(attempt).get_auth_url("s")


@pytest.mark.req("PROV-031")
def test_the_redirect_uri_comes_from_the_settings(settings: Settings) -> None:
    settings.SPOTIFY_REDIRECT_URI = "https://music.example/back/"
    address = build_authenticator(ATTEMPT).get_auth_url("s")
    assert "redirect_uri=https%3A%2F%2Fmusic.example%2Fback%2F&" in address


def test_a_missing_setting_is_named(settings: Settings) -> None:
    settings.SPOTIFY_CLIENT_ID = ""
    with pytest.raises(conf.ProviderConfigurationError, match="SPOTIFY_CLIENT_ID is not set"):
        build_authenticator(None)


@pytest.mark.req("PROV-031")
@pytest.mark.parametrize("name", ["SPOTIFY_REDIRECT_URI", "SPOTIFY_ACCOUNTS_URL", "SPOTIFY_API_URL"])
def test_a_wrong_address_is_found_before_anybody_is_sent_there(settings: Settings, name: str) -> None:
    setattr(settings, name, "http://localhost:8000/x/")
    (problem,) = check_settings()
    assert problem.is_fatal
    assert problem.text.startswith(f"{name} is plain http")
    assert "http://127.0.0.1" in problem.text
    with pytest.raises(conf.ProviderConfigurationError, match=name):
        build_authenticator(None)


def test_settings_that_are_in_order_are_no_problem() -> None:
    assert check_settings() == []
    assert SPEC.missing_settings == ()


@pytest.mark.parametrize(
    ("accounts_url", "origin"),
    [
        (ACCOUNTS_URL, "https://accounts.spotify.com"),
        ("http://127.0.0.1:9001/accounts", "http://127.0.0.1:9001"),
    ],
)
def test_the_origin_of_the_consent_page_follows_the_settings(
    settings: Settings, accounts_url: str, origin: str
) -> None:
    settings.SPOTIFY_ACCOUNTS_URL = accounts_url
    assert list(authorize_origins()) == [origin]


def test_the_service_is_registered_with_what_is_known_of_it() -> None:
    spec = registry.get("spotify")
    assert spec is SPEC
    assert {capability.__name__ for capability in spec.capabilities} == {
        "HistoryFetcher",
        "PlaylistManager",
        "PlaylistSyncer",
        "Authenticator",
        "TrackFinder",
    }
    assert spec.link_lifetime == timedelta(days=181)
    assert spec.played_at_marks == "end"
    shortest, longest = spec.poll_interval
    # Plays of three minutes each, more than fifty of which are lost to everybody.
    assert shortest < longest < timedelta(minutes=3) * (SPEC.provider_class.history_limit or 0)  # type: ignore[attr-defined]


def test_a_client_id_of_ones_own_is_kept_as_spotify_writes_it() -> None:
    guide = SPEC.application_guide
    assert guide is not None
    assert guide.clean_client_id(" 0123456789ABCDEF0123456789abcdef\n") == "0123456789abcdef0123456789abcdef"
    for wrong in ("", "0" * 31, "0" * 33, "g" * 32, "0" * 32 + "\0", "musicbridge-demo", "\u0660" * 32):
        with pytest.raises(ValueError, match="has 32 characters"):
            guide.clean_client_id(wrong)


def test_the_guide_tells_the_redirect_uri_of_the_settings_and_six_steps() -> None:
    guide = SPEC.application_guide
    assert guide is not None
    assert guide.redirect_uri() == REDIRECT_URI
    assert len(guide.steps) == 6


def test_a_link_through_ones_own_application_works_where_the_site_has_none(
    user: User, spotify: SpotifySimulator, ada: Person, settings: Settings
) -> None:
    settings.SPOTIFY_CLIENT_ID = ""
    row = link(user, spotify, ada, expires_in=timedelta(hours=1))
    SpotifyAuth.objects.filter(pk=row.pk).update(client_id=spotify.client_id)
    assert build_provider(user) is not None
