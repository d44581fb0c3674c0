from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from providers.datatypes import LeftOut
from providers.exceptions import (
    PermissionDeniedError,
    RateLimitedError,
    ReauthorizationRequiredError,
    ServiceUnavailableError,
)
from providers.models import Connection, ManualMatch, PlaylistMirror, ServicePause
from providers.playlists import manual, mirrors
from providers.playlists.mirrors import Wishes
from providers.playlists.reports import CarryOutcome, CarryReport
from providers.scheduling import claim_next
from tests.playlists.conftest import NAMES
from tests.playlists.fakes import ListService, song

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """The process ends here, as far as the code under test can tell."""


def carried(mirror: PlaylistMirror, **wishes: object) -> CarryReport:
    return mirrors.run(mirror, Wishes(**wishes))  # type: ignore[arg-type]


def the_list(target: ListService) -> str:
    """The id of the only list on the target."""
    (playlist_id,) = target.lists
    return playlist_id


@pytest.fixture
def on_source(source: ListService) -> Callable[..., None]:
    """Return what puts other songs on the list of the source."""

    def put(*names: str) -> None:
        source.contents["spotify-1"] = [song(name, id=f"s{name}") for name in names]

    return put


def test_a_list_is_made_with_all_songs_in_their_order(mirror: PlaylistMirror, target: ListService) -> None:
    report = carried(mirror)
    assert (report.outcome, report.detail) == (CarryOutcome.IN_STEP, "")
    made = target.lists[the_list(target)]
    assert (made.name, made.description) == ("Rainy Sundays", "For the window")
    assert target.shows(made.id) == NAMES[:4]
    mirror.refresh_from_db()
    assert (mirror.target_playlist_id, mirror.state) == (made.id, "in_step")
    assert mirror.figures == {"total": 4, "matched": 4, "missing": 0, "left_out": 0, "by_method": {"exact": 4}}


def test_what_is_in_step_is_not_written_again(mirror: PlaylistMirror, target: ListService) -> None:
    carried(mirror)
    target.asked.clear()
    assert carried(mirror).outcome is CarryOutcome.IN_STEP
    assert target.writes == []


def test_the_list_follows_and_stays_the_same_one(
    mirror: PlaylistMirror, source: ListService, target: ListService, on_source: Callable[..., None]
) -> None:
    carried(mirror)
    on_source("Ninth Wave", "Anchor", "Lantern Road", "Quiet Hour", "Half a Winter")
    source.lists["spotify-1"] = replace(source.lists["spotify-1"], name="Sundays", description="")
    report = carried(mirror)
    assert report.plan is not None
    assert [(change.kind, change.song.name) for change in report.plan.changes] == [
        ("move", "Ninth Wave"),
        ("add", "Quiet Hour"),
    ]
    assert target.shows(the_list(target)) == ["Ninth Wave", "Anchor", "Lantern Road", "Quiet Hour", "Half a Winter"]
    assert target.lists[the_list(target)].name == "Sundays"


def test_the_same_song_twice_is_kept_twice(
    mirror: PlaylistMirror, target: ListService, on_source: Callable[..., None]
) -> None:
    on_source("Anchor", "Ninth Wave", "Anchor")
    carried(mirror)
    assert target.shows(the_list(target)) == ["Anchor", "Ninth Wave", "Anchor"]


def test_an_empty_playlist_is_an_empty_list(
    mirror: PlaylistMirror, target: ListService, on_source: Callable[..., None]
) -> None:
    on_source()
    assert carried(mirror).outcome is CarryOutcome.IN_STEP
    assert target.shows(the_list(target)) == []


def test_what_is_missing_or_no_track_is_told_and_no_failure(
    mirror: PlaylistMirror, source: ListService, target: ListService
) -> None:
    source.contents["spotify-1"][1:1] = [
        song("Nobody Has This", "Bo", id="sx", isrc="QZMRD2600001"),
        LeftOut(name="Kitchen talk", reason="a podcast episode"),
    ]
    report = carried(mirror)
    assert report.outcome is CarryOutcome.PARTLY
    assert target.shows(the_list(target)) == NAMES[:4]
    missing, left_out = mirror.missing.all()
    assert (missing.place, missing.name, missing.isrc) == (2, "Nobody Has This", "QZMRD2600001")
    assert missing.reason
    assert (left_out.place, left_out.name, left_out.reason) == (None, "Kitchen talk", "a podcast episode")
    mirror.refresh_from_db()
    assert mirror.state == "partly"


