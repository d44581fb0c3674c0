"""Catalogues are complete and fit to be used, and pages are in the language that a browser asks for."""

import ast
import gettext
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

ROOT = Path(__file__).parent.parent
LOCALE = ROOT / "providers" / "locale"
TRANSLATED = [language for language, _ in settings.LANGUAGES if language != settings.LANGUAGE_CODE]

of_each_language = pytest.mark.parametrize("language", TRANSLATED)


@dataclass
class Entry:
    """A text of a catalogue. `texts` are the English one and its plural, `said` how they are said elsewhere."""

    texts: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    context: str = ""
    is_fuzzy: bool = False


def entries(catalogue: Path) -> Iterator[Entry]:
    """Read a catalogue, but for its header."""
    for block in catalogue.read_text().split("\n\n"):
        entry, last = Entry(), [""]
        for line in block.splitlines():
            word, _, rest = line.partition(" ")
            if line.startswith("#"):
                entry.is_fuzzy |= line.startswith("#,") and "fuzzy" in line
            elif word == "msgctxt":
                entry.context = ast.literal_eval(rest)
            elif word in ("msgid", "msgid_plural"):
                last = entry.texts
                last.append(ast.literal_eval(rest))
            elif word.startswith("msgstr"):
                last = entry.said
                last.append(ast.literal_eval(rest))
            elif line:
                last[-1] += ast.literal_eval(line)
        if any(entry.texts):
            yield entry


def file_of(language: str, kind: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / f"django.{kind}"


def parts_of(text: str, pattern: str) -> list[str]:
    return sorted(re.findall(pattern, text))


@of_each_language
def test_every_text_is_translated_and_looked_at(language: str) -> None:
    found = list(entries(file_of(language, "po")))
    assert found
    assert [entry.texts for entry in found if entry.is_fuzzy or not all(entry.said)] == []


@of_each_language
@pytest.mark.parametrize("pattern", [r"%\(\w+\)[sd]", r"\{\w+\}", r"</?\w+[^>]*>", r"%%|(?<!%)%(?![(%])"])
def test_what_is_filled_in_and_what_is_marked_up_is_the_same_in_each_language(language: str, pattern: str) -> None:
    assert [
        said
        for entry in entries(file_of(language, "po"))
        for said in entry.said
        if parts_of(said, pattern) not in [parts_of(text, pattern) for text in entry.texts]
    ] == []


@of_each_language
def test_what_is_compiled_says_what_the_catalogue_says(language: str) -> None:
    with file_of(language, "mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for entry in entries(file_of(language, "po")):
        text = entry.texts[0]
        if len(entry.texts) > 1:
            assert compiled.ngettext(text, entry.texts[1], 2) in entry.said
        elif entry.context:
            assert compiled.pgettext(entry.context, text) == entry.said[0]
        else:
            assert compiled.gettext(text) == entry.said[0]


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, ...]]:
    """Collect the texts of the sources anew, in a copy of them."""
    copy = tmp_path_factory.mktemp("sources")
    for name in ("providers", "musicbridge", "templates"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.po", "*.mo"))
    shutil.copy(ROOT / "manage.py", copy)
    collect = [sys.executable, "manage.py", "makemessages", "--locale", "de", "--keep-pot"]
    environment = {**os.environ, "MUSICBRIDGE_ENV_FILE": str(ROOT / "tests" / "production.env")}
    environment.pop("DJANGO_SETTINGS_MODULE")
    subprocess.run(collect, cwd=copy, env=environment, check=True, capture_output=True)
    return {(entry.context, *entry.texts) for entry in entries(copy / "providers" / "locale" / "django.pot")}


@pytest.mark.gettext
@of_each_language
def test_a_catalogue_has_the_texts_of_the_sources_and_no_others(collected: set[tuple[str, ...]], language: str) -> None:
    found = {(entry.context, *entry.texts) for entry in entries(file_of(language, "po"))}
    assert found - collected == collected - found == set()


@pytest.mark.gettext
def test_texts_of_templates_code_and_services_are_collected(collected: set[tuple[str, ...]]) -> None:
    assert {
        ("", "Sign in to musicbridge"),
        ("", "%(service)s is not linked."),
        ("", "%(all)s track", "%(all)s tracks"),
        ("", "Too many requests."),
        ("", "The library was read %(when)s."),
    } <= collected


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked_for", "language"), [("de-AT,de;q=0.9", "de"), ("fr;q=0.8,en;q=0.5", "fr"), ("ja", "en"), ("", "en")]
)
def test_a_page_is_in_the_language_that_the_browser_asks_for(client: Client, asked_for: str, language: str) -> None:
    page = client.get("/accounts/login/", headers={"Accept-Language": asked_for})
    assert page["Content-Language"] == language
    assert "Accept-Language" in page["Vary"]
