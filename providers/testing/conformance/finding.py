"""Tracks looked up one by one."""

from dataclasses import replace

import pytest

from providers.contracts import TrackFinder
from providers.datatypes import Track
from providers.testing.conformance.assertions import assert_normalised
from providers.testing.conformance.kit import Kit, Trouble, every_bad_answer, wanted

_A_FEW = 50


class TrackFinderConformance(Kit):
    """For a `TrackFinder`."""

    tracks = wanted("a list of tracks of the service, each as its provider tells them, at least one with an ISRC")

    def test_a_track_is_found_by_its_isrc_whatever_it_is_called(
        self, provider: TrackFinder, tracks: list[Track]
    ) -> None:
        assert any(track.isrc for track in tracks), "give at least one of the fixture's tracks an ISRC"
        for track in tracks:
            if track.isrc:
                _assert_found(provider, Track(id="", name="Zzyzx", artist="Qwrtplk", isrc=track.isrc), track)

    def test_a_track_without_an_isrc_is_found_by_its_names(self, provider: TrackFinder, tracks: list[Track]) -> None:
        for track in tracks:
            _assert_found(provider, _elsewhere(track), track)

    def test_an_isrc_that_nobody_knows_leaves_the_names(self, provider: TrackFinder, tracks: list[Track]) -> None:
        for track in tracks:
            _assert_found(provider, replace(_elsewhere(track), isrc="ZZZZZ2699999"), track)

    @pytest.mark.parametrize("name", ['"', '"" OR "', "isrc:*", "a\\", "(", "%22&limit=0", "so long " * 99, "\t", "夜"])
    def test_whatever_is_in_a_name_it_is_a_name(self, provider: TrackFinder, name: str) -> None:
        found = provider.find_tracks(Track(id="", name=name, artist=name))
        assert isinstance(found, list), f"find_tracks returned a {type(found).__name__}"

    def test_a_few_tracks_are_found_at_most(self, provider: TrackFinder, tracks: list[Track]) -> None:
        for track in tracks:
            found = len(provider.find_tracks(_elsewhere(track)))
            assert found <= _A_FEW, f"{found} tracks were found for one"

    def test_found_tracks_are_normalised(self, provider: TrackFinder, tracks: list[Track], secrets: list[str]) -> None:
        for track in tracks:
            for found in provider.find_tracks(_elsewhere(track)):
                assert_normalised(found, secrets)

    @every_bad_answer
    def test_a_bad_answer_to_a_search_is_a_named_error(
        self, provider: TrackFinder, tracks: list[Track], trouble: Trouble, kind: str
    ) -> None:
        trouble.begin(kind)
        trouble.assert_named(lambda: provider.find_tracks(tracks[0]))


def _elsewhere(track: Track) -> Track:
    """The track as another service tells it, one that knows no ISRC."""
    return Track(id="elsewhere", name=track.name, artist=track.artist, duration_ms=track.duration_ms)


def _assert_found(provider: TrackFinder, asked: Track, expected: Track) -> None:
    ids = [track.id for track in provider.find_tracks(asked)]
    assert expected.id in ids, f"{expected.name!r} is not among the {len(ids)} tracks that were found"