def test_what_turns_up_in_the_library_later_is_put_in_its_place(
    mirror: PlaylistMirror, source: ListService, target: ListService
) -> None:
    source.contents["spotify-1"].insert(1, song("Late Arrival", id="sx"))
    assert carried(mirror).outcome is CarryOutcome.PARTLY
    target.songs.insert(0, song("Late Arrival", id="n99"))
    assert carried(mirror).outcome is CarryOutcome.IN_STEP
    assert target.shows(the_list(target))[1] == "Late Arrival"
    assert not mirror.missing.exists()


def test_a_preview_writes_nothing_anywhere(mirror: PlaylistMirror, target: ListService) -> None:
    report = mirrors.preview(mirror)
    assert report.outcome is CarryOutcome.PLANNED
    assert report.plan is not None
    assert report.plan.is_new
    assert len(report.plan.changes) == 4
    assert (target.writes, mirror.missing.count()) == ([], 0)
    mirror.refresh_from_db()
    assert mirror.state == "pending"


def test_a_run_that_only_plans_keeps_the_plan_to_be_looked_at(mirror: PlaylistMirror, target: ListService) -> None:
    assert carried(mirror, only_plan=True).outcome is CarryOutcome.PLANNED
    assert target.writes == []
    mirror.refresh_from_db()
    assert (mirror.state, mirror.due_at) == ("planned", None)
    assert [change["name"] for change in mirror.last_plan["changes"]] == NAMES[:4]


class TestChoosingByHand:
    def test_what_a_person_says_is_used_and_stays(
        self, mirror: PlaylistMirror, source: ListService, target: ListService
    ) -> None:
        unknown = song("Nobody Has This", "Bo", id="sx")
        source.contents["spotify-1"].append(unknown)
        carried(mirror)
        manual.choose(mirror, manual.track_of(mirror.missing.get()), "n6")
        report = carried(mirror)
        assert report.outcome is CarryOutcome.IN_STEP
        assert report.plan is not None
        assert report.plan.figures["by_method"] == {"exact": 4, "manual": 1}
        assert target.shows(the_list(target))[-1] == "Quiet Hour"

    def test_it_wins_over_what_matches_exactly_and_holds_for_other_lists(
        self, mirror: PlaylistMirror, ends: tuple[Connection, Connection], source: ListService, target: ListService
    ) -> None:
        carried(mirror)
        manual.choose(mirror, song("Anchor", id="sAnchor"), "n6")
        other = source.add("Another", [song("Anchor", id="sAnchor")])
        carried(mirrors.begin(ends[0], other.id, ends[1]))
        (another,) = [one for one in target.lists.values() if one.name == "Another"]
        assert target.shows(another.id) == ["Quiet Hour"]

    def test_withdrawn_it_is_left_to_matching(self, mirror: PlaylistMirror, target: ListService) -> None:
        carried(mirror)
        anchor = song("Anchor", id="sAnchor")
        manual.choose(mirror, anchor, "n6")
        assert manual.withdraw(mirror, anchor)
        assert not manual.withdraw(mirror, anchor)
        carried(mirror)
        assert target.shows(the_list(target))[0] == "Anchor"

    def test_a_song_that_does_not_exist_cannot_be_chosen(self, mirror: PlaylistMirror) -> None:
        with pytest.raises(manual.NoSuchSongError):
            manual.choose(mirror, song("Anchor"), "nowhere")
        assert not ManualMatch.objects.exists()

    def test_a_chosen_song_that_left_the_library_is_missed_and_not_replaced(
        self, mirror: PlaylistMirror, target: ListService
    ) -> None:
        carried(mirror)
        manual.choose(mirror, song("Anchor", id="sAnchor"), "n6")
        target.songs = [one for one in target.songs if one.id != "n6"]
        carried(mirror)
        carried(mirror)
        missing = mirror.missing.get()
        assert (missing.name, missing.reason) == ("Anchor", "The song that was chosen by hand is no longer there.")

    def test_tracks_without_an_id_are_known_by_their_names(
        self, mirror: PlaylistMirror, source: ListService, target: ListService
    ) -> None:
        nameless = replace(song("Nobody Has This", "Bo"), id="")
        source.contents["spotify-1"] = [nameless]
        carried(mirror)
        manual.choose(mirror, manual.track_of(mirror.missing.get()), "n6")
        carried(mirror)
        assert target.shows(the_list(target)) == ["Quiet Hour"]


