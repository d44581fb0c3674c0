"""Two plays, compared: what counts as one."""
# ruff: noqa: RUF001, names are written in every alphabet

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.history.duplicates import Play, compare

START = datetime(2026, 3, 1, 21, 0, 50, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
LENGTH = timedelta(seconds=200)


def scrobble(name: str = "Song", artist: str = "Ana", after: float = 0, **fields: object) -> Play:
    """A play by a service that tells the start, in seconds, and no length."""
    return Play(
        **{
            "provider_type": "scrobbler",
            "marks": "start",
            "precision": SECOND,
            "name": name,
            "artist": artist,
            "played_at": START + timedelta(seconds=after),
            **fields,
        }
    )


def stream(name: str = "Song", artist: str = "Ana", after: float = 200, **fields: object) -> Play:
    """A play by a service that tells the end, to the millisecond, and the length."""
    return scrobble(
        name, artist, after, **{"provider_type": "streamer", "marks": "end", "duration_ms": 200_000, **fields}
    )


def are_one(a: Play, b: Play) -> bool:
    there, back = compare(a, b), compare(b, a)
    assert there.closeness == back.closeness
    return there.is_duplicate


# --- names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Song", "Ana"), ("SONG", "ana")),
        (("Song - 2011 Remaster", "Ana"), ("Song", "Ana")),
        (("Song (Remastered 2009)", "Ana"), ("Song - Remastered", "Ana")),
        (("Song Remastered", "Ana"), ("Song", "Ana")),
        (("Song - Mono", "Ana"), ("Song (Stereo Mix)", "Ana")),
        (("Song (Deluxe Edition)", "Ana"), ("Song - Single Version", "Ana")),
        (("Song - 2018 Mix", "Ana"), ("Song", "Ana")),
        (('Song - From "The Film"', "Ana"), ("Song", "Ana")),
        (("Song (feat. Bo)", "Ana"), ("Song", "Ana, Bo")),
        (("Song ft.Bo", "Ana"), ("Song", "Ana")),
        (("Song [with Bo]", "Ana"), ("Song", "Bo & Ana")),
        (("Song", "Ana featuring Bo"), ("Song", "Ana; Bo")),
        (("Song - Live", "Ana"), ("Song (Live at Wembley, 1986)", "Ana")),
        (("Song (Bo Remix)", "Ana"), ("Song - Bo Remix", "Ana")),
        (("Song (Versión en Español)", "Ana"), ("Song - Spanish Version", "Ana")),
        (("The Wall", "The Band"), ("Wall", "Band, The")),
        (("Rock & Roll", "Bo and Ana"), ("Rock 'n' Roll", "Ana + Bo")),
        (("Don't Stop", "AC/DC"), ("Don’t Stop", "ACDC")),
        (("(I Can't Get No) Rest", "Ana"), ("I Can't Get No Rest", "Ana")),
        (("Jóga", "Björk"), ("Joga", "Bjork")),
        (("Die Straße", "Ana"), ("Die Strasse", "Ana")),
        (("Ｓｏｎｇ", "Ana"), ("Song", "Ana")),
        (("Song", "Hikaru Utada"), ("Song", "Utada Hikaru")),
        (("Ana - Song", "Ana"), ("Song", "Ana")),
        (("О чём", "Ана"), ("О чем", "Ана")),
        (("مَرْحَبًا", "فيروز"), ("\u202bمرحبا\u202c", "فيروز")),
        (("残酷な天使", "高橋洋子"), ("残酷な天使", "高橋洋子")),
        (("!!!", "!!!"), ("!!!", "!!!")),
        (("🔥", "Ana"), ("🔥", "Ana")),
        (("\u0301", "Ana"), ("\u0301", "Ana")),
        (("\u200b", "Ana"), ("\u200b", "Ana")),
        (("Live", "Ana"), ("Live", "Ana")),
    ],
)
def test_one_recording_written_in_two_ways_is_one_play(one, other):
    assert are_one(scrobble(*one), stream(*other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Song", "Ana"), ("Other Song", "Ana")),
        (("Song", "Ana"), ("Song", "Bo")),
        (("Song - Live", "Ana"), ("Song", "Ana")),
        (("Song (Acoustic)", "Ana"), ("Song", "Ana")),
        (("Song - Bo Remix", "Ana"), ("Song", "Ana")),
        (("Song - Bo Remix", "Ana"), ("Song - Cy Remix", "Ana")),
        (("Song (Instrumental)", "Ana"), ("Song", "Ana")),
        (("Song (Karaoke Version)", "Ana"), ("Song", "Ana")),
        (("Song - Demo", "Ana"), ("Song - 2011 Remaster", "Ana")),
        (("Song (Ana's Version)", "Ana"), ("Song", "Ana")),
        (("Song - Spanish Version", "Ana"), ("Song", "Ana")),
        (("Song, Pt. 1", "Ana"), ("Song, Pt. 2", "Ana")),
        (("Song (Part 1)", "Ana"), ("Song (Part 7)", "Ana")),
        (("Song (Reprise)", "Ana"), ("Song", "Ana")),
        (("がくせい", "Ana"), ("かくせい", "Ana")),
        (("÷", "Ana"), ("+", "Ana")),
        (("🔥", "Ana"), ("💧", "Ana")),
        (("残酷", "Ana"), ("天使", "Ana")),
        (("", "Ana"), ("", "Ana")),
    ],
)
def test_another_recording_is_another_play(one, other):
    assert not are_one(scrobble(*one), stream(*other))


