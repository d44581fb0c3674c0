import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.test import Client

from providers.history import duplicates
from providers.models import DuplicateVerdict, Listen
from tests.fake_services import FakeServices

pytestmark = pytest.mark.usefixtures("services")

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


def listen(user: User, service: str, *, seconds: int = 0, name: str = "Harbour Lights") -> Listen:
    return Listen.objects.create(
        user=user,
        provider_type=service,
        name=name,
        artist="Ana",
        duration_ms=200_000,
        played_at=NOW + timedelta(seconds=seconds),
    )


@pytest.fixture
def told_twice(user: User) -> tuple[Listen, Listen]:
    listen(user, "lastfm")
    listen(user, "navidrome", seconds=2)
    duplicates.link(user.pk, NOW - timedelta(hours=1), NOW + timedelta(hours=1))
    linked = Listen.objects.get(duplicate_of__isnull=False)
    return Listen.objects.get(pk=linked.duplicate_of_id), linked


def page(visitor: Client, listen: Listen) -> str:
    response = visitor.get(f"/history/{listen.pk}/")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def say(visitor: Client, one: Listen, other: Listen | int | str, said: str) -> int:
    other_id = other.pk if isinstance(other, Listen) else other
    return visitor.post(f"/history/{one.pk}/verdict/", {"other": other_id, "said": said}).status_code


def test_the_history_shows_once_what_two_services_tell_and_names_both(
    visitor: Client, told_twice: tuple[Listen, Listen]
) -> None:
    html = visitor.get("/history/").content.decode()

    assert html.count("Harbour Lights</") == 1
    assert f'href="/history/{told_twice[0].pk}/"' in html
    assert "lastfm" in html
    assert "navidrome" in html


def test_the_history_of_one_service_shows_all_that_it_tells(
    visitor: Client, told_twice: tuple[Listen, Listen], services: FakeServices
) -> None:
    _, linked = told_twice
    Listen.objects.filter(pk=linked.pk).update(provider_type=services.wavebox.type)

    assert "Harbour Lights" in visitor.get(f"/history/?service={services.wavebox.type}").content.decode()


@pytest.mark.parametrize("which", [0, 1])
def test_a_listen_says_who_else_tells_of_it_and_why_that_is_the_same(
    visitor: Client, told_twice: tuple[Listen, Listen], which: int
) -> None:
    html = page(visitor, told_twice[which])

    assert "Told again" in html
    assert f'<p class="why">{duplicates.explain(told_twice[1])}</p>' in html
    assert duplicates.explain(told_twice[1])


def test_who_says_that_they_are_two_sees_both_again(visitor: Client, told_twice: tuple[Listen, Listen]) -> None:
    canonical, linked = told_twice

    assert say(visitor, canonical, linked, "two") == 303

    assert not Listen.objects.filter(duplicate_of__isnull=False).exists()
    assert visitor.get("/history/").content.decode().count("Harbour Lights</") == 2
    html = page(visitor, canonical)
    assert "You said these are others" in html
    assert "Also told within" not in html


def test_what_was_said_can_be_taken_back(visitor: Client, told_twice: tuple[Listen, Listen]) -> None:
    canonical, linked = told_twice
    say(visitor, canonical, linked, "two")

    assert say(visitor, canonical, linked, "withdrawn") == 303

    assert not DuplicateVerdict.objects.exists()
    assert Listen.objects.filter(duplicate_of__isnull=False).count() == 1


def test_who_says_that_two_are_the_same_sees_one(visitor: Client, user: User) -> None:
    one, other = listen(user, "lastfm"), listen(user, "navidrome", seconds=90, name="Hafenlichter")
    assert "Hafenlichter" in page(visitor, one)

    assert say(visitor, one, other, "same") == 303

    assert Listen.objects.filter(duplicate_of__isnull=False).count() == 1
    assert "You said so." in page(visitor, one)


def test_what_contradicts_an_earlier_word_is_refused_with_the_reason(visitor: Client, user: User) -> None:
    a, b, c = (listen(user, service) for service in ("lastfm", "navidrome", "spotify"))
    say(visitor, a, b, "same")
    say(visitor, b, c, "same")

    response = visitor.post(f"/history/{a.pk}/verdict/", {"other": c.pk, "said": "two"}, follow=True)

    assert "You said otherwise of other listens of the same play" in response.content.decode()


def test_nobody_sees_or_judges_the_listens_of_another(client: Client, told_twice: tuple[Listen, Listen]) -> None:
    canonical, linked = told_twice
    bo = get_user_model().objects.create_user("bo")
    client.force_login(bo)
    own = listen(bo, "lastfm")

    assert client.get(f"/history/{canonical.pk}/").status_code == 404
    assert say(client, canonical, linked, "two") == 404
    assert say(client, own, linked, "same") == 404
    assert not DuplicateVerdict.objects.exists()


def test_the_form_on_the_page_is_accepted_from_a_browser(user: User, told_twice: tuple[Listen, Listen]) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    html = page(browser, told_twice[0])
    form = html.split("<form ")[-1]
    assert "These are two" in form
    action = form.split('action="')[1].split('"')[0]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))

    assert browser.post(action, fields).status_code == 303
    assert not DuplicateVerdict.objects.get().is_duplicate


@pytest.mark.parametrize("other", ["", "x", "9" * 40, "-1"])
def test_a_listen_that_cannot_be_is_not_found(visitor: Client, told_twice: tuple[Listen, Listen], other: str) -> None:
    assert say(visitor, told_twice[0], other, "two") == 404
    assert visitor.get(f"/history/{'9' * 40}/").status_code == 404


@pytest.mark.parametrize("said", ["", "perhaps"])
def test_what_was_not_asked_is_not_found(visitor: Client, told_twice: tuple[Listen, Listen], said: str) -> None:
    assert say(visitor, *told_twice, said) == 404


def test_a_listen_is_not_compared_with_itself(visitor: Client, told_twice: tuple[Listen, Listen]) -> None:
    assert say(visitor, told_twice[0], told_twice[0], "same") == 404
    assert visitor.get(f"/history/{told_twice[0].pk}/verdict/").status_code == 405
