"""What a fetch makes of a history that is told in two ways."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from providers.history.fetch import fetch
from providers.history.reports import FetchOutcome
from providers.models import Connection, HistorySync, Listen, NavidromeAuth
from providers.testing.simulators.navidrome import NavidromeSimulator, Person
from tests.navidrome.conftest import BASE_URL, CATALOGUE, PASSWORD

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.mark.django_db
@pytest.mark.req("PROV-051")
def test_a_fetch_that_breaks_off_among_the_last_plays_is_taken_up_and_loses_none(
    user: User, settings: Settings, navidrome: NavidromeSimulator, ada: Person
) -> None:
    settings.NAVIDROME_URL = BASE_URL
    settings.PROVIDER_RATE_LIMITS = "none"
    NavidromeAuth.objects.create(user=user, username="ada", password=PASSWORD)
    connection = Connection.objects.get(user=user)
    albums = list({song.album_key: song for song in CATALOGUE.tracks}.values())[:6]
    for number, song in enumerate(albums[:4]):
        ada.listen(song, NOW - timedelta(days=400 + number))
    # Batches are albums there: one of them reaches back behind those that come after it.
    ada.listen(CATALOGUE.tracks[1], NOW - timedelta(days=800))
    ada.scrobbles.clear()
    for number, song in enumerate(albums[4:]):
        ada.listen(song, NOW - timedelta(hours=1 + number))

    # The two albums of single plays are read, three pages of albums, and three albums, of which one is older.
    navidrome.faults.add("/rest/getAlbum", status=503, times=None, after=2 + 3 + 3)
    broken = fetch(connection)
    assert broken is not None
    assert broken.outcome is FetchOutcome.FAILED
    assert Listen.objects.count() == 4
    assert HistorySync.objects.get().complete_until is None

    navidrome.faults.clear()
    taken_up = fetch(connection)
    assert taken_up is not None
    assert taken_up.outcome is FetchOutcome.COMPLETE
    assert Listen.objects.count() == 7
    assert HistorySync.objects.get().complete_until == NOW - timedelta(hours=1)
    assert Connection.objects.get().history_is_last_play_only is False


@pytest.mark.django_db
@pytest.mark.req("PROV-051")
def test_a_server_that_begins_to_tell_single_plays_is_read_once_more_from_the_beginning(
    user: User, settings: Settings, navidrome: NavidromeSimulator, ada: Person
) -> None:
    settings.NAVIDROME_URL = BASE_URL
    settings.PROVIDER_RATE_LIMITS = "none"
    NavidromeAuth.objects.create(user=user, username="ada", password=PASSWORD)
    for days in (30, 20, 10):
        ada.listen(CATALOGUE.tracks[0], NOW - timedelta(days=days))
    navidrome.scrobble_history = False
    fetch(Connection.objects.get(user=user))
    assert Listen.objects.count() == 1

    navidrome.scrobble_history = True
    for _ in range(2):
        fetch(Connection.objects.get(user=user))
    assert Listen.objects.count() == 3
    assert HistorySync.objects.get().complete_until == NOW - timedelta(days=10)

    asked = len(navidrome.seen("api/scrobble"))
    fetch(Connection.objects.get(user=user))
    # One page, and the count of the last days.
    assert len(navidrome.seen("api/scrobble")) == asked + 2


def test_a_server_that_tells_last_plays_only_shows_how_many_could_not_be_had(
    user: User, settings: Settings, navidrome: NavidromeSimulator, ada: Person
) -> None:
    settings.NAVIDROME_URL = BASE_URL
    settings.PROVIDER_RATE_LIMITS = "none"
    NavidromeAuth.objects.create(user=user, username="ada", password=PASSWORD)
    navidrome.scrobble_history = False
    for days in (30, 20, 10):
        ada.listen(CATALOGUE.tracks[0], NOW - timedelta(days=days))
    report = fetch(Connection.objects.get(user=user))
    assert report is not None
    assert report.gaps == []

    for hours in (5, 4, 3):
        ada.listen(CATALOGUE.tracks[0], NOW - timedelta(hours=hours))
    report = fetch(Connection.objects.get(user=user))

    assert report is not None
    (gap,) = report.gaps
    assert (gap.missing_plays, gap.since, gap.until) == (2, NOW - timedelta(days=10), NOW - timedelta(hours=3))
