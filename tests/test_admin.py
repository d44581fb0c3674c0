from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from providers import registry
from providers.models import (
    Connection,
    HistoryGap,
    HistorySync,
    LastFMAuth,
    LibraryIndex,
    ManualMatch,
    MissingTrack,
    PlaylistMirror,
    SpotifyAuth,
)
from tests.history.fakes import ListHistory

pytestmark = pytest.mark.django_db

CHANGELIST = reverse("admin:providers_connection_changelist")


@pytest.fixture
def linked(user):
    LastFMAuth.objects.create(user=user, username="ada-plays", session_key="seeded-session-key")
    SpotifyAuth.objects.create(user=user, access_token="seeded-access", refresh_token="seeded-refresh")
    return Connection.objects.get(user=user, provider_type="lastfm")


def act(admin_client, action, *connections):
    data = {"action": action, "_selected_action": [connection.pk for connection in connections]}
    return admin_client.post(CHANGELIST, data, follow=True)


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

    page = act(admin_client, "fetch_now", linked).content.decode()

    assert "Last.fm of ada: will be fetched next." in page
    sync = HistorySync.objects.get()
    assert sync.due_at <= timezone.now()
    assert sync.failures == 0


def test_fetch_now_makes_a_connection_due_that_was_never_fetched(admin_client, linked):
    act(admin_client, "fetch_now", linked)

    assert HistorySync.objects.get(connection=linked).due_at <= timezone.now()


def test_fetch_now_does_not_promise_anything_of_a_link_that_is_not_there(admin_client, linked):
    linked.mark_disconnected()

    assert "Last.fm of ada: is not linked." in act(admin_client, "fetch_now", linked).content.decode()
    assert not HistorySync.objects.exists()


def test_check_tells_whether_the_link_works(admin_client, linked, monkeypatch):
    monkeypatch.setattr(registry, "build", lambda provider_type, user: ListHistory([]))

    assert "Last.fm of ada: works." in act(admin_client, "check_now", linked).content.decode()


def test_check_does_not_call_a_link_working_that_is_not_there(admin_client, linked):
    LastFMAuth.objects.all().delete()

    assert "Last.fm of ada: is not linked." in act(admin_client, "check_now", linked).content.decode()


@pytest.mark.parametrize("action", ["fetch_now", "check_now", "disconnect"])
def test_a_service_that_is_no_longer_installed_is_named_and_does_not_stop_the_others(admin_client, linked, action):
    gone = Connection.objects.create(user=linked.user, provider_type="gone")
    LastFMAuth.objects.all().delete()

    page = act(admin_client, action, gone, linked).content.decode()

    assert "(not installed) of ada: " in page
    assert "There is no service &#x27;gone&#x27;" in page
    assert "Last.fm of ada: " in page


def test_a_person_can_be_deleted_with_all_that_is_theirs(admin_client, linked):
    answer = admin_client.post(reverse("admin:auth_user_delete", args=[linked.user.pk]), {"post": "yes"}, follow=True)

    assert "was deleted successfully" in answer.content.decode()
    assert not Connection.objects.exists()
    assert not LastFMAuth.objects.exists()


def test_check_tells_what_is_wrong(admin_client, linked, settings):
    settings.FERNET_KEYS = ["another key"]

    assert "cannot be decrypted" in act(admin_client, "check_now", linked).content.decode()


@pytest.mark.parametrize("keys", [["tests only key"], ["another key"]])
def test_disconnect_forgets_the_secrets_and_keeps_the_history_even_if_they_cannot_be_read(
    admin_client, linked, settings, keys
):
    settings.FERNET_KEYS = keys

    page = act(admin_client, "disconnect", linked).content.decode()

    assert "Last.fm of ada: disconnected." in page
    linked.refresh_from_db()
    assert linked.status == Connection.Status.DISCONNECTED
    assert not LastFMAuth.objects.exists()
    assert SpotifyAuth.objects.count() == 1


