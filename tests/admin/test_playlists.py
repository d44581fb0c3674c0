import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from providers.models import LibraryIndex, ManualMatch, MissingTrack, PlaylistMirror
from tests.admin.acting import act, changelist, told

pytestmark = pytest.mark.django_db

MIRRORS = changelist("playlistmirror")


def test_mirrors_are_listed_with_where_they_lead_and_how_they_went(admin_client, mirror):
    page = admin_client.get(MIRRORS).content.decode()

    for text in ("ada", "Rainy Sundays", "Spotify", "Navidrome", "In step, with songs missing", "2 of 4, 1 missing"):
        assert text in page


def test_what_a_run_said_of_itself_is_said_in_the_language_of_who_looks(admin_client, mirror):
    PlaylistMirror.objects.filter(pk=mirror.pk).update(detail="The list was deleted there.")

    address = reverse("admin:providers_playlistmirror_change", args=[mirror.pk])
    page = admin_client.get(address, headers={"Accept-Language": "de"}).content.decode()

    assert "<bdi>Die Liste wurde dort gelöscht.</bdi>" in page


@pytest.mark.parametrize("query", ["state__exact=failed", "source__provider_type=navidrome", "q=nothing"])
def test_mirrors_can_be_searched_and_filtered(admin_client, mirror, query):
    assert "Rainy Sundays" not in admin_client.get(f"{MIRRORS}?{query}").content.decode()


def test_a_mirror_names_what_is_missing_as_far_as_there_is_room(admin_client, mirror):
    MissingTrack.objects.bulk_create(
        MissingTrack(mirror=mirror, position=place, name=f"<b>Gone {place}", artist="Bo") for place in range(60)
    )

    page = admin_client.get(reverse("admin:providers_playlistmirror_change", args=[mirror.pk])).content.decode()
    page = re.sub("</?bdi>", "", page)

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


def test_stop_ends_a_mirror_and_leaves_its_list_on_the_target(admin_client, mirror):
    PlaylistMirror.objects.filter(pk=mirror.pk).update(
        is_automatic=True, due_at=timezone.now(), target_playlist_id="t1", written=["a"]
    )

    assert told(act(admin_client, MIRRORS, "stop", mirror)) == ["Rainy Sundays of ada: stopped."]

    mirror.refresh_from_db()
    assert (mirror.state, mirror.is_automatic, mirror.due_at) == ("stopped", False, None)
    assert (mirror.target_playlist_id, mirror.written) == ("t1", ["a"])
    assert "Stop: stopped." in LogEntry.objects.get().change_message


def test_stop_does_not_wait_for_a_worker_that_carries_the_mirror(admin_client, mirror):
    PlaylistMirror.objects.filter(pk=mirror.pk).update(
        lease_until=timezone.now() + timedelta(minutes=1), lease_token="another worker's"
    )

    (said,) = told(act(admin_client, MIRRORS, "stop", mirror))

    assert said.startswith("Rainy Sundays of ada: is being carried just now.")
    mirror.refresh_from_db()
    assert mirror.state == "partly"
    assert not LogEntry.objects.exists()


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

    said = told(act(admin_client, MIRRORS, "carry_now", mirror, stopped))

    assert set(said) == {"Rainy Sundays of ada: will be carried next.", "Nights of ada: was stopped by the person."}
    assert [kept.object_id for kept in LogEntry.objects.all()] == [str(mirror.pk)]
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
