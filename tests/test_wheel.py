"""What docs/reusing.md promises: the wheel works in somebody else's site, with ten lines, and bends to it."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.views.history import PAGE_SIZE
from tests.on_postgres import free_port
from tests.third_party_site import (
    PAGE,
    ROOT,
    ThirdPartySite,
    Visitor,
    documented_lines,
    linkable,
    section,
)

THEIR_BASE = """<!DOCTYPE html>
<title>{% block title %}{% endblock %}</title><h1>Their own frame</h1>
{% for message in messages %}<p>{{ message }}</p>{% endfor %}{% block content %}{% endblock %}
"""
THEIR_CATALOGUE = """msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

"""
THEIR_SETTINGS = """
ROOT_URLCONF = "theirs.elsewhere"
TEMPLATES[0]["DIRS"] = [BASE_DIR / "templates"]
LOCALE_PATHS = [BASE_DIR / "locale"]
"""


def lines_of(blocks: dict[str, str]) -> list[str]:
    return [line for block in blocks.values() for line in block.splitlines() if line and not line.startswith("#")]


def test_ten_lines_are_documented_and_the_readme_has_the_same() -> None:
    lines = documented_lines(section(PAGE, "Ten lines"))
    assert len(lines_of(lines)) == 10
    assert documented_lines(section(ROOT / "README.md", "In a Django site of your own")) == lines


def test_what_is_installed_is_the_wheel_with_all_that_belongs_to_it(third_party_site: ThirdPartySite) -> None:
    where = third_party_site.run("python -c 'import providers; print(providers.__path__[0])'").strip()
    installed = {str(path.relative_to(where)) for path in Path(where).rglob("*") if path.is_file()}
    kept = subprocess.check_output(["git", "ls-files", "providers", "templates/providers"], cwd=ROOT, text=True)
    assert Path(where).is_relative_to(third_party_site.folder)
    wanted = {name.removeprefix("providers/") for name in kept.splitlines()}
    assert {name for name in wanted if name not in installed} == set()


def test_without_settings_of_services_checks_warn_and_services_show_as_not_set_up(
    third_party_site: ThirdPartySite,
) -> None:
    told = third_party_site.run("python manage.py check 2>&1")
    assert "SPOTIFY_CLIENT_ID is not set, so Spotify is not set up." in told
    # Nothing else but SQLite, which the page speaks of too.
    assert set(re.findall(r"\w+\.[EW]\d+", told)) == {"providers.W002", "providers.W012"}
    with third_party_site.serving(free_port(), "theirs.settings") as visitor:
        page = visitor.sign_in("/connections/")
        assert page.text.count("Your administrator has not set up") == 3
        assert visitor.get("/static/providers/providers.css").headers["Content-Type"] == "text/css"


def test_a_person_links_both_services_and_their_listens_come_home(third_party_site: ThirdPartySite) -> None:
    with linkable(third_party_site, "linked") as (visitor, household):
        assert visitor.get("/").url.startswith(f"{visitor.url}/admin/login/")
        visitor.sign_in("/connections/")
        for provider_type, consent in household.consents.items():
            assert visitor.link(f"/connections/{provider_type}/connect/", consent).url == f"{visitor.url}/connections/"
        page = visitor.get("/connections/").text
        assert page.count("Connected as") == 2
        assert "Spotify is linked as Ana." not in page, "the message is shown once"
        told = third_party_site.run(
            "python manage.py fetch_history --provider spotify --json", DJANGO_SETTINGS_MODULE="theirs.linked"
        )
        (report,) = json.loads(told)
        assert visitor.get("/history/").text.count('class="service"') == min(report["stored"], PAGE_SIZE) > 0


@pytest.fixture(scope="module")
def bent_visitor(third_party_site: ThirdPartySite) -> Iterator[Visitor]:
    """Visit the site with a template, a text and addresses of its own."""
    folder = third_party_site.folder
    (folder / "templates" / "providers").mkdir(parents=True)
    (folder / "templates" / "providers" / "base.html").write_text(THEIR_BASE)
    third_party_site.add(
        "elsewhere.py",
        "from django.contrib import admin\nfrom django.urls import include, path\n"
        'urlpatterns = [path("music/", include("providers.urls")), path("admin/", admin.site.urls)]\n',
    )
    catalogue = folder / "locale" / "en" / "LC_MESSAGES" / "django.po"
    catalogue.parent.mkdir(parents=True)
    (entry,) = PAGE.read_text().split("```po\n")[1].split("```")[:1]
    catalogue.write_text(THEIR_CATALOGUE + entry)
    if shutil.which("msgfmt"):
        third_party_site.run("python -m django compilemessages --ignore env")
    with linkable(third_party_site, "bent", prefix="/music/", more=THEIR_SETTINGS) as (visitor, household):
        visitor.sign_in("/music/connections/")
        for provider_type, consent in household.consents.items():
            visitor.link(f"/music/connections/{provider_type}/connect/", consent)
        yield visitor


def test_a_template_of_the_site_is_taken_instead_of_ours(bent_visitor: Visitor) -> None:
    page = bent_visitor.get("/music/history/").text
    assert "Their own frame" in page
    assert "Skip to the content" not in page


def test_pages_work_under_any_address(bent_visitor: Visitor) -> None:
    assert bent_visitor.get("/music/connections/").text.count("Connected as") == 2
    assert 'href="/music/connections/spotify/"' in bent_visitor.get("/music/").text
    for page in (
        "connections/spotify/",
        "connections/spotify/disconnect/",
        "history/",
        "history/import/",
        "playlists/",
        "playlists/from/spotify/",
    ):
        bent_visitor.get(f"/music/{page}")
    brought = bent_visitor.upload("/music/history/import/", "uploads", "plays.csv", b"not,known\n")
    assert brought.url == f"{bent_visitor.url}/music/history/import/"
    assert "plays.csv" in brought.text


@pytest.mark.gettext
def test_a_text_of_the_site_is_shown_instead_of_ours(bent_visitor: Visitor) -> None:
    assert "Link Navidrome first, please." in bent_visitor.get("/music/playlists/from/navidrome/").text
