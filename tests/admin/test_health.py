import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.urls import path, reverse
from django.utils import timezone

from providers import worker
from providers.admin.connections import ConnectionAdmin
from providers.models import (
    AlertTarget,
    Connection,
    DuplicateScan,
    HistoryDeletion,
    HistoryGap,
    HistoryImport,
    HistorySync,
    Listen,
    PlaylistMirror,
    ServicePause,
    StatisticsScan,
)

pytestmark = pytest.mark.django_db

KINDS = {"Mirrors", "Imports", "Comparisons for duplicates", "Counts for statistics", "Deletions of listens", "Alerts"}

OURS = reverse("admin:app_list", args=["providers"])

# A site of somebody else, that shows its administrators one list of ours.
narrow_site = admin.AdminSite(name="narrow")
narrow_site.register(Connection, ConnectionAdmin)
urlpatterns = [path("narrow/", narrow_site.urls)]


@pytest.fixture
def now():
    return timezone.now()


def panel(client, address=OURS):
    return client.get(address).content.decode()


def health_of(page):
    return page.split('<div class="providers-health">')[1].split('<div id="content-main">')[0]


def lines(page):
    """Return what the tables say, by the heads of their lines: each cell's text and where it leads."""
    found = {}
    for head, cells in re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', health_of(page), re.DOTALL):
        found.setdefault(_text(head), []).append(
            [
                (_text(cell), *(unescape(address) for address in re.findall(r'href="([^"]+)"', cell)))
                for cell in re.findall(r"<td[^>]*>(.*?)</td>", cells, re.DOTALL)
            ]
        )
    return {head: rows[0] for head, rows in found.items()}


def _text(markup):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def people(django_user_model, count):
    return [django_user_model.objects.create_user(f"person {number}") for number in range(count)]


def test_connections_are_counted_by_service_and_state_and_each_number_leads_to_its_rows(
    admin_client, django_user_model, now
):
    a, b, c = people(django_user_model, 3)
    expected = {
        "Spotify": [
            Connection.objects.create(user=a, provider_type="spotify", link_expires_at=now + timedelta(days=9))
        ],
        "Last.fm": [
            Connection.objects.create(user=a, provider_type="lastfm"),
            Connection.objects.create(user=b, provider_type="lastfm", status="needs_reauth"),
            Connection.objects.create(user=c, provider_type="lastfm", status="needs_reauth"),
        ],
        "gone (not installed)": [Connection.objects.create(user=a, provider_type="gone", status="disconnected")],
    }

    found = lines(panel(admin_client))

    assert list(found)[:3] == list(expected)
    assert [cell[0] for cell in found["Spotify"]] == ["1", "0", "0", "1"]
    assert [cell[0] for cell in found["Last.fm"]] == ["1", "2", "0", "0"]
    assert [cell[0] for cell in found["gone (not installed)"]] == ["0", "0", "1", "0"]
    for cells in (found["Spotify"], found["Last.fm"], found["gone (not installed)"]):
        for count, *addresses in cells:
            assert len(addresses) == (count != "0")
            for address in addresses:
                assert len(admin_client.get(address).context["cl"].result_list) == int(count)


def test_a_link_that_is_gone_does_not_expire(admin_client, user, now):
    Connection.objects.create(
        user=user, provider_type="spotify", status="needs_reauth", link_expires_at=now + timedelta(days=9)
    )

    assert [cell[0] for cell in lines(panel(admin_client))["Spotify"]] == ["0", "1", "0", "0"]


def test_work_is_counted_by_how_it_stands_and_each_number_leads_to_its_rows(admin_client, django_user_model, now):
    ago, later = now - timedelta(hours=3), now + timedelta(hours=3)
    linked = [Connection.objects.create(user=one, provider_type="lastfm") for one in people(django_user_model, 7)]
    for connection, fields in zip(
        linked,
        [
            {"due_at": ago},
            {"due_at": now - timedelta(hours=1)},
            {"due_at": ago, "lease_until": now + timedelta(minutes=1)},  # somebody is at it
            {"due_at": later, "last_error": "Too many requests."},
            {"due_at": later, "last_error": "The service answered 500.", "failures": 2},
            {"due_at": later},
            {"due_at": None, "last_error": "The person has to link it again.", "failures": 1},
        ],
        strict=True,
    ):
        HistorySync.objects.create(connection=connection, **fields)

    found = lines(panel(admin_client))["Histories: Last.fm"]

    assert [cell[0].split()[0] for cell in found] == ["2", "1", "2"]
    assert "the first is due for 3 hours, since" in found[0][0].replace("\xa0", " ")
    for count, address in found:
        assert len(admin_client.get(address).context["cl"].result_list) == int(count.split()[0])


