from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection as database
from django.db import transaction
from pytest_django import Settings

from providers import rotation
from providers.models import Alert, AlertKind, AlertTarget, Connection
from tests.alerts.fakes import add_target

pytestmark = pytest.mark.django_db

TOKEN = "tk_seededsecret0123456789"


@pytest.fixture
def connection(user: User) -> Connection:
    return Connection.objects.create(user=user, provider_type="lastfm")


def note(user: User, matter: str = "gap 1", kind: AlertKind = AlertKind.GAP_OPENED) -> None:
    Alert.note(user.pk, kind, matter, service="lastfm")


def told() -> list[tuple[str, str]]:
    """Who is to be told of what, in the order of the rows."""
    return list(Alert.objects.order_by("pk").values_list("target__label", "matter"))


def test_each_target_that_wants_to_know_is_told_and_becomes_due(user: User) -> None:
    add_target(user, "phone")
    add_target(user, "mail", kinds=["mirror_failing"])
    add_target(user, "chat", is_enabled=False)
    add_target(User.objects.create_user("bo"), "elsewhere")
    add_target(user, "desk", kinds=["gap_opened"])
    note(user)
    assert told() == [("phone", "gap 1"), ("desk", "gap 1")]
    due = AlertTarget.objects.filter(due_at__isnull=False)
    assert list(due.values_list("label", flat=True)) == ["phone", "desk"]


def test_what_lasts_is_told_once_and_what_comes_back_once_more(user: User) -> None:
    add_target(user)
    note(user)
    Alert.objects.update(told_at="2026-03-01T12:00Z")
    note(user)
    assert len(told()) == 1
    Alert.settle(user.pk, ["gap 1"])
    note(user)
    assert len(told()) == 2


def test_the_database_holds_two_who_note_the_same_to_one_alert(user: User) -> None:
    target = add_target(user)
    note(user)
    # As another process would, that has not seen the first.
    rows = [Alert(target=target, kind="gap_opened", matter="gap 1")]
    Alert.objects.bulk_create(rows, ignore_conflicts=True)
    assert len(told()) == 1


def test_what_is_over_before_it_was_told_is_told_no_more(user: User) -> None:
    add_target(user)
    note(user, "gap 1")
    note(user, "gap 2")
    Alert.settle(user.pk, ["gap 1"])
    assert told() == [("phone", "gap 2")]


def test_nothing_is_settled_for_anybody_else(user: User) -> None:
    add_target(User.objects.create_user("bo"))
    note(User.objects.get(username="bo"))
    Alert.settle(user.pk, ["gap 1"])
    assert Alert.objects.get().is_open


def test_an_alert_is_there_only_if_what_it_tells_of_is(user: User) -> None:
    target = add_target(user)
    with transaction.atomic():
        note(user)
        transaction.set_rollback(True)
    assert told() == []
    target.refresh_from_db()
    assert target.due_at is None


def test_one_that_rests_after_a_failure_goes_on_resting(user: User) -> None:
    add_target(user, due_at="2099-01-01T00:00Z", failures=3)
    note(user)
    rested = AlertTarget.objects.get()
    assert (rested.due_at.year, rested.failures) == (2099, 3)


def test_a_link_that_dies_is_told_once_and_again_when_it_dies_again(user: User, connection: Connection) -> None:
    add_target(user)
    connection.mark_needs_reauth("The service said no.")
    connection.mark_needs_reauth("The service said no again.")
    Connection.objects.get().mark_needs_reauth("Seen by another process.")
    alert = Alert.objects.get()
    assert (alert.kind, alert.facts) == ("needs_reauth", {"service": "lastfm", "detail": "The service said no."})
    connection.refresh_from_db()
    assert connection.status_detail == "Seen by another process."

    Alert.objects.update(told_at="2026-03-01T12:00Z")
    connection.mark_authorized(account_id="1", account_name="ada")
    connection.mark_needs_reauth("The service said no.")
    assert Alert.objects.count() == 2


@pytest.mark.parametrize("way_out", ["mark_authorized", "mark_disconnected", "mark_alive_after_all"])
def test_a_link_that_is_no_longer_dead_is_not_told_of(user: User, connection: Connection, way_out: str) -> None:
    add_target(user)
    connection.mark_needs_reauth("The service said no.")
    arguments = {"account_id": "1", "account_name": "ada"} if way_out == "mark_authorized" else {}
    getattr(connection, way_out)(**arguments)
    assert told() == []


def test_what_old_credentials_show_is_told_to_nobody(user: User, connection: Connection) -> None:
    add_target(user)
    old = Connection.objects.get()
    connection.mark_authorized(account_id="1", account_name="ada")
    old.mark_needs_reauth("The old token is dead.")
    assert told() == []


def test_the_address_is_nowhere_in_clear(user: User) -> None:
    target = add_target(user, url=f"ntfys://{TOKEN}@ntfy.example/topic")
    note(user)
    shown = [repr(target), str(target), repr(Alert.objects.get()), str(Alert.objects.get())]
    for serial_format in ("json", "xml"):
        out = StringIO()
        call_command("dumpdata", "providers", format=serial_format, stdout=out)
        shown.append(out.getvalue())
    with database.cursor() as cursor:
        cursor.execute("SELECT * FROM providers_alerttarget")
        shown += [repr(bytes(value) if isinstance(value, memoryview) else value) for value in cursor.fetchone()]
    assert "phone" in "".join(shown)
    assert TOKEN not in "".join(shown)


def test_a_dump_brings_the_address_back(user: User, tmp_path: object) -> None:
    add_target(user, url=f"ntfys://{TOKEN}@ntfy.example/topic")
    dump = f"{tmp_path}/dump.json"
    call_command("dumpdata", "providers.alerttarget", output=dump, verbosity=0)
    AlertTarget.objects.all().delete()
    call_command("loaddata", dump, verbosity=0)
    assert AlertTarget.objects.get().url == f"ntfys://{TOKEN}@ntfy.example/topic"


def test_with_a_person_go_their_targets_though_no_key_decrypts_them(user: User, settings: Settings) -> None:
    add_target(user)
    note(user)
    settings.FERNET_KEYS = ["another key"]
    user.delete()
    assert not AlertTarget.objects.exists()


def test_addresses_are_rotated_with_all_other_secrets() -> None:
    assert AlertTarget in rotation.encrypted_models()


def test_an_address_is_in_no_form_that_django_makes() -> None:
    assert AlertTarget._meta.get_field("url").formfield() is None
