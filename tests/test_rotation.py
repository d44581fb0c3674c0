"""Bringing stored secrets under the newest key while others use them."""

from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from providers import rotation
from providers.datatypes import AuthResult
from providers.fields import ciphertexts, is_under_newest_key
from providers.models import LastFMAuth, LinkAttempt, NavidromeAuth, SpotifyAuth
from providers.rotation import Batch, find_faults, rotate
from providers.tokens import StoredTokenSource
from tests.example_provider.models import RadiolaAuth

NEW, OLD, LOST = "new key", "old key", "lost key"


@pytest.fixture(autouse=True)
def keys(settings: Settings) -> None:
    settings.FERNET_KEYS = [OLD]


def passwords(count: int) -> None:
    people = User.objects.bulk_create(User(username=f"person-{number}") for number in range(count))
    NavidromeAuth.objects.bulk_create(
        NavidromeAuth(user=person, username="x", password=f"secret of {person.username}") for person in people
    )


def under_newest_key() -> int:
    return sum(is_under_newest_key(stored) for _, stored in ciphertexts(NavidromeAuth.objects.all(), "pk"))


def tokens_of(user: User) -> SpotifyAuth:
    return SpotifyAuth.objects.create(user=user, access_token="token-0", refresh_token="refresh-0")


def test_every_model_that_stores_a_secret_is_found_a_third_partys_included() -> None:
    models = rotation.encrypted_models()
    assert RadiolaAuth in models
    assert {model._meta.label for model in models} >= {
        "providers.SpotifyAuth",
        "providers.LastFMAuth",
        "providers.NavidromeAuth",
        "providers.LinkAttempt",
    }


