import pytest

from providers.exceptions import InvalidResponseError, NotFoundError
from providers.rewrites import added_at_the_end, check_written, places_to_remove


@pytest.mark.parametrize(
    ("there", "wanted", "added"),
    [
        ("", "", ""),
        ("", "ab", "ab"),
        ("ab", "abc", "c"),
        ("ab", "aba", "a"),
        ("ab", "ab", ""),
        ("ab", "a", None),
        ("ab", "bac", None),
        ("ab", "", None),
    ],
)
def test_what_comes_behind_all_that_is_there_is_added(there: str, wanted: str, added: str | None) -> None:
    found = added_at_the_end(list(there), list(wanted))
    assert found == (None if added is None else list(added))


@pytest.mark.parametrize(
    ("there", "wanted", "places"),
    [
        ("abc", "ac", [1]),
        ("abc", "", [0, 1, 2]),
        ("abc", "abc", []),
        ("aba", "ba", [0]),
        ("abab", "aa", [1, 3]),
        ("abc", "ca", None),
        ("abc", "abcd", None),
        ("", "a", None),
    ],
)
def test_what_is_left_when_places_are_removed_is_what_is_wanted(
    there: str, wanted: str, places: list[int] | None
) -> None:
    assert places_to_remove(list(there), list(wanted)) == places


def test_a_playlist_that_holds_what_was_written_is_in_order() -> None:
    check_written(["a", "b", "a"], ["a", "b", "a"], provider="x")


@pytest.mark.parametrize("shown", ["", "ab", "abc"])
def test_missing_tracks_are_counted(shown: str) -> None:
    with pytest.raises(NotFoundError, match=f"^{4 - len(shown)} of the 4 songs are missing"):
        check_written(list(shown), ["a", "b", "c", "a"], provider="x")


@pytest.mark.parametrize("shown", ["ba", "abc", "aab"])
def test_another_order_and_too_many_are_no_answer_of_a_sound_service(shown: str) -> None:
    with pytest.raises(InvalidResponseError, match="does not hold what was written"):
        check_written(list(shown), ["a", "b"], provider="x")
