from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from providers.datatypes import Track
from providers.history import ingest
from providers.models import Listen

MOMENT = datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=UTC)


def listen(name: str, seconds: int = 0, **fields: object) -> Track:
    return Track(id="", name=name, artist="Ana", played_at=MOMENT + timedelta(seconds=seconds), **fields)


@pytest.mark.django_db
def test_storing_a_batch_twice_changes_nothing(user):
    batch = [listen("One"), listen("Two", 200)]

    assert ingest.store(user.pk, "lastfm", batch) == 2
    assert ingest.store(user.pk, "lastfm", batch) == 0
    assert Listen.objects.count() == 2


@pytest.mark.django_db
def test_a_listen_offered_twice_in_one_batch_is_stored_once(user):
    assert ingest.store(user.pk, "lastfm", [listen("One"), listen("One")]) == 1


@pytest.mark.django_db
def test_two_tracks_of_one_moment_are_both_stored(user):
    assert ingest.store(user.pk, "lastfm", [listen("One"), listen("Two")]) == 2


@pytest.mark.django_db
def test_the_same_listen_of_two_people_or_services_is_stored_for_each(user, django_user_model):
    other = django_user_model.objects.create_user("bo")

    for person, provider_type in ((user, "lastfm"), (other, "lastfm"), (user, "spotify")):
        assert ingest.store(person.pk, provider_type, [listen("One")]) == 1


@pytest.mark.django_db
def test_what_a_track_tells_arrives_in_the_row(user):
    track = Track(
        id="42",
        name="One",
        artist="Ana, Bo",
        album="First",
        duration_ms=1000,
        played_at=MOMENT,
        url="https://music.example/42",
        isrc="DEA000000001",
    )

    ingest.store(user.pk, "spotify", [track])

    row = Listen.objects.get()
    assert (row.remote_track_id, row.name, row.artist, row.album) == ("42", "One", "Ana, Bo", "First")
    assert (row.duration_ms, row.played_at, row.url, row.isrc) == (1000, MOMENT, track.url, track.isrc)
    assert row.source == "api"


@pytest.mark.django_db
@pytest.mark.parametrize("duration_ms", [-5, 2**40])
def test_a_senseless_duration_does_not_lose_the_listen(user, duration_ms):
    assert ingest.store(user.pk, "lastfm", [listen("One", duration_ms=duration_ms)]) == 1


@pytest.mark.django_db
def test_the_fingerprint_is_frozen(user):
    ingest.store(user.pk, "lastfm", [Track(id="", name="Jóga", artist="Björk", played_at=MOMENT)])
    row = Listen.objects.get()
    assert row.fingerprint == -5185748983095682825

    row.album = row.name = "corrected by hand"
    row.save()

    row.refresh_from_db()
    assert row.fingerprint == -5185748983095682825


@pytest.mark.django_db
def test_the_fingerprint_does_not_confuse_name_and_artist(user):
    mixed_up = [
        Track(id="", name="A", artist="BC", played_at=MOMENT),
        Track(id="", name="AB", artist="C", played_at=MOMENT),
    ]

    assert ingest.store(user.pk, "lastfm", mixed_up) == 2


@pytest.mark.django_db
@pytest.mark.parametrize("create", [Listen.objects.create, lambda **row: Listen.objects.bulk_create([Listen(**row)])])
def test_a_listen_stored_by_others_is_the_same_listen(user, create):
    create(user=user, provider_type="lastfm", name="One", artist="Ana", played_at=MOMENT)

    assert ingest.store(user.pk, "lastfm", [listen("One")]) == 0


def test_a_track_without_a_time_is_no_listen():
    with pytest.raises(ValueError, match="played_at"):
        ingest.unstored(1, "lastfm", [Track(id="", name="One", artist="Ana")])


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["id", "name", "artist", "album", "url", "isrc"])
def test_a_track_with_none_for_a_text_is_refused_and_not_lost_in_silence(user, field):
    with pytest.raises(ValueError, match="None"):
        ingest.store(user.pk, "lastfm", [listen("One"), replace(listen("Two"), **{field: None})])

    assert not Listen.objects.exists()


def test_a_track_with_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="played_at"):
        ingest.unstored(1, "lastfm", [replace(listen("One"), played_at=datetime(2026, 3, 1))])  # noqa: DTZ001