@pytest.mark.parametrize(("minutes", "marked"), [(14, False), (16, True)])
def test_what_waits_is_marked_once_doctor_and_healthz_call_it_late(admin_client, linked, now, minutes, marked):
    HistorySync.objects.create(connection=linked, due_at=now - timedelta(minutes=minutes))

    assert ('class="needs-somebody"' in health_of(panel(admin_client))) is marked
    assert ("lastfm" in worker.late_queues()) is marked


def test_a_service_of_which_nobody_need_know_anything_has_its_line_all_the_same(admin_client, linked, now):
    HistorySync.objects.create(connection=linked, due_at=now + timedelta(hours=3))

    found = lines(panel(admin_client))

    for service in ("Spotify", "Last.fm", "Navidrome"):
        assert found[f"Histories: {service}"] == [("0",), ("0",), ("0",)]


def test_mirrors_that_wait_are_parked_or_do_not_get_on_are_told_apart(admin_client, mirror, now):
    later = now + timedelta(hours=3)
    wishes = {"allow_shrink": False, "prefer": None, "only_plan": False}
    for number, fields in enumerate(
        [
            {"due_at": now - timedelta(minutes=1)},
            {"due_at": later, "wishes": wishes, "detail": "Too many requests."},
            {"due_at": later, "failures": 2, "state": "failed"},
            {"due_at": None, "state": "failed", "detail": "The list was deleted."},  # refused
            {"due_at": later, "state": "in_step", "detail": "The list stays as it was changed there."},
        ]
    ):
        PlaylistMirror.objects.create(
            user=mirror.user, source=mirror.source, target=mirror.target, source_playlist_id=f"p{number}", **fields
        )

    found = lines(panel(admin_client))["Mirrors"]

    assert [cell[0].split()[0] for cell in found] == ["1", "1", "2"]
    for count, address in found:
        assert len(admin_client.get(address).context["cl"].result_list) == int(count.split()[0])


def test_imports_and_comparisons_that_wait_or_failed_are_told(admin_client, user, now):
    fields = {"user": user, "name": "a.zip", "size": 1}
    HistoryImport.objects.create(digest="1", due_at=now - timedelta(hours=1), **fields)
    HistoryImport.objects.create(digest="2", due_at=None, status="failed", **fields)
    DuplicateScan.objects.create(user=user, due_at=now - timedelta(hours=1))

    found = lines(panel(admin_client))

    assert [cell[0].split()[0] for cell in found["Imports"]] == ["1", "0", "1"]
    assert [cell[0].split()[0] for cell in found["Comparisons for duplicates"]] == ["1", "0", "0"]
    for address in (found["Imports"][0][1], found["Imports"][2][1], found["Comparisons for duplicates"][0][1]):
        assert len(admin_client.get(address).context["cl"].result_list) == 1


def test_what_is_to_be_counted_deleted_and_told_is_told_of_and_each_number_leads_to_its_rows(
    admin_client, django_user_model, now
):
    ago, later = now - timedelta(hours=1), now + timedelta(hours=1)
    for one, fields in zip(
        people(django_user_model, 4),
        [
            {"due_at": ago},
            {"due_at": ago, "failures": 1},
            {"due_at": later, "failures": 3},
            {"due_at": None},
        ],
        strict=True,
    ):
        StatisticsScan.objects.create(user=one, **fields)
        HistoryDeletion.objects.create(user=one, provider_type="lastfm", last_id=1, **fields)
        AlertTarget.objects.create(user=one, label="Desk", service="mail", url="mailto://seeded-secret", **fields)

    found = lines(panel(admin_client))

    for kind in ("Counts for statistics", "Deletions of listens", "Alerts"):
        assert [cell[0].split()[0] for cell in found[kind]] == ["2", "0", "2"]
        for address in (found[kind][0][1], found[kind][2][1]):
            assert len(admin_client.get(address).context["cl"].result_list) == 2


