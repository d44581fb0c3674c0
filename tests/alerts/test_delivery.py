from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from providers import scheduling, worker
from providers.alerts import delivery
from providers.alerts.problems import Problem
from providers.models import Alert, AlertKind, AlertTarget
from tests.alerts.fakes import Post, Receiver, add_target

pytestmark = pytest.mark.django_db

START = datetime(2099, 1, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> "time_machine.Coordinates":  # type: ignore[misc]
    """Return a clock that stands still until it is moved; the database goes by it as well."""
    monkeypatch.setattr(scheduling, "database_now", timezone.now)
    monkeypatch.setattr("providers.models.alerts.database_now", timezone.now)
    monkeypatch.setattr(scheduling, "jittered", lambda delay: delay)
    monkeypatch.setattr(delivery, "jittered", lambda delay: delay)
    with time_machine.travel(START, tick=False) as clock:
        yield clock


def note(user: User, number: int = 1) -> None:
    facts = {"service": "lastfm", "since": START.isoformat(), "until": START.isoformat()}
    Alert.note(user.pk, AlertKind.GAP_OPENED, f"gap {number}", **facts)


def drain() -> int:
    return worker.drain(worker.ALERTS)


def test_what_waits_is_sent_once(user: User, target: AlertTarget, post: Post) -> None:
    note(user)
    assert drain() == 1
    assert [url for url, _ in post.sent] == [target.url]
    assert Alert.objects.get().told_at == START
    target.refresh_from_db()
    assert (target.due_at, target.tried_at, target.problem, target.lease_until) == (None, START, "", None)
    assert drain() == 0


def test_what_waits_together_is_told_in_one_message(user: User, target: AlertTarget, post: Post) -> None:
    for number in range(13):
        note(user, number)
    drain()
    ((_, message),) = post.sent
    assert message.title == "13 things need a look"
    assert message.body.count("Listens are missing from Last.fm") == 10
    assert "And 3 more." in message.body
    assert not Alert.waiting().exists()


def test_a_target_that_is_down_does_not_hold_up_another(user: User, target: AlertTarget, post: Post) -> None:
    post.problems[target.url] = Problem.UNREACHABLE
    mail = add_target(user, "mail")
    note(user)
    assert drain() == 2
    assert list(mail.alerts.values_list("told_at", flat=True)) == [START]
    target.refresh_from_db()
    assert (target.problem, target.failures) == ("unreachable", 1)
    assert target.due_at == START + delivery.FIRST_RETRY


def test_it_is_tried_ever_more_seldom_and_given_up_in_the_end(
    user: User, target: AlertTarget, post: Post, clock: "time_machine.Coordinates"
) -> None:
    post.problems[target.url] = "answered 500"
    note(user)
    pauses = []
    while Alert.waiting().exists():
        assert drain() == 1
        target.refresh_from_db()
        if target.due_at is not None:
            pauses.append(target.due_at - timezone.now())
            clock.move_to(target.due_at)
    assert len(post.sent) == delivery.MAX_TRIES
    assert pauses[:3] == [timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=4)]
    assert max(pauses) == delivery.LONGEST_RETRY
    assert sum(pauses, timedelta(0)) > timedelta(hours=12)
    alert = Alert.objects.get()
    assert (alert.told_at, alert.given_up_at) == (None, timezone.now())
    assert (target.problem, target.due_at) == ("answered 500", None)


def test_what_comes_in_while_it_is_sent_is_sent_right_after(
    user: User, target: AlertTarget, post: Post, monkeypatch: pytest.MonkeyPatch, clock: "time_machine.Coordinates"
) -> None:
    def meanwhile(url: str, message: object) -> object:
        clock.shift(1)
        if not post.sent:
            note(user, 2)
        return post.send(url, message)  # type: ignore[arg-type]

    monkeypatch.setattr(delivery, "send", meanwhile)
    note(user, 1)
    assert drain() == 2
    assert len(post.sent) == 2
    assert not Alert.waiting().exists()


def test_beyond_so_many_an_hour_they_wait_and_are_told_in_one(
    user: User, target: AlertTarget, post: Post, clock: "time_machine.Coordinates"
) -> None:
    for number in range(9):
        note(user, number)
        drain()
        clock.shift(60)
    assert len(post.sent) == delivery.MAX_MESSAGES
    target.refresh_from_db()
    assert target.due_at == START + delivery.SPAN
    clock.move_to(target.due_at)
    assert drain() == 1
    assert post.titles[-1] == "3 things need a look"


