import csv
import json
import tempfile
import zipfile
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.history import export as export_module
from providers.history.export import ExportFormat, export
from providers.history.imports import Counts, import_file
from providers.models import Connection, HistoryGap, Listen
from tests.history.fakes import START

pytestmark = pytest.mark.django_db

FORMATS = list(ExportFormat)
COMPARED = [field.attname for field in Listen._meta.concrete_fields if field.name not in ("id", "user", "duplicate_of")]

NAMES = [
    "",
    "Jóga",
    "\u202eesrever \u2066تجربة\u2069 עברית",
    'with "quotes", commas; and \\ backslashes\\n',
    "two\nlines\r\nand\ra\ttab",
    "=HYPERLINK(1)",
    "'=1",
    "''=1",
    "'Round Midnight",
    "+44",
    "-",
    "@home",
    "\uff1dfull width",
    "\r",
    "\n",
    " leading and trailing ",
    "\ufeffmark",
    "\x01\x1b[31m\x7f\x85\u2028\u2029",
    "𝄞" * 10_000,
    "\n" * 10_000,
    '"' * 10_000,
    '"musicbridge":{',
]


def listens_of(user):
    return list(Listen.objects.filter(user=user).order_by("played_at", "fingerprint").values(*COMPARED))


def exported(user, export_format):
    return b"".join(export(user.pk, export_format))


def round_trip(user, other, export_format):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"export.{export_format}"
        path.write_bytes(exported(user, export_format))
        return import_file(other.pk, path)


@pytest.fixture
def other(django_user_model):
    return django_user_model.objects.create_user("bo")


@pytest.mark.parametrize("export_format", FORMATS)
@pytest.mark.parametrize("field", ["name", "artist", "album", "remote_track_id", "url", "isrc"])
def test_texts_of_every_kind_come_back_as_they_were(user, other, export_format, field):
    Listen.objects.bulk_create(
        Listen(
            user=user,
            provider_type="lastfm",
            played_at=START + timedelta(seconds=number),
            **{"name": "One", "artist": "Ana", field: text},
        )
        for number, text in enumerate(NAMES)
    )

    row = round_trip(user, other, export_format)

    assert (row.status, row.refused, Counts.of(row).stored) == ("done", [], len(NAMES))
    assert listens_of(other) == listens_of(user)


@pytest.mark.parametrize("export_format", FORMATS)
def test_numbers_and_moments_of_every_kind_come_back_as_they_were(user, other, export_format):
    moments = [
        START,
        START + timedelta(microseconds=1),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1, 1, 2, tzinfo=UTC),
        datetime(2199, 1, 1, tzinfo=UTC),
    ]
    for number, moment in enumerate(moments):
        Listen.objects.create(
            user=user,
            provider_type=f"a service {number}",
            source="a" * 32,
            name="One",
            duration_ms=[0, 1, 2**31 - 1][number % 3],
            played_at=moment,
        )

    row = round_trip(user, other, export_format)

    assert (row.status, row.refused, Counts.of(row).stored) == ("done", [], len(moments))
    assert listens_of(other) == listens_of(user)


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@pytest.mark.parametrize("export_format", FORMATS)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "provider_type": st.sampled_from(["spotify", "lastfm", "elsewhere"]),
                "source": st.sampled_from(["api", "a-file"]),
                "remote_track_id": texts,
                "name": texts,
                "artist": texts,
                "album": texts,
                "url": texts,
                "isrc": texts,
                "duration_ms": st.integers(0, 2**31 - 1),
                "played_at": st.datetimes(timezones=st.just(UTC)),
            }
        ),
        max_size=5,
        unique_by=lambda row: (row["provider_type"], row["played_at"], row["name"], row["artist"]),
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_stored_comes_back_as_it_was(user, other, export_format, rows):
    Listen.objects.all().delete()
    Listen.objects.bulk_create(Listen(user=user, **row) for row in rows)
    if rows:
        assert round_trip(user, other, export_format).refused == []

    assert listens_of(other) == listens_of(user)


@pytest.mark.parametrize("export_format", FORMATS)
def test_an_export_that_is_imported_where_it_comes_from_changes_nothing(user, export_format):
    Listen.objects.create(user=user, provider_type="spotify", name="One", played_at=START)
    before = list(Listen.objects.values())

    counts = Counts.of(round_trip(user, user, export_format))

    assert (counts.stored, counts.known) == (0, 1)
    assert list(Listen.objects.values()) == before


@pytest.mark.parametrize("export_format", FORMATS)
def test_our_own_export_closes_no_gap(user, export_format):
    connection = Connection.objects.create(user=user, provider_type="spotify")
    gap = HistoryGap.objects.create(
        connection=connection,
        since=START,
        until=START + timedelta(hours=1),
        reason=HistoryGap.Reason.choices[0][0],
    )
    for hours in (-1, 2):
        Listen.objects.create(user=user, provider_type="spotify", name="One", played_at=START + timedelta(hours=hours))

    round_trip(user, user, export_format)

    gap.refresh_from_db()
    assert (gap.closed_at, gap.since, gap.until) == (None, START, START + timedelta(hours=1))


