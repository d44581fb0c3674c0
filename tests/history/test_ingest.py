import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from providers.datatypes import Track
from providers.history import ingest
from providers.models import DuplicateScan, Listen

MOMENT = datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=UTC)


@pytest.fixture(autouse=True, params=["as this database has it", "as any other would"])
def _way_of_storing(request: pytest.FixtureRequest) -> Iterator[None]:
    """Store in both ways there are here: the third is that of the database the suite also runs on."""
    is_any_other = request.param == "as any other would"
    with mock.patch.dict(ingest._INSERTS, clear=is_any_other):
        yield


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


def test_every_field_of_a_listen_is_stored_or_left_empty_on_purpose():
    left_empty = {"id", "duplicate_of"}

    fields = {field.name for field in Listen._meta.concrete_fields}

    assert {*ingest.BATCH_FIELDS, *ingest.TRACK_FIELDS} == fields - left_empty


@pytest.mark.django_db
def test_a_listen_is_stored_as_django_itself_would_store_it(user, django_user_model):
    other = django_user_model.objects.create_user("bo")
    Listen.objects.create(
        user=other,
        provider_type="spotify",
        source="dump",
        remote_track_id="42",
        name="Ωmega 'quoted' \\ 100%",
        artist="أم كلثوم",
        album='"First"',
        duration_ms=1000,
        played_at=MOMENT,
        url="https://music.example/42",
        isrc="DEA000000001",
    )
    by_django = Listen.objects.filter(user=other).values().get()
    track = Track(
        id=by_django["remote_track_id"],
        **{name: by_django[name] for name in ("name", "artist", "album", "duration_ms")},
    )

    ingest.store(
        user.pk,
        "spotify",
        [replace(track, played_at=MOMENT, url="https://music.example/42", isrc="DEA000000001")],
        source="dump",
    )

    ours = Listen.objects.filter(user=user).values().get()
    assert ours | {"id": 0, "user_id": 0} == by_django | {"id": 0, "user_id": 0}


@pytest.mark.django_db
@pytest.mark.parametrize("microsecond", [0, 1, 120000])
def test_a_moment_is_the_same_in_every_time_zone_and_in_all_its_digits(user, microsecond):
    track = replace(listen("One"), played_at=MOMENT.replace(microsecond=microsecond))
    elsewhere = replace(track, played_at=track.played_at.astimezone(timezone(timedelta(hours=5, minutes=30))))
    Listen.objects.create(
        user=user, provider_type="lastfm", name=track.name, artist=track.artist, played_at=track.played_at
    )

    assert ingest.store(user.pk, "lastfm", [track]) == 0
    assert ingest.store(user.pk, "lastfm", [elsewhere]) == 0
    assert ingest.store(user.pk, "spotify", [elsewhere]) == 1
    assert set(Listen.objects.values_list("played_at", flat=True)) == {track.played_at}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("N\0UL", "NUL"),
        ("half \ud83c of a pair", "half  of a pair"),
        ("שלום עולם", "שלום עולם"),
        ("two\nlines", "two\nlines"),
        ("🎵", "🎵"),
        ("x" * 10_000, "x" * 10_000),
        ("\0", ""),
    ],
    ids=["NUL", "half a surrogate pair", "right to left", "two lines", "beyond the plane", "long", "nothing left"],
)
@pytest.mark.parametrize("field", ["id", "name", "artist", "album", "url", "isrc"])
def test_a_text_no_database_stores_costs_neither_its_listen_nor_the_others_of_the_batch(user, name, stored, field):
    odd = replace(listen("Odd"), **{field: name})

    assert ingest.store(user.pk, "lastfm", [listen("One", 1), odd, listen("Two", 2)]) == 3

    column = "remote_track_id" if field == "id" else field
    assert Listen.objects.filter(played_at=MOMENT).values_list(column, flat=True).get() == stored
    assert ingest.store(user.pk, "lastfm", [odd, replace(odd, **{field: stored})]) == 0


