from typing import Any

import pytest
from django.utils import translation
from pytest_django import Settings

from providers.alerts.sending import Message
from providers.alerts.texts import MAX_NAME, headline_of, inert, message_of, trial_message
from providers.models import Alert, AlertKind
from tests.fake_services import FakeServices

SPAN = {"since": "2026-03-01T12:00:00+00:00", "until": "2026-03-02T08:30:00+00:00"}


@pytest.fixture(autouse=True)
def site(settings: Settings, services: FakeServices) -> None:
    settings.PUBLIC_URL = "https://music.example"


def alert(kind: AlertKind, **facts: Any) -> Alert:
    return Alert(kind=kind, facts={"service": "spotify", **facts})


def mirror(name: str = "Rainy Sundays", detail: str = "The list was deleted on Tapedeck.") -> Alert:
    facts = {"mirror": 7, "playlist": name, "source": "spotify", "target": "lastfm", "detail": detail}
    return Alert(kind=AlertKind.MIRROR_FAILING, facts=facts)


@pytest.mark.parametrize(
    ("told", "title", "body", "page"),
    [
        (
            alert(AlertKind.NEEDS_REAUTH, detail="Wavebox has ended this link."),
            "Wavebox needs you",
            "Wavebox has ended this link. Link it again, and everything goes on where it stopped.",
            "/connections/",
        ),
        (
            alert(AlertKind.LINK_EXPIRES, days=7, expires_at="2026-05-01T10:00:00+00:00"),
            "Your link to Wavebox expires in 7 days",
            "It ends on 1 May 2026, as the service wants it. Link it again before, and nothing is missed.",
            "/connections/",
        ),
        (
            alert(AlertKind.GAP_OPENED, **SPAN),
            "Listens are missing from Wavebox",
            "It could no longer tell what you played between 1 Mar 2026, 12:00 and 2 Mar 2026, 08:30 UTC. If it gives "
            "you a file of your data, import it to fill the gap.",
            "/connections/",
        ),
        (
            mirror(),
            "The playlist “Rainy Sundays” is not kept in step",
            "It is carried from Wavebox to Tapedeck no more. The list was deleted on Tapedeck.",
            "/playlists/7/",
        ),
    ],
)
def test_each_kind_says_what_is_wrong_what_to_do_and_where(told: Alert, title: str, body: str, page: str) -> None:
    assert message_of([told]) == Message(title, f"{body}\n\nhttps://music.example{page}")
    assert headline_of(told) == title


def test_without_a_public_address_there_is_no_link(settings: Settings) -> None:
    settings.PUBLIC_URL = ""
    assert "http" not in message_of([mirror()]).body
    assert "http" not in trial_message().body


def test_a_site_below_a_path_is_linked_to_there(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://home.example/music"
    assert message_of([mirror()]).body.endswith("\n\nhttps://home.example/music/playlists/7/")


def test_several_are_a_line_each() -> None:
    message = message_of([mirror("First"), alert(AlertKind.NEEDS_REAUTH, detail="")])
    assert message.title == "2 things need a look"
    first, second, link = message.body.split("\n\n")
    assert first.startswith("The playlist “First” is not kept in step: It is carried")
    assert second.startswith("Wavebox needs you: The service does not accept the link any more. Link it again")
    assert link == "https://music.example/connections/"


def test_messages_are_in_the_language_of_the_site_whoever_sends_them(settings: Settings) -> None:
    settings.LANGUAGE_CODE = "de"
    with translation.override("fr"):
        message_of([mirror()])
        assert translation.get_language() == "fr"
    settings.LANGUAGE_CODE = "en"
    with translation.override("de"):
        told = alert(AlertKind.LINK_EXPIRES, days=7, expires_at="2026-05-01T10:00:00+00:00")
        assert "1 May 2026" in message_of([told]).body


def test_what_a_worker_kept_in_english_is_said_in_the_language_of_the_site(settings: Settings) -> None:
    settings.LANGUAGE_CODE = "de"
    assert "Die Liste wurde dort gelöscht." in message_of([mirror(detail="The list was deleted there.")]).body
    assert "Zu viele Anfragen." in message_of([alert(AlertKind.NEEDS_REAUTH, detail="Too many requests.")]).body


def test_of_a_mirror_that_fails_without_a_word_nothing_is_made_up() -> None:
    body, _link = message_of([mirror(detail="")]).body.split("\n\n")
    assert body == "It is carried from Wavebox to Tapedeck no more."


def test_a_service_that_is_no_longer_there_is_called_by_its_type() -> None:
    assert message_of([Alert(kind="needs_reauth", facts={"service": "gone", "detail": ""})]).title == "gone needs you"


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("<b>Rain</b>", "(b)Rain(/b)"),
        ("[free](https://evil.example)", "(free)(https: evil.example)"),
        ("@everyone <!channel>", "(at)everyone (!channel)"),
        ("two\nlines\r\n\tand more", "two lines and more"),
        ("a\u202eb\u2066c\u200bd\x00e\x1b[31mf", "abcde(31mf"),
        ("`code`", "'code'"),
        ("Röyksopp: 80s (live) 日本", "Röyksopp: 80s (live) 日本"),
    ],
)
def test_names_from_elsewhere_are_nothing_but_text(hostile: str, shown: str) -> None:
    assert inert(hostile) == shown
    message = message_of([mirror(hostile, hostile)])
    assert f"“{shown}”" in message.title
    assert message.body.startswith(f"It is carried from Wavebox to Tapedeck no more. {shown}\n\n")


def test_a_long_name_is_cut() -> None:
    assert inert("x" * 5000) == "x" * (MAX_NAME - 1) + "…"


def test_a_name_of_nothing_is_said_to_be_none() -> None:
    assert message_of([mirror("\u202e\n")]).title == "The playlist “(without a name)” is not kept in step"
