import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from providers import forms, scheduling
from providers.alerts import delivery
from providers.alerts.problems import Problem, sentence
from providers.alerts.sending import Answer
from providers.models import Alert, AlertKind, AlertTarget
from providers.scheduling import LeaseLostError
from providers.views.alerts import MAX_SHOWN, MAX_TARGETS
from tests.alerts.fakes import Post, add_target, receiving
from tests.conftest import Log

pytestmark = pytest.mark.django_db

TOKEN = "tk_seededsecret0123456789"
FILLED_IN = {"label": "Phone", "url": f"ntfys://{TOKEN}@ntfy.example/topic", "kinds": ["needs_reauth", "gap_opened"]}


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the addresses that were looked at, without a process for each; those of example.org are refused."""
    seen: list[str] = []

    def check(url: str) -> Answer:
        seen.append(url)
        return Answer("", Problem.MALFORMED) if "example.org" in url else Answer("ntfy", "")

    monkeypatch.setattr(forms, "check", check)
    return seen


def page(visitor: Client, address: str = "/alerts/") -> str:
    response = visitor.get(address)
    assert response.status_code == 200
    return response.content.decode()


def post_to(visitor: Client, address: str, form: dict[str, Any] | None = None) -> str:
    """Post, go where the answer leads, and return what is shown there."""
    response = visitor.post(address, form or {}, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def of(target: AlertTarget, what: str = "") -> str:
    return f"/alerts/{target.pk}/{what}"


def test_who_has_no_target_is_shown_what_addresses_look_like(visitor: Client) -> None:
    shown = page(visitor)
    assert "You are not told anything yet" in shown
    for scheme in ("ntfys://", "gotify://", "mailtos://", "jsons://"):
        assert scheme in shown


def test_a_place_is_added_with_what_is_to_be_told_there(visitor: Client, user: User, looked_at: list[str]) -> None:
    shown = post_to(visitor, "/alerts/", FILLED_IN)
    assert "Phone is added. Send a test to see whether it arrives." in shown
    assert "Not tried yet" in shown
    target = AlertTarget.objects.get()
    assert (target.user, target.label, target.service, target.kinds) == (user, "Phone", "ntfy", FILLED_IN["kinds"])
    assert target.url == FILLED_IN["url"]
    assert target.due_at is None
    assert looked_at == [FILLED_IN["url"]]
    assert re.findall(r"<li>(A link[^<]*|A mirror[^<]*|Listens[^<]*)</li>", shown) == [
        "A link needs you",
        "Listens are missing",
    ]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"label": ""}, "Give it a name, by which you know it."),
        ({"url": ""}, "Enter the address that messages are sent to."),
        ({"url": "nonsense.example.org"}, sentence(Problem.MALFORMED)),
        ({"kinds": []}, "Choose at least one."),
        ({"kinds": ["all"]}, "Select a valid choice."),
        ({"label": "x" * 101}, "at most 100 characters"),
        ({"url": "ntfy://" + "x" * 2000}, "at most 2000 characters"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
    visitor: Client, looked_at: list[str], wrong: dict[str, Any], said: str
) -> None:
    shown = post_to(visitor, "/alerts/", {**FILLED_IN, **wrong})
    assert said in shown
    for name, value in {**FILLED_IN, **wrong}.items():
        if name != "kinds" and value:
            assert f'value="{value}"' in shown
    assert AlertTarget.objects.count() == 0


def test_an_address_that_is_stored_is_shown_nowhere(
    visitor: Client,
    user: User,
    post: Post,
    log: Log,
) -> None:
    target = add_target(user, url=FILLED_IN["url"])
    pages = [page(visitor), page(visitor, of(target)), page(visitor, of(target, "delete/"))]
    pages += [post_to(visitor, of(target), {"label": ""}), post_to(visitor, of(target, "test/"))]
    assert TOKEN not in "".join(pages) + log.text
    assert "ntfy" in pages[0]


def test_a_target_is_shown_and_deleted_though_no_key_decrypts_its_address(
    visitor: Client, user: User, settings: Settings
) -> None:
    target = add_target(user)
    Alert.objects.create(target=target, kind="needs_reauth", matter="1", facts={"service": "lastfm", "detail": ""})
    settings.FERNET_KEYS = ["another key"]
    assert "Last.fm needs you" in page(visitor)
    assert "phone" in page(visitor, of(target))
    assert sentence(Problem.UNREADABLE) in post_to(visitor, of(target, "test/"))
    assert "is deleted" in post_to(visitor, of(target, "delete/"))


def test_name_and_kinds_change_and_the_address_stays(visitor: Client, user: User, looked_at: list[str]) -> None:
    target = add_target(user, problem="answered 500", tried_at=timezone.now())
    assert "Leave it empty to keep the one that is stored." in page(visitor, of(target))
    shown = post_to(visitor, of(target), {"label": "Desk", "url": "", "kinds": ["mirror_failing"]})
    assert "Desk is changed." in shown
    changed = AlertTarget.objects.get()
    assert (changed.label, changed.kinds, changed.url, changed.problem) == (
        "Desk",
        ["mirror_failing"],
        target.url,
        "answered 500",
    )
    assert looked_at == []


def test_a_new_address_takes_the_place_of_the_old_one(visitor: Client, user: User, looked_at: list[str]) -> None:
    later = timezone.now() + timedelta(hours=1)
    target = add_target(user, problem=Problem.UNREADABLE, service="Gotify", due_at=later, failures=7)
    post_to(visitor, of(target), {**FILLED_IN, "url": "nonsense.example.org"})
    assert AlertTarget.objects.get().url == target.url
    post_to(visitor, of(target), FILLED_IN)
    changed = AlertTarget.objects.get()
    assert (changed.url, changed.service, changed.problem) == (FILLED_IN["url"], "ntfy", "")
    # What waits for the next try is tried at once.
    assert (changed.due_at < later, changed.failures) == (True, 0)


def test_whoever_is_sending_to_an_old_address_notes_nothing_of_the_new_one(
    visitor: Client, user: User, looked_at: list[str]
) -> None:
    target = add_target(user, due_at=timezone.now() - timedelta(minutes=1))
    lease = scheduling.claim_next(delivery.rows())
    assert lease is not None
    post_to(visitor, of(target), FILLED_IN)
    with pytest.raises(LeaseLostError):
        lease.update(problem=Problem.TOO_SLOW)
    assert AlertTarget.objects.get().problem == ""


def test_a_test_is_sent_at_once_and_its_outcome_told(visitor: Client, user: User) -> None:
    with receiving() as receiver:
        target = add_target(user, "Hook", url=f"json://{receiver.host}/hook")
        shown = post_to(visitor, of(target, "test/"))
        assert "Hook has taken the test. Look whether it arrived." in shown
        assert ">Arriving<" in shown
        assert "This is a test." in receiver.messages[0].body

        receiver.status = 401
        AlertTarget.objects.update(tried_at=timezone.now() - timedelta(minutes=1))
        shown = post_to(visitor, of(target, "test/"))
    assert "The test to Hook failed. The service did not accept the token" in shown
    assert ">Not arriving<" in shown


def test_tests_follow_each_other_slowly(visitor: Client, user: User, post: Post) -> None:
    target = add_target(user)
    post_to(visitor, of(target, "test/"))
    assert "Wait a few seconds before the next." in post_to(visitor, of(target, "test/"))
    assert len(post.sent) == 1


def test_a_target_is_paused_and_resumed(visitor: Client, user: User) -> None:
    target = add_target(user)
    assert ">Paused<" in post_to(visitor, of(target, "pause/on/"))
    assert not AlertTarget.objects.get().is_enabled
    assert ">Paused<" not in post_to(visitor, of(target, "pause/off/"))
    assert AlertTarget.objects.get().is_enabled
    assert visitor.post(of(target, "pause/perhaps/")).status_code == 404


def test_a_target_is_deleted_once_that_is_confirmed(visitor: Client, user: User) -> None:
    target = add_target(user)
    assert "Delete <bdi>phone</bdi>?" in page(visitor, of(target, "delete/"))
    assert AlertTarget.objects.exists()
    assert "phone is deleted, and its address with it." in post_to(visitor, of(target, "delete/"))
    assert not AlertTarget.objects.exists()


def test_there_are_only_so_many_targets(visitor: Client, user: User, looked_at: list[str]) -> None:
    for number in range(MAX_TARGETS):
        add_target(user, str(number))
    assert "Delete one to add another." in page(visitor)
    assert f"You have {MAX_TARGETS} targets already." in post_to(visitor, "/alerts/", FILLED_IN)
    assert AlertTarget.objects.count() == MAX_TARGETS


def test_what_was_told_lately_is_shown_with_what_became_of_it(visitor: Client, user: User) -> None:
    now = timezone.now()
    target = add_target(user, due_at=now + timedelta(hours=1))
    for number, fields in enumerate([{"told_at": now}, {"given_up_at": now}, {"tries": 2}, {}]):
        facts = {"mirror": 1, "playlist": f"<b>{number}</b>", "source": "a", "target": "b", "detail": ""}
        Alert.objects.create(target=target, kind="mirror_failing", matter=str(number), facts=facts, **fields)
    shown = page(visitor)
    assert [shown.count(words) for words in (">Sent <", ">Given up ", ">Not sent yet. ", ">Waiting<")] == [1, 1, 1, 1]
    assert "<b>" not in shown
    assert 'hx-trigger="every 3s"' in shown
    Alert.objects.update(told_at=now)
    assert "hx-trigger" not in page(visitor)


def test_alerts_that_nobody_sends_are_said_to_be_neglected(visitor: Client, user: User) -> None:
    add_target(user, due_at=timezone.now() - timedelta(hours=1))
    assert "nobody seems to be there to send them" in page(visitor)


def test_another_persons_targets_are_not_there(visitor: Client) -> None:
    target = add_target(User.objects.create_user("bo"), "secret place")
    assert "secret place" not in page(visitor)
    for what in ("", "delete/"):
        assert visitor.get(of(target, what)).status_code == 404
    for what in ("", "test/", "pause/on/", "delete/"):
        assert visitor.post(of(target, what), FILLED_IN).status_code == 404
    kept = AlertTarget.objects.get()
    assert (kept.label, kept.is_enabled) == ("secret place", True)


def test_what_changes_something_is_posted(visitor: Client, user: User) -> None:
    target = add_target(user)
    for what in ("test/", "pause/on/"):
        assert visitor.get(of(target, what)).status_code == 405


def test_who_is_not_signed_in_is_asked_to(client: Client) -> None:
    assert client.get("/alerts/").headers["Location"].startswith("/accounts/login/")


def test_the_page_takes_few_queries_however_much_there_is(
    visitor: Client, user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for label in "abcdefghij":
        target = add_target(user, label)
        facts = {"service": "lastfm", "detail": ""}
        Alert.objects.bulk_create(
            Alert(target=target, kind=AlertKind.NEEDS_REAUTH, matter=str(number), facts=facts) for number in range(9)
        )
    with django_assert_num_queries(5):  # session, person, links in danger, targets, alerts
        shown = page(visitor)
    assert len(re.findall(r'class="by"', shown)) == MAX_SHOWN
