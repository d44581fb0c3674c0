# ruff: noqa: F811, the fixtures that are imported are named where they are used
import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from providers import registry, worker
from providers.datatypes import LeftOut
from providers.exceptions import PermissionDeniedError, ServiceUnavailableError
from providers.models import Connection, ManualMatch, MissingTrack, PlaylistMirror
from providers.playlists import manual, mirrors
from providers.views.mirrors import MAX_CHANGES, MAX_LEFT_OUT, MISSING_AT_ONCE
from tests.playlists.conftest import NAMES, ends, mirror, services, source, target  # noqa: F401, fixtures
from tests.playlists.fakes import ListService, song

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("specs", "ends")]

HOSTILE = "\u202e<script>alert(1)</script>"


@pytest.fixture
def specs(settings: Settings) -> None:
    """Have both services able to be either end, and a third one neither."""
    known = registry.specs()
    settings.PROVIDERS = ()
    for spec in known:
        is_end = spec.type in ("spotify", "navidrome")
        registry.register(replace(spec, provider_class=ListService) if is_end else spec)


def page(visitor: Client, address: str, **query: str | int) -> str:
    response = visitor.get(address, query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def post(visitor: Client, address: str, **fields: str) -> str:
    """Post, and return the page that is shown then."""
    response = visitor.post(address, fields, follow=True)
    assert (response.redirect_chain[0][1], response.status_code) == (303, 200)
    return " ".join(response.content.decode().split())


def work() -> None:
    worker.drain(worker.MIRRORS)


def carried(mirror: PlaylistMirror) -> PlaylistMirror:
    mirror.request()
    work()
    mirror.refresh_from_db()
    return mirror


@pytest.fixture
def address(mirror: PlaylistMirror) -> str:
    return f"/playlists/{mirror.pk}/"


@pytest.fixture
def partly(mirror: PlaylistMirror, source: ListService) -> PlaylistMirror:
    """A mirror of which two tracks are missing and one entry is left out."""
    source.contents["spotify-1"] += [
        song("Nobody Has This", "Bo", id="sx", isrc="QZMRD2600001", duration_ms=61_000),
        song("Nor This", "Cy", id="sy"),
        LeftOut(name="Kitchen talk", reason="a podcast episode"),
    ]
    return carried(mirror)


def test_a_mirror_that_is_looked_at_while_it_is_carried_is_shown_anew_when_it_is_done(
    visitor: Client, mirror: PlaylistMirror, address: str
) -> None:
    mirror.request()
    polled = visitor.get(address, {"page": "2"}, headers={"HX-Request": "true"})
    assert 'hx-get="?page=2"' in polled.content.decode()
    assert "HX-Refresh" not in polled.headers
    work()
    assert visitor.get(address, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    assert "HX-Refresh" not in visitor.get(address).headers


class TestTheListOfMirrors:
    def test_who_mirrors_nothing_is_taught_and_led_on(self, visitor: Client) -> None:
        html = page(visitor, "/playlists/")
        assert "You see what would be done before anything is written" in html
        assert 'href="/playlists/from/spotify/">Choose from Spotify</a>' in html

    def test_who_has_linked_too_little_is_told_what_it_takes(self, visitor: Client) -> None:
        Connection.objects.filter(provider_type="spotify").delete()
        html = page(visitor, "/playlists/")
        assert "It takes two linked services" in html
        assert "/playlists/from/" not in html

    def test_a_disconnected_service_is_no_beginning(self, visitor: Client) -> None:
        Connection.objects.get(provider_type="spotify").mark_disconnected()
        assert "/playlists/from/" not in page(visitor, "/playlists/")

    def test_a_mirror_tells_from_where_to_where_and_how_it_went(self, visitor: Client, partly: PlaylistMirror) -> None:
        html = page(visitor, "/playlists/")
        assert f'<a href="/playlists/{partly.pk}/"><bdi>Rainy Sundays</bdi></a>' in html
        assert "From Spotify to Navidrome" in html
        assert "Songs missing" in html
        assert "<dt>Found</dt><dd>4 of 7</dd>" in html
        assert "<dt>Missing</dt><dd>2</dd>" in html
        assert "<dt>Left out</dt><dd>1</dd>" in html
        assert "<dt>Next run</dt><dd>When you ask</dd>" in html

    def test_no_service_is_asked_for_it(
        self, visitor: Client, mirror: PlaylistMirror, source: ListService, target: ListService
    ) -> None:
        page(visitor, "/playlists/")
        assert source.asked == target.asked == []

    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            ({"lease_until": timedelta(minutes=1), "due_at": timedelta()}, "Being carried"),
            ({"due_at": timedelta()}, "It waits for a worker"),
            ({"due_at": timedelta(hours=-1)}, "Nobody seems to be there to work"),
            ({"state": "planned"}, "Nothing is written yet."),
            ({"state": "in_step"}, "The list is as the playlist is."),
            ({"state": "failed", "detail": "Spotify is down."}, "<bdi>Spotify is down.</bdi>"),
            ({"state": "stopped"}, "It is carried no more."),
            ({"state": "in_step", "detail": "Parked.", "due_at": timedelta(hours=1)}, "It goes on by itself."),
        ],
    )
    def test_every_state_is_told_in_plain_words(
        self, visitor: Client, mirror: PlaylistMirror, fields: dict[str, object], told: str
    ) -> None:
        now = timezone.now()
        moved = {name: now + value if isinstance(value, timedelta) else value for name, value in fields.items()}
        PlaylistMirror.objects.update(**moved)
        assert told in page(visitor, "/playlists/")
        assert told in page(visitor, f"/playlists/{mirror.pk}/")

    def test_what_is_due_an_instant_ago_is_not_called_neglected(self, visitor: Client, mirror: PlaylistMirror) -> None:
        mirror.request()
        assert "Nobody seems to be there" not in page(visitor, "/playlists/")

    def test_its_queries_do_not_grow_with_the_list(
        self,
        visitor: Client,
        ends: tuple[Connection, Connection],
        django_assert_max_num_queries: DjangoAssertNumQueries,
    ) -> None:
        for number in range(60):
            mirrors.begin(ends[0], f"s{number}", ends[1], name=f"List {number:02}")
        with django_assert_max_num_queries(10):
            html = page(visitor, "/playlists/")
        assert "List 49" in html
        assert "List 50" not in html
        assert "List 50" in page(visitor, "/playlists/", page=2)


