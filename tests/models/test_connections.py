from datetime import UTC, datetime, timedelta

import pytest

from providers.models import Connection
from providers.models.connections import EXPIRES_SOON, expiring

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "expires_soon"),
    [
        ({"link_expires_at": NOW + EXPIRES_SOON - SECOND}, True),
        ({"link_expires_at": NOW + EXPIRES_SOON}, False),
        ({"link_expires_at": None}, False),
        ({"link_expires_at": NOW + SECOND, "status": "needs_reauth"}, False),
        ({"link_expires_at": NOW + SECOND, "status": "disconnected"}, False),
    ],
)
def test_a_page_a_banner_and_a_list_agree_on_what_expires_soon(user, time_machine, fields, expires_soon):
    time_machine.move_to(NOW, tick=False)
    link = Connection.objects.create(user=user, provider_type="spotify", **fields)

    assert link.expires_soon is expires_soon
    assert Connection.objects.filter(expiring()).exists() is expires_soon
    assert Connection.objects.in_danger().exists() is (expires_soon or link.status == "needs_reauth")
