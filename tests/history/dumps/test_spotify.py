"""Spotify's own files: which of their rows are listens, and when those were heard."""

import json
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.history.dumps import LeftOut, Play, Refused, open_dump
from tests.history.dumps.files import (
    AUDIO,
    account_row,
    only_play_of,
    plays_of,
    reasons_of,
    rows_of,
    spotify_row,
    write,
    write_zip,
)


def test_a_play_of_the_extended_history_has_all_that_spotify_tells(tmp_path: Path) -> None:
    play = only_play_of(write(tmp_path / "Streaming_History_Audio_2023.json", [spotify_row()]))
    assert (play.provider_type, play.source, play.note) == ("spotify", "spotify-extended", "")
    track = play.track
    assert (track.id, track.name, track.artist, track.album) == (
        "4uLU6hMCjMI75M1A2tKUQC",
        "Harbour Lights",
        "The Quiet Tide",
        "North Sea Radio",
    )
    assert track.url == "https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC"
    assert track.duration_ms == 213_000
    assert track.played_at == datetime(2023, 2, 22, 7, 1, 42, tzinfo=UTC)


def test_the_archive_is_read_past_everything_else_that_is_in_it(tmp_path: Path) -> None:
    members = {
        "Spotify Extended Streaming History/ReadMeFirst_ExtendedStreamingHistory.pdf": b"%PDF-1.7\x00\xff",
        AUDIO: [spotify_row(ts="2019-05-01T10:00:00Z")],
        "Spotify Extended Streaming History/Streaming_History_Audio_2020_4.json": [spotify_row()],
        "Spotify Extended Streaming History/Streaming_History_Video_2019-2023.json": [],
        "__MACOSX/._Streaming_History": b"\x00\x05\x16\x07",
    }
    path = write_zip(tmp_path / "my_spotify_data.zip", members)
    with open_dump(path) as dump:
        assert (dump.format, dump.label) == ("spotify-extended", "Spotify extended streaming history")
        rows = list(dump.iter_rows())
        assert dump.bytes_read == dump.bytes_total > 0
    assert [row.track.played_at.year for row in rows if isinstance(row, Play) and row.track.played_at] == [2019, 2023]
    assert len(rows) == 2