class TestChoosingAPlaylist:
    def test_each_is_shown_with_what_can_be_done(
        self, visitor: Client, source: ListService, mirror: PlaylistMirror
    ) -> None:
        source.add("Night bus", [song("Anchor")], url="https://example.com/night")
        source.add("Somebody else's", is_readable=False)
        html = page(visitor, "/playlists/from/spotify/")
        rainy, night, closed = html.split('<ul class="listens offers">')[1].split("<li>")[1:]
        assert f'<a href="/playlists/{mirror.pk}/">Carried to Navidrome' in rainy
        assert "<button" not in rainy
        assert "4 tracks" in rainy
        assert "1 track<" in night
        assert '<a href="https://example.com/night" rel="noreferrer">' in night
        assert 'value="spotify-2" formaction="/playlists/from/spotify/to/navidrome/"' in night
        assert "Spotify does not show what is on it." in closed
        assert "<button" not in closed

    def test_a_list_that_is_carried_there_is_not_offered_to_be_carried_back(
        self, visitor: Client, mirror: PlaylistMirror
    ) -> None:
        carried(mirror)
        html = page(visitor, "/playlists/from/navidrome/")
        assert "Carried here from Spotify" in html
        assert "<button" not in html.split('<ul class="listens offers">')[1]

    def test_a_service_without_playlists_says_how_to_begin(self, visitor: Client) -> None:
        assert "There are no playlists on Spotify yet." in page(visitor, "/playlists/from/spotify/")

    @pytest.mark.parametrize("what", ["list", "begin"])
    def test_what_the_service_says_against_it_is_told(self, visitor: Client, source: ListService, what: str) -> None:
        def refuse(asked: str) -> None:
            raise ServiceUnavailableError("Spotify does <b>not answer.", provider="spotify")

        source.before = refuse
        html = (
            page(visitor, "/playlists/from/spotify/")
            if what == "list"
            else post(visitor, "/playlists/from/spotify/to/navidrome/", playlist="spotify-1")
        )
        assert "Spotify does &lt;b&gt;not answer." in html
        assert not PlaylistMirror.objects.exists()

    @pytest.mark.parametrize("provider_type", ["nothing", "lastfm", "%00"])
    def test_what_has_no_playlists_is_not_found(self, visitor: Client, provider_type: str) -> None:
        assert visitor.get(f"/playlists/from/{provider_type}/").status_code == 404
        assert visitor.post(f"/playlists/from/{provider_type}/to/navidrome/").status_code == 404
        assert visitor.post(f"/playlists/from/spotify/to/{provider_type}/").status_code == 404

    def test_a_service_that_was_disconnected_meanwhile_is_named(self, visitor: Client) -> None:
        Connection.objects.get(provider_type="navidrome").mark_disconnected()
        html = visitor.post("/playlists/from/spotify/to/navidrome/", {"playlist": "spotify-1"}, follow=True)
        assert "Navidrome is not linked." in html.content.decode()
        Connection.objects.get(provider_type="spotify").mark_disconnected()
        html = visitor.get("/playlists/from/spotify/", follow=True)
        assert "Spotify is not linked." in html.content.decode()

    def test_a_mirror_is_begun_planned_and_nothing_is_written(
        self, visitor: Client, source: ListService, target: ListService
    ) -> None:
        source.add("Night bus", [song("Anchor")])
        html = post(visitor, "/playlists/from/spotify/to/navidrome/", playlist="spotify-1")
        begun = PlaylistMirror.objects.get()
        assert (begun.name, begun.source_playlist_id, begun.wishes) == ("Night bus", "spotify-1", {"only_plan": True})
        assert "nothing is written before you say so" in html
        work()
        html = page(visitor, f"/playlists/{begun.pk}/")
        assert "What would be done" in html
        assert "A new list on Navidrome." in html
        assert target.writes == []

    def test_one_that_was_begun_before_is_just_opened(self, visitor: Client, mirror: PlaylistMirror) -> None:
        carried(mirror)
        post(visitor, "/playlists/from/spotify/to/navidrome/", playlist="spotify-1")
        mirror.refresh_from_db()
        assert (PlaylistMirror.objects.count(), mirror.due_at) == (1, None)

    @pytest.mark.parametrize("playlist", ["", "gone", "spotify-1", "\0"])
    def test_a_playlist_that_is_gone_or_closed_is_told(
        self, visitor: Client, source: ListService, playlist: str
    ) -> None:
        source.add("Closed", is_readable=False)
        html = post(visitor, "/playlists/from/spotify/to/navidrome/", playlist=playlist)
        assert "Spotify no longer shows what is on that playlist." in html
        assert not PlaylistMirror.objects.exists()