def test_one_persons_many_alerts_keep_nobody_elses_back(user: User, target: AlertTarget, post: Post) -> None:
    for number in range(9):
        note(user, number)
        drain()
    bo = User.objects.create_user("bo")
    add_target(bo, "bo")
    note(bo)
    drain()
    assert post.sent[-1][0] == "ntfys://ntfy.example/bo"


def test_an_address_that_no_key_decrypts_is_a_problem_and_no_bug(
    user: User, target: AlertTarget, post: Post, settings: Settings
) -> None:
    note(user)
    settings.FERNET_KEYS = ["another key"]
    drain()
    target = AlertTarget.objects.defer("url").get()
    assert (post.sent, target.problem) == ([], Problem.UNREADABLE)


def test_a_paused_target_is_told_nothing_and_later_only_what_is_new(
    user: User, target: AlertTarget, post: Post
) -> None:
    note(user, 1)
    delivery.pause(target)
    note(user, 2)
    drain()
    delivery.resume(target)
    note(user, 3)
    drain()
    assert len(post.sent) == 1
    assert list(Alert.objects.values_list("matter", flat=True)) == ["gap 3"]


def test_what_is_noted_while_a_target_is_being_paused_is_not_told(user: User, target: AlertTarget, post: Post) -> None:
    delivery.pause(target)
    # By somebody who had seen it enabled a moment before.
    facts = {"service": "lastfm", "since": START.isoformat(), "until": START.isoformat()}
    Alert.objects.create(target=target, kind=AlertKind.GAP_OPENED, matter="gap 1", facts=facts)
    AlertTarget.objects.update(due_at=START)
    assert drain() == 1
    assert post.sent == []
    assert not Alert.objects.exists()


def test_a_test_that_arrives_sends_off_what_waits_for_the_next_try(user: User, target: AlertTarget, post: Post) -> None:
    post.problems[target.url] = Problem.UNREACHABLE
    note(user)
    drain()
    assert drain() == 0
    assert delivery.try_out(target) == Problem.UNREACHABLE
    assert drain() == 0
    post.problems.clear()
    assert delivery.try_out(target) == ""
    assert drain() == 1
    assert Alert.objects.get().told_at is not None


def test_a_test_is_no_alert_and_wakes_nobody(target: AlertTarget, post: Post) -> None:
    delivery.try_out(target)
    target.refresh_from_db()
    assert (target.due_at, target.tried_at) == (None, START)
    assert post.titles == ["Alerts from musicbridge work"]


def test_what_is_long_over_is_forgotten_and_what_lasts_is_not(
    user: User, target: AlertTarget, post: Post, clock: "time_machine.Coordinates"
) -> None:
    note(user, 1)
    note(user, 2)
    drain()
    Alert.settle(user.pk, ["gap 1"])
    clock.shift(delivery.KEPT + timedelta(days=1))
    note(user, 3)
    drain()
    assert list(Alert.objects.order_by("pk").values_list("matter", flat=True)) == ["gap 2", "gap 3"]


def test_who_is_told_to_stop_sends_nothing_and_leaves_it_due(user: User, target: AlertTarget, post: Post) -> None:
    note(user)
    lease = scheduling.claim_next(delivery.rows())
    assert lease is not None
    delivery.work(lease, lambda: True)
    assert post.sent == []
    assert drain() == 1


def test_a_worker_whose_lease_went_leaves_the_rest_to_another(
    user: User, target: AlertTarget, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(url: str, message: object) -> object:
        AlertTarget.objects.update(lease_token="another's")
        return post.send(url, message)  # type: ignore[arg-type]

    monkeypatch.setattr(delivery, "send", lose)
    note(user)
    lease = scheduling.claim_next(delivery.rows())
    assert lease is not None
    with pytest.raises(scheduling.LeaseLostError):
        delivery.work(lease, lambda: False)
    assert Alert.waiting().exists()


@pytest.mark.django_db(transaction=True)
def test_an_alert_arrives_at_a_real_service(user: User, receiver: Receiver) -> None:
    add_target(user, url=f"gotify://{receiver.host}/token")
    note(user)
    assert drain() == 1
    (message,) = receiver.messages
    assert "Listens are missing from Last.fm" in message.body