class TestRefusing:
    def test_a_list_does_not_shrink_by_more_than_a_third_unless_told(
        self, mirror: PlaylistMirror, target: ListService, on_source: Callable[..., None]
    ) -> None:
        carried(mirror)
        on_source("Anchor", "Lantern Road")
        report = carried(mirror)
        assert report.outcome is CarryOutcome.REFUSED
        assert "2 of 4 songs" in report.detail
        assert target.shows(the_list(target)) == NAMES[:4]
        assert carried(mirror, allow_shrink=True).outcome is CarryOutcome.IN_STEP
        assert target.shows(the_list(target)) == NAMES[:2]

    def test_a_third_may_go(self, mirror: PlaylistMirror, target: ListService, on_source: Callable[..., None]) -> None:
        on_source(*NAMES[:6])
        carried(mirror)
        on_source(*NAMES[:4])
        assert carried(mirror).outcome is CarryOutcome.IN_STEP

    def test_a_list_that_was_changed_there_is_left_alone_until_told_which_side_wins(
        self, mirror: PlaylistMirror, target: ListService
    ) -> None:
        carried(mirror)
        target.contents[the_list(target)].append(target.songs[6])
        report = carried(mirror)
        assert report.outcome is CarryOutcome.REFUSED
        assert report.needs_person
        assert "changed on Navidrome" in report.detail
        assert target.shows(the_list(target)) == [*NAMES[:4], "Quiet Hour"]

    def test_the_source_wins_where_told(self, mirror: PlaylistMirror, target: ListService) -> None:
        carried(mirror)
        target.contents[the_list(target)].append(target.songs[6])
        assert carried(mirror, prefer="source").outcome is CarryOutcome.IN_STEP
        assert target.shows(the_list(target)) == NAMES[:4]

    def test_the_target_wins_where_told_until_either_side_changes_again(
        self, mirror: PlaylistMirror, target: ListService, on_source: Callable[..., None]
    ) -> None:
        carried(mirror)
        target.contents[the_list(target)].append(target.songs[6])
        assert carried(mirror, prefer="target").outcome is CarryOutcome.IN_STEP
        assert carried(mirror).outcome is CarryOutcome.IN_STEP
        assert target.shows(the_list(target)) == [*NAMES[:4], "Quiet Hour"]
        on_source(*NAMES[:5])
        assert carried(mirror).outcome is CarryOutcome.REFUSED

    def test_songs_that_leave_the_library_leave_the_list_and_nobody_changed_it(
        self, mirror: PlaylistMirror, target: ListService
    ) -> None:
        carried(mirror)
        target.songs = [one for one in target.songs if one.id != "n1"]
        target.contents[the_list(target)] = [
            one for one in target.contents[the_list(target)] if getattr(one, "id", "") != "n1"
        ]
        report = carried(mirror)
        assert report.outcome is CarryOutcome.PARTLY
        assert target.shows(the_list(target)) == [NAMES[0], *NAMES[2:4]]

    @pytest.mark.parametrize("kept", [0, 2])
    def test_a_smart_or_foreign_list_is_never_written(
        self, mirror: PlaylistMirror, target: ListService, on_source: Callable[..., None], kept: int
    ) -> None:
        carried(mirror)
        playlist_id = the_list(target)
        target.lists[playlist_id] = replace(target.lists[playlist_id], is_editable=False)
        target.asked.clear()
        on_source(*NAMES[:kept])
        assert carried(mirror, allow_shrink=True, prefer="source").outcome is CarryOutcome.REFUSED
        assert target.writes == []

    def test_a_list_of_the_same_name_is_somebody_elses(self, mirror: PlaylistMirror, target: ListService) -> None:
        theirs = target.add("Rainy Sundays", [target.songs[6]])
        carried(mirror)
        assert target.shows(theirs.id) == ["Quiet Hour"]
        assert len(target.lists) == 2

    def test_a_list_that_was_deleted_there_is_made_again_only_where_the_source_wins(
        self, mirror: PlaylistMirror, target: ListService
    ) -> None:
        carried(mirror)
        target.lists.clear()
        report = carried(mirror)
        assert report.outcome is CarryOutcome.REFUSED
        assert "deleted on Navidrome" in report.detail
        assert carried(mirror, prefer="source").outcome is CarryOutcome.IN_STEP
        assert target.shows(the_list(target)) == NAMES[:4]

    def test_a_playlist_that_is_gone_at_the_source_costs_the_target_nothing(
        self, mirror: PlaylistMirror, source: ListService, target: ListService
    ) -> None:
        carried(mirror)
        source.lists.clear()
        assert carried(mirror).outcome is CarryOutcome.REFUSED
        assert target.shows(the_list(target)) == NAMES[:4]

    def test_one_that_is_no_longer_shown_costs_it_nothing_either(
        self, mirror: PlaylistMirror, source: ListService, target: ListService
    ) -> None:
        carried(mirror)
        source.lists["spotify-1"] = replace(source.lists["spotify-1"], is_readable=False)
        assert carried(mirror).outcome is CarryOutcome.REFUSED
        source.lists["spotify-1"] = replace(source.lists["spotify-1"], is_readable=True)

        def refuse(what: str) -> None:
            if what == "read":
                raise PermissionDeniedError("Not yours.", provider="spotify")

        source.before = refuse
        report = carried(mirror)
        assert (report.outcome, report.detail) == (CarryOutcome.FAILED, "Not yours.")
        assert target.shows(the_list(target)) == NAMES[:4]