def test_every_queue_has_its_line(admin_client):
    shown = lines(panel(admin_client)).keys()

    assert len([head for head in shown if head in KINDS or head.startswith("Histories: ")]) == len(worker.queues())


def test_open_gaps_are_counted_and_pauses_named_while_they_last(admin_client, linked, now):
    gap = {"connection": linked, "since": now - timedelta(days=2), "until": now, "reason": "not_kept"}
    HistoryGap.objects.create(**gap)
    HistoryGap.objects.create(**gap, closed_at=now, closed_by="api")
    ServicePause.objects.create(provider_type="spotify", client_id="a", until=now + timedelta(hours=1))
    ServicePause.objects.create(provider_type="lastfm", client_id="b", until=now - timedelta(hours=1))

    found = lines(panel(admin_client))

    ((count, address),) = found["Open gaps in histories"]
    assert count == "1"
    assert len(admin_client.get(address).context["cl"].result_list) == 1
    assert "Spotify asked for a pause" in found
    assert "Last.fm asked for a pause" not in found


def test_it_costs_the_same_few_queries_however_much_there_is_and_counts_no_listens(
    admin_client, django_user_model, user, now
):
    def queries():
        with CaptureQueriesContext(database) as captured:
            panel(admin_client)
        return [query["sql"] for query in captured]

    before = queries()
    for one in people(django_user_model, 20):
        connection = Connection.objects.create(user=one, provider_type="lastfm")
        HistorySync.objects.create(connection=connection)
        ServicePause.objects.create(provider_type="spotify", client_id=str(one.pk), until=now + timedelta(hours=1))
        HistoryGap.objects.create(connection=connection, since=now, until=now, reason="not_kept")
        Listen.objects.create(user=one, provider_type="lastfm", name="Anchor", played_at=now)
    after = queries()

    # Session, person, links, histories, all other work, gaps and pauses.
    assert len(after) == len(before) == 7
    assert not any('"providers_listen"' in sql for sql in after)


def test_the_sites_own_index_shows_it_and_the_pages_of_other_apps_do_not(admin_client, linked):
    shown = '<div class="providers-health">'

    assert panel(admin_client, reverse("admin:index")).count(shown) == 1
    assert panel(admin_client, OURS).count(shown) == 1
    assert panel(admin_client, reverse("admin:app_list", args=["auth"])).count(shown) == 0


def test_nobody_is_told_of_rows_that_they_may_not_see(staff, linked, now):
    HistorySync.objects.create(connection=linked)
    HistoryGap.objects.create(connection=linked, since=now, until=now, reason="not_kept")

    found = lines(panel(staff("view_historygap")))

    assert list(found) == ["Open gaps in histories"]


def test_who_may_change_rows_may_see_their_figures(staff, linked):
    assert "Last.fm" in lines(panel(staff("change_connection")))


def test_staff_of_another_app_see_nothing_of_it_on_the_index(client, django_user_model, linked):
    person = django_user_model.objects.create_user("staff", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_group"))
    client.force_login(person)

    page = panel(client, reverse("admin:index"))

    assert "Connections" not in page
    assert client.get(OURS).status_code == 404


def test_another_admin_site_gets_it_with_its_own_addresses_and_only_of_the_lists_it_has(admin_client, linked, settings):
    settings.ROOT_URLCONF = __name__
    HistorySync.objects.create(connection=linked)

    found = lines(panel(admin_client, reverse("narrow:app_list", args=["providers"])))

    assert list(found) == ["Spotify", "Last.fm"]
    assert found["Spotify"][0][1].startswith("/narrow/providers/connection/?")
    assert admin_client.get(reverse("narrow:providers_connection_change", args=[linked.pk])).status_code == 200


def test_what_needs_somebody_is_marked_and_nothing_of_it_is_styled_or_run_inline(admin_client, linked):
    Connection.objects.filter(pk=linked.pk).update(status="needs_reauth")

    page = panel(admin_client)

    assert re.search(r'<td class="needs-somebody"><a href="[^"]+">1</a>', page)
    assert "providers/admin.css" in page
    assert not re.search(r"<(script|style)|style=|onclick", health_of(page))
