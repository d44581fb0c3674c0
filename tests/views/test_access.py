import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.test import Client

import providers.views
from providers import urls
from tests.fake_services import FakeServices

pytestmark = pytest.mark.usefixtures("services")

ROOT = Path(urls.__file__).parent.parent
PERSONAL_PAGES = [
    "/connections/",
    "/history/",
    "/connections/spotify/disconnect/",
    "/connections/spotify/callback/?code=1",
]


@pytest.mark.django_db
@pytest.mark.parametrize("page", PERSONAL_PAGES)
def test_who_is_not_signed_in_is_asked_to_and_comes_back(client: Client, page: str) -> None:
    there = urlsplit(client.get(page).headers["Location"])
    assert there.path == "/accounts/login/"
    assert parse_qs(there.query)["next"] == [page]


@pytest.mark.django_db
def test_who_posts_without_being_signed_in_comes_back_to_a_page_that_can_be_opened(client: Client) -> None:
    there = urlsplit(client.post("/connections/spotify/connect/").headers["Location"])
    assert parse_qs(there.query)["next"] == ["/connections/"]


@pytest.mark.parametrize("page", PERSONAL_PAGES)
def test_nobody_stores_a_personal_page_or_learns_its_whole_address(browser: Client, page: str) -> None:
    response = browser.get(page)
    assert response.headers["Cache-Control"] == "private, no-store"
    assert response.headers["Referrer-Policy"] == "strict-origin"


def test_the_policy_for_content_is_strict_and_lets_forms_lead_to_the_services(browser: Client) -> None:
    policy = browser.get("/connections/").headers["Content-Security-Policy"]
    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    assert directives["default-src"] == "'self'"
    assert directives["form-action"] == "'self' https://spotify.example https://lastfm.example"
    assert "unsafe" not in policy


@pytest.mark.parametrize("page", ["/connections/", "/history/", "/accounts/login/", "/nowhere/"])
def test_no_page_has_scripts_or_styles_of_its_own(browser: Client, page: str) -> None:
    html = browser.get(page, follow=True).content.decode()
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=", html)


def test_pages_know_no_service_by_name() -> None:
    sources = [
        Path(urls.__file__),
        *Path(providers.views.__file__).parent.glob("*.py"),
        *(ROOT / "templates").rglob("*.html"),
        *(ROOT / "providers/static/providers").glob("*.css"),
    ]
    assert len(sources) > 20
    named = [source.name for source in sources if re.search("spotify|last\\.?fm|navidrome", source.read_text(), re.I)]
    assert named == []


def test_a_person_can_sign_out(browser: Client) -> None:
    assert "Sign out" in browser.get("/connections/").content.decode()
    browser.post("/accounts/logout/")
    assert browser.get("/connections/").status_code == 302


def test_an_unknown_address_has_a_page(browser: Client) -> None:
    response = browser.get("/nowhere/")
    assert response.status_code == 404
    assert "There is no such page" in response.content.decode()


@pytest.mark.parametrize("template", ["400.html", "403.html", "403_csrf.html", "404.html", "500.html"])
def test_an_error_page_needs_neither_request_nor_database(template: str) -> None:
    assert "To your connections" in render_to_string(template)


def test_a_message_is_shown_once(browser: Client, user: User, services: FakeServices) -> None:
    browser.get(f"/connections/{services.wavebox.type}/disconnect/")
    assert "is not linked." in browser.get("/connections/").content.decode()
    assert "is not linked." not in browser.get("/connections/").content.decode()


@pytest.mark.django_db
def test_the_stylesheet_is_found(client: Client) -> None:
    html = render_to_string("404.html")
    stylesheet = re.search(r'rel="stylesheet" href="([^"]+)"', html)
    assert stylesheet
    response = client.get(stylesheet[1])
    assert b":focus-visible" in response.getvalue()
    response.close()