class TestOneMirror:
    def test_the_plan_is_a_table_in_places_as_people_count(
        self, visitor: Client, mirror: PlaylistMirror, address: str, source: ListService
    ) -> None:
        carried(mirror)
        order = ["Ninth Wave", "Anchor", "Quiet Hour", "Half a Winter"]
        source.contents["spotify-1"] = [song(name, id=f"s{name}") for name in order]
        mirror.request(only_plan=True)
        work()
        html = re.sub(r"</?bdi[^>]*>", "", page(visitor, address))
        assert "3 changes." in html
        assert "<td>Remove</td><td>Lantern Road Ana</td><td>2</td>" in html
        assert "<td>Move</td><td>Ninth Wave Ana</td><td>3 to 1</td>" in html
        assert "<td>Add</td><td>Quiet Hour Ana</td><td>3</td>" in html

    def test_of_many_changes_the_first_are_shown_and_the_rest_counted(
        self, visitor: Client, mirror: PlaylistMirror, address: str, source: ListService, target: ListService
    ) -> None:
        source.contents["spotify-1"] = target.songs = [song(f"Song {number:03}") for number in range(250)]
        mirror.request(only_plan=True)
        work()
        html = page(visitor, address)
        assert html.count("<td>Add</td>") == MAX_CHANGES
        assert f"and {250 - MAX_CHANGES} more" in html

    def test_it_is_carried_when_the_person_says_so(
        self, visitor: Client, mirror: PlaylistMirror, address: str, target: ListService
    ) -> None:
        assert "It waits for a worker" in post(visitor, f"{address}carry/")
        work()
        html = page(visitor, address)
        assert "The list is as the playlist is." in html
        assert "<dt>By the same names</dt><dd>4</dd>" in html
        assert target.shows("navidrome-1") == NAMES[:4]

    def test_what_is_under_way_offers_to_look_and_not_to_begin_again(
        self, visitor: Client, mirror: PlaylistMirror, address: str
    ) -> None:
        mirror.request()
        html = page(visitor, address)
        assert "See how far it is now" in html
        assert "Carry it now" not in html

    def test_looking_again_writes_nothing(self, visitor: Client, address: str, target: ListService) -> None:
        assert 'name="only_plan" value="True"' in page(visitor, address)
        post(visitor, f"{address}carry/", only_plan="True")
        work()
        assert target.writes == []

    @pytest.mark.parametrize("wish", [{"prefer": "nobody"}, {"prefer": "\0"}])
    def test_a_wish_that_cannot_be_is_not_found(self, visitor: Client, address: str, wish: dict[str, str]) -> None:
        assert visitor.post(f"{address}carry/", wish).status_code == 404
        assert not PlaylistMirror.objects.get().wishes

    def test_it_is_kept_and_no_longer_kept(self, visitor: Client, mirror: PlaylistMirror, address: str) -> None:
        assert "carried every hour" in post(visitor, f"{address}keep/on/")
        work()
        mirror.refresh_from_db()
        assert mirror.is_automatic
        assert mirror.due_at is not None
        assert "When you ask" not in page(visitor, address)
        assert "It is carried when you ask." in post(visitor, f"{address}keep/off/")
        mirror.refresh_from_db()
        assert (mirror.is_automatic, mirror.due_at) == (False, None)
        assert visitor.post(f"{address}keep/perhaps/").status_code == 404

    def test_what_was_asked_for_is_done_though_it_is_no_longer_kept(
        self, visitor: Client, mirror: PlaylistMirror, address: str, target: ListService
    ) -> None:
        mirrors.keep(mirror)
        post(visitor, f"{address}keep/off/")
        work()
        assert target.shows("navidrome-1") == NAMES[:4]
        mirror.refresh_from_db()
        assert mirror.due_at is None


