"""Alerts, as a person sets them up."""

from django.utils import timezone

from providers.models import Alert, AlertTarget
from tests.alerts.fakes import receiving
from tests.browser.conftest import Site


def test_a_person_adds_a_place_tests_it_changes_it_and_deletes_it(site: Site) -> None:
    page = site.page
    site.sign_in()
    site.open("/alerts/")
    site.take_picture("alerts-none")
    with receiving() as receiver:
        page.get_by_role("textbox", name="Name").fill("My <b>hook</b>")
        page.get_by_role("textbox", name="Address").fill("syslog://")
        page.get_by_role("button", name="Add").click()
        page.get_by_text("Messages to this kind of service are not allowed on this site.").wait_for()
        site.take_picture("alerts-refused")
        page.get_by_role("textbox", name="Address").fill(f"json://{receiver.host}/hook")
        page.get_by_label("Listens are missing").uncheck()
        page.get_by_role("button", name="Add").click()
        page.get_by_text("My <b>hook</b> is added.").wait_for()
        page.get_by_role("button", name="Send a test").click()
        page.get_by_text("My <b>hook</b> has taken the test.").wait_for()
        assert len(receiver.messages) == 1
    target = AlertTarget.objects.get()
    assert target.kinds == ["needs_reauth", "link_expires", "mirror_failing"]
    facts = {"mirror": 1, "playlist": "Rainy Sundays", "source": "spotify", "target": "navidrome", "detail": ""}
    Alert.objects.create(target=target, kind="mirror_failing", matter="mirror 1", facts=facts, told_at=timezone.now())
    facts = {"service": "spotify", "days": 7, "expires_at": timezone.now().isoformat()}
    Alert.objects.create(target=target, kind="link_expires", matter="expiry 1", facts=facts)
    site.open("/alerts/")
    site.take_picture("alerts")
    page.get_by_role("article").get_by_role("link", name="Change").click()
    site.take_picture("alerts-change")
    page.get_by_role("textbox", name="Name").fill("Desk")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("Desk is paused").wait_for()
    page.get_by_role("link", name="Delete").click()
    site.take_picture("alerts-delete")
    page.get_by_role("button", name="Delete").click()
    page.get_by_text("Desk is deleted, and its address with it.").wait_for()
    assert site.complaints == []