@pytest.mark.parametrize("export_format", FORMATS)
def test_no_listen_is_lost_or_told_twice_between_two_chunks(user, export_format, monkeypatch):
    monkeypatch.setattr(export_module, "CHUNK_LISTENS", 3)
    Listen.objects.bulk_create(
        Listen(user=user, provider_type="spotify", name=f"Track {number}", played_at=START + timedelta(number // 5))
        for number in range(20)
    )

    text = exported(user, export_format).decode()

    assert all(text.count(f'"Track {number}"') + text.count(f",Track {number},") == 1 for number in range(20))


def test_the_history_is_read_in_chunks_and_no_query_stays_open(user, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(export_module, "CHUNK_LISTENS", 3)
    Listen.objects.bulk_create(
        Listen(user=user, provider_type="spotify", name="One", played_at=START + timedelta(number))
        for number in range(6)
    )

    pieces = export(user.pk, ExportFormat.JSONL)
    with django_assert_num_queries(1):
        next(pieces)
    with django_assert_num_queries(2):
        assert len(list(pieces)) == 1


def test_json_lines_are_what_listenbrainz_has(user):
    Listen.objects.create(
        user=user,
        provider_type="spotify",
        remote_track_id="42",
        name="Jóga",
        artist="Björk",
        album="Homogenic",
        duration_ms=305_000,
        url="https://music.example/42",
        isrc="GBAAM9700123",
        played_at=START + timedelta(microseconds=7),
    )

    (line,) = exported(user, ExportFormat.JSONL).splitlines()

    listen = json.loads(line)
    metadata = listen["track_metadata"]
    info = metadata["additional_info"]
    assert listen["listened_at"] == int(START.timestamp())
    assert (metadata["artist_name"], metadata["track_name"], metadata["release_name"]) == ("Björk", "Jóga", "Homogenic")
    assert (info["duration_ms"], info["isrc"], info["origin_url"]) == (
        305_000,
        "GBAAM9700123",
        "https://music.example/42",
    )
    assert (info["music_service_name"], info["submission_client"]) == ("Spotify", "musicbridge")
    assert info["musicbridge"] == {
        "played_at": int(START.timestamp()) * 1_000_000 + 7,
        "provider_type": "spotify",
        "source": "api",
        "remote_track_id": "42",
    }


def test_what_a_listen_does_not_have_is_not_told_to_listenbrainz(user):
    Listen.objects.create(user=user, provider_type="gone", name="One", artist="Ana", played_at=START)

    metadata = json.loads(exported(user, ExportFormat.JSONL))["track_metadata"]

    assert metadata.keys() == {"artist_name", "track_name", "additional_info"}
    assert metadata["additional_info"].keys() == {
        "musicbridge",
        "music_service_name",
        "submission_client",
        "submission_client_version",
    }


def test_csv_has_a_header_and_no_cell_that_a_spreadsheet_would_run(user):
    for number, name in enumerate(NAMES):
        Listen.objects.create(
            user=user, provider_type="spotify", name=name, played_at=START + timedelta(seconds=number)
        )

    header, *rows = csv.reader(StringIO(exported(user, ExportFormat.CSV).decode(), newline=""))

    assert header[:4] == ["played_at", "name", "artist", "album"]
    assert len(rows) == len(NAMES)
    assert not [
        cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"))
    ]
    assert rows[NAMES.index("Jóga")][1] == "Jóga"
    assert rows[NAMES.index("'Round Midnight")][1] == "'Round Midnight"


def test_who_has_no_listens_gets_an_empty_file(user):
    assert exported(user, ExportFormat.JSONL) == b""
    assert exported(user, ExportFormat.CSV).count(b"\n") == 1


def test_our_own_export_closes_no_gap_in_an_archive_with_another_file_either(user, tmp_path):
    connection = Connection.objects.create(user=user, provider_type="spotify")
    gap = HistoryGap.objects.create(
        connection=connection, since=START, until=START + timedelta(hours=1), reason=HistoryGap.Reason.NOT_KEPT
    )
    for minutes in (-10, 100):
        Listen.objects.create(
            user=user, provider_type="spotify", name="One", artist="Ana", played_at=START + timedelta(minutes=minutes)
        )
    other = {"listened_at": 1_700_000_000, "track_metadata": {"track_name": "Two", "artist_name": "Ana"}}
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("export.jsonl", exported(user, ExportFormat.JSONL))
        archive.writestr("listens/2023/11.jsonl", json.dumps(other))

    row = import_file(user.pk, tmp_path / "all.zip")

    gap.refresh_from_db()
    assert (Counts.of(row).stored, Counts.of(row).known) == (1, 2)
    assert (gap.closed_at, gap.since, gap.until) == (None, START, START + timedelta(hours=1))


def test_what_an_import_remembers_does_not_grow_with_the_services_that_an_export_names(user, tmp_path):
    for number in range(50):
        Listen.objects.create(user=user, provider_type=f"service {number}", name="One", artist="Ana", played_at=START)
    (tmp_path / "export.jsonl").write_bytes(exported(user, ExportFormat.JSONL))

    row = import_file(user.pk, tmp_path / "export.jsonl")

    assert (row.status, Counts.of(row).known, row.spans) == ("done", 50, {})