def test_who_may_only_look_cannot_act(client, django_user_model, linked):
    from django.contrib.auth.models import Permission

    looker = django_user_model.objects.create_user("looker", password="pw", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_connection"))
    client.force_login(looker)

    act(client, "disconnect", linked)

    assert LastFMAuth.objects.exists()
    assert not LogEntry.objects.exists()


def test_gaps_are_shown_and_cannot_be_made_up(admin_client, linked):
    HistoryGap.objects.create(
        connection=linked,
        since=datetime(2026, 5, 1, 12, tzinfo=UTC),
        until=datetime(2026, 5, 1, 18, tzinfo=UTC),
        reason=HistoryGap.Reason.NOT_KEPT,
    )

    gaps = admin_client.get(reverse("admin:providers_historygap_changelist")).content.decode()
    detail = admin_client.get(reverse("admin:providers_connection_change", args=[linked.pk])).content.decode()

    assert "The service no longer had these plays" in gaps
    assert "2026-05-01 12:00 to 2026-05-01 18:00 UTC" in detail
    assert admin_client.get(reverse("admin:providers_historygap_add")).status_code == 403


MIRRORS = reverse("admin:providers_playlistmirror_changelist")


@pytest.fixture
def mirror(user):
    source = Connection.objects.create(user=user, provider_type="spotify")
    target = Connection.objects.create(user=user, provider_type="navidrome")
    return PlaylistMirror.objects.create(
        user=user,
        source=source,
        target=target,
        source_playlist_id="s1",
        name="Rainy Sundays",
        state="partly",
        due_at=None,
        figures={"total": 4, "matched": 2, "missing": 1, "left_out": 1, "by_method": {"isrc": 2}},
    )


def test_mirrors_are_listed_with_where_they_lead_and_how_they_went(admin_client, mirror):
    page = admin_client.get(MIRRORS).content.decode()

    for text in ("ada", "Rainy Sundays", "Spotify", "Navidrome", "In step, with songs missing", "2 of 4, 1 missing"):
        assert text in page


@pytest.mark.parametrize("query", ["state__exact=failed", "source__provider_type=navidrome", "q=nothing"])
def test_mirrors_can_be_searched_and_filtered(admin_client, mirror, query):
    assert "Rainy Sundays" not in admin_client.get(f"{MIRRORS}?{query}").content.decode()


def test_a_mirror_names_what_is_missing_as_far_as_there_is_room(admin_client, mirror):
    MissingTrack.objects.bulk_create(
        MissingTrack(mirror=mirror, position=place, name=f"<b>Gone {place}", artist="Bo") for place in range(60)
    )

    page = admin_client.get(reverse("admin:providers_playlistmirror_change", args=[mirror.pk])).content.decode()

    assert "1. Bo: &lt;b&gt;Gone 0; 2. Bo" in page
    assert "50. Bo: &lt;b&gt;Gone 49; and more" in page


def test_nothing_of_a_mirror_can_be_edited_added_or_deleted(admin_client, mirror):
    admin_client.post(
        reverse("admin:providers_playlistmirror_change", args=[mirror.pk]), {"name": "x", "target_playlist_id": "x"}
    )

    mirror.refresh_from_db()
    assert (mirror.name, mirror.target_playlist_id) == ("Rainy Sundays", "")
    assert admin_client.get(reverse("admin:providers_playlistmirror_add")).status_code == 403
    assert admin_client.post(reverse("admin:providers_playlistmirror_delete", args=[mirror.pk])).status_code == 403


def test_the_list_of_mirrors_costs_the_same_number_of_queries_however_long_it_is(admin_client, mirror):
    def count():
        with CaptureQueriesContext(database) as queries:
            admin_client.get(MIRRORS)
        return len(queries)

    before = count()
    for number in range(20):
        PlaylistMirror.objects.create(
            user=mirror.user, source=mirror.source, target=mirror.target, source_playlist_id=str(number)
        )

    assert count() == before


def test_carry_now_makes_a_mirror_due_but_for_one_that_was_stopped(admin_client, mirror):
    stopped = PlaylistMirror.objects.create(
        user=mirror.user,
        source=mirror.target,
        target=mirror.source,
        source_playlist_id="n1",
        name="Nights",
        due_at=None,
        state="stopped",
    )

    data = {"action": "carry_now", "_selected_action": [mirror.pk, stopped.pk]}
    page = admin_client.post(MIRRORS, data, follow=True).content.decode()

    assert "Rainy Sundays of ada: will be carried next." in page
    assert "Nights of ada: was stopped by the person." in page
    mirror.refresh_from_db()
    stopped.refresh_from_db()
    assert mirror.due_at <= timezone.now()
    assert stopped.due_at is None


def test_what_was_chosen_by_hand_is_shown_and_can_be_withdrawn_but_not_made_up(admin_client, user):
    match = ManualMatch.objects.create(
        user=user,
        source_type="spotify",
        source_key="id s1",
        target_type="navidrome",
        track={"name": "Anchor", "artist": "Ana"},
        song={"name": "Anker", "artist": "Ana B."},
    )

    page = admin_client.get(reverse("admin:providers_manualmatch_changelist")).content.decode()
    assert "Ana: Anchor" in page
    assert "Ana B.: Anker" in page
    assert admin_client.get(reverse("admin:providers_manualmatch_add")).status_code == 403
    admin_client.post(reverse("admin:providers_manualmatch_delete", args=[match.pk]), {"post": "yes"})
    assert not ManualMatch.objects.exists()


def test_a_library_tells_how_many_songs_are_known_and_cannot_be_edited(admin_client, linked):
    index = LibraryIndex.objects.create(connection=linked, song_count=48_213)

    page = admin_client.get(reverse("admin:providers_libraryindex_changelist")).content.decode()
    assert "48213" in page.replace(",", "")
    admin_client.post(reverse("admin:providers_libraryindex_change", args=[index.pk]), {"song_count": 1})
    index.refresh_from_db()
    assert index.song_count == 48_213
    assert admin_client.get(reverse("admin:providers_libraryindex_add")).status_code == 403
    assert admin_client.post(reverse("admin:providers_libraryindex_delete", args=[index.pk])).status_code == 403


def test_with_a_person_go_their_mirrors_libraries_and_choices(admin_client, mirror):
    LibraryIndex.objects.create(connection=mirror.target)
    ManualMatch.objects.create(user=mirror.user, source_type="a", source_key="id 1", target_type="b", song={})

    answer = admin_client.post(reverse("admin:auth_user_delete", args=[mirror.user.pk]), {"post": "yes"}, follow=True)

    assert "was deleted successfully" in answer.content.decode()
    assert not PlaylistMirror.objects.exists()
    assert not LibraryIndex.objects.exists()
    assert not ManualMatch.objects.exists()
