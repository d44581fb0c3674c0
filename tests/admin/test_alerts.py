import pytest
from django.contrib.auth.models import User
from django.test import Client

from providers.models import AlertKind, AlertTarget

pytestmark = pytest.mark.django_db

ADDRESS = "json://seeded-secret@127.0.0.1:9/"


def test_places_are_listed_and_their_addresses_never_read(admin_client: Client, user: User) -> None:
    target = AlertTarget.objects.create(
        user=user, label="Kitchen", service="JSON", url=ADDRESS, kinds=AlertKind.values, problem="refused"
    )
    for address in ("", f"{target.pk}/change/"):
        response = admin_client.get(f"/admin/providers/alerttarget/{address}")
        assert response.status_code == 200
        html = response.content.decode()
        assert "Kitchen" in html
        assert "seeded-secret" not in html
        assert 'name="_save"' not in html
