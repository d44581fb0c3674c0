from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from providers.admin import rows
from providers.models import Alert, AlertKind, Connection, HistoryGap, HistoryImport, HistorySync, Listen
from tests.admin.acting import act, changelist, told
from tests.alerts.fakes import add_target

pytestmark = pytest.mark.django_db

LISTENS = changelist("listen")


def listen(user, played_at, name="Anchor"):
    return Listen.objects.create(user=user, provider_type="lastfm", name=name, artist="Ana", played_at=played_at)


def names(page):
    return [row.name for row in page.context["cl"].result_list]


def offered(page):
    (spec,) = [spec for spec in page.context["cl"].filter_specs if spec.title == "played"]
    return [label for _, label in spec.lookup_choices]


# --- histories ----------------------------------------------------------------------------------------------


def test_fetch_now_makes_a_history_due_from_its_own_list(admin_client, linked):
    sync = HistorySync.objects.create(connection=linked, due_at=timezone.now() + timedelta(hours=5), failures=3)

    said = told(act(admin_client, changelist("historysync"), "fetch_now", sync))

    assert said == ["Last.fm of ada: will be fetched next."]
    sync.refresh_from_db()
    assert sync.due_at <= timezone.now()
    assert LogEntry.objects.get().object_id == str(sync.pk)


def test_what_went_wrong_is_said_in_the_language_of_who_looks(admin_client, linked, user):
    HistorySync.objects.create(connection=linked, last_error="Too many requests.")
    gone = "The file is no longer there. Bring it again."
    HistoryImport.objects.create(
        user=user, name="a.json", digest="1", size=1, status="failed", detail=gone, due_at=None
    )

    for model, said in (("historysync", "Zu viele Anfragen."), ("historyimport", "Die Datei ist nicht mehr da.")):
        page = admin_client.get(changelist(model), headers={"Accept-Language": "de"}).content.decode()
        assert f"<bdi>{said}" in page


def test_no_mark_of_a_history_can_be_moved(admin_client, linked):
    sync = HistorySync.objects.create(connection=linked, complete_until=datetime(2026, 5, 1, tzinfo=UTC))
    address = reverse("admin:providers_historysync_change", args=[sync.pk])

    page = admin_client.get(address).content.decode()
    answer = admin_client.post(address, {"complete_until_0": "2026-06-01", "complete_until_1": "00:00"})

    assert "A mark that is moved by hand leaves out listens" in page
    assert 'type="submit" value="Save"' not in page
    assert answer.status_code == 403
    sync.refresh_from_db()
    assert sync.complete_until == datetime(2026, 5, 1, tzinfo=UTC)


def test_what_waits_for_a_worker_is_listed_the_longest_due_first(admin_client, linked):
    now = timezone.now()
    other = Connection.objects.get(user=linked.user, provider_type="spotify")
    HistorySync.objects.create(connection=linked, due_at=now - timedelta(minutes=1))
    HistorySync.objects.create(connection=other, due_at=now - timedelta(minutes=9))
    later = Connection.objects.create(user=linked.user, provider_type="radiola")
    HistorySync.objects.create(connection=later, due_at=now + timedelta(minutes=9))

    page = admin_client.get(changelist("historysync", "?work=due"))

    assert [sync.provider_type for sync in page.context["cl"].result_list] == ["spotify", "lastfm"]


# --- gaps ---------------------------------------------------------------------------------------------------


@pytest.fixture
def gap(linked):
    return HistoryGap.objects.create(
        connection=linked,
        since=datetime(2026, 5, 1, 12, tzinfo=UTC),
        until=datetime(2026, 5, 1, 18, tzinfo=UTC),
        reason=HistoryGap.Reason.NOT_KEPT,
    )


def test_gaps_are_shown_and_cannot_be_made_up_or_deleted(admin_client, linked, gap):
    gaps = admin_client.get(changelist("historygap")).content.decode()
    detail = admin_client.get(reverse("admin:providers_connection_change", args=[linked.pk])).content.decode()

    assert "The service no longer had these plays" in gaps
    assert "2026-05-01 12:00 to 2026-05-01 18:00 UTC" in detail
    assert admin_client.get(reverse("admin:providers_historygap_add")).status_code == 403
    assert admin_client.post(reverse("admin:providers_historygap_delete", args=[gap.pk])).status_code == 403
    assert HistoryGap.objects.exists()


