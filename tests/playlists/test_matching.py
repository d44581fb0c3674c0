"""Tracks and the songs of a library: what is found, by which method and why, and what never is."""
# ruff: noqa: RUF001, names are written in every alphabet

import random
import unicodedata
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.datatypes import Track
from providers.playlists.matching import Method, Verdict, lookup_keys, match

MINUTES = 60_000


def track(name: str = "Song", artist: str = "Ana", **fields: object) -> Track:
    return Track(**{"id": "track", "name": name, "artist": artist, "album": "Home", "duration_ms": 205_300, **fields})


def song(name: str = "Song", artist: str = "Ana", **fields: object) -> Track:
    return Track(**{"id": "song", "name": name, "artist": artist, "album": "Home", "duration_ms": 205_000, **fields})


def found(verdict: Verdict) -> str | None:
    return verdict.match.song.id if verdict.match else None


def method(one: Track, other: Track) -> Method | None:
    there, back = match(one, [other]).match, match(replace(other), [one]).match
    assert there is None or back is None or there.method == back.method
    return there.method if there else None


# --- methods and reasons ----------------------------------------------------------------------------------


def test_the_same_isrc_and_duration_are_one_recording() -> None:
    verdict = match(track("Song", isrc="USRC17607839"), [song("Sonng", isrc="USRC17607839", duration_ms=206_000)])
    assert verdict.match is not None
    assert verdict.match.method is Method.ISRC
    assert verdict.match.reason == "Same ISRC (USRC17607839), 3:25 and 3:26."
    assert verdict.match.score >= 0.98
    assert verdict.nearest == ()


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (song(isrc="USRC17607839", duration_ms=225_000), "same ISRC (USRC17607839), but 20 s longer"),
        (song("Song (Live)", isrc="USRC17607839"), "same ISRC (USRC17607839), but a live recording"),
        (song("Other Words", isrc="USRC17607839"), "same ISRC (USRC17607839), but another title"),
        (song("Song", "Bo", isrc="USRC17607839"), "same ISRC (USRC17607839), but another artist"),
        (song("Bells", duration_ms=0, isrc="USRC17607839"), "same ISRC (USRC17607839), but another title"),
    ],
)
def test_an_isrc_whose_duration_or_names_disagree_is_a_suspicion_and_no_match(other: Track, reason: str) -> None:
    verdict = match(track(isrc="USRC17607839"), [other])
    assert verdict.match is None
    if verdict.nearest:
        assert verdict.nearest[0].reason == reason


def test_where_a_duration_is_unknown_an_isrc_needs_names_that_agree() -> None:
    assert method(track(isrc="A"), song("Song - Remastered 2011", isrc="A", duration_ms=0)) is Method.ISRC
    assert method(track(isrc="A"), song("Other", isrc="A", duration_ms=0)) is None


def test_an_isrc_finds_a_file_that_names_nothing() -> None:
    assert method(track(isrc="A"), song("Track 05", "Unknown Artist", album="", isrc="A")) is Method.ISRC


