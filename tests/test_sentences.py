"""What is told in English below Django is known where it is shown, and nothing else is taken for it."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.template import Context, Template

from providers import exceptions, sentences
from providers.datatypes import Track
from providers.history.duplicates.comparison import Play, compare
from providers.playlists.matching import match
from providers.sentences import SENTENCES, translated

APP = Path(sentences.__file__).parent
ELSEWHERE = {"admin.py", "checks.py", "management", "migrations", "sentences.py", "site_checks.py", "testing"}
"""What tells nothing that is kept and shown on pages, or does so through gettext."""

TELLING = {
    *(name for name, kind in vars(exceptions).items() if isinstance(kind, type)),
    *("Broken", "DumpError", "Finding", "LeftOut", "NotAnEndError", "RefusedError", "RowError"),
}
"""What is called with a sentence, or a part of one."""

PUT_TOGETHER = {
    "%(service)s has it begin at %(moment)s UTC",
    "%(service)s has it end at %(moment)s UTC",
    "%(service)s has it at %(moment)s UTC",
    "%(told)s; it lasts %(length)s",
    "“%(song)s” by %(artist)s",
    "%(number)s s longer",
    "%(number)s s shorter",
}
"""What stands in the code in pieces: tests below have it told."""


def sources() -> Iterator[ast.Module]:
    for path in APP.rglob("*.py"):
        if ELSEWHERE.isdisjoint(path.relative_to(APP).parts):
            yield ast.parse(path.read_text())


def text_of(node: ast.expr) -> str:
    """Return a text of the code, with holes where something is filled in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def told(call: ast.Call) -> Iterator[str]:
    for argument in call.args:
        for node in [argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument]:
            if " " in text_of(node):
                yield text_of(node)


KNOWN = {re.sub(r"%\(\w+\)s", "{}", sentence): sentence for sentence in SENTENCES}


def test_what_is_told_below_django_is_known() -> None:
    calls = [node for source in sources() for node in ast.walk(source) if isinstance(node, ast.Call)]
    telling = [call for call in calls if getattr(call.func, "id", getattr(call.func, "attr", "")) in TELLING]
    assert {text for call in telling for text in told(call) if text not in KNOWN} == set()


def test_what_is_known_is_told() -> None:
    texts = {text_of(node) for source in sources() for node in ast.walk(source) if isinstance(node, ast.expr)}
    fixed = {text for text in KNOWN if KNOWN[text] not in PUT_TOGETHER}
    assert {text for text in fixed if text not in texts} == set()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a language in which every sentence is the English one in brackets."""
    monkeypatch.setattr(sentences, "gettext", lambda text: f"[{text}]" if text in SENTENCES else text)


def test_in_english_everything_is_shown_as_it_was_told() -> None:
    for text in (
        "Same title, artist and version, 3:20 and 3:22.",
        "The playlist is no longer on Spotify. Nothing was changed on Navidrome.",
        "another title, 12 s longer",
        "nothing, anybody, knows",
        "",
    ):
        assert translated(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Too many requests.", "[Too many requests.]"),
        ("The service answered 503.", "[The service answered 503.]"),
        ("Go. has no Spotify id, so Spotify cannot add it.", "[Go. has no Spotify id, so Spotify cannot add it.]"),
        ("Same ISRC (X1), both 3:20.", "[Same ISRC (X1), [both 3:20].]"),
        ("same ISRC (X1), but another title, 12 s longer", "[same ISRC (X1), but [another title], [12 s longer]]"),
        (
            "Nearly the same names (another title, a part of the title), a duration is unknown.",
            "[Nearly the same names ([another title], [a part of the title]), [a duration is unknown].]",
        ),
        ("a live recording, but not the same one", "[[a live recording], but not the same one]"),
        ("another title, not a remix", "[another title], [not [a remix]]"),
        ("Last.fm answered an error it did not explain.", "[Last.fm answered [an error it did not explain].]"),
        ("plays.zip, row 7", "[plays.zip, row 7]"),
        ("has no date", "[has no date]"),
        ("has no name", "[has no name]"),
    ],
)
def test_sentences_are_known_with_what_is_filled_in(elsewhere: None, text: str, shown: str) -> None:
    assert translated(text) == shown


@pytest.mark.parametrize("text", ["podcasts", "Karaoke, with a demon", "is far too long, and I know", "Over and over"])
def test_what_nobody_here_told_is_left_alone(elsewhere: None, text: str) -> None:
    assert translated(text) == text


def test_why_two_plays_are_one_is_known_whole(elsewhere: None) -> None:
    at = datetime(2026, 3, 1, 20, tzinfo=UTC)
    one = Play(provider_type="a", label="Aerie", played_at=at, marks="start", name="Song", artist="One, and Two")
    minutes = timedelta(minutes=3)
    two = Play(
        provider_type="b", label="Bay", played_at=at + minutes, marks="end", name="Song", artist="", duration_ms=1
    )
    shown = translated(compare(one, two).explanation)
    assert "[Aerie has it begin at 2026-03-01 20:00:00 UTC]" in shown
    assert "[Bay has it end at 2026-03-01 20:03:00 UTC]" in shown
    assert re.search(r"\[\[.*; it lasts 0:00\]: (the times fit|too far apart for) one play\.\]$", shown)
    assert "“Song” by [nobody named]]" in shown


def test_why_a_song_is_not_taken_is_known_whole(elsewhere: None) -> None:
    wanted = Track(id="1", name="Blue in Green", artist="Miles Davis", duration_ms=200_000)
    near = Track(id="2", name="Blue in Green", artist="Miles Davis", duration_ms=260_000)
    verdict = match(wanted, [near])
    assert translated(verdict.reason) == "[Only others come near it.]"
    assert translated(verdict.nearest[0].reason) == "[60 s longer]"


def test_what_a_service_told_stays_inert() -> None:
    template = Template("{% load sentences %}{{ text|translated }}")
    assert template.render(Context({"text": "<b>1 s longer"})) == "&lt;b&gt;1 s longer"