def test_an_equal_isrc_is_one_recording_whatever_it_is_called():
    assert are_one(scrobble("Zankoku", isrc="jp-abc-12-34567"), stream("残酷", isrc="JPABC1234567"))


def test_releases_of_one_recording_may_have_different_isrcs():
    assert are_one(scrobble(isrc="DEABC1234567"), stream(isrc="GBXYZ1234567"))


def test_a_live_album_tells_that_a_title_without_a_mark_is_live():
    assert are_one(scrobble(album="Live at Wembley"), stream("Song - Live"))
    assert not are_one(scrobble(album="Live at Wembley"), stream(album="Studio Songs"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Song", "Кино"), ("Song", "Kino")),
        (("Song", ""), ("Song", "Ana")),
        (("Song (Whatever)", "Ana"), ("Song", "Ana")),
        (("Song - Radio Edit", "Ana"), ("Song", "Ana")),
        (("Song (Live in Paris)", "Ana"), ("Song (Live at the Olympia)", "Ana")),
        (("Lovely Summer Evening", "Ana"), ("Lovely Sumer Evening", "Ana")),
        (("It's Alright Now", "Ana"), ("It's All Right Now", "Ana")),
        (("Song", "Beethoven"), ("Song", "Ludwig van Beethoven")),
        (("Symphony in C, Op. 30, XY 176: I. Largo", "Ana"), ("Symphony in C, Op. 30: I. Largo", "Ana")),
    ],
)
def test_what_names_leave_open_is_decided_by_the_length_or_the_second(one, other):
    assert are_one(scrobble(*one), stream(*other, after=201))
    assert are_one(scrobble(*one, duration_ms=200_900), stream(*other, after=230))
    assert not are_one(scrobble(*one), stream(*other, after=230))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Song - Live", "Song"),
        ("Song (Unplugged)", "Song - Acoustic"),
        ("Song (10 Minute Version) (Ana's Version)", "Song (Ana's Version)"),
    ],
)
def test_of_another_version_only_an_equal_length_tells_that_it_is_none(one, other):
    assert are_one(scrobble(one, duration_ms=200_900), stream(other))
    assert not are_one(scrobble(one), stream(other))


@pytest.mark.parametrize(
    ("one", "other"), [("Prelude in C Major", "Prelude in D Major"), ("Interlude No. 1", "Interlude No. 2")]
)
def test_a_slip_of_the_finger_is_neither_a_number_nor_a_key(one, other):
    assert not are_one(scrobble(one), stream(other))


def test_what_a_service_renamed_is_one_by_its_second():
    one, other = scrobble(artist="Ana"), scrobble(artist="Cy", source="file")
    assert are_one(one, other)
    assert not are_one(one, scrobble(artist="Cy", source="file", after=10))


def test_a_file_of_streams_tells_how_long_it_was_heard():
    skipped = stream(after=90, source="file", duration_ms=90_000)
    assert are_one(skipped, stream(after=90))
    assert are_one(skipped, scrobble())
    assert not are_one(stream(after=290, source="file", duration_ms=40_000), scrobble())


def test_artists_named_one_by_one_are_artists_as_well():
    assert are_one(scrobble(artist="Bo"), stream(artist="Ana, Bo", artists=("Ana", "Bo")))


# --- times ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [150, 190, 200, 203, 240])
def test_an_end_one_length_after_a_start_is_one_play(after):
    assert are_one(scrobble(), stream(after=after))


@pytest.mark.parametrize("after", [-60, 401, 1000, 86_400])
def test_an_end_far_from_where_the_play_ends_is_another_play(after):
    assert not are_one(scrobble(), stream(after=after))


def test_a_play_broken_off_after_half_of_it_is_one_play():
    assert are_one(scrobble(), stream(after=110))


def test_a_service_that_usually_tells_the_end_may_tell_the_start():
    assert are_one(scrobble(), stream(after=2))
    assert compare(scrobble(), stream(after=2)).closeness < compare(scrobble(), stream(after=200)).closeness


@pytest.mark.parametrize(("after", "is_one"), [(0, True), (-12, True), (25, True), (200, False), (-200, False)])
def test_two_starts_of_one_play_are_as_far_apart_as_clocks_are(after, is_one):
    assert are_one(scrobble(), scrobble(provider_type="server", duration_ms=200_000, after=after)) is is_one


@pytest.mark.parametrize(("length", "after"), [(200, 100), (900, 240)])
def test_a_player_may_tell_when_the_play_counted(length, after):
    assert are_one(scrobble(), scrobble(provider_type="server", duration_ms=length * 1000, after=after))


