"""Of a mirror that fails, its person is told once, until it goes well again."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from providers import worker
from providers.exceptions import ReauthorizationRequiredError, ServiceUnavailableError
from providers.models import Alert, PlaylistMirror
from providers.playlists import mirrors
from providers.playlists.mirrors import FAILURES_BEFORE_ALERT, Wishes
from tests.alerts.fakes import add_target
from tests.playlists.fakes import ListService

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def kept(user: User, mirror: PlaylistMirror) -> None:
    """Keep the mirror, and have its person told."""
    add_target(user)
    mirrors.keep(mirror)


def failing(error: Exception) -> Any:
    def before(what: str) -> None:
        raise error

    return before


def work(mirror: PlaylistMirror, times: int = 1) -> None:
    for _ in range(times):
        mirror.refresh_from_db()
        failures = mirror.failures
        mirror.request()
        PlaylistMirror.objects.update(failures=failures)
        assert worker.drain(worker.MIRRORS) == 1


def facts() -> list[Any]:
    return list(Alert.objects.values_list("facts", flat=True))


def test_a_service_that_is_away_is_told_of_once_it_stays_away(mirror: PlaylistMirror, source: ListService) -> None:
    source.before = failing(ServiceUnavailableError("Away.", provider="spotify"))
    work(mirror, FAILURES_BEFORE_ALERT - 1)
    assert facts() == []
    work(mirror, 3)
    told = {"playlist": "Rainy Sundays", "source": "spotify", "target": "navidrome", "detail": "Away."}
    assert facts() == [{"mirror": mirror.pk, **told}]


def test_what_a_person_has_to_say_first_is_told_at_once_and_anew_after_it_went_well(
    mirror: PlaylistMirror, source: ListService
) -> None:
    gone = source.lists.pop("spotify-1")
    work(mirror, 3)
    (told,) = facts()
    assert told["detail"] == "The playlist is no longer on Spotify. Nothing was changed on Navidrome."
    Alert.objects.update(told_at="2026-03-01T12:00Z")
    source.lists["spotify-1"] = gone
    work(mirror)
    assert len(facts()) == 1
    del source.lists["spotify-1"]
    work(mirror)
    assert len(facts()) == 2


@pytest.mark.parametrize("ends_by", ["going well", "being stopped"])
def test_what_is_over_before_it_was_told_is_not_told(mirror: PlaylistMirror, source: ListService, ends_by: str) -> None:
    gone = source.lists.pop("spotify-1")
    work(mirror)
    assert len(facts()) == 1
    source.lists["spotify-1"] = gone
    if ends_by == "going well":
        work(mirror)
    else:
        mirrors.stop(mirror, delete_playlist=False)
    assert facts() == []


def test_of_a_dead_link_only_the_link_is_told(mirror: PlaylistMirror, target: ListService) -> None:
    target.before = failing(ReauthorizationRequiredError("Sign in again.", provider="navidrome"))
    work(mirror, FAILURES_BEFORE_ALERT + 1)
    assert list(Alert.objects.values_list("kind", flat=True)) == ["needs_reauth"]


def test_who_carries_a_playlist_by_hand_looks_at_it_themselves(mirror: PlaylistMirror, source: ListService) -> None:
    mirrors.keep_no_more(mirror)
    source.lists.pop("spotify-1")
    mirror.refresh_from_db()
    mirrors.run(mirror, Wishes())
    assert facts() == []