class TestTrouble:
    def test_a_song_that_vanishes_between_plan_and_writing_is_missed_and_the_rest_is_written(
        self, mirror: PlaylistMirror, target: ListService
    ) -> None:
        def lose_a_song(what: str) -> None:
            if what == "sync":
                target.songs = [one for one in target.songs if one.id != "n1"]

        target.before = lose_a_song
        report = carried(mirror)
        assert report.outcome is CarryOutcome.PARTLY
        assert target.shows(the_list(target)) == [NAMES[0], *NAMES[2:4]]
        assert mirror.missing.get().name == "Lantern Road"

    def test_a_service_that_shows_other_than_was_written_is_a_failure(
        self, mirror: PlaylistMirror, target: ListService
    ) -> None:
        def shuffle(what: str) -> None:
            if what == "written":
                for entries in target.contents.values():
                    entries.reverse()

        target.before = shuffle
        report = carried(mirror)
        assert (report.outcome, report.detail) == (
            CarryOutcome.FAILED,
            "Navidrome shows another list than was written.",
        )

    @pytest.mark.parametrize("moment", ["list", "read", "library", "sync", "written"])
    def test_wherever_it_is_killed_the_next_run_ends_in_the_right_list_and_one_only(
        self, mirror: PlaylistMirror, target: ListService, on_source: Callable[..., None], moment: str
    ) -> None:
        carried(mirror)
        for names in (NAMES[2:6] + NAMES[:1], NAMES[:6]):
            on_source(*names)
            _kill_at_each(target, moment, mirror)
            assert carried(mirror, allow_shrink=True).outcome is CarryOutcome.IN_STEP
            assert target.shows(the_list(target)) == names

    @pytest.mark.parametrize("moment", ["list", "library", "sync", "written"])
    def test_killed_while_the_list_is_made_the_next_run_finds_it_again(
        self, mirror: PlaylistMirror, target: ListService, moment: str
    ) -> None:
        theirs = target.add("Rainy Sundays", [target.songs[6]])
        _kill_at_each(target, moment, mirror)
        assert carried(mirror).outcome is CarryOutcome.IN_STEP
        made = [playlist_id for playlist_id in target.lists if playlist_id != theirs.id]
        assert [target.shows(playlist_id) for playlist_id in made] == [NAMES[:4]]
        assert target.shows(theirs.id) == ["Quiet Hour"]

    def test_a_long_pause_parks_the_mirror_and_its_wishes_wait_with_it(
        self, mirror: PlaylistMirror, source: ListService, target: ListService, on_source: Callable[..., None]
    ) -> None:
        carried(mirror)
        on_source("Anchor")
        later = timezone.now() + timedelta(hours=5)

        def pause(what: str) -> None:
            raise RateLimitedError("Too many requests.", provider="spotify", retry_at=later)

        source.before = pause
        PlaylistMirror.objects.update(is_automatic=True)
        mirror.request(allow_shrink=True)
        _work(mirror)
        mirror.refresh_from_db()
        assert mirror.state == "in_step"
        assert mirror.due_at is not None
        assert mirror.due_at >= later
        assert ServicePause.objects.get().provider_type == "spotify"
        ServicePause.objects.all().delete()
        source.before = lambda what: None
        PlaylistMirror.objects.update(due_at=timezone.now())
        _work(mirror)
        assert target.shows(the_list(target)) == ["Anchor"]

    def test_a_service_that_is_down_is_tried_again_ever_more_seldom(
        self, mirror: PlaylistMirror, source: ListService
    ) -> None:
        def fail(what: str) -> None:
            raise ServiceUnavailableError("Down.", provider="spotify")

        source.before = fail
        PlaylistMirror.objects.update(is_automatic=True)
        waits = []
        for _ in range(3):
            mirror.request()
            row = PlaylistMirror.objects.get()
            PlaylistMirror.objects.update(failures=len(waits))
            _work(row)
            row.refresh_from_db()
            assert row.due_at is not None
            waits.append(row.due_at - timezone.now())
            assert row.failures == len(waits)
        assert waits[0] < waits[1] < waits[2]

    def test_a_dead_link_is_noted_on_its_connection(self, mirror: PlaylistMirror, source: ListService) -> None:
        def refuse(what: str) -> None:
            raise ReauthorizationRequiredError("Taken back.", provider="spotify")

        source.before = refuse
        report = carried(mirror)
        assert report.needs_person
        mirror.source.refresh_from_db()
        assert mirror.source.status == Connection.Status.NEEDS_REAUTH

    def test_a_bug_of_a_provider_tells_nothing_of_what_it_held(
        self, mirror: PlaylistMirror, source: ListService
    ) -> None:
        def crash(what: str) -> None:
            raise RuntimeError("token=secret")

        source.before = crash
        report = carried(mirror)
        assert report.outcome is CarryOutcome.FAILED
        assert "secret" not in report.detail


