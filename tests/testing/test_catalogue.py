from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from providers.testing.simulators.catalogue import Catalogue

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue()


def test_there_are_several_hundred_tracks_and_every_id_is_unique(catalogue: Catalogue) -> None:
    assert len(catalogue.tracks) > 300
    assert len({track.key for track in catalogue.tracks}) == len(catalogue.tracks)
    isrcs = [track.isrc for track in catalogue.tracks if track.isrc]
    assert len(set(isrcs)) == len(isrcs)


def test_the_tracks_have_the_difficulties_of_real_ones(catalogue: Catalogue) -> None:
    tracks = catalogue.tracks
    assert any(not track.isrc for track in tracks)
    assert any(not track.mbid for track in tracks)
    assert any(len(track.artists) > 1 for track in tracks)
    assert any("(feat. " in track.name for track in tracks)
    assert any("Remastered" in track.name for track in tracks)
    assert any("(Live at " in track.name for track in tracks)
    assert any(not track.name.isascii() for track in tracks)
    assert len({track.name for track in tracks}) < len(tracks)


def test_the_same_seed_gives_the_same_music_and_another_seed_other_music(catalogue: Catalogue) -> None:
    assert Catalogue(seed=1).tracks == catalogue.tracks
    assert Catalogue(seed=2).tracks != catalogue.tracks


def test_listening_is_oldest_first_within_its_span_and_never_overlaps(catalogue: Catalogue) -> None:
    listening = catalogue.listening(60, 40, NOW)
    assert NOW - timedelta(days=60) <= listening[0][0] < NOW - timedelta(days=59)
    ends = [started_at + timedelta(milliseconds=track.duration_ms) for started_at, track in listening]
    assert ends[-1] <= NOW
    assert all(end <= started_at for end, (started_at, _) in zip(ends, listening[1:], strict=False))
    assert all(started_at.tzinfo is UTC for started_at, _ in listening)


def test_about_as_much_is_heard_as_was_asked_for(catalogue: Catalogue) -> None:
    assert 40 * 100 * 0.85 < len(catalogue.listening(100, 40, NOW)) < 40 * 100 * 1.15


def test_a_longer_span_ends_with_exactly_the_listens_of_a_shorter_one(catalogue: Catalogue) -> None:
    short = catalogue.listening(5, 30, NOW)
    assert catalogue.listening(50, 30, NOW)[-len(short) :] == short


def test_later_in_the_day_the_earlier_listens_are_still_the_same(catalogue: Catalogue) -> None:
    earlier = catalogue.listening(2, 30, NOW)
    later = catalogue.listening(2, 30, NOW + timedelta(hours=3))
    assert len(later) > 0
    assert [listen for listen in earlier if listen[0] >= later[0][0]] == [
        listen for listen in later if listen in earlier
    ]


def test_people_repeat_themselves_and_play_albums_in_a_row(catalogue: Catalogue) -> None:
    played = [track for _, track in catalogue.listening(60, 40, NOW)]
    assert len(set(played)) < len(played) / 2
    in_album_order = sum(
        one.album_key == other.album_key and one.track_number + 1 == other.track_number
        for one, other in pairwise(played)
    )
    assert in_album_order > len(played) / 5
