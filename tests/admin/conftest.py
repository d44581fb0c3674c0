import pytest
from django.contrib.auth.models import Permission

from providers.models import Connection, LastFMAuth, PlaylistMirror, SpotifyAuth


@pytest.fixture
def linked(user):
    LastFMAuth.objects.create(user=user, username="ada-plays", session_key="seeded-session-key")
    SpotifyAuth.objects.create(user=user, access_token="seeded-access", refresh_token="seeded-refresh")
    return Connection.objects.get(user=user, provider_type="lastfm")


@pytest.fixture
def mirror(user):
    source = Connection.objects.create(user=user, provider_type="spotify")
    target = Connection.objects.create(user=user, provider_type="navidrome")
    return PlaylistMirror.objects.create(
        user=user,
        source=source,
        target=target,
        source_playlist_id="s1",
        name="Rainy Sundays",
        state="partly",
        due_at=None,
        figures={"total": 4, "matched": 2, "missing": 1, "left_out": 1, "by_method": {"isrc": 2}},
    )


@pytest.fixture
def staff(client, django_user_model):
    """Sign a member of the staff in who may do just this."""

    def sign_in(*codenames):
        person = django_user_model.objects.create_user("staff", password="pw", is_staff=True)
        permissions = Permission.objects.filter(content_type__app_label="providers", codename__in=codenames)
        assert len(permissions) == len(codenames)
        person.user_permissions.add(*permissions)
        client.force_login(person)
        return client

    return sign_in
