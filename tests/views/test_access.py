import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.test import Client
from pytest_django import Settings

import providers.views
from providers import urls
from tests.fake_services import FakeServices

pytestmark = pytest.mark.usefixtures("services")

ROOT = Path(urls.__file__).parent.parent
PERSONAL_PAGES = [
    "/alerts/",
    "/connections/",
    "/history/",
    "/history/import/",
    "/playlists/",
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
def test_nobody_stores_a_personal_page_or_learns_its_whole_address(visitor: Client, page: str) -> None:
    response = visitor.get(page)
    assert response.headers["Cache-Control"] == "private, no-store"
    assert response.headers["Referrer-Policy"] == "strict-origin"


def test_the_policy_for_content_is_strict_and_lets_forms_lead_to_the_services(visitor: Client) -> None:
    policy = visitor.get("/connections/").headers["Content-Security-Policy"]
    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    assert directives["default-src"] == "'self'"
    assert directives["form-action"] == "'self' https://spotify.example https://lastfm.example"
    assert "unsafe" not in policy


@pytest.mark.parametrize("page", ["/connections/", "/history/", "/playlists/", "/accounts/login/", "/nowhere/"])
def test_no_page_has_scripts_or_styles_of_its_own(visitor: Client, page: str) -> None:
    html = visitor.get(page, follow=True).content.decode()
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", html)


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


def test_a_person_can_sign_out(visitor: Client) -> None:
    assert "Sign out" in visitor.get("/connections/").content.decode()
    visitor.post("/accounts/logout/")
    assert visitor.get("/connections/").status_code == 302


def test_an_unknown_address_has_a_page(visitor: Client) -> None:
    response = visitor.get("/nowhere/")
    assert response.status_code == 404
    assert "There is no such page" in response.content.decode()


@pytest.mark.parametrize("template", ["400.html", "403.html", "403_csrf.html", "404.html", "500.html"])
def test_an_error_page_needs_neither_request_nor_database(template: str) -> None:
    assert "To your connections" in render_to_string(template)


def test_a_message_is_shown_once(visitor: Client, user: User, services: FakeServices) -> None:
    visitor.get(f"/connections/{services.wavebox.type}/disconnect/")
    assert "is not linked." in visitor.get("/connections/").content.decode()
    assert "is not linked." not in visitor.get("/connections/").content.decode()


@pytest.mark.django_db
def test_the_stylesheet_is_found(client: Client) -> None:
    html = render_to_string("404.html")
    stylesheet = re.search(r'rel="stylesheet" href="([^"]+)"', html)
    assert stylesheet
    response = client.get(stylesheet[1])
    assert b":focus-visible" in response.getvalue()
    response.close()


@pytest.fixture
def plain_site(settings: Settings) -> None:
    """Take away everything but sessions, and hang the pages below a prefix."""
    settings.ROOT_URLCONF = "tests.views.elsewhere"
    settings.LOGIN_URL = "/login/"
    settings.MIDDLEWARE = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ]
    (templates,) = settings.TEMPLATES
    processors = ["django.template.context_processors.request", "django.contrib.auth.context_processors.auth"]
    settings.TEMPLATES = [{**templates, "OPTIONS": {"context_processors": processors}}]


@pytest.mark.usefixtures("plain_site")
def test_the_pages_need_no_other_app_or_middleware_and_may_hang_anywhere(
    visitor: Client, services: FakeServices
) -> None:
    service = services.wavebox
    assert "/music/history/" in visitor.get("/music/connections/").content.decode()
    assert "Sign out" not in visitor.get("/music/connections/").content.decode()
    address = visitor.post(f"/music/connections/{service.type}/connect/").headers["Location"]
    back = visitor.get(f"/music/connections/{service.type}/callback/", service.agree(address))
    assert (back.status_code, back.headers["Location"]) == (303, "/music/connections/")
    assert visitor.get("/music/history/").status_code == 200
    assert visitor.post(f"/music/connections/{service.type}/disconnect/").headers["Location"] == "/music/connections/"
    repeated = visitor.get(f"/music/connections/{service.type}/callback/", service.agree(address))
    assert "This was opened before" in repeated.content.decode()


def test_the_live_part_of_a_page_takes_the_whole_page_along_to_sign_in(client: Client) -> None:
    response = client.get("/connections/", headers={"HX-Request": "true"})
    assert response.status_code == 200
    assert response.headers["HX-Redirect"] == "/accounts/login/?next=/connections/"
    assert response.content == b""