@pytest.mark.django_db
class TestRotate:
    def test_every_secret_comes_under_the_newest_key_and_reads_the_same(self, settings: Settings) -> None:
        passwords(250)
        settings.FERNET_KEYS = [NEW, OLD]
        assert list(rotate(NavidromeAuth)) == [Batch(100, 100), Batch(100, 100), Batch(50, 50)]
        settings.FERNET_KEYS = [NEW]
        assert all(row.password == f"secret of {row.user.username}" for row in NavidromeAuth.objects.all())

    def test_all_secrets_of_a_row_are_rotated(self, user: User, settings: Settings) -> None:
        tokens_of(user)
        settings.FERNET_KEYS = [NEW, OLD]
        assert list(rotate(SpotifyAuth)) == [Batch(1, 1)]
        settings.FERNET_KEYS = [NEW]
        row = SpotifyAuth.objects.get()
        assert (row.access_token, row.refresh_token, row.token_version) == ("token-0", "refresh-0", 1)

    def test_an_attempt_at_linking_is_rotated_too(self, user: User, settings: Settings) -> None:
        LinkAttempt.objects.create(user=user, provider_type="x", code_verifier="v", expires_at=timezone.now())
        settings.FERNET_KEYS = [NEW, OLD]
        list(rotate(LinkAttempt))
        settings.FERNET_KEYS = [NEW]
        assert LinkAttempt.objects.get().code_verifier == "v"

    def test_what_is_under_the_newest_key_is_not_touched(self, settings: Settings) -> None:
        passwords(3)
        settings.FERNET_KEYS = [NEW, OLD]
        list(rotate(NavidromeAuth))
        before = list(ciphertexts(NavidromeAuth.objects.order_by("pk"), "pk"))
        assert list(rotate(NavidromeAuth)) == [Batch(3, 0)]
        assert list(ciphertexts(NavidromeAuth.objects.order_by("pk"), "pk")) == before

    def test_a_row_half_rotated_is_finished(self, user: User, settings: Settings) -> None:
        row = tokens_of(user)
        settings.FERNET_KEYS = [NEW, OLD]
        SpotifyAuth.objects.filter(pk=row.pk).update(access_token="token-1")
        list(rotate(SpotifyAuth))
        settings.FERNET_KEYS = [NEW]
        assert SpotifyAuth.objects.values_list("access_token", "refresh_token").get() == ("token-1", "refresh-0")

    def test_stopped_half_way_it_goes_on_where_it_was(self, settings: Settings) -> None:
        passwords(250)
        settings.FERNET_KEYS = [NEW, OLD]
        next(rotate(NavidromeAuth))
        assert under_newest_key() == 100
        assert [batch.rotated for batch in rotate(NavidromeAuth)] == [0, 100, 50]

    def test_a_dry_run_changes_nothing(self, settings: Settings) -> None:
        passwords(3)
        settings.FERNET_KEYS = [NEW, OLD]
        assert list(rotate(NavidromeAuth, is_dry_run=True)) == [Batch(3, 3)]
        assert under_newest_key() == 0

    def test_a_secret_that_no_key_decrypts_is_left_as_it_is_and_stops_nobody(
        self, user: User, settings: Settings
    ) -> None:
        settings.FERNET_KEYS = [LOST]
        lost = NavidromeAuth.objects.create(user=user, username="x", password="gone")
        settings.FERNET_KEYS = [OLD]
        passwords(2)
        settings.FERNET_KEYS = [NEW, OLD]
        before = ciphertexts(NavidromeAuth.objects.filter(pk=lost.pk), "pk").get()
        assert list(rotate(NavidromeAuth)) == [Batch(3, 2)]
        assert ciphertexts(NavidromeAuth.objects.filter(pk=lost.pk), "pk").get() == before
        (fault,) = find_faults(NavidromeAuth)
        assert (fault.model, fault.pk, fault.field, fault.is_lost) == (NavidromeAuth, lost.pk, "password", True)

    def test_what_was_written_under_an_older_key_meanwhile_is_found(self, user: User, settings: Settings) -> None:
        LastFMAuth.objects.create(user=user, username="x", session_key="key")
        settings.FERNET_KEYS = [NEW, OLD]
        (fault,) = find_faults(LastFMAuth)
        assert not fault.is_lost
        list(rotate(LastFMAuth))
        assert list(find_faults(LastFMAuth)) == []

    def test_rows_under_the_newest_key_cost_no_lock(
        self, settings: Settings, django_assert_num_queries: Callable[[int], Any]
    ) -> None:
        passwords(3)
        with django_assert_num_queries(2):
            list(rotate(NavidromeAuth))

    def test_what_a_refresh_wrote_between_reading_and_locking_stays(self, user: User, settings: Settings) -> None:
        tokens_of(user)
        settings.FERNET_KEYS = [NEW, OLD]
        reads: list[str] = []

        def refresh_before_the_second_read(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            if sql.startswith("SELECT") and "FROM" in sql:
                reads.append(sql)
                if len(reads) == 2:
                    SpotifyAuth.objects.update(access_token="token-1", token_version=2)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(refresh_before_the_second_read):
            list(rotate(SpotifyAuth))
        row = SpotifyAuth.objects.get()
        assert (row.access_token, row.refresh_token, row.token_version) == ("token-1", "refresh-0", 2)
        assert list(find_faults(SpotifyAuth)) == []


@pytest.mark.django_db(transaction=True)
def test_no_refresh_is_lost_to_a_rotation_that_goes_on_beside_it(user: User, settings: Settings) -> None:
    refreshes = 40
    row = tokens_of(user)

    def refresh(refresh_token: str) -> AuthResult:
        number = int(refresh_token.removeprefix("refresh-")) + 1
        expires_at = timezone.now() + timedelta(hours=1)
        return AuthResult(access_token=f"token-{number}", refresh_token=f"refresh-{number}", expires_at=expires_at)

    def keep_refreshing() -> None:
        source = StoredTokenSource(row, refresh)
        try:
            for number in range(refreshes):
                assert source.renew(f"token-{number}").value == f"token-{number + 1}"
        finally:
            connection.close()

    worker = Thread(target=keep_refreshing)
    worker.start()
    rotations = 0
    while worker.is_alive():
        # Each turn makes the other key the newest, so that there is always something to rotate.
        settings.FERNET_KEYS = [OLD, NEW] if rotations % 2 else [NEW, OLD]
        list(rotate(SpotifyAuth))
        rotations += 1
    worker.join()
    assert rotations > 1
    stored = SpotifyAuth.objects.get()
    assert (stored.access_token, stored.refresh_token) == (f"token-{refreshes}", f"refresh-{refreshes}")
    assert stored.token_version == 1 + refreshes