def choices_on(html: str) -> dict[str, dict[str, str]]:
    """The buttons that carry the list, and what they post besides."""
    forms = re.findall(r'<form method="post" action="/playlists/\d+/carry/">(.*?)</form>', html)
    return {
        re.sub(r".*<button[^>]*>(.*)</button>.*", r"\1", form): {
            name: value for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', form) if "csrf" not in name
        }
        for form in forms
    }


class TestARefusedRun:
    @pytest.fixture
    def changed(self, mirror: PlaylistMirror, target: ListService) -> PlaylistMirror:
        """A mirror whose list was changed on the target."""
        carried(mirror)
        target.contents["navidrome-1"].append(song("Quiet Hour", id="n6"))
        carried(mirror)
        return mirror

    def test_both_sides_are_offered_where_the_list_was_changed(
        self, visitor: Client, changed: PlaylistMirror, address: str
    ) -> None:
        html = page(visitor, address)
        assert "Needs you" in html
        assert "The list was changed on Navidrome since it was last written." in html
        assert [*choices_on(html)] == ["Let Spotify win", "Let Navidrome win", "Look again, write nothing"]

    @pytest.mark.parametrize(
        ("button", "shown"),
        [("Let Spotify win", NAMES[:4]), ("Let Navidrome win", [*NAMES[:4], "Quiet Hour"])],
    )
    def test_the_side_that_is_chosen_wins(
        self, visitor: Client, changed: PlaylistMirror, address: str, target: ListService, button: str, shown: list[str]
    ) -> None:
        post(visitor, f"{address}carry/", **choices_on(page(visitor, address))[button])
        work()
        assert target.shows("navidrome-1") == shown
        html = page(visitor, address)
        assert "Needs you" not in html
        assert "Carry it now" in choices_on(html)

    def test_one_choice_after_the_other_leads_out_of_two_refusals(
        self, visitor: Client, changed: PlaylistMirror, address: str, source: ListService, target: ListService
    ) -> None:
        source.contents["spotify-1"] = source.contents["spotify-1"][:1]
        post(visitor, f"{address}carry/", **choices_on(page(visitor, address))["Let Spotify win"])
        work()
        html = page(visitor, address)
        assert "4 of 5 songs would leave the list on Navidrome." in html
        assert target.shows("navidrome-1") == [*NAMES[:4], "Quiet Hour"]
        post(visitor, f"{address}carry/", **choices_on(html)["Let Spotify win, and the list shrink"])
        work()
        assert target.shows("navidrome-1") == NAMES[:1]

    def test_a_list_that_was_deleted_there_is_made_anew_if_wished(
        self, visitor: Client, mirror: PlaylistMirror, address: str, target: ListService
    ) -> None:
        carried(mirror)
        target.lists.clear()
        carried(mirror)
        html = page(visitor, address)
        assert "The list was deleted on Navidrome." in html
        post(visitor, f"{address}carry/", **choices_on(html)["Let Spotify win"])
        work()
        assert target.shows("navidrome-2") == NAMES[:4]

    def test_what_only_time_heals_offers_no_choice(
        self, visitor: Client, mirror: PlaylistMirror, address: str, source: ListService
    ) -> None:
        source.lists.clear()
        carried(mirror)
        html = page(visitor, address)
        assert "The playlist is no longer on Spotify." in html
        assert [*choices_on(html)] == ["Carry it now", "Look again, write nothing"]


