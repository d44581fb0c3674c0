from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from providers.history import duplicates
from providers.models import DuplicateVerdict, Listen

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def give_listens(person: User, count: int) -> list[Listen]:
    return [
        Listen.objects.create(
            user=person, provider_type="lastfm", name=f"Song {n}", artist="Ana", played_at=START + timedelta(hours=n)
        )
        for n in range(count)
    ]


def test_a_person_goes_with_all_listens_and_all_they_said_of_them_and_nobody_elses(user: User) -> None:
    kept = give_listens(get_user_model().objects.create_user("bo"), 2)
    first, second, third = give_listens(user, 3)
    duplicates.decide(user, first, second, is_duplicate=True)
    duplicates.decide(user, first, third, is_duplicate=False)
    assert Listen.objects.filter(user=user, duplicate_of__isnull=False).count() == 1

    user.delete()

    assert list(Listen.objects.order_by("pk")) == kept
    assert not DuplicateVerdict.objects.exists()


def test_to_delete_a_person_reads_none_of_their_listens_however_many(user: User) -> None:
    give_listens(user, 3)

    with CaptureQueriesContext(connection) as queries:
        user.delete()

    about_listens = [query["sql"] for query in queries if '"providers_listen"' in query["sql"]]
    assert [sql.split()[0] for sql in about_listens] == ["DELETE"]
