from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from providers import registry
from providers.models import Connection, HistorySync, LastFMAuth, ServicePause, SpotifyAuth
from tests.admin.acting import act, ask, changelist, told
from tests.history.fakes import ListHistory

pytestmark = pytest.mark.django_db

CHANGELIST = changelist("connection")


def test_one_list_shows_the_connections_of_all_services(admin_client, linked):
    page = admin_client.get(CHANGELIST).content.decode()

    for text in ("ada", "ada-plays", "Last.fm", "Spotify", "Connected"):
        assert text in page


def test_no_page_of_the_admin_holds_a_secret(admin_client, linked):
    pages = [
        admin_client.get(address).content.decode()
        for address in (
            reverse("admin:index"),
            CHANGELIST,
            *(reverse("admin:providers_connection_change", args=[row.pk]) for row in Connection.objects.all()),
        )
    ]

    assert len(pages) == 4
    assert not any("seeded-" in page for page in pages)


def test_times_are_written_the_same_way_in_the_list_and_on_a_connections_own_page(admin_client, linked):
    moment = datetime(2026, 11, 22, 21, 28, 7, tzinfo=UTC)
    HistorySync.objects.create(connection=linked, last_fetched_at=moment, complete_until=moment)

    for address in (CHANGELIST, reverse("admin:providers_connection_change", args=[linked.pk])):
        page = admin_client.get(address).content.decode()
        assert "Nov. 22, 2026, 9:28 p.m." in page
        assert "21:28:07" not in page


def test_what_went_wrong_is_said_in_the_language_of_who_looks(admin_client, linked):
    Connection.objects.filter(pk=linked.pk).update(status="needs_reauth", status_detail="Too many requests.")

    for address, times in ((CHANGELIST, 1), (reverse("admin:providers_connection_change", args=[linked.pk]), 2)):
        page = admin_client.get(address, headers={"Accept-Language": "de"}).content.decode()
        assert page.count("<bdi>Zu viele Anfragen.</bdi>") == times
        assert "Too many requests." not in page


def test_nothing_of_a_connection_can_be_edited_added_or_deleted(admin_client, linked):
    change = reverse("admin:providers_connection_change", args=[linked.pk])

    admin_client.post(change, {"account_name": "another", "status": "disconnected"})

    linked.refresh_from_db()
    assert (linked.account_name, linked.status) == ("ada-plays", "ok")
    assert admin_client.get(reverse("admin:providers_connection_add")).status_code == 403
    assert admin_client.post(reverse("admin:providers_connection_delete", args=[linked.pk])).status_code == 403


@pytest.mark.parametrize("query", ["q=ada-plays", "provider_type__exact=lastfm", "status__exact=ok&q=ada"])
def test_connections_can_be_searched_and_filtered(admin_client, linked, query):
    page = admin_client.get(f"{CHANGELIST}?{query}").content.decode()

    assert "ada-plays" in page


def test_a_filter_leaves_the_others_out(admin_client, linked):
    assert "ada-plays" not in admin_client.get(f"{CHANGELIST}?provider_type__exact=spotify").content.decode()


def test_the_list_costs_the_same_number_of_queries_however_long_it_is(admin_client, django_user_model, linked):
    def count():
        with CaptureQueriesContext(database) as queries:
            admin_client.get(CHANGELIST)
        return len(queries)

    before = count()
    for number in range(20):
        person = django_user_model.objects.create_user(f"person {number}")
        LastFMAuth.objects.create(user=person, username=f"name {number}", session_key="k")
        SpotifyAuth.objects.create(user=person, access_token="t")

    assert count() == before


def test_a_row_that_cannot_be_decrypted_says_so_and_the_others_still_show(admin_client, linked, settings):
    settings.FERNET_KEYS = ["another key"]
    other = admin_client.get(reverse("admin:index")).wsgi_request.user
    LastFMAuth.objects.create(user=other, username="still-fine", session_key="k")

    page = admin_client.get(CHANGELIST)
    detail = admin_client.get(reverse("admin:providers_connection_change", args=[linked.pk]))

    assert page.status_code == detail.status_code == 200
    assert page.content.decode().count("Cannot be decrypted") == 2
    assert "still-fine" in page.content.decode()
    assert "Cannot be decrypted" in detail.content.decode()


def test_fetch_now_makes_the_connection_due_and_leaves_the_fetching_to_the_watcher(admin_client, linked):
    HistorySync.objects.create(connection=linked, due_at=timezone.now() + timedelta(hours=5), failures=3)

    page = act(admin_client, CHANGELIST, "fetch_now", linked)

    assert told(page) == ["Last.fm of ada: will be fetched next."]
    sync = HistorySync.objects.get()
    assert sync.due_at <= timezone.now()
    assert sync.failures == 0


def test_fetch_now_makes_a_connection_due_that_was_never_fetched(admin_client, linked):
    act(admin_client, CHANGELIST, "fetch_now", linked)

    assert HistorySync.objects.get(connection=linked).due_at <= timezone.now()


def test_fetch_now_does_not_promise_anything_of_a_link_that_is_not_there(admin_client, linked):
    linked.mark_disconnected()

    assert told(act(admin_client, CHANGELIST, "fetch_now", linked)) == ["Last.fm of ada: is not linked."]
    assert not HistorySync.objects.exists()


