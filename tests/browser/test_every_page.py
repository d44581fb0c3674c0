"""Every page in Chromium: nothing that axe finds, nothing in the console, nothing that moves while it loads."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth import get_user_model
from django.core.management import call_command
from playwright.sync_api import expect

from providers.testing.simulators.household import USERNAME
from tests.browser.conftest import Site
from tests.every_page import furnish

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}

HOW_FAR_THINGS_MOVE = """() => new Promise(resolve => {
    let moved = 0;
    new PerformanceObserver(list => list.getEntries().forEach(entry => { moved += entry.value; }))
        .observe({type: "layout-shift", buffered: true});
    requestAnimationFrame(() => setTimeout(() => resolve(moved), 0));
})"""


def link_everything(site: Site) -> None:
    site.sign_in()
    page = site.page
    page.get_by_role("button", name="Link Spotify").click()
    page.get_by_role("button", name="Agree").click()
    page.get_by_role("button", name="Link Last.fm").click()
    page.get_by_role("button", name="Yes, allow access").click()
    expect(site.card("Last.fm")).to_contain_text("Connected as")


def violations(site: Site) -> list[str]:
    found = Axe().run(site.page, options=RULES).response["violations"]
    return [f"{rule['id']}: {node['html'][:150]}" for rule in found for node in rule["nodes"]]


def unlike_others(problems: dict[str, Any]) -> dict[str, Any]:
    return {name: problem for name, problem in problems.items() if problem}


@pytest.mark.parametrize("site", ["desktop-light", "phone-dark"], indirect=True)
def test_every_page_is_for_everybody_and_stands_still(site: Site) -> None:
    site.open("/")
    problems: dict[str, Any] = {"sign-in": violations(site)}
    link_everything(site)
    call_command("fetch_history", "--json")
    pages = furnish(get_user_model().objects.get(username=USERNAME))
    moving = {}
    for name, page in pages.items():
        if not page.is_read or name in ("callback", "export_history", "export_missing"):
            continue
        site.open(page.path)
        moving[name] = site.page.evaluate(HOW_FAR_THINGS_MOVE) > 0.01
        problems[name] = violations(site)
        site.take_picture(f"page-{name}")
    assert unlike_others(problems) == {}
    assert unlike_others(moving) == {}


@pytest.mark.parametrize("site", ["desktop-dark", "phone-light"], indirect=True)
def test_pages_of_what_went_wrong_are_for_everybody(site: Site) -> None:
    site.sign_in()
    problems = {}
    for name, path in {"not-found": "/nowhere/", "bad-callback": "/connections/spotify/callback/?state=x"}.items():
        site.open(path)
        problems[name] = violations(site)
        site.take_picture(f"page-{name}")
    assert unlike_others(problems) == {}
    assert len(site.complaints) >= 2
    # The browser complains about pages that are not there: that is what they are.
    assert all("40" in complaint for complaint in site.complaints)
    site.complaints.clear()