def test_older_files_with_a_user_name_and_no_audiobooks_are_read_too(tmp_path: Path) -> None:
    row = spotify_row(
        username="someone", ip_addr_decrypted="198.51.100.7", user_agent_decrypted="unknown", skipped=None
    )
    for newer in ("ip_addr", "audiobook_title", "audiobook_uri", "audiobook_chapter_uri", "audiobook_chapter_title"):
        del row[newer]
    path = write_zip(tmp_path / "my_spotify_data.zip", {"MyData/endsong_0.json": [row]})
    assert only_play_of(path).track.name == "Harbour Lights"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ms_played": 29_999}, "played for less than 30 seconds"),
        ({"ms_played": 0, "skipped": True}, "played for less than 30 seconds"),
        ({"master_metadata_track_name": None, "spotify_track_uri": None, "episode_name": "Tides"}, "podcast"),
        ({"master_metadata_track_name": None, "spotify_episode_uri": "spotify:episode:1"}, "podcast"),
        ({"master_metadata_track_name": None, "audiobook_title": "The Sea"}, "audiobook"),
        ({"master_metadata_track_name": None, "audiobook_chapter_uri": "spotify:chapter:1"}, "audiobook"),
        ({"master_metadata_track_name": None, "spotify_track_uri": None}, "no track was named"),
        ({"master_metadata_track_name": ""}, "no track was named"),
    ],
)
def test_what_is_no_listen_is_left_out_with_the_reason(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    # A row that is one goes first: a file with nothing else might not be a history at all.
    path = write(tmp_path / "a.json", [spotify_row(), spotify_row(**changes)])
    assert rows_of(path)[1] == LeftOut(reason)


def test_a_video_is_a_listen_if_it_is_one_of_a_track(tmp_path: Path) -> None:
    rows = [spotify_row(), spotify_row(master_metadata_track_name=None, spotify_track_uri=None, episode_name="A talk")]
    path = write(tmp_path / "Streaming_History_Video_2020.json", rows)
    assert [type(row) for row in rows_of(path)] == [Play, LeftOut]


def test_thirty_seconds_are_a_listen(tmp_path: Path) -> None:
    assert only_play_of(write(tmp_path / "a.json", [spotify_row(ms_played=30_000)])).track.duration_ms == 30_000


def test_what_was_heard_in_a_private_session_comes_home_and_is_noted(tmp_path: Path) -> None:
    assert only_play_of(write(tmp_path / "a.json", [spotify_row(incognito_mode=True)])).note == "private session"


# A flight: three plays one after the other, all of them sent when it had landed.
OFFLINE = [
    (1_625_933_120_791, 312_800, datetime(2021, 7, 10, 16, 10, 32, tzinfo=UTC)),
    (1_625_933_433_086, 334_893, datetime(2021, 7, 10, 16, 16, 7, tzinfo=UTC)),
]


@pytest.mark.parametrize("unit", [1, 1000])
def test_a_play_heard_offline_is_dated_by_the_device_in_either_unit(tmp_path: Path, unit: int) -> None:
    rows = [
        spotify_row(ts="2021-07-10T16:21:33Z", offline=True, offline_timestamp=began // unit, ms_played=ms_played)
        for began, ms_played, _ in OFFLINE
    ]
    plays = plays_of(write(tmp_path / "a.json", rows))
    assert [play.track.played_at for play in plays] == [ended_at for *_, ended_at in OFFLINE]
    assert {play.note for play in plays} == {"heard offline, dated by the device"}


@pytest.mark.parametrize(
    "offline_timestamp",
    [
        None,
        0,
        1,
        -5,
        True,
        "1677000000",
        1e300,
        1_677_049_089,  # ends when it was sent
        1_677_049_089_000,
        1_677_135_489,  # begins after it was sent
        1_640_000_000,  # offline for more than a month
        10**30,
        [],
    ],
)
def test_a_time_offline_that_is_not_believable_leaves_the_stamp_as_it_is(
    tmp_path: Path, offline_timestamp: object
) -> None:
    row = spotify_row(offline=True, offline_timestamp=offline_timestamp)
    play = only_play_of(write(tmp_path / "a.json", [row]))
    assert play.track.played_at == datetime(2023, 2, 22, 7, 1, 42, tzinfo=UTC)
    assert play.note == ""


def test_a_play_heard_online_keeps_its_stamp_whatever_its_time_offline(tmp_path: Path) -> None:
    row = spotify_row(offline=False, offline_timestamp=1_677_000_000)
    assert only_play_of(write(tmp_path / "a.json", [row])).track.played_at == datetime(
        2023, 2, 22, 7, 1, 42, tzinfo=UTC
    )


def test_a_play_of_a_whole_night_does_not_say_when_it_began(tmp_path: Path) -> None:
    assert only_play_of(write(tmp_path / "a.json", [spotify_row(ms_played=30_000_000)])).track.duration_ms == 0


@pytest.mark.parametrize("uri", [None, "", "spotify:local:a:b:c:200", "spotify:episode:1", 7])
def test_a_play_of_no_known_track_has_no_id_and_no_address(tmp_path: Path, uri: object) -> None:
    track = only_play_of(write(tmp_path / "a.json", [spotify_row(spotify_track_uri=uri)])).track
    assert (track.id, track.url) == ("", "")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ts": None}, "has no date"),
        ({"ts": ""}, "has no date"),
        ({"ts": 1_677_049_302}, "has a date that is none"),
        ({"ts": "yesterday"}, "has a date that is none"),
        ({"ts": "0000-00-00T00:00:00Z"}, "has a date that is none"),
        ({"ts": "0001-01-01T00:00:00+23:00"}, "has a date that is none"),
        ({"ts": "0001-01-01T00:00:00Z"}, "is dated before 1970 or in the future"),
        ({"ts": "1969-12-31T23:59:59Z"}, "is dated before 1970 or in the future"),
        ({"ts": "2999-01-01T00:00:00Z"}, "is dated before 1970 or in the future"),
        ({"ms_played": None}, "has no ms_played"),
        ({"ms_played": "213000"}, "has ms_played that is no number"),
        ({"ms_played": float("nan")}, "has ms_played that is no number"),
        ({"ms_played": float("inf")}, "has ms_played that is no number"),
        ({"ms_played": -1}, "has ms_played below zero"),
        ({"ms_played": True}, "has ms_played that is no number"),
        ({"master_metadata_track_name": 7}, "has master_metadata_track_name that is no text"),
        ({"master_metadata_album_artist_name": ["x"]}, "has master_metadata_album_artist_name that is no text"),
        ({"master_metadata_album_album_name": {}}, "has master_metadata_album_album_name that is no text"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused_by_its_place(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    path = write_zip(tmp_path / "a.zip", {AUDIO: [spotify_row(), spotify_row(**changes), spotify_row()]})
    play, refused, other_play = rows_of(path)
    assert refused == Refused("Streaming_History_Audio_2019_3.json, row 2", reason)
    assert isinstance(play, Play)
    assert isinstance(other_play, Play)


def test_a_play_by_a_clock_that_begins_in_1970_is_kept(tmp_path: Path) -> None:
    play = only_play_of(write(tmp_path / "a.json", [spotify_row(ts="1970-01-01T00:03:33Z")]))
    assert play.track.played_at == datetime(1970, 1, 1, 0, 3, 33, tzinfo=UTC)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("\x00\ud83d\n\\ab", max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab"), inner, max_size=2),
    max_leaves=4,
)
TEXTS = st.sampled_from(["", "2023-02-22T07:01:42", "2023-02-22T09:01:42.1234567+02:00", "spotify:track:1", "Tides"])


@settings(deadline=None)
@given(st.sampled_from(sorted(spotify_row())), VALUES | TEXTS | st.integers(29_990, 30_010))
def test_a_row_is_read_alike_whether_alone_or_among_many(key: str, value: Any) -> None:
    """Where a character is spelled that has to be left out, each row is read by itself."""
    rows = [spotify_row(), spotify_row(**{key: value}), spotify_row(), spotify_row()]
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.json")
        among_many = rows_of(write(path, json.dumps(rows)))
        alone = rows_of(write(path, json.dumps([spotify_row(platform="\0"), *rows[1:]])))
    assert alone == among_many


def test_no_address_and_no_country_is_in_any_row(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", [spotify_row(), spotify_row(ts=None), spotify_row(ms_played=1)])
    assert "198.51.100.7" not in repr(rows_of(path))


def test_the_account_data_is_read_with_its_minutes(tmp_path: Path) -> None:
    members = {
        "Spotify Account Data/StreamingHistory_music_0.json": [account_row()],
        "Spotify Account Data/StreamingHistory_podcast_0.json": [
            {"endTime": "2023-01-05 18:00", "podcastName": "Tides", "episodeName": "One", "msPlayed": 900_000}
        ],
        "Spotify Account Data/StreamingHistory_audiobook_0.json": [
            {"endTime": "2023-01-05 19:00", "audiobookName": "The Sea", "authorName": "A. Writer", "msPlayed": 900_000}
        ],
        "Spotify Account Data/Playlist1.json": {"playlists": [{"name": "x", "items": []}]},
        "Spotify Account Data/SearchQueries.json": [{"platform": "ANDROID", "searchTime": "2023-01-05T17:00:00Z"}],
        "Spotify Account Data/Userdata.json": {"username": "someone", "email": "someone@example.com"},
    }
    path = write_zip(tmp_path / "my_spotify_data.zip", members)
    with open_dump(path) as dump:
        assert (dump.format, dump.label) == ("spotify-account", "Spotify account data")
        play, *left_out = dump.iter_rows()
    assert isinstance(play, Play)
    assert (play.provider_type, play.source) == ("spotify", "spotify-account")
    assert play.track.played_at == datetime(2023, 1, 5, 17, 31, tzinfo=UTC)
    assert (play.track.name, play.track.artist, play.track.duration_ms) == ("Harbour Lights", "The Quiet Tide", 213_000)
    assert left_out == [LeftOut("podcast"), LeftOut("audiobook")]


def test_the_account_data_of_before_2023_is_read(tmp_path: Path) -> None:
    rows = [
        account_row(),
        account_row(msPlayed=1_000),
        account_row(trackName="Unknown Track", artistName="Unknown Artist"),
    ]
    path = write(tmp_path / "StreamingHistory0.json", rows)
    assert len(plays_of(path)) == 1
    assert reasons_of(path) == ["played for less than 30 seconds", "no track was named"]


def test_both_histories_in_one_archive_are_both_read(tmp_path: Path) -> None:
    members = {AUDIO: [spotify_row()], "Spotify Account Data/StreamingHistory_music_0.json": [account_row()]}
    with open_dump(write_zip(tmp_path / "both.zip", members)) as dump:
        assert dump.format == "mixed"
        assert dump.label == "Spotify extended streaming history and Spotify account data"
        assert [row.source for row in dump.iter_rows() if isinstance(row, Play)] == [
            "spotify-extended",
            "spotify-account",
        ]


def test_a_member_that_should_be_a_history_and_is_none_is_named(tmp_path: Path) -> None:
    other = AUDIO.replace("2019_3", "2020_4")
    path = write_zip(tmp_path / "a.zip", {AUDIO: [spotify_row()], other: "<html>Not found</html>"})
    assert Refused(other, "is not what its name says; download the file once more") in rows_of(path)


@pytest.mark.parametrize("indent", [None, 2, 4])
def test_a_file_of_any_length_and_layout_is_read_in_order(tmp_path: Path, indent: int | None) -> None:
    names = [f'{number} }},{{ "]" \\ {"ü" * (number % 50)}' for number in range(3_000)]
    text = json.dumps([spotify_row(master_metadata_track_name=name) for name in names], indent=indent)
    assert [play.track.name for play in plays_of(write(tmp_path / "a.json", text))] == names