def test_a_musicbrainz_recording_is_found_by_its_id_whatever_it_is_called() -> None:
    verdict = match(track("戦場のメリークリスマス", "坂本龍一", mbid="m"), [song("Merry Xmas", "Ryuichi", mbid="m")])
    assert verdict.match is not None
    assert (verdict.match.method, verdict.match.reason) == (Method.MBID, "Same MusicBrainz recording, both 3:25.")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Song - 2011 Remaster", "Ana"), ("Song", "Ana")),
        (("Song (feat. Bo)", "Ana"), ("Song", "Ana ft. Bo")),
        (("SONG!", "The Anas"), ("song", "Anas, The")),
        (("Don’t Stop", "AC/DC"), ("Dont Stop", "ACDC")),
        (("Jóga", "Björk"), ("Joga", unicodedata.normalize("NFD", "Björk"))),
        (("Paper", "M.I.A."), ("Paper", "MIA")),
        (("Song - Live at Wembley", "Ana"), ("Song (Live at Wembley)", "Ana")),
        (("Song (Bo Remix)", "Ana"), ("Song - Bo Remix", "Ana")),
        (("13 - Song", "Ana"), ("Song", "Ana")),
    ],
)
def test_names_that_only_dress_differently_are_exact(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert method(track(*one), song(*other)) is Method.EXACT


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Bohemian Like You", "The Dandys"), ("Bohemien Like You", "Dandys")),
        (("Smooth Criminal", "Michael Jackson"), ("Smooth Criminal", "Micheal Jackson")),
        (("Группа крови", "Кино"), ("Gruppa Krovi", "Kino")),
        (("プラスティック・ラブ", "Ana"), ("Plastic Love", "Ana")),
        (("夜に駆ける", "YOASOBI"), ("Yoru ni Kakeru (夜に駆ける)", "YOASOBI")),
        (("energy flow", "Ryuichi Sakamoto"), ("energy flow", "坂本龍一")),
        (("نسم علينا الهوى", "فيروز"), ("Nassam Alayna El Hawa", "Fairuz")),
        (("Song (Radio Edit)", "Ana"), ("Song", "Ana")),
    ],
)
def test_names_that_are_nearly_the_same_match_if_the_duration_confirms_it(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert method(track(*one), song(*other)) is Method.FUZZY
    longer = song(*other, album="Elsewhere", duration_ms=212_000)
    assert method(track(*one), longer) is None


def test_a_fuzzy_match_says_what_differs() -> None:
    chosen = match(track("Smooth Criminal", "Michael Jackson"), [song("Smooth Criminal", "Micheal Jackson")]).match
    assert chosen is not None
    assert chosen.reason == "Nearly the same names (the artist's name spelt differently), both 3:25."
    assert 0.9 < chosen.score < 1


# --- what is never a match --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Song (Live)", "a live recording"),
        ("Song - Live at Wembley", "a live recording"),
        ("Song (Acoustic)", "an acoustic recording"),
        ("Song (Bo Remix)", "a remix"),
        ("Song (Karaoke Version)", "karaoke"),
        ("Song (Instrumental)", "an instrumental"),
        ("Song - Demo", "a demo"),
        ("Song (Re-Recorded)", "recorded anew"),
        ("Song (Ana's Version)", "another version"),
        ("Song (Spanish Version)", "sung in Spanish"),
        ("Song (Made Famous by Ana)", "a cover"),
    ],
)
def test_another_recording_of_a_song_is_no_match_and_says_what_it_is(name: str, reason: str) -> None:
    verdict = match(track(), [song(name)])
    assert verdict.match is None
    assert [candidate.reason for candidate in verdict.nearest] == [reason]
    assert match(song(name), [track()]).match is None or "live" in reason


def test_a_live_take_on_the_album_of_the_studio_s_recording_is_not_taken_for_it() -> None:
    assert method(track(album="Pinkerton"), song("Song (Live)", album="Pinkerton (Deluxe)")) is None


@pytest.mark.parametrize("artist", ["Bo", "Ana Tribute Band", "Karaoke Ana", "Sing Along Studio"])
def test_the_same_title_by_others_is_no_match(artist: str) -> None:
    assert match(track(), [song(artist=artist)]).match is None


def test_the_same_names_with_another_duration_are_another_recording() -> None:
    verdict = match(track(), [song(duration_ms=225_000)])
    assert verdict.match is None
    assert verdict.nearest[0].reason == "20 s longer"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Song, Pt. 1", "Song, Pt. 2"),
        ("Sonata No. 14: I. Adagio", "Sonata No. 14: II. Allegretto"),
        ("Prelude in C Minor", "Prelude in D Minor"),
        ("The Older Brother", "The Younger Brother"),
        ("Rain", "Pain"),
        ("Skit #1", "Skit #2"),
    ],
)
def test_titles_that_are_nearly_alike_and_mean_another_song_are_no_match(one: str, other: str) -> None:
    assert method(track(one), song(other)) is None


def test_durations_that_are_missing_leave_it_to_the_names() -> None:
    assert method(track(duration_ms=0), song()) is Method.EXACT
    assert method(track(duration_ms=0), song(duration_ms=0)) is Method.EXACT
    assert method(track(duration_ms=0), song("Song (Live)")) is None
    assert method(track("Smooth Criminal", duration_ms=0), song("Smoth Criminal")) is Method.FUZZY
    assert method(track("Smooth Criminal", duration_ms=0), song("Smoth Criminal", album="Other")) is None


# --- the best of several ----------------------------------------------------------------------------------


def test_the_same_album_is_chosen_before_a_compilation_and_then_the_nearest_duration() -> None:
    album = song(id="album", duration_ms=207_000)
    hits, deluxe = song(id="hits", album="Hits"), song(id="deluxe", album="Home (Deluxe)", duration_ms=206_000)
    assert found(match(track(), [hits, album])) == "album"
    assert found(match(track(), [hits, album, deluxe])) == "deluxe"
    assert found(match(track(album="Other"), [album, hits, deluxe])) == "hits"


def test_a_code_is_chosen_before_the_album() -> None:
    assert found(match(track(isrc="A"), [song(id="album"), song(id="code", album="Hits", isrc="A")])) == "code"


def test_of_songs_that_are_equally_good_the_first_by_id_is_chosen() -> None:
    assert found(match(track(), [song(id="b"), song(id="a"), song(id="c")])) == "a"


