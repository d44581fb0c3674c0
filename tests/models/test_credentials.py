from typing import Any

import pytest
from django.contrib.auth.models import User

from providers.models import Connection, LastFMAuth, SpotifyAuth, credential_model

pytestmark = pytest.mark.django_db


def test_a_credential_row_is_all_it_takes_to_be_linked(user: User) -> None:
    LastFMAuth.objects.create(user=user, username="ada-plays", session_key="k")

    connection = Connection.objects.get()
    assert (connection.user, connection.provider_type) == (user, "lastfm")
    assert (connection.account_name, connection.status) == ("ada-plays", Connection.Status.OK)


@pytest.mark.parametrize("status", [Connection.Status.DISCONNECTED, Connection.Status.NEEDS_REAUTH])
def test_a_new_row_revives_the_connection_and_keeps_the_account(user: User, status: Connection.Status) -> None:
    Connection.objects.create(
        user=user, provider_type="spotify", account_id="spotify-ada", status=status, status_detail="over"
    )

    SpotifyAuth.objects.create(user=user, access_token="new")

    connection = Connection.objects.get()
    assert (connection.account_id, connection.status, connection.status_detail) == (
        "spotify-ada",
        Connection.Status.OK,
        "",
    )


def test_saving_a_row_again_says_nothing_about_the_link(user: User) -> None:
    row = LastFMAuth.objects.create(user=user, username="ada-plays", session_key="k")
    Connection.objects.get().mark_needs_reauth("It was withdrawn.")

    row.save()

    assert Connection.objects.get().status == Connection.Status.NEEDS_REAUTH


def test_a_row_without_a_connection_is_never_left_behind(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Connection.objects, "get_or_create", fail)
    with pytest.raises(OSError, match="disk full"):
        LastFMAuth.objects.create(user=user, username="ada-plays", session_key="k")

    assert not LastFMAuth.objects.exists()


def test_the_model_of_a_service_is_found_by_the_label_in_its_spec() -> None:
    assert credential_model("providers.SpotifyAuth") is SpotifyAuth
    with pytest.raises(LookupError):
        credential_model("providers.Nothing")