@pytest.mark.django_db
def test_what_is_new_and_only_that_is_to_be_searched_for_duplicates(user):
    ingest.store(user.pk, "lastfm", [listen("Known", -86400), listen("Known", 86400)])
    DuplicateScan.objects.all().delete()

    ingest.store(user.pk, "lastfm", [listen("Known", -86400), listen("Known", 86400)])
    assert not DuplicateScan.objects.exists()

    ingest.store(user.pk, "lastfm", [listen("Known", 86400), listen("B", 60), listen("A"), listen("Known", -86400)])
    scan = DuplicateScan.objects.get()
    assert (scan.since, scan.until) == (MOMENT, MOMENT + timedelta(seconds=60))


@pytest.mark.django_db(transaction=True)
def test_a_batch_is_stored_whole_or_not_at_all():
    user = User.objects.create_user("ada")

    with mock.patch.object(DuplicateScan, "note", side_effect=OperationalError), pytest.raises(OperationalError):
        ingest.store(user.pk, "lastfm", [listen("One"), listen("Two", 200)])

    assert not Listen.objects.exists()


@pytest.mark.django_db
def test_an_empty_batch_is_nothing_to_ask_the_database_about(user, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert ingest.store(user.pk, "lastfm", []) == 0


@pytest.mark.django_db
def test_listens_decades_apart_are_looked_up_and_not_searched_for(user):
    batch = [replace(listen("Old"), played_at=datetime(1970, 1, 1, tzinfo=UTC)), listen("New")]
    ingest.store(user.pk, "lastfm", batch)
    ingest.store(user.pk, "lastfm", [listen("Between", -second) for second in range(1, 10)])

    with CaptureQueriesContext(connection) as queries:
        assert ingest.store(user.pk, "lastfm", batch) == 0

    # At most one look at what lies between them, which ends after a few listens.
    *looks, lookup = [query["sql"] for query in queries]
    assert all(look.endswith(f"LIMIT {2 * len(batch) + 1}") for look in looks)
    assert not any(word in lookup for word in ("BETWEEN", "<", ">"))


@pytest.mark.django_db
def test_unstored_tells_which_listens_are_new_and_stores_none(user):
    ingest.store(user.pk, "lastfm", [listen("One")])

    new = ingest.unstored(user.pk, "lastfm", [listen("One"), listen("Two"), listen("Two")])

    assert [track.name for track in new] == ["Two"]
    assert Listen.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_who_store_the_same_listens_at_once_each_counts_what_it_stored():
    user = User.objects.create_user("ada")
    batch = [listen("One", second) for second in range(200)]
    together = threading.Barrier(2)

    def store(tracks: list[Track]) -> int:
        try:
            together.wait(10)
            return ingest.store(user.pk, "lastfm", tracks)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        stored = list(pool.map(store, [batch, batch[::-1]]))

    assert Listen.objects.count() == len(batch)
    # Any other database does not tell which of the rows it ignored.
    assert sum(stored) == len(batch) or not ingest._INSERTS


@pytest.mark.django_db
def test_of_several_services_all_is_stored_before_it_is_noted_once_for_comparison(user: User) -> None:
    noted: list[tuple[int, datetime, datetime]] = []

    def note(user_id: int, since: datetime, until: datetime) -> None:
        noted.append((Listen.objects.filter(user=user_id).count(), since, until))

    batches = {
        ("spotify", "file"): [listen("One"), listen("Two", 60)],
        ("lastfm", "file"): [listen("One", 30)],
        ("lastfm", "api"): [listen("Three", -20)],
    }
    with mock.patch.object(DuplicateScan, "note", note):
        new = ingest.store_all(user.pk, batches)
        ingest.store_all(user.pk, batches)

    assert new == {("spotify", "file"): 2, ("lastfm", "file"): 1, ("lastfm", "api"): 1}
    # In any other order, storing and comparing could wait for each other.
    assert noted == [(4, MOMENT - timedelta(seconds=20), MOMENT + timedelta(seconds=60))]
