"""A real Chromium in front of the running site, with the three simulated services on sockets behind it."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from providers.testing.simulators.household import PASSWORD, USERNAME, Household, serving_household

# Playwright runs an event loop in the thread of the tests, which makes Django fear for its database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

SCREENSHOTS = Path(__file__).parent.parent.parent / "screenshots"
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here, so that it is skipped, or fails in CI, where there is no Chromium."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Start Debian's Chromium, which as root has no sandbox, and let it talk to nobody else."""
    return {
        **browser_type_launch_args,
        "executable_path": "/usr/bin/chromium",
        "args": ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"],
    }


@pytest.fixture(scope="session")
def base_url(live_server: LiveServer) -> str:
    """Let pages be opened by their path."""
    return str(live_server.url)


@pytest.fixture(scope="session")
def household(live_server: LiveServer) -> Iterator[Household]:
    """Serve Spotify, Last.fm and Navidrome to the site."""
    with serving_household(f"{live_server.url}/connections/spotify/callback/") as household:
        yield household


@dataclass
class Site:
    """The site as one person sees it, with everything its pages complained about."""

    page: Page
    url: str
    look: str
    complaints: list[str]

    def open(self, path: str) -> None:
        """Go to a page of the site."""
        self.page.goto(self.url + path)

    def sign_in(self, name: str = USERNAME, password: str = PASSWORD) -> None:
        """Sign in by hand."""
        self.open("/")
        self.page.get_by_label("Username").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()

    def card(self, service: str) -> Any:
        """Return what the connections page says of a service."""
        return self.page.get_by_role("article", name=service)

    def take_picture(self, name: str) -> None:
        """Keep a picture to look at, and see that nothing sticks out at the side."""
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}-{self.look}.png", full_page=True)
        assert self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name} is too wide"

    def _note_message(self, message: ConsoleMessage) -> None:
        self.complaints.append(f"{message.type}: {message.text}")

    def _note_response(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status} for {re.sub('[?].*', '', response.url)}")


@pytest.fixture(params=["desktop-light", "phone-dark"])
def site(
    request: pytest.FixtureRequest,
    new_context: Any,
    transactional_db: None,
    live_server: LiveServer,
    household: Household,
    settings: Settings,
) -> Iterator[Site]:
    """Open the site in a fresh browser; whatever its console complains about fails the test.

    The parameter says how: size and colours, and with "noscript" no script runs.
    """
    for name, value in household.settings.items():
        setattr(settings, name, value)
    settings.PROVIDER_RATE_LIMITS = "none"
    size, scheme, *rest = request.param.split("-")
    width, height = SIZES[size]
    context: BrowserContext = new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, java_script_enabled=rest != ["noscript"]
    )
    site = Site(context.new_page(), live_server.url, request.param, [])
    site.page.on("console", site._note_message)
    site.page.on("pageerror", lambda error: site.complaints.append(str(error)))
    site.page.on("response", site._note_response)
    yield site
    assert site.complaints == []