class TestStopping:
    def test_the_person_is_asked_what_becomes_of_the_list(
        self, visitor: Client, mirror: PlaylistMirror, address: str
    ) -> None:
        assert "Stop, delete the list on Navidrome" not in page(visitor, f"{address}stop/")
        carried(mirror)
        html = page(visitor, f"{address}stop/")
        assert "Stop, keep the list" in html
        assert "Stop, delete the list on Navidrome" in html

    @pytest.mark.parametrize(("answer", "lists", "told"), [("keep", 1, "the list stays"), ("delete", 0, "is deleted")])
    def test_the_list_stays_or_goes_as_wished(
        self,
        visitor: Client,
        mirror: PlaylistMirror,
        address: str,
        target: ListService,
        answer: str,
        lists: int,
        told: str,
    ) -> None:
        mirrors.keep(mirror)
        work()
        assert told in post(visitor, f"{address}stop/", list=answer)
        assert len(target.lists) == lists
        mirror.refresh_from_db()
        assert (mirror.state, mirror.due_at, mirror.is_automatic) == ("stopped", None, False)
        assert "Carry it now" in page(visitor, address)

    @pytest.mark.parametrize("is_stopped", [True, False])
    def test_a_mirror_is_forgotten_with_all_it_knew_but_for_what_was_chosen(
        self, visitor: Client, partly: PlaylistMirror, address: str, target: ListService, is_stopped: bool
    ) -> None:
        missing = partly.missing.get(name="Nobody Has This")
        manual.choose(partly, manual.track_of(missing), "n6")
        if is_stopped:
            post(visitor, f"{address}stop/", list="keep")
        question = page(visitor, f"{address}stop/")
        assert "Forget the mirror" in question
        assert ("Forget <bdi>Rainy Sundays</bdi>?" in question) == is_stopped
        assert ("Stop, keep the list" in question) == (not is_stopped)
        html = post(visitor, f"{address}stop/", list="forget")
        assert "The mirror is forgotten, and both lists stay." in html
        assert address not in html
        assert visitor.get(address).status_code == 404
        assert not PlaylistMirror.objects.exists()
        assert not MissingTrack.objects.exists()
        assert ManualMatch.objects.count() == 1
        assert len(target.lists) == 1

    def test_a_mirror_that_never_wrote_a_list_is_forgotten_without_a_word_of_one(
        self, visitor: Client, mirror: PlaylistMirror, address: str
    ) -> None:
        assert "is left to you" not in page(visitor, f"{address}stop/")
        assert "The mirror is forgotten.<" in post(visitor, f"{address}stop/", list="forget")

    def test_a_service_that_refuses_is_quoted_and_nothing_is_stopped(
        self, visitor: Client, mirror: PlaylistMirror, address: str, target: ListService
    ) -> None:
        def refuse(what: str) -> None:
            raise PermissionDeniedError("You may not delete this list.", provider="navidrome")

        carried(mirror)
        target.before = refuse
        html = post(visitor, f"{address}stop/", list="delete")
        assert "nothing is stopped. You may not delete this list." in html
        mirror.refresh_from_db()
        assert (mirror.state, mirror.target_playlist_id) == ("in_step", "navidrome-1")

    def test_what_is_being_carried_is_not_stopped_halfway(
        self, visitor: Client, mirror: PlaylistMirror, address: str
    ) -> None:
        PlaylistMirror.objects.update(lease_until=timezone.now() + timedelta(minutes=1))
        assert "It is being carried just now." in post(visitor, f"{address}stop/", list="keep")
        mirror.refresh_from_db()
        assert mirror.state == "pending"

    @pytest.mark.parametrize("answer", ["", "perhaps"])
    def test_an_answer_that_was_not_offered_is_not_found(self, visitor: Client, address: str, answer: str) -> None:
        assert visitor.post(f"{address}stop/", {"list": answer}).status_code == 404