def test_check_tells_whether_the_link_works(admin_client, linked, monkeypatch):
    monkeypatch.setattr(registry, "build", lambda provider_type, user: ListHistory([]))

    assert told(act(admin_client, CHANGELIST, "check_now", linked)) == ["Last.fm of ada: works."]


def test_check_does_not_call_a_link_working_that_is_not_there(admin_client, linked):
    LastFMAuth.objects.all().delete()

    assert told(act(admin_client, CHANGELIST, "check_now", linked)) == ["Last.fm of ada: is not linked."]


@pytest.mark.parametrize("action", ["fetch_now", "check_now", "disconnect"])
def test_a_service_that_is_no_longer_installed_is_named_and_does_not_stop_the_others(admin_client, linked, action):
    gone = Connection.objects.create(user=linked.user, provider_type="gone")
    LastFMAuth.objects.all().delete()

    said = told(act(admin_client, CHANGELIST, action, gone, linked))

    assert len(said) == 2
    assert any(line.startswith("gone (not installed) of ada: There is no service 'gone'") for line in said)
    assert any(line.startswith("Last.fm of ada: ") for line in said)


def test_a_person_can_be_deleted_with_all_that_is_theirs(admin_client, linked):
    answer = admin_client.post(reverse("admin:auth_user_delete", args=[linked.user.pk]), {"post": "yes"}, follow=True)

    assert "was deleted successfully" in answer.content.decode()
    assert not Connection.objects.exists()
    assert not LastFMAuth.objects.exists()


def test_check_tells_what_is_wrong(admin_client, linked, settings):
    settings.FERNET_KEYS = ["another key"]

    (said,) = told(act(admin_client, CHANGELIST, "check_now", linked))
    assert "cannot be decrypted" in said


@pytest.mark.parametrize("keys", [["tests only key"], ["another key"]])
def test_disconnect_forgets_the_secrets_and_keeps_the_history_even_if_they_cannot_be_read(
    admin_client, linked, settings, keys
):
    settings.FERNET_KEYS = keys

    assert told(act(admin_client, CHANGELIST, "disconnect", linked)) == ["Last.fm of ada: disconnected."]
    linked.refresh_from_db()
    assert linked.status == Connection.Status.DISCONNECTED
    assert not LastFMAuth.objects.exists()
    assert SpotifyAuth.objects.count() == 1


def test_a_connection_leads_to_its_listens(admin_client, linked):
    page = admin_client.get(reverse("admin:providers_connection_change", args=[linked.pk])).content.decode()

    assert f'href="{changelist("listen")}?q=ada&amp;provider_type__exact=lastfm"' in page


def test_who_may_see_no_listens_is_not_led_to_them(staff, linked):
    page = staff("view_connection").get(reverse("admin:providers_connection_change", args=[linked.pk]))

    assert page.status_code == 200
    assert changelist("listen") not in page.content.decode()


def test_links_that_expire_soon_can_be_looked_for(admin_client, linked):
    soon = Connection.objects.get(user=linked.user, provider_type="spotify")
    Connection.objects.filter(pk=soon.pk).update(link_expires_at=timezone.now() + timedelta(days=29))
    Connection.objects.filter(pk=linked.pk).update(link_expires_at=timezone.now() + timedelta(days=31))

    page = admin_client.get(f"{CHANGELIST}?expires=soon")

    assert list(page.context["cl"].queryset) == [soon]


def test_the_services_to_choose_from_are_those_installed_by_their_names(admin_client, linked):
    page = admin_client.get(f"{CHANGELIST}?provider_type__exact=spotify").content.decode()

    chosen = page.split('<li class="selected">')[1].split("</li>")[0]
    assert ">Spotify</a>" in chosen
    assert ">Radiola</a>" in page


@pytest.fixture
def pause(db):
    return ServicePause.objects.create(
        provider_type="spotify", client_id="app", until=timezone.now() + timedelta(hours=3)
    )


def test_pauses_are_shown_and_can_be_neither_made_up_nor_deleted_without_a_word(admin_client, pause):
    assert "Spotify" in admin_client.get(changelist("servicepause")).content.decode()
    assert admin_client.get(reverse("admin:providers_servicepause_add")).status_code == 403
    assert admin_client.post(reverse("admin:providers_servicepause_delete", args=[pause.pk])).status_code == 403
    assert ServicePause.objects.exists()


def test_to_forget_a_pause_warns_of_what_the_service_may_do_and_is_kept_as_a_deletion(admin_client, pause):
    question = ask(admin_client, changelist("servicepause"), "forget", pause).content.decode()
    assert "1 pause is forgotten. The service asked for it: who calls it sooner may be shut out for longer." in question
    assert ServicePause.until_for("spotify", "app") is not None

    said = told(act(admin_client, changelist("servicepause"), "forget", pause))

    assert said == ["Pause of Spotify: forgotten."]
    assert ServicePause.until_for("spotify", "app") is None
    kept = LogEntry.objects.get()
    assert kept.is_deletion()
    assert kept.object_id == str(pause.pk)
    assert "Forget the pause" in kept.change_message
