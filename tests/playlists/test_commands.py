"""`sync_playlist` and `match_track`, as they are called."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from providers.datatypes import LeftOut
from providers.exceptions import RateLimitedError, ServiceUnavailableError
from providers.models import Connection, ManualMatch, PlaylistMirror
from tests.playlists.conftest import NAMES
from tests.playlists.fakes import ListService, song

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def playlist(source: ListService, ends: tuple[Connection, Connection]) -> None:
    """Give the person a list of five songs, one of which the library lacks, and an episode."""
    tracks = [song(name, id=f"s{name}") for name in NAMES[:4]]
    unknown = song("Nobody Has This", "Bo", id="sx")
    source.add("Rainy Sundays", [*tracks, unknown, LeftOut(name="Kitchen talk", reason="a podcast episode")])


def sync(*arguments: str, playlist: str = "Rainy Sundays") -> str:
    out = StringIO()
    where = ["--user", "ada", "--from", "spotify", "--playlist", playlist, "--to", "navidrome"]
    call_command("sync_playlist", *where, *arguments, stdout=out)
    return out.getvalue()


def match_track(*arguments: str) -> str:
    out = StringIO()
    call_command("match_track", "--user", "ada", *arguments, stdout=out)
    return out.getvalue()


def refusal(run: Any, *arguments: str, **options: str) -> tuple[int, str]:
    with pytest.raises(CommandError) as caught:
        run(*arguments, **options)
    return caught.value.returncode, str(caught.value)


class TestSyncPlaylist:
    def test_it_carries_and_tells_what_changed_and_what_is_missing(self, target: ListService) -> None:
        told = sync()
        (made,) = target.lists
        assert target.shows(made) == NAMES[:4]
        assert "Rainy Sundays: 4 of 6 found on navidrome (4 by exact), 2 missing." in told
        assert "missing: 5. Bo: Nobody Has This." in told
        assert "left out: Kitchen talk (a podcast episode)" in told
        assert told.endswith("Partly.\n")

    def test_a_second_run_changes_nothing(self, target: ListService) -> None:
        sync()
        target.asked.clear()
        assert sync("--json")
        assert target.writes == []

    def test_a_dry_run_shows_the_changes_as_a_table_and_leaves_nothing_behind(self, target: ListService) -> None:
        told = sync("--dry-run")
        for name in NAMES[:4]:
            assert name in told
        assert target.writes == []
        assert not PlaylistMirror.objects.exists()

    def test_json_holds_the_plan_for_programs(self, target: ListService) -> None:
        told = json.loads(sync("--dry-run", "--json"))
        assert told["outcome"] == "planned"
        assert [(one["kind"], one["name"], one["after"]) for one in told["plan"]["changes"]] == [
            ("add", name, place) for place, name in enumerate(NAMES[:4])
        ]
        assert [(one["position"], one["name"]) for one in told["missing"]] == [(4, "Nobody Has This")]
        assert told["left_out"] == [{"name": "Kitchen talk", "reason": "a podcast episode"}]

    def test_a_playlist_is_named_by_its_id_where_names_do_not_tell(
        self, source: ListService, target: ListService
    ) -> None:
        other = source.add("Rainy Sundays", [song("Anchor", id="sAnchor")])
        code, told = refusal(sync)
        assert code == 2
        assert "spotify-1" in told
        assert other.id in told
        sync(playlist=other.id)
        (made,) = target.lists
        assert target.shows(made) == ["Anchor"]

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["--playlist", "Nothing like it"], "There is no playlist 'Nothing like it'."),
            (["--to", "spotify"], "--from and --to are the same"),
            (["--to", "deezer"], "There is no service 'deezer'"),
            (["--from", "lastfm"], "Last.fm cannot be the source of a playlist."),
            (["--to", "lastfm"], "Last.fm cannot be the target of a playlist."),
            (["--user", "nobody"], "There is no person 'nobody'."),
        ],
    )
    def test_wrong_usage_is_named_in_a_line(self, arguments: list[str], told: str) -> None:
        code, line = refusal(sync, *arguments)
        assert code == 2
        assert told in line

    def test_a_refusal_exits_with_1_and_says_what_to_want(self, source: ListService, target: ListService) -> None:
        sync()
        source.contents["spotify-1"] = source.contents["spotify-1"][:1]
        code, line = refusal(sync)
        assert code == 1
        assert "3 of 4 songs would leave the list" in line
        assert "In step." in sync("--allow-shrink")
        (made,) = target.lists
        target.contents[made].append(target.songs[6])
        assert refusal(sync)[0] == 1
        sync("--prefer", "source", "--allow-shrink")
        assert target.shows(made) == NAMES[:1]

    def test_a_service_that_is_down_exits_with_1(self, target: ListService) -> None:
        def fail(what: str) -> None:
            raise ServiceUnavailableError("Down for the night.", provider="navidrome")

        target.before = fail
        assert refusal(sync) == (1, "Down for the night.")

    def test_a_pause_that_a_service_wants_is_no_failure(self, target: ListService) -> None:
        def pause(what: str) -> None:
            raise RateLimitedError("Too many requests.", provider="navidrome")

        target.before = pause
        assert "Parked. Too many requests." in sync()

    def test_a_service_that_is_not_linked_is_named(self) -> None:
        Connection.objects.filter(provider_type="navidrome").update(status="disconnected")
        assert refusal(sync) == (1, "ada has not linked Navidrome.")


class TestMatchTrack:
    @pytest.fixture
    def mirror(self) -> str:
        sync()
        return str(PlaylistMirror.objects.get().pk)

    def test_it_lists_what_is_missing_and_what_there_is_to_choose_from(self, mirror: str) -> None:
        assert match_track("--mirror", mirror).startswith("5\tBo: Nobody Has This\t")
        assert (
            match_track("--mirror", mirror, "--position", "5", "--search", "quiet ana")
            == "n6\tAna: Quiet Hour\tFirst\n"
        )
        assert match_track("--mirror", mirror, "--position", "5", "--search", "100%") == ""

    def test_what_is_chosen_is_used_by_the_next_run(self, mirror: str, target: ListService) -> None:
        told = match_track("--mirror", mirror, "--position", "5", "--song", "n6")
        assert told == "Bo: Nobody Has This is Ana: Quiet Hour.\n"
        sync()
        (made,) = target.lists
        assert target.shows(made) == [*NAMES[:4], "Quiet Hour"]

    def test_it_can_be_withdrawn(self, mirror: str) -> None:
        match_track("--mirror", mirror, "--position", "5", "--song", "n6")
        assert match_track("--mirror", mirror, "--position", "5", "--withdraw") == "Withdrawn.\n"
        assert match_track("--mirror", mirror, "--position", "5", "--withdraw") == "Nothing was said of it.\n"
        assert not ManualMatch.objects.exists()

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["--mirror", "999"], "ada has no mirror 999."),
            (["--position", "1"], "No track is missing at 1."),
            (["--position", "5", "--song", "nowhere"], "There is no song 'nowhere' on the target."),
        ],
    )
    def test_wrong_usage_is_named_in_a_line(self, mirror: str, arguments: list[str], told: str) -> None:
        assert refusal(match_track, "--mirror", mirror, *arguments) == (2, told)

    def test_another_persons_mirror_is_none(self, mirror: str, django_user_model: Any) -> None:
        django_user_model.objects.create_user("bo")
        with pytest.raises(CommandError, match="bo has no mirror"):
            call_command("match_track", "--user", "bo", "--mirror", mirror)
