from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User

from providers import tasks, worker
from providers.alerts import reminders
from providers.alerts.reminders import remind
from providers.models import Alert, AlertTarget, Connection
from tests.alerts.fakes import add_target

pytestmark = pytest.mark.django_db

LINKED = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
EXPIRES = LINKED + timedelta(days=180)


def link(user: User, expires_at: datetime | None = EXPIRES, provider_type: str = "spotify") -> Connection:
    connection, _ = Connection.objects.get_or_create(user=user, provider_type=provider_type)
    connection.mark_authorized(account_id="1", account_name="ada", link_expires_at=expires_at)
    return connection


def before_the_end(**time_left: float) -> "time_machine.travel":
    return time_machine.travel(EXPIRES - timedelta(**time_left), tick=False)


def days_told() -> list[int]:
    return [facts["days"] for facts in Alert.objects.order_by("pk").values_list("facts", flat=True)]


@pytest.fixture
def connection(user: User, target: AlertTarget) -> Connection:
    with time_machine.travel(LINKED, tick=False):
        return link(user)


@pytest.mark.usefixtures("connection")
def test_a_person_is_reminded_at_thirty_seven_and_one_days_and_once_each() -> None:
    for hours_left in range(40 * 24, -48, -5):
        with before_the_end(hours=hours_left):
            remind()
            Alert.objects.filter(told_at=None).update(told_at=EXPIRES)
    assert days_told() == [30, 7, 1]


@pytest.mark.parametrize(
    ("days_left", "told"), [(30.1, []), (29.9, [30]), (12.5, [13]), (6.9, [7]), (1.5, [2]), (0.2, [1]), (-0.1, [])]
)
@pytest.mark.usefixtures("connection")
def test_who_looks_late_tells_the_latest_only_and_nothing_once_it_is_over(days_left: float, told: list[int]) -> None:
    with before_the_end(days=days_left):
        assert remind() == len(told)
        assert remind() == 0
    assert days_told() == told


@pytest.mark.usefixtures("connection")
def test_a_reminder_that_was_not_sent_yet_gives_way_to_the_next() -> None:
    for days_left in (29, 6):
        with before_the_end(days=days_left):
            remind()
    assert days_told() == [6]


def test_linking_again_begins_anew(user: User, connection: Connection) -> None:
    with before_the_end(days=29):
        remind()
        link(user, EXPIRES + timedelta(days=180))
        assert days_told() == []  # it was not sent yet, and is true no more
    with before_the_end(days=1):
        assert remind() == 0
    with before_the_end(days=-180 + 29.5):
        assert remind() == 1


@pytest.mark.parametrize("end", ["mark_disconnected", "mark_needs_reauth"])
def test_a_link_that_is_gone_or_dead_is_nothing_to_remind_of(connection: Connection, end: str) -> None:
    getattr(connection, end)(*(["dead"] if end == "mark_needs_reauth" else []))
    with before_the_end(days=6):
        assert remind() == 0


def test_a_link_that_never_expires_is_nothing_to_remind_of(user: User, target: AlertTarget) -> None:
    assert link(user, None).reminder_due_at is None


def test_a_link_that_was_taken_for_dead_is_reminded_of_again(connection: Connection) -> None:
    connection.mark_needs_reauth("dead")
    with time_machine.travel(LINKED, tick=False):
        connection.mark_alive_after_all()
    connection.refresh_from_db()
    assert connection.reminder_due_at == EXPIRES - timedelta(days=30)


@pytest.mark.usefixtures("connection")
def test_of_two_who_look_at_once_one_reminds(monkeypatch: pytest.MonkeyPatch) -> None:
    real = reminders._remind

    def be_overtaken(connection: Connection, now: datetime) -> bool:
        monkeypatch.setattr(reminders, "_remind", real)
        assert remind() == 1
        return real(connection, now)

    monkeypatch.setattr(reminders, "_remind", be_overtaken)
    with before_the_end(days=29):
        assert remind() == 0
    assert days_told() == [29]


def test_only_who_is_due_is_looked_at(user: User, django_assert_num_queries: object) -> None:
    link(user, EXPIRES)
    with time_machine.travel(LINKED, tick=False), django_assert_num_queries(1):  # type: ignore[operator]
        assert remind() == 0


@pytest.mark.usefixtures("connection")
@pytest.mark.parametrize("look", [worker.look_after_connections, tasks.look_after_connections])
def test_reminders_are_looked_for_in_the_background(look: object) -> None:
    with before_the_end(days=29):
        look()  # type: ignore[operator]
    assert days_told() == [29]


def test_a_person_with_no_target_is_reminded_of_nothing(user: User) -> None:
    add_target(User.objects.create_user("bo"))
    with time_machine.travel(LINKED, tick=False):
        link(user)
    with before_the_end(days=29):
        assert remind() == 1
    assert days_told() == []
