"""The labelled set keeps what it promises, and matching is held to it."""

from collections import Counter

from benchmarks.matching.labelled import Labelled, load_library, load_tracks
from benchmarks.matching.measure import Figures, Library, PlainNames
from providers.playlists.matching import lookup_keys

TRACKS = load_tracks()
SONGS = load_library()


def test_the_right_songs_are_found_and_no_others() -> None:
    figures = Figures.of(TRACKS, Library(SONGS).find)
    assert figures.precision >= 0.99
    assert figures.recall >= 0.95


def test_the_set_is_hard_for_a_plain_match_of_names() -> None:
    figures = Figures.of(TRACKS, PlainNames(SONGS).find)
    assert figures.recall < 0.5


def test_a_wrong_song_counts_against_precision_and_a_missed_one_against_recall() -> None:
    there = [one for one in TRACKS if one.song_id][:4]
    without = next(one for one in TRACKS if one.song_id is None)
    answers = {
        there[0].track: there[0].song_id,
        there[1].track: there[1].song_id,
        there[2].track: "another",
        without.track: "another",
    }
    figures = Figures.of([*there, without], answers.get)
    assert (figures.right, figures.mistaken, figures.missed, figures.invented) == (2, 1, 1, 1)
    assert (figures.precision, figures.recall) == (0.5, 0.5)


def test_there_are_enough_tracks_and_songs() -> None:
    assert len(TRACKS) >= 600
    assert sum(one.song_id is None for one in TRACKS) >= 150
    assert len(SONGS) >= 5_000


def test_every_song_that_is_right_is_in_the_library_once() -> None:
    ids = Counter(song.id for song in SONGS)
    assert max(ids.values()) == 1
    assert {one.song_id for one in TRACKS if one.song_id} <= set(ids)


def test_no_track_is_in_the_set_twice() -> None:
    assert max(Counter((one.track.name, one.track.artist, one.track.album) for one in TRACKS).values()) == 1


def test_every_kind_has_its_tracks_in_both_halves_alike() -> None:
    kinds: dict[str, list[Labelled]] = {}
    for one in TRACKS:
        kinds.setdefault(one.kind, []).append(one)
    for kind, some in kinds.items():
        halves = Counter(one.half for one in some)
        assert set(halves) == {"dev", "holdout"}, kind
        assert abs(halves["dev"] - halves["holdout"]) <= 1, kind


def test_the_library_is_the_same_every_time() -> None:
    assert load_library() == SONGS


def test_a_song_has_few_keys_and_a_key_few_songs() -> None:
    keys = [lookup_keys(song) for song in SONGS]
    counts = Counter(key for some in keys for key in some)
    assert sum(map(len, keys)) / len(keys) <= 8
    assert max(counts.values()) <= 60