def test_the_next_play_of_a_short_song_is_another():
    jingle = scrobble(provider_type="server", duration_ms=25_000, after=25)
    assert not are_one(scrobble(), jingle)


@pytest.mark.parametrize(("after", "is_one"), [(150, True), (300, True), (580, True), (620, False), (-30, False)])
def test_where_no_length_is_known_a_song_is_taken_to_be_no_longer_than_songs_are(after, is_one):
    assert are_one(scrobble(), stream(after=after, duration_ms=0)) is is_one


def test_minutes_are_compared_as_minutes():
    in_minutes = {"source": "file", "precision": MINUTE}
    assert are_one(stream(after=-50, duration_ms=0, **in_minutes), scrobble())
    assert not are_one(stream(after=-50, duration_ms=0, source="file"), scrobble())
    assert are_one(scrobble(after=-130, **in_minutes), scrobble(provider_type="server"))
    assert not are_one(scrobble(after=-130), scrobble(provider_type="server"))


def test_either_end_is_accepted_where_it_is_not_known():
    unknown = {"provider_type": "diary", "marks": None}
    assert are_one(scrobble(after=3, **unknown), scrobble())
    assert are_one(scrobble(after=200, duration_ms=200_000, **unknown), scrobble())
    assert are_one(scrobble(after=3, **unknown), stream())


def test_lengths_that_cannot_be_of_one_recording_tell_two_plays():
    assert not are_one(scrobble(duration_ms=380_000), stream(after=200))


@pytest.mark.parametrize("length", [3 * 3600, 30 * 24 * 3600])
def test_a_play_of_hours_is_compared_up_to_some_hours(length):
    long = stream(after=length, duration_ms=length * 1000)
    assert are_one(scrobble(), long) is (length < 4 * 3600)


def test_plays_of_1970_are_compared_like_all_others():
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert are_one(scrobble(played_at=epoch), scrobble(provider_type="server", played_at=epoch))
    assert are_one(scrobble(played_at=epoch - LENGTH), stream(played_at=epoch))


def test_two_plays_told_by_one_source_are_two():
    assert not are_one(scrobble(), scrobble(after=1))
    assert are_one(scrobble(), scrobble(after=1, source="file"))


# --- why --------------------------------------------------------------------------------------------------


def test_a_duplicate_is_explained():
    told = compare(stream(label="Streamer", after=199), scrobble(label="Scrobbler", source="file")).explanation
    assert told == (
        "Same title and artist. Scrobbler (file) has it begin at 2026-03-01 21:00:50 UTC, Streamer has it end at "
        "2026-03-01 21:04:09 UTC; it lasts 3:20: the times fit one play."
    )


@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        (scrobble(), stream("Song - Live"), "Another recording: “Song” by Ana and “Song - Live” by Ana."),
        (scrobble(), stream(after=900), "too far apart for one play."),
        (scrobble(), scrobble(), "scrobbler tells of both, so they are two plays."),
        (scrobble(duration_ms=380_000), stream(), "Not equally long: 6:20 and 3:20."),
        (scrobble(isrc="X"), stream("Tune", isrc="x"), "Same recording (ISRC X)."),
        (scrobble("Song - Remaster"), stream(), "written differently: “Song - Remaster” by Ana and “Song” by Ana."),
    ],
)
def test_every_reason_is_told(a, b, reason):
    assert reason in compare(a, b).explanation


def test_an_explanation_stays_readable_whatever_the_names_are():
    assert len(compare(scrobble("A" * 10_000), stream("B" * 10_000, artist="C" * 10_000)).explanation) < 700


# --- anything ---------------------------------------------------------------------------------------------


awkward = st.text(max_size=30) | st.sampled_from(["\x00", "\ud800", "(", " - ", "feat. ", "\u0301"])


@pytest.mark.parametrize(
    "part", ["(", " ", "a - ", "feat. ", "é", "\u0301", "19", "((a)", "a , b", "part 1 ", "x" * 10]
)
def test_names_of_ten_thousand_characters_are_compared(part):
    name = (part * 10_000)[:10_000] + "!"
    assert are_one(scrobble(name, name, album=name), stream(name, name))
    assert not are_one(scrobble(name, name, album=name), stream("Song", name))


@given(awkward, awkward, awkward, awkward)
def test_any_text_can_be_compared_and_is_compared_alike_both_ways(name, artist, other_name, other_artist):
    a, b = scrobble(name, artist, album=other_name), stream(other_name, other_artist, album=name)
    assert compare(a, b).closeness == compare(b, a).closeness
    assert compare(a, b).explanation


@given(st.text(min_size=1, max_size=30).filter(lambda text: not text.isspace()), st.text(max_size=30))
def test_a_play_that_two_services_tell_in_the_same_words_is_one(name, artist):
    assert are_one(scrobble(name, artist, album="First"), stream(name, artist, album="First"))
