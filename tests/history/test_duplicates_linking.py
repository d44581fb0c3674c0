"""Duplicates in the database: which listens are linked to which."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.history import duplicates
from providers.history.duplicates import ContradictionError, linking, matching
from providers.models import DuplicateVerdict, Listen

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 1, 21, 0, 50, tzinfo=UTC)
EVER = (datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))
LENGTH = 200


@pytest.fixture
def listen(user):
    def create(provider_type: str, after: float = 0, name: str = "Song", **fields: object) -> Listen:
        moment = START + timedelta(seconds=after)
        return Listen.objects.create(
            **{
                "user": user,
                "provider_type": provider_type,
                "name": name,
                "artist": "Ana",
                "played_at": moment,
                **fields,
            }
        )

    return create


@pytest.fixture
def lastfm(listen):
    return lambda after=0, **fields: listen("lastfm", after, **fields)


@pytest.fixture
def spotify(listen):
    return lambda after=LENGTH, **fields: listen("spotify", after, **{"duration_ms": LENGTH * 1000, **fields})


def links() -> dict[int, int]:
    rows = Listen.objects.filter(duplicate_of__isnull=False)
    return dict(rows.values_list("pk", "duplicate_of_id"))


def link_all(user) -> dict[int, int]:
    duplicates.link(user.pk, *EVER)
    return links()


# --- linking ----------------------------------------------------------------------------------------------


def test_a_play_that_two_services_tell_is_linked_to_the_one_that_tells_most(user, lastfm, spotify):
    scrobble, stream = lastfm(), spotify()

    assert link_all(user) == {scrobble.pk: stream.pk}


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ({"isrc": "DEABC1234567", "duration_ms": 0}, {"duration_ms": 200_000}),
        ({"duration_ms": 200_000}, {"played_at": START + timedelta(microseconds=1000)}),
        ({"played_at": START + timedelta(microseconds=1000)}, {}),
        ({}, {"source": "file"}),
        ({}, {}),
    ],
)
def test_the_canonical_listen_has_an_isrc_or_a_length_or_an_exact_time_or_comes_from_the_service(
    user, listen, more, less
):
    one, other = listen("lastfm", **more), listen("navidrome", **less)
    assert link_all(user) == {other.pk: one.pk}

    Listen.objects.all().delete()
    if more:
        other, one = listen("lastfm", **less), listen("navidrome", **more)
        assert link_all(user) == {other.pk: one.pk}


def test_several_sources_are_linked_to_one_listen_and_never_in_a_chain(user, listen, lastfm, spotify):
    rows = [lastfm(), spotify(), spotify(source="file", played_at=START.replace(second=0) + timedelta(minutes=4))]
    rows += [listen("navidrome", 1), listen("maloja", 2, source="file")]

    found = link_all(user)

    assert set(found) == {row.pk for row in rows} - {rows[1].pk}
    assert set(found.values()) == {rows[1].pk}


def test_listens_of_other_people_are_no_duplicates(user, django_user_model, lastfm, spotify):
    lastfm()
    spotify(user=django_user_model.objects.create_user("bo"))

    assert link_all(user) == {}


def test_a_song_played_again_and_again_stays_as_many_plays(user, lastfm, spotify):
    starts = [0, 201, 403, 604]
    scrobbles = [lastfm(after) for after in starts]
    streams = [spotify(after + LENGTH) for after in starts]

    assert link_all(user) == {a.pk: b.pk for a, b in zip(scrobbles, streams, strict=True)}


def test_a_repeat_that_one_service_missed_shifts_none_of_the_others(user, lastfm, spotify):
    starts = [0, 201, 403, 604]
    scrobbles = [lastfm(after) for after in starts[1:]]
    streams = [spotify(after + LENGTH) for after in starts[:-1]]

    assert link_all(user) == {scrobbles[0].pk: streams[1].pk, scrobbles[1].pk: streams[2].pk}


def test_the_assignment_is_the_best_of_all_and_not_the_first_that_fits(user, listen):
    # The nearest two are 12 and 13, but then 0 and 25 would be left alone.
    rows = [listen("lastfm", 0), listen("navidrome", 12), listen("lastfm", 13), listen("navidrome", 25)]

    assert link_all(user) == {rows[1].pk: rows[0].pk, rows[3].pk: rows[2].pk}


def test_two_listens_of_one_source_are_never_linked_by_a_third(user, listen):
    scrobbles = [listen("lastfm", 0), listen("lastfm", 20, name="Song - Remastered")]
    listen("navidrome", 10)

    found = link_all(user)

    assert len(found) == 1
    assert not set(found) >= {row.pk for row in scrobbles}


def test_what_is_no_duplicate_any_longer_is_unlinked(user, lastfm, spotify):
    scrobble, stream = lastfm(), spotify()
    link_all(user)
    Listen.objects.filter(pk=stream.pk).update(name="Corrected")

    assert link_all(user) == {}
    scrobble.refresh_from_db()
    assert scrobble.duplicate_of_id is None


def test_a_canonical_listen_that_is_deleted_leaves_the_others_linked_anew(user, listen, lastfm, spotify):
    scrobble, stream, local = lastfm(), spotify(), listen("navidrome", 1)
    assert set(link_all(user).values()) == {stream.pk}

    stream.delete()

    assert link_all(user) == {local.pk: scrobble.pk}


def test_linking_again_writes_nothing(user, lastfm, spotify):
    for number in range(5):
        lastfm(number * 500), spotify(number * 500 + LENGTH)
    link_all(user)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        duplicates.link(user.pk, *EVER)

    assert not [query["sql"] for query in queries if query["sql"].startswith(("UPDATE", "INSERT", "DELETE"))]


def test_one_query_finds_that_there_is_only_one_source(user, lastfm):
    for number in range(20):
        lastfm(number * 500)

    with CaptureQueriesContext(connection) as queries:
        duplicates.link(user.pk, *EVER)

    # And two that look for what the person said.
    assert len(queries) == 3
    assert {query["sql"][:6] for query in queries} == {"SELECT"}


def test_the_number_of_queries_does_not_grow_with_the_listens(user, lastfm, spotify):
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            duplicates.link(user.pk, *EVER)
        return len(queries)

    lastfm(), spotify()
    link_all(user)
    few = count()
    for number in range(1, 30):
        lastfm(number * 500), spotify(number * 500 + LENGTH)
    link_all(user)

    assert count() == few


def test_a_history_is_linked_alike_in_chunks_of_any_size(user, lastfm, spotify, monkeypatch):
    for number in range(12):
        lastfm(number * 150), spotify(number * 150 + LENGTH)
    whole = link_all(user)

    for chunk in (1, 2, 5):
        Listen.objects.update(duplicate_of=None)
        monkeypatch.setattr(linking, "CHUNK", chunk)
        assert link_all(user) == whole


def test_plays_that_hang_together_for_hours_are_looked_at_from_their_beginning(user, listen, monkeypatch):
    monkeypatch.setattr(linking, "_REACH", timedelta(minutes=5))
    # Each could be one with the play before or after it: which it is, only the first of them tells.
    rows = [listen(("lastfm", "navidrome")[number % 2], number * 60) for number in range(40)]
    whole = {later.pk: earlier.pk for earlier, later in zip(rows[::2], rows[1::2], strict=True)}

    for last in rows[-4:]:
        Listen.objects.update(duplicate_of=None)
        duplicates.link(user.pk, last.played_at, last.played_at)
        assert links() == whole


def test_a_song_on_endless_repeat_is_left_alone(user, lastfm, spotify, monkeypatch):
    monkeypatch.setattr(matching, "MOST_TOGETHER", 20)
    for number in range(12):
        lastfm(number * 201), spotify(number * 201 + LENGTH)
    one, other = lastfm(86_400), spotify(86_400 + LENGTH)

    assert link_all(user) == {one.pk: other.pk}
    duplicates.link(user.pk, START, START)
    assert links() == {one.pk: other.pk}


def test_a_song_dated_to_one_moment_a_thousand_times_is_left_alone(user, monkeypatch):
    monkeypatch.setattr(matching, "MOST_AT_ONCE", 10)
    Listen.objects.bulk_create(
        Listen(
            user=user, provider_type=provider_type, artist="Ana", name="Song" + "!" * number,
            played_at=datetime(1970, 1, 1, tzinfo=UTC),
        )
        for number in range(50) for provider_type in ("lastfm", "navidrome")
    )  # fmt: skip

    assert len(link_all(user)) < 20


def test_long_tracks_and_plays_at_the_ends_of_time_are_linked(user, lastfm, spotify):
    hours = 3 * 3600
    mix, other_mix = lastfm(), spotify(hours, duration_ms=hours * 1000)
    old = (
        lastfm(played_at=datetime(1970, 1, 1, tzinfo=UTC)),
        spotify(played_at=datetime(1970, 1, 1, 0, 3, 20, tzinfo=UTC)),
    )
    first = datetime(1, 1, 1, tzinfo=UTC)
    oldest = lastfm(played_at=first), spotify(played_at=first + timedelta(seconds=LENGTH))

    duplicates.link(user.pk, first, datetime(9999, 12, 31, tzinfo=UTC))

    assert links() == {mix.pk: other_mix.pk, old[0].pk: old[1].pk, oldest[0].pk: oldest[1].pk}


# --- what a person says -----------------------------------------------------------------------------------


def test_what_a_person_called_two_is_never_linked_not_even_by_a_third(user, listen, lastfm, spotify):
    scrobble, stream = lastfm(), spotify()
    link_all(user)

    duplicates.decide(user, stream, scrobble, is_duplicate=False)
    assert links() == {}

    listen("navidrome", 1)
    assert len(link_all(user)) == 1
    scrobble.refresh_from_db(), stream.refresh_from_db()
    assert {scrobble.duplicate_of_id, stream.duplicate_of_id} != {scrobble.pk, stream.pk}
    assert None in (scrobble.duplicate_of_id, stream.duplicate_of_id)


def test_what_a_person_called_the_same_is_linked_whatever_it_is_and_whenever(user, listen, lastfm, spotify):
    scrobble, stream = lastfm(name="Something else"), spotify(40 * 86_400)
    local, other_scrobble = listen("navidrome", 40 * 86_400 - LENGTH), lastfm(9_000, name="Third")

    duplicates.decide(user, scrobble, stream, is_duplicate=True)
    duplicates.decide(user, other_scrobble, scrobble, is_duplicate=True)

    everything = {scrobble.pk: stream.pk, local.pk: stream.pk, other_scrobble.pk: stream.pk}
    assert links() == everything
    assert link_all(user) == everything


def test_a_second_listen_of_a_source_does_not_join_what_a_person_put_together(user, lastfm, spotify):
    scrobble, other_scrobble, stream = lastfm(-600), lastfm(), spotify()

    duplicates.decide(user, scrobble, stream, is_duplicate=True)

    assert link_all(user) == {scrobble.pk: stream.pk}
    assert other_scrobble.duplicate_of_id is None


def test_a_verdict_is_kept_by_every_recomputation(user, lastfm, spotify):
    pairs = [(lastfm(number * 5000), spotify(number * 5000 + LENGTH)) for number in range(3)]
    duplicates.decide(user, *pairs[0], is_duplicate=False)
    duplicates.decide(user, pairs[0][0], pairs[1][0], is_duplicate=True)

    for _ in range(2):
        assert link_all(user) == {
            pairs[0][0].pk: pairs[1][1].pk,
            pairs[1][0].pk: pairs[1][1].pk,
            pairs[2][0].pk: pairs[2][1].pk,
        }


def test_a_verdict_can_be_changed_and_withdrawn(user, lastfm, spotify):
    scrobble, stream = lastfm(), spotify()
    for is_duplicate, expected in ((False, {}), (True, {scrobble.pk: stream.pk}), (False, {})):
        duplicates.decide(user, scrobble, stream, is_duplicate=is_duplicate)
        assert links() == expected

    duplicates.withdraw(user, stream, scrobble)
    assert links() == {scrobble.pk: stream.pk}
    assert not DuplicateVerdict.objects.exists()
    duplicates.withdraw(user, stream, scrobble)
    assert links() == {scrobble.pk: stream.pk}


def test_a_withdrawn_verdict_about_far_listens_leaves_no_link(user, lastfm, spotify):
    scrobble, stream = lastfm(), spotify(40 * 86_400)
    duplicates.decide(user, scrobble, stream, is_duplicate=True)

    duplicates.withdraw(user, scrobble, stream)

    assert links() == {}


def test_listens_of_one_source_are_linked_where_the_person_says_so(user, lastfm):
    one, other = lastfm(), lastfm(1)
    duplicates.decide(user, one, other, is_duplicate=True)

    assert link_all(user) == {other.pk: one.pk}


def test_nobody_decides_about_the_listens_of_others_or_about_one_listen(user, django_user_model, lastfm):
    bo = django_user_model.objects.create_user("bo")
    mine, theirs = lastfm(), lastfm(user=bo)

    for person, other in ((user, theirs), (bo, theirs), (user, mine)):
        with pytest.raises(ValueError, match="listen"):
            duplicates.decide(person, mine, other, is_duplicate=True)
        with pytest.raises(ValueError, match="listen"):
            duplicates.withdraw(person, mine, other)
    assert not DuplicateVerdict.objects.exists()


def test_a_person_cannot_contradict_themselves(user, lastfm):
    a, b, c = (lastfm(number) for number in range(3))
    duplicates.decide(user, a, b, is_duplicate=True)
    duplicates.decide(user, b, c, is_duplicate=True)
    with pytest.raises(ContradictionError):
        duplicates.decide(user, a, c, is_duplicate=False)

    duplicates.decide(user, b, c, is_duplicate=False)
    with pytest.raises(ContradictionError):
        duplicates.decide(user, c, a, is_duplicate=True)
    assert links() == {b.pk: a.pk}


# --- why --------------------------------------------------------------------------------------------------


def test_a_link_is_explained(user, lastfm, spotify):
    scrobble, stream = lastfm(), spotify()
    link_all(user)
    scrobble.refresh_from_db()

    assert duplicates.explain(stream) == ""
    assert duplicates.explain(scrobble) == (
        "Same title and artist. Last.fm has it begin at 2026-03-01 21:00:50 UTC, Spotify has it end at "
        "2026-03-01 21:04:10 UTC; it lasts 3:20: the times fit one play."
    )


def test_a_link_that_a_person_made_says_so(user, lastfm, spotify):
    scrobble, stream = lastfm(), spotify(5000)
    duplicates.decide(user, scrobble, stream, is_duplicate=True)
    scrobble.refresh_from_db()

    assert duplicates.explain(scrobble) == "You said so."


def test_a_link_by_way_of_a_third_is_explained_in_steps(user, listen, lastfm):
    first, second, third = lastfm(0), listen("navidrome", 50), listen("maloja", 100, source="file")
    found = link_all(user)
    assert set(found.values()) == {first.pk}
    third.refresh_from_db()

    told = duplicates.explain(third)

    assert set(found) == {second.pk, third.pk}
    assert told.count("Same title and artist.") == 2


# --- any history ------------------------------------------------------------------------------------------


SOURCES = [("lastfm", "api"), ("spotify", "api"), ("spotify", "file"), ("navidrome", "api")]
LENGTHS = {"Song": 200, "Song - Live": 210, "Jingle": 20, "Mix": 3 * 3600}

plays = st.lists(
    st.tuples(st.sampled_from(sorted(LENGTHS)), st.integers(0, 30_000), st.sets(st.sampled_from(SOURCES), min_size=1)),
    max_size=12,
)
bounds = st.lists(st.integers(-100, 50_000), max_size=5)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plays, bounds, st.randoms(use_true_random=False), st.data())
def test_any_stretches_in_any_order_end_in_the_links_of_one_run_over_all(user, plays, bounds, random, data):
    Listen.objects.all().delete()
    for name, after, sources in plays:
        for number, (provider_type, source) in enumerate(sorted(sources)):
            length = LENGTHS[name]
            Listen.objects.update_or_create(
                user=user, provider_type=provider_type, name=name, artist="Ana",
                played_at=START + timedelta(seconds=after + number + (length if provider_type == "spotify" else 0)),
                defaults={"source": source, "duration_ms": length * 1000 if provider_type == "spotify" else 0},
            )  # fmt: skip
    rows = list(Listen.objects.order_by("pk"))
    for _ in range(3 if len(rows) > 1 else 0):
        one, other = data.draw(st.permutations(rows))[:2]
        try:
            duplicates.decide(user, one, other, is_duplicate=data.draw(st.booleans()))
        except ContradictionError:
            continue
    whole = link_all(user)
    _assert_sound(whole)
    stretches = list(pairwise([EVER[0], *(START + timedelta(seconds=at) for at in sorted(bounds)), EVER[1]]))
    random.shuffle(stretches)

    Listen.objects.update(duplicate_of=None)
    for verdict in DuplicateVerdict.objects.filter(is_duplicate=True):
        # As deciding leaves it: the links a person made are there from then on.
        duplicates.decide(user, verdict.first, verdict.second, is_duplicate=True)
    for stretch in stretches:
        duplicates.link(user.pk, *stretch)

    assert links() == whole
    for stretch in stretches:
        duplicates.link(user.pk, *stretch)
    assert links() == whole


def _assert_sound(found: dict[int, int]) -> None:
    assert not set(found) & set(found.values()), "a chain"
    groups = {pk: found.get(pk, pk) for pk in Listen.objects.values_list("pk", flat=True)}
    verdicts = DuplicateVerdict.objects.values_list("first_id", "second_id", "is_duplicate")
    for first, second, is_duplicate in verdicts:
        assert (groups[first] == groups[second]) is is_duplicate
    said = {pk for first, second, is_duplicate in verdicts if is_duplicate for pk in (first, second)}
    sources: dict[tuple[int, str, str], int] = {}
    for row in Listen.objects.exclude(pk__in=said):
        assert sources.setdefault((groups[row.pk], row.provider_type, row.source), row.pk) == row.pk