class TestWhatIsMissing:
    def test_each_track_is_shown_with_its_place_and_why(
        self, visitor: Client, partly: PlaylistMirror, address: str
    ) -> None:
        MissingTrack.objects.filter(name="Nobody Has This").update(reason="Nothing comes near.")
        html = page(visitor, address)
        assert "Missing on Navidrome: 2" in html
        missing = html.split('<ol class="listens told">')[1].split("</ol>")[0]
        first, second = missing.split("<li id=")[1:]
        assert '<span class="hidden">Place </span>5<' in first
        for text in ("Nobody Has This", "Bo", "First", "1:01", "Nothing comes near."):
            assert text in first
        assert "Nor This" in second
        left_out = html.split('id="left-out">')[1]
        assert "<bdi>Kitchen talk</bdi>: <bdi>a podcast episode</bdi>" in left_out

    def test_the_nearest_song_is_chosen_with_one_click_and_used_on_the_next_run(
        self, visitor: Client, partly: PlaylistMirror, address: str, target: ListService
    ) -> None:
        near = {"score": 0.876, "reason": "A live take.", "song": {"id": "n6", "name": "Quiet Hour", "artist": "Ana"}}
        missing = partly.missing.get(name="Nobody Has This")
        MissingTrack.objects.filter(pk=missing.pk).update(candidates=[near])
        html = page(visitor, address)
        assert "88 %: <bdi>A live take.</bdi>" in html
        assert 'name="song" value="n6">This one' in html

        html = post(visitor, f"{address}missing/{missing.pk}/", song="n6")
        assert "It is used when the list is carried next" in html
        assert "You chose <strong><bdi>Quiet Hour</bdi></strong> by <bdi>Ana</bdi>." in html
        assert ">This one" not in html

        post(visitor, f"{address}carry/")
        work()
        assert target.shows("navidrome-1") == [*NAMES[:4], "Quiet Hour"]
        html = page(visitor, address)
        assert "Missing on Navidrome: 1" in html
        assert "<dt>Chosen by hand</dt><dd>1</dd>" in html
        assert "for <bdi>Nobody Has This</bdi> by <bdi>Bo</bdi>" in html

    def test_who_chooses_comes_back_to_where_the_track_is(
        self, visitor: Client, mirror: PlaylistMirror, address: str, source: ListService
    ) -> None:
        source.contents["spotify-1"] += [song(f"Gone {number:02}") for number in range(30)]
        carried(mirror)
        missing = mirror.missing.get(name="Gone 20")
        response = visitor.post(f"{address}missing/{missing.pk}/", {"song": "n6"})
        assert response.headers["Location"] == f"{address}?page=2#missing-{missing.pk}"
        assert "You chose" in page(visitor, address, page=2)

    def test_what_was_chosen_can_be_withdrawn(self, visitor: Client, partly: PlaylistMirror, address: str) -> None:
        missing = partly.missing.get(name="Nobody Has This")
        match = manual.choose(partly, manual.track_of(missing), "n6")
        withdraw = f"{address}chosen/{match.pk}/withdraw/"
        assert f'action="{withdraw}"' in page(visitor, address)
        assert "Your choice is withdrawn" in visitor.post(withdraw, follow=True).content.decode()
        assert not ManualMatch.objects.exists()
        assert "That choice was withdrawn before." in visitor.post(withdraw, follow=True).content.decode()

    def test_a_chosen_song_that_is_gone_says_so_and_can_be_withdrawn(
        self, visitor: Client, partly: PlaylistMirror, address: str, target: ListService
    ) -> None:
        missing = partly.missing.get(name="Nobody Has This")
        manual.choose(partly, manual.track_of(missing), "n6")
        target.songs = target.songs[:6]
        carried(partly)
        carried(partly)
        html = page(visitor, address)
        assert "The song that was chosen by hand is no longer there.</bdi> It was <strong><bdi>Quiet Hour</bdi>" in html

    def test_the_library_is_searched_for_a_song(self, visitor: Client, partly: PlaylistMirror, address: str) -> None:
        missing = partly.missing.get(name="Nobody Has This")
        html = page(visitor, f"{address}missing/{missing.pk}/")
        assert 'value="Nobody Has This"' in html
        assert "No song there has all these words. The library was read" in html
        html = page(visitor, f"{address}missing/{missing.pk}/", q="lantern ANA")
        assert 'name="song" value="n1">This one' in html
        assert "Ninth Wave" not in html

    @pytest.mark.parametrize("text", ["\0", "x " * 5000, "%", "<b>", ""])
    def test_any_text_can_be_searched_for(
        self, visitor: Client, partly: PlaylistMirror, address: str, text: str
    ) -> None:
        missing = partly.missing.get(name="Nobody Has This")
        html = page(visitor, f"{address}missing/{missing.pk}/", q=text)
        assert ">This one" not in html
        assert "<b>" not in html

    @pytest.mark.parametrize("song_id", ["", "gone", "\0", "x" * 1000])
    def test_a_song_that_left_the_library_is_told(
        self, visitor: Client, partly: PlaylistMirror, address: str, song_id: str
    ) -> None:
        missing = partly.missing.get(name="Nobody Has This")
        html = post(visitor, f"{address}missing/{missing.pk}/", song=song_id)
        assert "That song is no longer in the library. Choose another." in html
        assert not ManualMatch.objects.exists()

    def test_a_track_that_is_no_longer_missing_is_told(
        self, visitor: Client, partly: PlaylistMirror, address: str
    ) -> None:
        old = f"{address}missing/{partly.missing.get(name='Nobody Has This').pk}/"
        carried(partly)
        for response in (visitor.get(old, follow=True), visitor.post(old, {"song": "n6"}, follow=True)):
            assert "That track is no longer on this list" in response.content.decode()
        assert not ManualMatch.objects.exists()

    def test_a_long_list_comes_in_pages_of_few_queries_and_little_weight(
        self,
        visitor: Client,
        mirror: PlaylistMirror,
        address: str,
        source: ListService,
        target: ListService,
        django_assert_max_num_queries: DjangoAssertNumQueries,
    ) -> None:
        target.songs = [song(f"Song {number:03}") for number in range(250)]
        gone = [song(f"Gone {number:03}", album="An album with a name of some length") for number in range(500)]
        source.contents["spotify-1"] = [*target.songs, *gone, *[LeftOut(name="Talk", reason="an episode")] * 150]
        mirror.request(only_plan=True)
        work()
        near = {
            "score": 0.7,
            "reason": "The names agree, but this is a live take of it.",
            "song": {
                "id": "Song 001/Ana",
                "name": "Song 001 as it was played",
                "artist": "Ana",
                "album": "On the pier",
            },
        }
        MissingTrack.objects.filter(position__isnull=False).update(candidates=[near] * 5)
        for one in mirror.missing.filter(position__isnull=False)[MISSING_AT_ONCE : MISSING_AT_ONCE + 30]:
            manual.choose(mirror, manual.track_of(one), "Song 001/Ana")
        with django_assert_max_num_queries(10):
            response = visitor.get(address)
        html = response.content.decode()
        assert html.count("<li id=") == MISSING_AT_ONCE
        assert f"and {150 - MAX_LEFT_OUT} more" in html
        assert len(response.content) < 50_000
        assert f"Gone {MISSING_AT_ONCE:03}" not in html
        assert f"Gone {MISSING_AT_ONCE:03}" in page(visitor, address, page=2)
        assert "Gone 499" in page(visitor, address, page="999")
        assert "Gone 000" in page(visitor, address, page="x")

    def test_it_is_sent_as_csv(self, visitor: Client, partly: PlaylistMirror, address: str) -> None:
        response = visitor.get(f"{address}export/csv/")
        assert response.headers["Content-Disposition"] == 'attachment; filename="missing-from-rainy-sundays.csv"'
        rows = list(csv.DictReader(io.StringIO(response.getvalue().decode())))
        assert [row["name"] for row in rows] == ["Nobody Has This", "Nor This", "Kitchen talk"]

    def test_it_is_sent_as_jspf(self, visitor: Client, partly: PlaylistMirror, address: str) -> None:
        response = visitor.get(f"{address}export/jspf/")
        assert response.headers["Content-Type"] == "application/jspf+json"
        assert json.loads(response.content)["playlist"]["title"] == "Missing from Rainy Sundays"

    @pytest.mark.parametrize("name", ['a/../"b"\r\nX: y', "", "夜" * 300, HOSTILE])
    def test_a_file_is_named_after_the_list_whatever_its_name(
        self, visitor: Client, partly: PlaylistMirror, address: str, name: str
    ) -> None:
        PlaylistMirror.objects.update(name=name)
        disposition = visitor.get(f"{address}export/csv/").headers["Content-Disposition"]
        assert re.fullmatch(r"attachment; filename(=\"[\w.-]+\"|\*=utf-8''[\w.%-]+)", disposition)
        assert len(disposition) < 1000

    def test_another_kind_of_file_is_not_found(self, visitor: Client, address: str) -> None:
        assert visitor.get(f"{address}export/exe/").status_code == 404