def test_gaps_can_be_looked_for_by_year_and_month(admin_client, linked, gap):
    HistoryGap.objects.create(
        connection=linked,
        since=gap.since - timedelta(days=365),
        until=gap.until - timedelta(days=365),
        reason="not_kept",
    )

    page = admin_client.get(changelist("historygap", "?until__year=2026&until__month=5"))

    assert list(page.context["cl"].result_list) == [gap]


def test_of_a_gap_that_is_closed_nobody_is_told_any_more(admin_client, gap):
    add_target(gap.connection.user)
    Alert.note(gap.connection.user_id, AlertKind.GAP_OPENED, gap.matter)
    act(admin_client, changelist("historygap"), "close", gap)
    assert not Alert.objects.exists()


def test_to_close_a_gap_says_who_did_and_cannot_be_done_twice(admin_client, gap):
    assert told(act(admin_client, changelist("historygap"), "close", gap)) == [
        "Last.fm of ada, 2026-05-01 12:00 to 2026-05-01 18:00 UTC: closed."
    ]
    gap.refresh_from_db()
    closed_at = gap.closed_at
    assert closed_at is not None
    assert gap.closed_by == "administrator"

    (said,) = told(act(admin_client, changelist("historygap"), "close", gap))

    assert said.endswith("was closed before.")
    gap.refresh_from_db()
    assert gap.closed_at == closed_at
    assert LogEntry.objects.count() == 1


# --- imports ------------------------------------------------------------------------------------------------


def test_an_import_tells_how_far_it_came_and_leads_to_no_file(admin_client, user):
    row = HistoryImport.objects.create(
        user=user,
        name="listens.zip",
        digest="0" * 64,
        size=5,
        file="imports/guess/listens.zip",
        status="reading",
        rows_read=1200,
        counts={"stored": 1000, "known": 150, "left_out": {"short": 40}, "refused": {"no time": 10}},
    )

    lists = admin_client.get(changelist("historyimport")).content.decode()
    page = admin_client.get(reverse("admin:providers_historyimport_change", args=[row.pk])).content.decode()

    assert "listens.zip" in lists
    for figure in ("1000", "150", "40", "10"):
        assert f'<div class="readonly">{figure}</div>' in page
    assert "imports/guess" not in lists + page
    assert admin_client.post(reverse("admin:providers_historyimport_delete", args=[row.pk])).status_code == 403


# --- listens ------------------------------------------------------------------------------------------------


def test_listens_are_listed_as_they_were_stored_and_those_of_a_person_as_they_were_played(admin_client, user):
    listen(user, datetime(2026, 5, 2, tzinfo=UTC), "stored first, played last")
    listen(user, datetime(2026, 5, 1, tzinfo=UTC), "stored last, played first")

    assert names(admin_client.get(LISTENS)) == ["stored last, played first", "stored first, played last"]
    assert names(admin_client.get(LISTENS + "?q=ada")) == ["stored first, played last", "stored last, played first"]
    assert names(admin_client.get(LISTENS + "?q=ad")) == []


def test_no_address_has_the_listens_sorted_or_searched_otherwise(admin_client, user):
    listen(user, datetime(2026, 5, 2, tzinfo=UTC), "Zebra")
    listen(user, datetime(2026, 5, 1, tzinfo=UTC), "Anchor")

    sorted_page = admin_client.get(LISTENS + "?o=4.5")
    searched = admin_client.get(LISTENS + "?name__contains=Zeb")

    assert names(sorted_page) == ["Anchor", "Zebra"]
    assert searched.status_code == 400