class TestScheduling:
    def test_a_kept_mirror_is_due_again_and_another_is_not(self, mirror: PlaylistMirror) -> None:
        carried(mirror)
        mirror.refresh_from_db()
        assert mirror.due_at is None
        PlaylistMirror.objects.update(is_automatic=True)
        mirror.request()
        _work(mirror)
        mirror.refresh_from_db()
        assert mirror.due_at is not None
        assert mirror.due_at > timezone.now() + mirrors.INTERVAL / 2

    def test_what_is_wished_is_for_one_run(
        self, mirror: PlaylistMirror, target: ListService, on_source: Callable[..., None]
    ) -> None:
        carried(mirror)
        on_source("Anchor")
        mirror.request(allow_shrink=True)
        _work(mirror)
        assert target.shows(the_list(target)) == ["Anchor"]
        mirror.refresh_from_db()
        assert mirror.wishes == {}

    def test_stopped_it_keeps_or_deletes_the_list_as_wished(self, mirror: PlaylistMirror, target: ListService) -> None:
        carried(mirror)
        mirror.refresh_from_db()
        mirrors.stop(mirror, delete_playlist=False)
        assert len(target.lists) == 1
        mirrors.stop(mirror, delete_playlist=True)
        assert target.lists == {}
        mirror.refresh_from_db()
        assert (mirror.state, mirror.due_at, mirror.target_playlist_id) == ("stopped", None, "")
        assert carried(mirror).outcome is CarryOutcome.IN_STEP
        assert len(target.lists) == 1


def _work(mirror: PlaylistMirror) -> None:
    lease = claim_next(mirrors.rows().filter(pk=mirror.pk))
    assert lease is not None
    mirrors.work(lease, lambda: False)


def _kill_at_each(target: ListService, moment: str, mirror: PlaylistMirror) -> None:
    """Run once for each time that the service is asked this, and die there; the lease is given up by force."""
    nth = 0
    while True:
        nth += 1
        seen = 0

        def die(what: str) -> None:
            nonlocal seen
            seen += what == moment
            if what == moment and seen == nth:  # noqa: B023, called while nth is what it is
                raise Killed

        target.before = die
        try:
            carried(mirror, allow_shrink=True)
        except Killed:
            PlaylistMirror.objects.update(lease_until=None, lease_token="")
        else:
            break
        finally:
            target.before = lambda what: None