PAGES = ["", "stop/", "missing/{missing}/", "export/csv/", "export/jspf/"]
ACTIONS = ["carry/", "keep/on/", "keep/off/", "stop/", "missing/{missing}/", "chosen/{match}/withdraw/"]


class TestWhoseItIs:
    @pytest.fixture
    def paths(self, partly: PlaylistMirror) -> Callable[[list[str]], list[str]]:
        missing = partly.missing.get(name="Nobody Has This")
        match = manual.choose(partly, manual.track_of(missing), "n6")
        return lambda paths: [
            f"/playlists/{partly.pk}/{end.format(missing=missing.pk, match=match.pk)}" for end in paths
        ]

    def test_nobody_else_finds_it_or_acts_on_it(
        self, client: Client, paths: Callable[[list[str]], list[str]], target: ListService
    ) -> None:
        client.force_login(get_user_model().objects.create_user("bo"))
        before = PlaylistMirror.objects.values().get()
        for path in paths(PAGES):
            assert client.get(path).status_code == 404, path
        for path in paths(ACTIONS):
            assert client.post(path, {"list": "delete", "song": "n5"}).status_code == 404, path
        assert PlaylistMirror.objects.values().get() == before
        assert ManualMatch.objects.get().song["id"] == "n6"
        assert len(target.lists) == 1
        assert "Rainy Sundays" not in client.get("/playlists/").content.decode()

    def test_what_belongs_to_another_of_ones_own_mirrors_is_not_taken(
        self, visitor: Client, user: User, partly: PlaylistMirror, ends: tuple[Connection, Connection]
    ) -> None:
        bo = get_user_model().objects.create_user("bo")
        theirs = ManualMatch.objects.create(
            user=bo, source_type="spotify", source_key="id s", target_type="navidrome", song={"id": "n1", "name": "x"}
        )
        other = mirrors.begin(ends[0], "another", ends[1])
        missing = partly.missing.get(name="Nobody Has This")
        assert visitor.post(f"/playlists/{other.pk}/missing/{missing.pk}/", {"song": "n6"}).status_code == 303
        visitor.post(f"/playlists/{other.pk}/chosen/{theirs.pk}/withdraw/")
        assert ManualMatch.objects.get() == theirs

    def test_who_is_not_signed_in_is_asked_to(self, client: Client, paths: Callable[[list[str]], list[str]]) -> None:
        for path in ["/playlists/", "/playlists/from/spotify/", *paths(PAGES)]:
            assert client.get(path).headers["Location"].startswith("/accounts/login/"), path
        for path in ["/playlists/from/spotify/to/navidrome/", *paths(ACTIONS)]:
            assert client.post(path).headers["Location"].startswith("/accounts/login/"), path

    def test_nothing_is_done_for_a_form_of_another_site(
        self, user: User, paths: Callable[[list[str]], list[str]]
    ) -> None:
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(user)
        for path in ["/playlists/from/spotify/to/navidrome/", *paths(ACTIONS)]:
            assert browser.post(path, {"list": "delete", "song": "n5"}).status_code == 403, path

    def test_actions_are_not_for_reading(self, visitor: Client, paths: Callable[[list[str]], list[str]]) -> None:
        only_posted = [path for path in paths(ACTIONS) if not path.endswith("/stop/") and "/missing/" not in path]
        for path in ["/playlists/from/spotify/to/navidrome/", *only_posted]:
            assert visitor.get(path).status_code == 405, path

    @pytest.mark.parametrize("end", PAGES)
    def test_what_never_was_is_not_found(self, visitor: Client, end: str) -> None:
        assert visitor.get(f"/playlists/{'9' * 40}/{end.format(missing=1)}").status_code == 404

    def test_an_impossible_number_of_a_track_or_a_choice_is_told(self, visitor: Client, address: str) -> None:
        assert "no longer on this list" in visitor.get(f"{address}missing/{'9' * 40}/", follow=True).content.decode()
        response = visitor.post(f"{address}chosen/{'9' * 40}/withdraw/", follow=True)
        assert "withdrawn before" in response.content.decode()

    def test_the_forms_on_the_page_are_accepted_from_a_browser(
        self, user: User, mirror: PlaylistMirror, address: str
    ) -> None:
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(user)
        form = page(browser, address).split(f'action="{address}carry/">')[1].split("</form>")[0]
        assert "Carry it now" in form
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
        assert browser.post(f"{address}carry/", fields).status_code == 303


