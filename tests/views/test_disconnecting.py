"""Disconnecting, deleting, and what a browser does with pages that are out of date."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from providers import scheduling, worker
from providers.history import deletion, gaps, ingest
from providers.models import (
    Connection,
    HistoryDeletion,
    HistoryGap,
    HistorySync,
    Listen,
    PlaylistMirror,
    SpotifyAuth,
)
from tests.fake_services import FakeServices
from tests.history.fakes import START, listen_at
from tests.views.test_linking import begin, come_back, link, text

DISCONNECT, DELETE = "/connections/spotify/disconnect/", "/connections/spotify/delete-history/"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def linked(visitor: Client, user: User, services: FakeServices) -> Connection:
    """Return a link with a history, a gap, and mirrors that lead from it and to it."""
    link(visitor, services.wavebox)
    link(visitor, services.tapedeck)
    connection = Connection.objects.get(provider_type="spotify")
    other = Connection.objects.get(provider_type="lastfm")
    ingest.store(user.pk, "spotify", [listen_at(minutes) for minutes in range(5)])
    ingest.store(user.pk, "lastfm", [listen_at(minutes) for minutes in range(100, 103)])
    HistorySync.objects.filter(connection=connection).update(complete_until=START, due_at=None)
    gaps.note(connection, START, START, HistoryGap.Reason.NOT_KEPT)
    for source, target in ((connection, other), (other, connection)):
        PlaylistMirror.objects.create(
            user=user,
            source=source,
            target=target,
            source_playlist_id="1",
            target_playlist_id="2",
            written=["a"],
            is_automatic=True,
            state=PlaylistMirror.State.IN_STEP,
            due_at=timezone.now().replace(year=2099),
        )
    return connection


def delete_what_is_due() -> None:
    HistoryDeletion.objects.filter(due_at__isnull=False).update(due_at=LONG_AGO)
    worker.drain(worker.DELETIONS)


# --- disconnecting ---------------------------------------------------------------------------------------------------


def test_it_says_what_goes_and_what_stays(visitor: Client, linked: Connection) -> None:
    shown = text(visitor.get(DISCONNECT))
    assert "The access that Wavebox granted for <strong><bdi>ada</bdi></strong> is deleted here" in shown
    assert "Your listens, all of them." in shown
    assert f'href="{DELETE}"' in shown


def test_disconnecting_keeps_listens_cursor_gaps_and_mirrors(visitor: Client, linked: Connection) -> None:
    visitor.post(DISCONNECT)
    assert not SpotifyAuth.objects.exists()
    assert Listen.objects.count() == 8
    assert HistorySync.objects.get(connection=linked).complete_until == START
    assert HistoryGap.objects.count() == 1
    assert PlaylistMirror.objects.filter(is_automatic=True).count() == 2


# --- deleting as well ------------------------------------------------------------------------------------------------


def test_deleting_is_explained_first_and_nothing_is_done_by_looking(visitor: Client, linked: Connection) -> None:
    shown = text(visitor.get(DELETE))
    assert "Delete the listens of Wavebox?" in shown
    assert "for good" in shown
    assert SpotifyAuth.objects.exists()
    assert not HistoryDeletion.objects.exists()


def test_deleting_disconnects_and_takes_the_listens_of_this_service_only(visitor: Client, linked: Connection) -> None:
    response = visitor.post(DELETE)
    assert (response.status_code, response.headers["Location"]) == (303, "/connections/")
    assert "Its listens are being deleted" in text(visitor.get("/connections/"))
    assert not SpotifyAuth.objects.exists()
    assert not HistorySync.objects.filter(connection=linked).exists()
    assert "They are being deleted just now." in text(visitor.get(DELETE))

    delete_what_is_due()

    assert set(Listen.objects.values_list("provider_type", flat=True)) == {"lastfm"}
    assert "They are being deleted just now." not in text(visitor.get(DELETE))
    assert PlaylistMirror.objects.count() == 2


def test_no_listen_is_deleted_while_the_person_waits(visitor: Client, linked: Connection) -> None:
    visitor.post(DELETE)
    assert Listen.objects.filter(provider_type="spotify").count() == 5


@pytest.mark.parametrize("chunk", [1, 2])
def test_the_history_page_shows_whole_listens_while_they_are_deleted(
    visitor: Client, user: User, linked: Connection, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    ingest.store(user.pk, "lastfm", [listen_at(minutes) for minutes in range(5)])
    canonical = {listen.played_at: listen for listen in Listen.objects.filter(provider_type="spotify")}
    for told_twice in Listen.objects.filter(provider_type="lastfm", played_at__in=canonical):
        Listen.objects.filter(pk=told_twice.pk).update(duplicate_of=canonical[told_twice.played_at])
    visitor.post(DELETE)
    monkeypatch.setattr(deletion, "CHUNK", chunk)
    left = Listen.objects.filter(provider_type="spotify").count()
    while left:
        HistoryDeletion.objects.update(due_at=LONG_AGO)
        lease = scheduling.claim_next(HistoryDeletion.objects.all())
        assert lease is not None
        deletion.work(lease, lambda: True)
        left = Listen.objects.filter(provider_type="spotify").count()
        shown = text(visitor.get("/history/"))
        # Each of the eight plays once, whoever tells of it.
        assert [shown.count(f">Track {number}<") for number in (*range(5), 100, 101, 102)] == [1] * 8


def test_listens_can_be_deleted_after_disconnecting(visitor: Client, linked: Connection) -> None:
    visitor.post(DISCONNECT)
    assert "is disconnected first" not in text(visitor.get(DELETE))
    visitor.post(DELETE)
    delete_what_is_due()
    assert not Listen.objects.filter(provider_type="spotify").exists()


def test_deleting_touches_nobody_else(visitor: Client, linked: Connection) -> None:
    other = get_user_model().objects.create_user("bo")
    SpotifyAuth.objects.create(user=other, access_token="x")
    ingest.store(other.pk, "spotify", [listen_at(minutes) for minutes in range(5)])
    visitor.post(DELETE)
    delete_what_is_due()
    assert Listen.objects.filter(user=other).count() == 5
    assert SpotifyAuth.objects.get().user == other


def test_what_was_never_linked_has_nothing_to_delete(visitor: Client, services: FakeServices) -> None:
    assert visitor.get(DELETE).headers["Location"] == "/connections/"
    assert visitor.post(DELETE).headers["Location"] == "/connections/"
    assert "Wavebox was never linked." in text(visitor.get("/connections/"))
    assert not HistoryDeletion.objects.exists()


@pytest.mark.parametrize("provider_type", ["navidrome", "unheard-of"])
def test_only_services_that_people_link_have_this_page(
    visitor: Client, services: FakeServices, provider_type: str
) -> None:
    assert visitor.post(f"/connections/{provider_type}/delete-history/").status_code == 404


def test_a_forged_form_is_refused(user: User, linked: Connection) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user)
    assert strict.post(DELETE).status_code == 403
    assert not HistoryDeletion.objects.exists()


# --- linking again ---------------------------------------------------------------------------------------------------


def test_one_click_links_a_dead_link_again_and_everything_goes_on(
    visitor: Client, linked: Connection, services: FakeServices
) -> None:
    linked.mark_needs_reauth("The service has ended this link.")
    PlaylistMirror.objects.update(state=PlaylistMirror.State.FAILED)
    before = timezone.now()
    assert '/connections/spotify/connect/"' in text(visitor.get("/connections/"))

    link(visitor, services.wavebox)

    linked.refresh_from_db()
    assert linked.status == Connection.Status.OK
    sync = HistorySync.objects.get(connection=linked)
    assert sync.complete_until == START
    assert sync.due_at is not None
    assert HistoryGap.objects.filter(connection=linked, closed_at=None).count() == 1
    mirrors = PlaylistMirror.objects.all()
    assert {mirror.target_playlist_id for mirror in mirrors} == {"2"}
    assert [mirror.written for mirror in mirrors] == [["a"], ["a"]]
    assert all(mirror.due_at is not None and before <= mirror.due_at <= timezone.now() for mirror in mirrors)


def test_linking_again_hurries_no_mirror_that_is_in_step_stopped_or_carried_by_hand(
    visitor: Client, linked: Connection, services: FakeServices
) -> None:
    in_step, stopped = PlaylistMirror.objects.all()
    PlaylistMirror.objects.filter(pk=stopped.pk).update(
        state=PlaylistMirror.State.FAILED, is_automatic=False, due_at=None
    )
    link(visitor, services.wavebox)
    assert PlaylistMirror.objects.get(pk=in_step.pk).due_at == in_step.due_at
    assert PlaylistMirror.objects.get(pk=stopped.pk).due_at is None


def test_linking_again_after_deleting_begins_the_history_anew(
    visitor: Client, linked: Connection, services: FakeServices
) -> None:
    visitor.post(DELETE)
    link(visitor, services.wavebox)
    sync = HistorySync.objects.get(connection=linked)
    assert sync.complete_until is None
    assert not HistoryGap.objects.exists()


# --- back buttons, stale pages and several tabs ----------------------------------------------------------------------


def test_the_back_button_after_disconnecting_shows_that_nothing_is_linked(visitor: Client, linked: Connection) -> None:
    assert visitor.get(DISCONNECT).headers["Cache-Control"] == "private, no-store"
    visitor.post(DISCONNECT)
    assert visitor.get(DISCONNECT).headers["Location"] == "/connections/"
    assert "Wavebox is not linked." in text(visitor.get("/connections/"))


def test_the_back_button_to_the_callback_after_disconnecting_links_nothing(
    visitor: Client, services: FakeServices
) -> None:
    back = services.wavebox.agree(begin(visitor, services.wavebox))
    come_back(visitor, services.wavebox, back)
    visitor.post(DISCONNECT)
    response = come_back(visitor, services.wavebox, back)
    assert response.status_code == 400
    assert "This was opened before" in text(response)
    assert Connection.objects.get().status == Connection.Status.DISCONNECTED
    assert not SpotifyAuth.objects.exists()


def test_a_form_of_a_page_that_is_out_of_date_disconnects_what_is_disconnected_without_harm(
    visitor: Client, linked: Connection
) -> None:
    for _ in range(2):
        assert visitor.post(DISCONNECT).status_code == 303
    assert visitor.post("/connections/spotify/fetch/").status_code == 404
    assert Listen.objects.count() == 8


def test_deleting_twice_deletes_once(visitor: Client, linked: Connection) -> None:
    for _ in range(2):
        assert visitor.post(DELETE).status_code == 303
    assert HistoryDeletion.objects.count() == 1
    delete_what_is_due()
    assert Listen.objects.count() == 3


def test_of_two_tabs_that_link_at_once_both_end_well_and_one_link_is_there(
    visitor: Client, services: FakeServices
) -> None:
    first, second = begin(visitor, services.wavebox), begin(visitor, services.wavebox)
    assert come_back(visitor, services.wavebox, services.wavebox.agree(second)).status_code == 303
    assert come_back(visitor, services.wavebox, services.wavebox.agree(first)).status_code == 303
    assert Connection.objects.get().status == Connection.Status.OK


def test_a_tab_in_which_the_person_still_agrees_links_though_another_has_disconnected_meanwhile(
    visitor: Client, linked: Connection, services: FakeServices
) -> None:
    address = begin(visitor, services.wavebox)
    visitor.post(DISCONNECT)
    assert come_back(visitor, services.wavebox, services.wavebox.agree(address)).status_code == 303
    linked.refresh_from_db()
    assert linked.status == Connection.Status.OK
