from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.datatypes import Track
from providers.playlists import plan
from providers.playlists.plan import Change, changes_between

LISTS = st.lists(st.sampled_from("abcdefg"), max_size=12)


def songs(ids: str | list[str]) -> list[Track]:
    return [Track(id=one, name=one.upper(), artist="Ana") for one in ids]


def shown(changes: tuple[Change, ...]) -> list[str]:
    return [f"{change.kind} {change.song.id} {change.before}>{change.after}" for change in changes]


def applied(now: list[Track], changes: tuple[Change, ...]) -> list[Track]:
    gone = {change.before for change in changes if change.kind != "add"}
    result = [song for place, song in enumerate(now) if place not in gone]
    for change in changes:
        if change.kind != "remove":
            assert change.after is not None
            result.insert(change.after, change.song)
    return result


def common_length(a: list[str], b: list[str]) -> int:
    """The length of a longest common subsequence, as the textbook has it."""
    lengths = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, one in enumerate(a):
        for j, other in enumerate(b):
            lengths[i + 1][j + 1] = lengths[i][j] + 1 if one == other else max(lengths[i][j + 1], lengths[i + 1][j])
    return lengths[-1][-1]


@pytest.mark.parametrize(
    ("now", "wanted", "expected"),
    [
        ("", "", []),
        ("abc", "abc", []),
        ("abc", "abcd", ["add d None>3"]),
        ("abc", "ac", ["remove b 1>None"]),
        ("abcd", "dabc", ["move d 3>0"]),
        ("abcd", "bacd", ["move b 1>0"]),
        ("aa", "a", ["remove a 1>None"]),
        ("a", "aa", ["add a None>1"]),
        ("abc", "xyz", [*(f"remove {one} {n}>None" for n, one in enumerate("abc")),
                        *(f"add {one} None>{n}" for n, one in enumerate("xyz"))]),
    ],
)  # fmt: skip
def test_the_changes_are_those_that_a_person_would_make(now: str, wanted: str, expected: list[str]) -> None:
    assert shown(changes_between(songs(now), songs(wanted))) == expected


@given(LISTS, LISTS)
def test_whoever_makes_the_changes_has_the_list_wanted_and_no_fewer_would_do(now: list[str], wanted: list[str]) -> None:
    changes = changes_between(songs(now), songs(wanted))
    assert applied(songs(now), changes) == songs(wanted)
    kinds = Counter(change.kind for change in changes)
    shared = (Counter(now) & Counter(wanted)).total()
    assert kinds["add"] == len(wanted) - shared
    assert kinds["remove"] == len(now) - shared
    assert kinds["move"] == shared - common_length(now, wanted)


def test_a_list_of_one_song_ten_thousand_times_is_planned_as_well() -> None:
    changes = changes_between(songs("b" + "a" * 10_000), songs("a" * 9_999 + "cb"))
    assert Counter(change.kind for change in changes) == {"remove": 1, "add": 1, "move": 1}


@given(LISTS, LISTS)
def test_where_equal_songs_are_too_many_to_choose_among_the_list_comes_out_the_same(
    now: list[str], wanted: list[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "MOST_PAIRS", -1)
        assert applied(songs(now), changes_between(songs(now), songs(wanted))) == songs(wanted)