def test_at_most_five_candidates_are_shown_and_the_nearest_first() -> None:
    verdict = match(track(), [song(f"Song (Live in {place})", id=place) for place in "ABCDEFG"] + [song("Bells")])
    assert len(verdict.nearest) == 5
    scores = [candidate.score for candidate in verdict.nearest]
    assert scores == sorted(scores, reverse=True)


def test_nothing_is_found_among_nothing() -> None:
    assert match(track(), []) == Verdict(track=track(), match=None, reason="Nothing comes near it.")


# --- lookup keys ------------------------------------------------------------------------------------------


def test_a_track_without_names_and_codes_has_no_keys() -> None:
    assert lookup_keys(track("", "")) == ()


def test_codes_are_keys() -> None:
    keys = lookup_keys(track(isrc="USRC17607839", mbid="m"))
    assert {"isrc USRC17607839", "mbid m"} <= set(keys)


def test_keys_stay_few_per_song_and_songs_per_key_in_a_library_of_equal_titles() -> None:
    chance = random.Random(1)
    words = [
        f"{a}{b}" for a in ("ri", "ho", "lo", "ma", "su", "ta", "ne", "ki") for b in ("ver", "me", "ve", "n", "der")
    ]
    songs = []
    for number in range(20_000):
        artist = f"Artist {int(chance.paretovariate(1)) % 3000} {chance.choice(words)}"
        often = chance.random() < 0.05
        title = chance.choice(["Intro", "Home", "Outro"]) if often else " ".join(chance.choices(words, k=3))
        length = chance.randrange(60, 400) * 1000
        songs.append(song(title, artist, id=str(number), album=f"Album {number // 12}", duration_ms=length))
    keys = [lookup_keys(one) for one in songs]
    counts = Counter(key for some in keys for key in some)
    assert max(map(len, keys)) <= 8
    # A thousand songs have one title here: 20 times as many as the most that have one key.
    assert max(counts.values()) <= 50
    assert sum(counts.values()) / len(counts) <= 3


# --- whatever comes ---------------------------------------------------------------------------------------

TEXTS = st.text(max_size=40) | st.sampled_from(
    ["Song", "Song (Live)", "Song - Remastered", "Intro", "Home", "Кино", "坂本龍一", "!!!", "", "Song, Pt. 2", "sing"]
)
TRACKS = st.builds(
    Track,
    id=st.text(max_size=3),
    name=TEXTS,
    artist=TEXTS,
    album=TEXTS,
    duration_ms=st.sampled_from([0, -1, 200_000, 203_400, 209_000, 10**9]),
    isrc=st.sampled_from(["", "A", "B"]),
    mbid=st.sampled_from(["", "", "m"]),
    artists=st.lists(TEXTS, max_size=3).map(tuple),
)


@given(TRACKS, st.lists(TRACKS, max_size=6))
def test_any_text_has_a_verdict_with_reasons_and_scores(one: Track, candidates: list[Track]) -> None:
    verdict = match(one, candidates)
    assert len(verdict.nearest) <= 5
    for told in (*verdict.nearest, *([verdict.match] if verdict.match else [])):
        assert 0 <= told.score <= 1
        assert told.reason


@given(TRACKS, st.lists(TRACKS, max_size=6, unique_by=lambda one: one.id), st.randoms())
def test_the_order_of_candidates_does_not_matter(one: Track, candidates: list[Track], chance: random.Random) -> None:
    shuffled = list(candidates)
    chance.shuffle(shuffled)
    assert match(one, candidates) == match(one, shuffled)


@given(TRACKS)
def test_a_track_with_a_title_matches_its_own_copy(one: Track) -> None:
    if not any(map(str.isalnum, one.name)) or not any(map(str.isalnum, one.artist)):
        return
    chosen = match(one, [replace(one, id="copy")]).match
    assert chosen is not None or one.artist.lower() in {"unknown", "none"}


@settings(max_examples=300)
@given(TRACKS, TRACKS)
def test_whatever_matches_shares_a_lookup_key(one: Track, other: Track) -> None:
    if match(one, [other]).match is not None:
        assert set(lookup_keys(one)) & set(lookup_keys(other))


@given(TRACKS)
def test_a_copy_in_another_unicode_form_has_the_same_keys(one: Track) -> None:
    composed, decomposed = (
        replace(
            one,
            name=unicodedata.normalize(form, one.name),
            artist=unicodedata.normalize(form, one.artist),
            artists=tuple(unicodedata.normalize(form, artist) for artist in one.artists),
        )
        for form in ("NFC", "NFD")
    )
    assert lookup_keys(composed) == lookup_keys(decomposed)


def test_a_very_long_title_is_matched_in_a_moment() -> None:
    title = "ab " * 50_000
    assert method(track(title), song(title.upper())) is Method.EXACT
    assert method(track(title), song(title + "c")) is None