def test_a_persons_listens_are_found_by_year_month_and_day(admin_client, user):
    for year, month, day, hour in ((2024, 2, 29, 12), (2026, 3, 1, 0), (2026, 3, 31, 23), (2026, 4, 1, 0)):
        listen(user, datetime(year, month, day, hour, tzinfo=UTC), f"{year}-{month}-{day}")

    years = admin_client.get(LISTENS + "?q=ada")
    year = admin_client.get(LISTENS + "?q=ada&played=2026")
    month = admin_client.get(LISTENS + "?q=ada&played=2026-03")
    day = admin_client.get(LISTENS + "?q=ada&played=2026-03-31")
    leap_day = admin_client.get(LISTENS + "?q=ada&played=2024-02-29")

    assert offered(years) == ["2026", "2025", "2024"]
    assert names(year) == ["2026-4-1", "2026-3-31", "2026-3-1"]
    assert offered(year)[:3] == ["2026", "January 2026", "February 2026"]
    assert len(offered(year)) == 1 + 12
    assert names(month) == ["2026-3-31", "2026-3-1"]
    assert offered(month)[:3] == ["2026", "March 2026", "March 1"]
    assert len(offered(month)) == 2 + 31
    assert names(day) == ["2026-3-31"]
    assert names(leap_day) == ["2024-2-29"]


def test_a_day_begins_at_midnight_where_the_site_is(admin_client, user, settings):
    settings.TIME_ZONE = "Europe/Berlin"
    listen(user, datetime(2026, 3, 31, 21, 59, tzinfo=UTC), "last of March")
    listen(user, datetime(2026, 3, 31, 22, 0, tzinfo=UTC), "first of April")

    assert names(admin_client.get(LISTENS + "?q=ada&played=2026-03-31")) == ["last of March"]
    assert names(admin_client.get(LISTENS + "?q=ada&played=2026-04")) == ["first of April"]


@pytest.mark.parametrize("played", ["2026-13", "2026-02-30", "0001", "9999", "x", "2026-1-1-1", "", "-5", "1e3"])
def test_a_time_that_is_none_narrows_nothing_down(admin_client, user, played):
    listen(user, datetime(2026, 3, 1, tzinfo=UTC))

    assert names(admin_client.get(f"{LISTENS}?q=ada&played={played}")) == ["Anchor"]


def test_of_everybodys_listens_no_time_is_offered(admin_client, user):
    listen(user, datetime(2026, 3, 1, tzinfo=UTC))

    page = admin_client.get(LISTENS + "?played=2025")

    assert names(page) == ["Anchor"]
    assert all(spec.title != "played" for spec in page.context["cl"].filter_specs)


@pytest.mark.parametrize(
    "query", ["", "?q=ada", "?q=ada&played=2026", "?q=ada&played=2026-03&provider_type__exact=lastfm"]
)
def test_no_list_of_listens_counts_them_or_goes_past_an_index(admin_client, user, query, monkeypatch):
    monkeypatch.setattr(rows, "MAX_COUNTED", 150)
    begin, minute = datetime(2026, 3, 1, tzinfo=UTC), timedelta(minutes=1)
    Listen.objects.bulk_create(
        Listen(user=user, provider_type="lastfm", name=f"Song {number}", played_at=begin + number * minute)
        for number in range(320)
    )

    with CaptureQueriesContext(database) as queries:
        page = admin_client.get(LISTENS + query)

    about_listens = [query["sql"] for query in queries if 'FROM "providers_listen"' in query["sql"]]
    assert len(about_listens) >= 2
    assert all("LIMIT" in sql for sql in about_listens)
    assert not any("DISTINCT" in sql for sql in about_listens)
    assert "the first 150 of many listens" in page.content.decode()
    if database.vendor == "sqlite":
        with database.cursor() as cursor:
            for sql in about_listens:
                cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
                plan = "; ".join(str(step[3]) for step in cursor.fetchall())
                assert "TEMP B-TREE" not in plan, (sql, plan)
                if query:
                    assert "SCAN providers_listen" not in plan, (sql, plan)


def test_a_listen_can_be_neither_edited_nor_deleted(admin_client, user):
    row = listen(user, datetime(2026, 3, 1, tzinfo=UTC))

    page = admin_client.get(reverse("admin:providers_listen_change", args=[row.pk])).content.decode()

    assert "A service would not tell it again once it is deleted" in page
    assert admin_client.post(reverse("admin:providers_listen_change", args=[row.pk]), {"name": "x"}).status_code == 403
    assert admin_client.post(reverse("admin:providers_listen_delete", args=[row.pk])).status_code == 403
    assert "delete_selected" not in admin_client.get(LISTENS).content.decode()
    row.refresh_from_db()
    assert row.name == "Anchor"
