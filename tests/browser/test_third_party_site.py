from playwright.sync_api import Page, expect

from providers.testing.simulators.household import USERNAME
from tests.third_party_site import ADMINISTRATOR, PASSWORD, ThirdPartySite, linkable


def test_a_person_links_both_services_in_a_site_of_somebody_else(third_party_site: ThirdPartySite, page: Page) -> None:
    complaints: list[str] = []
    with linkable(third_party_site, "browsed") as (visitor, _):
        visitor.get("/")
        page.goto(f"{visitor.url}/")
        page.get_by_label("Username").fill(ADMINISTRATOR)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()

        page.on("console", lambda message: complaints.append(message.text))
        page.get_by_role("button", name="Link Spotify").click()
        page.get_by_role("radio", name="Ana").check()
        page.get_by_role("button", name="Agree").click()
        expect(page).to_have_url(f"{visitor.url}/connections/")
        page.get_by_role("button", name="Link Last.fm").click()
        page.get_by_role("radio", name=USERNAME).check()
        page.get_by_role("button", name="Yes, allow access").click()
        expect(page.get_by_role("article", name="Spotify")).to_contain_text("Connected as Ana.")
        expect(page.get_by_role("article", name="Last.fm")).to_contain_text(f"Connected as {USERNAME}.")
        page.goto("about:blank")
    assert complaints == []
