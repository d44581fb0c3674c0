from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from providers import linking
from providers.models import Connection, HistorySync, LastFMAuth, PlaylistMirror
from tests.admin.acting import act, ask, changelist, confirm, told

pytestmark = pytest.mark.django_db

CONNECTIONS = changelist("connection")
HOSTILE = "<script>alert(1)</script>\u202etxet"


@pytest.fixture
def many(django_user_model, linked):
    people = django_user_model.objects.bulk_create(
        django_user_model(username=f"person {number:03}") for number in range(501)
    )
    return Connection.objects.bulk_create(Connection(user=person, provider_type="lastfm") for person in people)


@pytest.mark.parametrize(
    ("action", "announcement"),
    [
        ("fetch_now", "1 connection becomes due: whoever watches fetches it next. Nothing is fetched while you wait."),
        ("check_now", "The service is asked for a trifle, to see whether the link works."),
        ("disconnect", "The secrets of 1 connection are deleted"),
    ],
)
def test_every_action_says_first_what_it_will_do_and_does_nothing_yet(admin_client, linked, action, announcement):
    page = ask(admin_client, CONNECTIONS, action, linked)

    assert announcement in page.content.decode()
    assert "<li><bdi>Last.fm of ada</bdi></li>" in page.content.decode()
    assert LastFMAuth.objects.exists()
    assert not HistorySync.objects.exists()
    assert not LogEntry.objects.exists()


def test_what_was_done_stands_in_the_history_of_the_row_with_who_did_it(admin_client, admin_user, linked):
    act(admin_client, CONNECTIONS, "disconnect", linked)

    kept = LogEntry.objects.get()
    assert (kept.user, kept.object_id, kept.change_message) == (admin_user, str(linked.pk), "Disconnect: disconnected.")
    history = admin_client.get(reverse("admin:providers_connection_history", args=[linked.pk])).content.decode()
    assert "Disconnect: disconnected." in history


def test_what_is_done_before_an_action_breaks_off_is_kept(admin_client, linked, monkeypatch):
    real = linking.disconnect

    def fails_at_another(user, provider_type):
        if provider_type != "lastfm":
            raise RuntimeError
        real(user, provider_type)

    monkeypatch.setattr(linking, "disconnect", fails_at_another)
    other = Connection.objects.get(user=linked.user, provider_type="spotify")

    with pytest.raises(RuntimeError):
        act(admin_client, CONNECTIONS, "disconnect", linked, other)

    assert [kept.object_id for kept in LogEntry.objects.all()] == [str(linked.pk)]


def test_only_what_was_asked_about_is_acted_on_whatever_meets_the_filter_by_then(
    admin_client, django_user_model, linked
):
    address = CONNECTIONS + "?provider_type__exact=lastfm"
    question = ask(admin_client, address, "disconnect", linked, select_across="1")
    late = django_user_model.objects.create_user("late")
    LastFMAuth.objects.create(user=late, username="late-plays", session_key="k")

    confirm(admin_client, address, question)

    assert [auth.user for auth in LastFMAuth.objects.all()] == [late]


def test_more_rows_than_anybody_can_mean_are_refused(admin_client, many):
    page = ask(admin_client, CONNECTIONS, "fetch_now", many[0], select_across="1")

    assert told(page) == ["“Fetch now” takes at most 500 rows at a time. More were chosen, so nothing was done."]
    assert not HistorySync.objects.exists()


def test_no_more_services_are_asked_than_one_can_wait_for(admin_client, many):
    for action, name in (("check_now", "Check now"), ("disconnect", "Disconnect")):
        (said,) = told(ask(admin_client, CONNECTIONS, action, *many[:21]))
        assert said.startswith(f"“{name}” takes at most 20 rows at a time.")


def test_many_rows_are_named_as_far_as_one_reads_and_told_of_in_one_sentence(admin_client, many):
    chosen = many[:50]
    question = ask(admin_client, CONNECTIONS, "fetch_now", *chosen)

    assert "50 connections become due" in question.content.decode()
    assert question.content.decode().count("<li><bdi>") == 10
    assert "and 40 more" in question.content.decode()
    (said,) = told(confirm(admin_client, CONNECTIONS, question))
    assert said.startswith("Last.fm of person 000, Last.fm of person 001, ")
    assert said.endswith(" and 40 more: will be fetched next.")
    assert HistorySync.objects.count() == LogEntry.objects.count() == 50


def test_the_page_that_asks_costs_the_same_number_of_queries_for_many_rows(admin_client, many):
    def count(*rows):
        with CaptureQueriesContext(database) as queries:
            ask(admin_client, CONNECTIONS, "fetch_now", *rows)
        return len(queries)

    assert count(*many[:2]) == count(*many[:200]) <= 10


def test_rows_that_are_gone_by_the_time_of_the_answer_are_no_error(admin_client, linked):
    question = ask(admin_client, CONNECTIONS, "fetch_now", linked)
    linked.user.delete()

    page = confirm(admin_client, CONNECTIONS, question)

    assert page.status_code == 200
    assert told(page) == ["What was chosen is no longer on this list. Nothing was done."]


def test_the_way_back_leads_to_the_list_as_it_was(admin_client, linked):
    page = ask(admin_client, CONNECTIONS + "?provider_type__exact=lastfm&q=a", "disconnect", linked).content.decode()

    assert f'<a href="{CONNECTIONS}?provider_type__exact=lastfm&amp;q=a" class="providers-back">' in page


def test_hostile_names_stay_text_where_they_are_asked_about_and_told_of(admin_client, mirror):
    PlaylistMirror.objects.filter(pk=mirror.pk).update(name=HOSTILE)
    address = changelist("playlistmirror")

    pages = [
        admin_client.get(address),
        admin_client.get(reverse("admin:providers_playlistmirror_change", args=[mirror.pk])),
        ask(admin_client, address, "carry_now", mirror),
        act(admin_client, address, "carry_now", mirror),
    ]

    for page in pages:
        assert "<script>alert" not in page.content.decode()
        assert "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;\u202etxet" in page.content.decode()


@pytest.mark.parametrize("action", ["fetch_now", "check_now", "disconnect"])
def test_who_may_only_look_cannot_act(staff, linked, action):
    client = staff("view_connection")
    page = client.get(CONNECTIONS)
    assert page.status_code == 200
    assert 'name="action"' not in page.content.decode()

    data = {"action": action, "_selected_action": [linked.pk], "confirmed": "yes"}
    client.post(CONNECTIONS, data, follow=True)

    assert LastFMAuth.objects.exists()
    assert not HistorySync.objects.exists()
    assert not LogEntry.objects.exists()


def test_who_may_change_one_sort_of_rows_acts_on_no_other(staff, linked):
    sync = HistorySync.objects.create(connection=linked, due_at=timezone.now() + timedelta(hours=5))
    client = staff("view_connection", "change_connection", "view_historysync")

    assert told(act(client, CONNECTIONS, "disconnect", linked)) == ["Last.fm of ada: disconnected."]
    data = {"action": "fetch_now", "_selected_action": [sync.pk], "confirmed": "yes"}
    client.post(changelist("historysync"), data, follow=True)

    sync.refresh_from_db()
    assert sync.due_at > timezone.now()


def test_a_link_from_elsewhere_confirms_nothing(admin_client, linked):
    admin_client.handler.enforce_csrf_checks = True

    data = {"action": "disconnect", "_selected_action": [linked.pk], "confirmed": "yes"}
    assert admin_client.post(CONNECTIONS, data).status_code == 403
    admin_client.get(CONNECTIONS, data)

    assert LastFMAuth.objects.exists()
