"""A valid access token, refreshed once, whoever asks. The processes are in test_refresh_across_processes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from providers import tokens
from providers.datatypes import AuthResult
from providers.exceptions import (
    AuthenticationError,
    InvalidResponseError,
    RateLimitedError,
    ReauthorizationRequiredError,
    ServiceUnavailableError,
)
from providers.models import Connection, SpotifyAuth
from providers.tokens import COOL_DOWN, LEASE, LEEWAY, StoredTokenSource
from providers.transport import AccessToken

LATER = datetime(2030, 1, 1, tzinfo=UTC)
DEAD = ReauthorizationRequiredError("Refresh token revoked.", provider="spotify")
DOWN = ServiceUnavailableError("Down.", provider="spotify")


@dataclass
class Service:
    """What the token endpoint does when it is asked, and which refresh tokens it saw."""

    answers: list[AuthResult | BaseException] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None

    def refresh(self, refresh_token: str) -> AuthResult:
        self.seen.append(refresh_token)
        self.meanwhile()
        answer = self.answers.pop(0) if self.answers else granted("fresh")
        if isinstance(answer, BaseException):
            raise answer
        return answer


def granted(access_token: str, refresh_token: str = "") -> AuthResult:
    return AuthResult(access_token=access_token, refresh_token=refresh_token, expires_at=LATER)


@pytest.fixture
def row(user: User) -> SpotifyAuth:
    """Return credentials whose access token has expired."""
    return SpotifyAuth.objects.create(
        user=user,
        access_token="old",
        refresh_token="refresh-1",
        expires_at=timezone.now() - timedelta(hours=1),
        scopes="a b",
    )


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def source(row: SpotifyAuth, service: Service) -> StoredTokenSource:
    return StoredTokenSource(row, service.refresh)


def stored() -> SpotifyAuth:
    return SpotifyAuth.objects.get()


def expire_in(row: SpotifyAuth, **time: float) -> None:
    row.expires_at = timezone.now() + timedelta(**time)
    row.save()


def held_by_another(row: SpotifyAuth) -> None:
    row.refresh_lease_until = timezone.now() + LEASE
    row.save()


def while_waiting(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> None:
    """Do something whenever a caller waits, in place of waiting."""
    monkeypatch.setattr(tokens, "time", SimpleNamespace(sleep=lambda seconds: action()))


class TestAFreshToken:
    @pytest.mark.parametrize("expires", [timedelta(hours=1), LEEWAY + timedelta(seconds=10), None])
    def test_is_used_as_it_is(
        self, row: SpotifyAuth, source: StoredTokenSource, service: Service, expires: timedelta | None
    ) -> None:
        row.expires_at = timezone.now() + expires if expires else None
        assert source.get_access_token() == AccessToken("old", 1)
        assert service.seen == []

    def test_costs_no_query(
        self, row: SpotifyAuth, source: StoredTokenSource, django_assert_num_queries: Callable[[int], object]
    ) -> None:
        expire_in(row, hours=1)
        with django_assert_num_queries(0):  # type: ignore[attr-defined]
            source.get_access_token()

    def test_is_fine_within_a_transaction(self, row: SpotifyAuth, source: StoredTokenSource) -> None:
        expire_in(row, hours=1)
        with transaction.atomic():
            assert source.get_access_token().value == "old"


class TestRefreshing:
    @pytest.mark.req("PROV-013")
    @pytest.mark.parametrize("minutes", [-60, 0, 4])
    def test_a_token_that_expired_or_is_about_to_is_refreshed(
        self, row: SpotifyAuth, source: StoredTokenSource, service: Service, minutes: int
    ) -> None:
        expire_in(row, minutes=minutes)
        assert source.get_access_token() == AccessToken("fresh", 2)
        assert service.seen == ["refresh-1"]

    def test_what_was_granted_is_stored(self, source: StoredTokenSource, service: Service) -> None:
        service.answers = [AuthResult(access_token="new", refresh_token="refresh-2", expires_at=LATER, scopes=("c",))]
        source.get_access_token()
        row = stored()
        assert (row.access_token, row.refresh_token, row.expires_at) == ("new", "refresh-2", LATER)
        assert (row.scopes, row.token_version) == ("c", 2)

    def test_without_a_new_refresh_token_the_old_one_stays(self, source: StoredTokenSource) -> None:
        source.get_access_token()
        assert stored().refresh_token == "refresh-1"

    def test_without_scopes_the_old_ones_stay(self, source: StoredTokenSource) -> None:
        source.get_access_token()
        assert stored().scopes == "a b"

    def test_it_does_not_move_the_time_at_which_the_person_agreed(self, source: StoredTokenSource) -> None:
        before = Connection.objects.get().authorized_at
        source.get_access_token()
        assert Connection.objects.get().authorized_at == before

    def test_asked_again_it_refreshes_no_more(self, source: StoredTokenSource, service: Service) -> None:
        assert source.get_access_token() == source.get_access_token()
        assert len(service.seen) == 1

    def test_a_second_source_with_the_old_row_finds_the_refreshed_one(
        self, row: SpotifyAuth, source: StoredTokenSource, service: Service
    ) -> None:
        second = StoredTokenSource(SpotifyAuth.objects.get(), service.refresh)
        source.get_access_token()
        assert second.get_access_token() == AccessToken("fresh", 2)
        assert len(service.seen) == 1

    @pytest.mark.django_db(transaction=True)
    def test_no_transaction_is_open_while_the_service_is_asked(
        self, source: StoredTokenSource, service: Service
    ) -> None:
        open_then: list[bool] = []
        service.meanwhile = lambda: open_then.append(connection.in_atomic_block)
        source.get_access_token()
        assert open_then == [False]

    def test_it_refuses_to_run_in_the_callers_transaction_and_loses_nothing(
        self, source: StoredTokenSource, service: Service
    ) -> None:
        with pytest.raises(RuntimeError), transaction.atomic():
            source.get_access_token()
        assert service.seen == []
        assert (stored().access_token, stored().token_version) == ("old", 1)
        assert source.get_access_token().value == "fresh"

    def test_no_source_shows_a_token(self, source: StoredTokenSource) -> None:
        source.get_access_token()
        assert "fresh" not in repr(source)


class TestWhileAnotherRefreshes:
    def test_the_old_token_is_used_as_long_as_it_lives(
        self, row: SpotifyAuth, source: StoredTokenSource, service: Service
    ) -> None:
        expire_in(row, minutes=1)
        held_by_another(row)
        assert source.get_access_token() == AccessToken("old", 1)
        assert service.seen == []

    def test_an_expired_token_waits_for_the_others_result(
        self, row: SpotifyAuth, source: StoredTokenSource, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        held_by_another(row)
        while_waiting(
            monkeypatch,
            lambda: SpotifyAuth.objects.update(access_token="theirs", token_version=2, expires_at=LATER),
        )
        assert source.get_access_token() == AccessToken("theirs", 2)
        assert service.seen == []

    def test_when_the_other_dies_its_lease_ends_and_one_more_tries(
        self, row: SpotifyAuth, source: StoredTokenSource, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with time_machine.travel(timezone.now(), tick=False) as clock:
            held_by_another(row)
            while_waiting(monkeypatch, lambda: clock.shift(1))
            assert source.get_access_token() == AccessToken("fresh", 2)
            assert timezone.now() >= row.refresh_lease_until
        assert service.seen == ["refresh-1"]

    def test_nobody_waits_for_ever(
        self, row: SpotifyAuth, source: StoredTokenSource, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with time_machine.travel(timezone.now(), tick=False) as clock:
            held_by_another(row)

            def other_goes_on() -> None:
                clock.shift(1)
                SpotifyAuth.objects.update(refresh_lease_until=timezone.now() + LEASE)

            while_waiting(monkeypatch, other_goes_on)
            with pytest.raises(ServiceUnavailableError):
                source.get_access_token()
        assert service.seen == []

    def test_a_result_that_comes_after_the_lease_does_not_undo_a_newer_one(
        self, source: StoredTokenSource, service: Service
    ) -> None:
        service.meanwhile = lambda: SpotifyAuth.objects.update(
            access_token="newer", refresh_token="refresh-9", token_version=2, expires_at=LATER
        )
        service.answers = [granted("late", "refresh-late")]
        assert source.get_access_token() == AccessToken("newer", 2)
        assert stored().refresh_token == "refresh-9"


class TestAfterARefusal:
    def test_the_refused_token_is_refreshed_though_it_had_not_expired(
        self, row: SpotifyAuth, source: StoredTokenSource, service: Service
    ) -> None:
        expire_in(row, hours=1)
        assert source.renew("old") == AccessToken("fresh", 2)
        assert service.seen == ["refresh-1"]

    def test_a_newer_token_in_the_database_means_no_refresh(
        self, row: SpotifyAuth, source: StoredTokenSource, service: Service
    ) -> None:
        expire_in(row, hours=1)
        SpotifyAuth.objects.update(access_token="newer", token_version=2, expires_at=LATER)
        assert source.renew("old") == AccessToken("newer", 2)
        assert service.seen == []

    def test_a_newer_token_at_hand_means_no_refresh(self, source: StoredTokenSource, service: Service) -> None:
        source.get_access_token()
        assert source.renew("old") == AccessToken("fresh", 2)
        assert len(service.seen) == 1

    def test_while_another_refreshes_it_waits_and_never_uses_the_refused_token(
        self, row: SpotifyAuth, source: StoredTokenSource, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        expire_in(row, hours=1)
        held_by_another(row)
        while_waiting(
            monkeypatch,
            lambda: SpotifyAuth.objects.update(access_token="theirs", token_version=2, expires_at=LATER),
        )
        assert source.renew("old") == AccessToken("theirs", 2)
        assert service.seen == []


class TestADeadLink:
    def test_is_raised_and_noted(self, source: StoredTokenSource, service: Service) -> None:
        service.answers = [DEAD]
        with pytest.raises(ReauthorizationRequiredError):
            source.get_access_token()
        link = Connection.objects.get()
        assert (link.status, link.status_detail) == (Connection.Status.NEEDS_REAUTH, "Refresh token revoked.")

    def test_keeps_its_refresh_token_but_never_uses_it_again(
        self, row: SpotifyAuth, source: StoredTokenSource, service: Service
    ) -> None:
        service.answers = [DEAD]
        for _ in range(3):
            with pytest.raises(ReauthorizationRequiredError):
                source.get_access_token()
        with pytest.raises(ReauthorizationRequiredError):
            SpotifyAuth.of(row.user_id)
        assert service.seen == ["refresh-1"]
        assert stored().refresh_token == "refresh-1"

    def test_is_not_dead_when_the_person_linked_again_meanwhile(
        self, row: SpotifyAuth, source: StoredTokenSource, service: Service
    ) -> None:
        service.answers = [DEAD]
        service.meanwhile = lambda: SpotifyAuth.objects.get().store(granted("relinked", "refresh-9"))
        assert source.get_access_token() == AccessToken("relinked", 2)
        assert Connection.objects.get().status == Connection.Status.OK

    def test_is_not_dead_when_only_the_winner_was_slow_and_its_grant_arrives_after_all(
        self, row: SpotifyAuth, source: StoredTokenSource, service: Service
    ) -> None:
        service.answers = [granted("fresh", "refresh-2")]
        service.meanwhile = lambda: Connection.objects.get().mark_needs_reauth("The old refresh token is used up.")
        assert source.get_access_token() == AccessToken("fresh", 2)
        link = Connection.objects.get()
        assert (link.status, link.status_detail) == (Connection.Status.OK, "")

    def test_lives_again_when_the_person_links_again(
        self, row: SpotifyAuth, source: StoredTokenSource, service: Service
    ) -> None:
        service.answers = [DEAD]
        with pytest.raises(ReauthorizationRequiredError):
            source.get_access_token()
        SpotifyAuth.objects.get().store(granted("relinked", "refresh-9"))
        Connection.objects.get().mark_authorized(account_id="1", account_name="ada")
        assert source.get_access_token() == AccessToken("relinked", 2)

    def test_a_link_without_a_refresh_token_is_dead_when_it_expires(
        self, row: SpotifyAuth, source: StoredTokenSource, service: Service
    ) -> None:
        row.refresh_token = ""
        row.save()
        with pytest.raises(ReauthorizationRequiredError):
            source.get_access_token()
        assert service.seen == []
        assert Connection.objects.get().status == Connection.Status.NEEDS_REAUTH

    def test_a_link_whose_connection_was_deleted_gets_one_to_be_noted_on(
        self, source: StoredTokenSource, service: Service
    ) -> None:
        Connection.objects.all().delete()
        service.answers = [DEAD]
        with pytest.raises(ReauthorizationRequiredError):
            source.get_access_token()
        assert Connection.objects.get().status == Connection.Status.NEEDS_REAUTH

    def test_a_service_disconnected_meanwhile_needs_no_new_link(
        self, source: StoredTokenSource, service: Service
    ) -> None:
        service.meanwhile = lambda: SpotifyAuth.objects.all().delete()
        with pytest.raises(AuthenticationError) as caught:
            source.get_access_token()
        assert not isinstance(caught.value, ReauthorizationRequiredError)
        assert Connection.objects.get().status == Connection.Status.OK


class TestAServiceInTrouble:
    @pytest.mark.parametrize("trouble", [DOWN, RateLimitedError("Slow down.", provider="spotify")])
    def test_is_raised_when_the_token_has_expired(
        self, source: StoredTokenSource, service: Service, trouble: Exception
    ) -> None:
        service.answers = [trouble]
        with pytest.raises(type(trouble)):
            source.get_access_token()
        assert Connection.objects.get().status == Connection.Status.OK
        assert (stored().refresh_token, stored().token_version) == ("refresh-1", 1)

    def test_a_pause_it_asks_for_holds_for_everybody_of_the_application(
        self, row: SpotifyAuth, source: StoredTokenSource, service: Service, django_user_model: type[User]
    ) -> None:
        with time_machine.travel(timezone.now(), tick=False) as clock:
            until = timezone.now() + timedelta(hours=1)
            service.answers = [RateLimitedError("Slow down.", provider="spotify", retry_at=until)]
            other = SpotifyAuth.objects.create(
                user=django_user_model.objects.create_user("bo"),
                access_token="another",
                refresh_token="refresh-2",
                expires_at=row.expires_at,
            )
            for waiting in (source, StoredTokenSource(other, service.refresh)):
                with pytest.raises(RateLimitedError) as error:
                    waiting.get_access_token()
                assert error.value.retry_at == until
            assert service.seen == ["refresh-1"]

            clock.shift(timedelta(hours=1, seconds=1))
            assert source.get_access_token() == AccessToken("fresh", 2)

    def test_does_not_matter_while_the_old_token_lives(
        self, row: SpotifyAuth, source: StoredTokenSource, service: Service
    ) -> None:
        expire_in(row, minutes=1)
        service.answers = [DOWN]
        assert source.get_access_token() == AccessToken("old", 1)

    def test_matters_when_the_old_token_was_refused(
        self, row: SpotifyAuth, source: StoredTokenSource, service: Service
    ) -> None:
        expire_in(row, minutes=1)
        service.answers = [DOWN]
        with pytest.raises(ServiceUnavailableError):
            source.renew("old")

    def test_is_left_in_peace_for_a_moment_and_then_asked_again(
        self, row: SpotifyAuth, source: StoredTokenSource, service: Service
    ) -> None:
        with time_machine.travel(timezone.now(), tick=False) as clock:
            expire_in(row, minutes=1)
            service.answers = [DOWN]
            for _ in range(5):
                source.get_access_token()
            assert len(service.seen) == 1
            clock.shift(COOL_DOWN)
            assert source.get_access_token() == AccessToken("fresh", 2)

    def test_an_answer_that_makes_no_sense_changes_nothing(self, source: StoredTokenSource, service: Service) -> None:
        service.answers = [InvalidResponseError("Not JSON.", provider="spotify")]
        with pytest.raises(InvalidResponseError):
            source.get_access_token()
        assert (stored().access_token, stored().refresh_token, stored().token_version) == ("old", "refresh-1", 1)

    def test_an_interruption_gives_the_lease_back(self, source: StoredTokenSource, service: Service) -> None:
        service.answers = [KeyboardInterrupt()]
        with pytest.raises(KeyboardInterrupt):
            source.get_access_token()
        assert stored().refresh_lease_until <= timezone.now() + COOL_DOWN