def test_hostile_names_are_inert_everywhere(
    visitor: Client, ends: tuple[Connection, Connection], source: ListService, target: ListService
) -> None:
    hostile = song(HOSTILE, HOSTILE, id='"><script>', album=HOSTILE, url="javascript:alert(1)")
    target.songs.append(hostile)
    source.add(HOSTILE, [song(HOSTILE, "Bo", id="sx", url="javascript:alert(1)")], url="javascript:alert(1)")
    source.contents["spotify-1"] += [hostile, LeftOut(name=HOSTILE, reason="an episode")]
    mirror = carried(mirrors.begin(ends[0], "spotify-1", ends[1], name=HOSTILE))
    missing = mirror.missing.get(position__isnull=False)
    near = {"score": 0.5, "reason": HOSTILE, "song": {"id": HOSTILE, "name": HOSTILE, "artist": HOSTILE}}
    MissingTrack.objects.update(candidates=[near])
    own = f"/playlists/{mirror.pk}/"
    addresses = ["/playlists/", "/playlists/from/spotify/", own, f"{own}stop/", f"{own}missing/{missing.pk}/"]
    pages = [page(visitor, address) for address in addresses]
    manual.choose(mirror, manual.track_of(missing), hostile.id)
    for html in [*pages, page(visitor, own), page(visitor, f"{own}missing/{missing.pk}/")]:
        assert "&lt;script&gt;alert(1)" in html
        assert "<script>" not in html
        assert "javascript:" not in html
        shown = re.sub(r"<title>.*?</title>|<bdi.*?</bdi>|<span class=\"hidden\">.*?</span>", "", html)
        assert "\u202e" not in re.sub(r"<[^>]*>", "", shown)
