"""The labelled set keeps what it promises, and the comparison is held to it."""

from collections import Counter
from datetime import timedelta

from benchmarks.duplicates.labelled import LabelledPair, Play, load
from benchmarks.duplicates.measure import Figures, is_linked

PAIRS = load()

# Whole hours and days apart are never one play: the head of the file says why.
ALWAYS_TWO = {"one hour apart", "another day"}
PRECISIONS = {
    ("spotify", "api"): {timedelta(milliseconds=1)},
    ("spotify", "spotify-account"): {timedelta(minutes=1)},
    # As the exporter has it.
    ("lastfm", "lastfm-export"): {timedelta(seconds=1), timedelta(minutes=1)},
}
WITH_ISRC = {"spotify", "navidrome"}
WITHOUT_DURATION = {"lastfm"}


def source_of(play: Play) -> tuple[str, str]:
    return play.provider_type, play.source


def plays_of(pair: LabelledPair) -> list[Play]:
    return [pair.first, pair.second, *pair.around]


def test_duplicates_are_found_and_true_repeats_stay() -> None:
    figures = Figures.of(PAIRS, is_linked)
    assert figures.precision >= 0.995
    assert figures.recall >= 0.97


def test_precision_is_of_what_was_joined_and_recall_of_what_is_one_play() -> None:
    first, second, third, fourth = (pair for pair in PAIRS if pair.kind == "dated 1970" and pair.is_same)
    two = [pair for pair in PAIRS if pair.kind == "another day"][:5]
    joined = [first, second, third, two[0]]
    figures = Figures.of([first, second, third, fourth, *two], lambda pair: pair in joined)
    assert (figures.found, figures.missed, figures.wrong, figures.kept_apart) == (3, 1, 1, 4)
    assert (figures.precision, figures.recall) == (0.75, 0.75)


def test_there_are_enough_pairs_of_both_labels() -> None:
    labels = Counter(pair.is_same for pair in PAIRS)
    assert len(PAIRS) >= 440
    assert min(labels.values()) >= 200


def test_every_kind_has_its_pairs_in_both_halves_alike() -> None:
    for kind in {pair.kind for pair in PAIRS}:
        halves = Counter(pair.half for pair in PAIRS if pair.kind == kind)
        assert set(halves) == {"dev", "holdout"}, kind
        assert sum(halves.values()) >= 10, kind
        assert abs(halves["dev"] - halves["holdout"]) <= 1, kind


def test_every_kind_that_can_be_both_has_both_labels() -> None:
    for kind in {pair.kind for pair in PAIRS}:
        labels = {pair.is_same for pair in PAIRS if pair.kind == kind}
        assert labels == ({False} if kind in ALWAYS_TWO else {False, True}), kind


def test_most_stories_are_told_once() -> None:
    stories = Counter(pair.story for pair in PAIRS)
    assert all(stories)
    assert sum(count == 1 for count in stories.values()) >= 400


def test_no_pair_is_in_the_set_twice() -> None:
    assert max(Counter(frozenset((pair.first, pair.second)) for pair in PAIRS).values()) == 1


def test_the_two_plays_of_a_pair_come_from_two_sources_or_from_two_exporters_of_one() -> None:
    for pair in PAIRS:
        assert (*source_of(pair.first), pair.first.precision) != (*source_of(pair.second), pair.second.precision)


def test_what_lies_around_comes_from_the_sources_of_the_pair_and_is_none_of_its_plays() -> None:
    for pair in PAIRS:
        assert {source_of(play) for play in pair.around} <= {source_of(pair.first), source_of(pair.second)}, pair.story
        assert not {pair.first, pair.second} & set(pair.around), pair.story


def test_every_source_tells_only_what_it_knows_and_in_its_own_precision() -> None:
    for pair in PAIRS:
        for play in plays_of(pair):
            assert play.played_at.utcoffset() is not None
            assert play.played_at.utcoffset().total_seconds() == 0  # type: ignore[union-attr]
            assert play.precision in PRECISIONS.get(source_of(play), {timedelta(seconds=1)}), pair.story
            assert not play.isrc or play.provider_type in WITH_ISRC, pair.story
            assert not play.duration_ms or play.provider_type not in WITHOUT_DURATION, pair.story
