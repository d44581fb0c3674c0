import os
import signal
import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from providers.history import deletion, imports
from providers.history.imports import Counts, enqueue, import_file, work
from providers.models import Connection, HistoryGap, HistoryImport, Listen
from providers.scheduling import claim
from tests.history.dump_files import LineDump, write_dump
from tests.history.fakes import START

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _line_dumps(monkeypatch, settings, tmp_path):
    monkeypatch.setattr(imports, "open_dump", LineDump)
    monkeypatch.setattr(imports, "BATCH_ROWS", 3)
    settings.MEDIA_ROOT = tmp_path / "uploads"


def never():
    return False


def upload(user, *rows, name="history.json"):
    enqueue(user.pk, SimpleUploadedFile(name, "\n".join(rows).encode()))
    return HistoryImport.objects.get(user=user)


def work_once(should_stop=never):
    lease = claim(HistoryImport.objects.all(), HistoryImport.objects.get(due_at__isnull=False).pk)
    work(lease, should_stop)
    return HistoryImport.objects.get(pk=lease.row.pk)


def copies(settings):
    return [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]


# --- a file of one's own ------------------------------------------------------------------------------------


def test_every_row_of_a_file_is_accounted_for(user, tmp_path):
    row = import_file(
        user.pk, write_dump(tmp_path / "a.json", "play", "skip", "again", "bad", "quiet", "play", "skip", "play lastfm")
    )

    counts = Counts.of(row)
    assert (row.status, row.rows_read, row.format, row.detail) == ("done", 8, "lines", "")
    assert (counts.stored, counts.known) == (4, 1)
    assert (counts.left_out, counts.refused, counts.noted) == ({"skipped": 2}, {"no time": 1}, {"private session": 1})
    assert row.refused == [{"place": "a.json row 4", "reason": "no time"}]
    assert sorted(Listen.objects.values_list("provider_type", "source", "name")) == [
        ("lastfm", "lines", "Track 8"),
        ("spotify", "lines", "Track 1"),
        ("spotify", "lines", "Track 5"),
        ("spotify", "lines", "Track 6"),
    ]


def test_importing_twice_changes_nothing_and_says_so(user, tmp_path):
    path = write_dump(tmp_path / "a.json", "play", "play", "skip", "bad")
    import_file(user.pk, path)
    before = list(Listen.objects.values())

    row = import_file(user.pk, path)

    counts = Counts.of(row)
    assert (counts.stored, counts.known, counts.left_out, counts.refused) == (0, 2, {"skipped": 1}, {"no time": 1})
    assert (row.rows_read, len(row.refused)) == (4, 1)
    assert list(Listen.objects.values()) == before


def test_the_same_file_is_another_import_for_another_person(user, django_user_model, tmp_path):
    path = write_dump(tmp_path / "a.json", "play")
    other = django_user_model.objects.create_user("bo")

    assert [Counts.of(import_file(person.pk, path)).stored for person in (user, other)] == [1, 1]


def test_a_file_is_told_by_what_is_in_it_and_not_by_its_name(user, tmp_path):
    import_file(user.pk, write_dump(tmp_path / "a.json", "play"))
    import_file(user.pk, write_dump(tmp_path / "copy of a.json", "play"))
    import_file(user.pk, write_dump(tmp_path / "a.json", "play", "play"))

    assert HistoryImport.objects.count() == 2


def test_huge_rows_are_stored_a_few_at_a_time(user, tmp_path, monkeypatch):
    monkeypatch.setattr(imports, "BATCH_ROWS", 1000)
    monkeypatch.setattr(imports, "BATCH_BYTES", 5)
    rows_read = []

    row = import_file(
        user.pk,
        write_dump(tmp_path / "a.json", *["play"] * 12),
        on_progress=lambda row: rows_read.append((row.rows_read, row.bytes_read)),
    )

    assert rows_read == [(5, 5), (10, 10), (12, 12)]
    assert Counts.of(row).stored == 12


def test_only_the_first_refused_rows_are_named_and_all_are_counted(user, tmp_path, monkeypatch):
    monkeypatch.setattr(imports, "MAX_REFUSED", 4)

    row = import_file(user.pk, write_dump(tmp_path / "a.json", *["bad"] * 10))

    assert [refused["place"] for refused in row.refused] == [f"a.json row {number}" for number in range(1, 5)]
    assert Counts.of(row).refused == {"no time": 10}


def test_a_file_that_nobody_knows_is_told_to_be_so_and_stays_repeatable(user, tmp_path):
    path = write_dump(tmp_path / "a.json", "not a dump")
    row = import_file(user.pk, path)

    assert (row.status, row.detail, row.rows_read) == ("failed", "This is no history that we know.", 0)
    assert import_file(user.pk, path).status == "failed"


def test_what_stands_before_the_place_where_a_file_is_damaged_comes_home(user, tmp_path):
    row = import_file(user.pk, write_dump(tmp_path / "a.json", *["play"] * 5, "damage", "play"))

    assert (row.status, row.detail, row.rows_read) == ("failed", "The file is damaged.", 5)
    assert Listen.objects.count() == 5


def test_a_file_that_cannot_be_opened_makes_no_import(user, tmp_path):
    with pytest.raises(FileNotFoundError):
        import_file(user.pk, tmp_path / "nowhere.json")

    assert not HistoryImport.objects.exists()


def test_a_bug_in_reading_keeps_what_is_stored_and_tells_nothing_of_the_file(user, tmp_path, log):
    row = import_file(user.pk, write_dump(tmp_path / "a.json", *["play"] * 3, "secret song"))

    assert (row.status, row.rows_read) == ("reading", 3)
    assert row.detail == "Reading broke off after 3 rows: KeyError."
    assert "KeyError" in log.text
    assert "secret song" not in log.text


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_is_away_counts_against_nobody(user, monkeypatch, error):
    row = upload(user, "play")

    def refuse(*arguments, **more):
        raise error

    monkeypatch.setattr(imports.ingest, "store_all", refuse)
    with pytest.raises(error):
        work_once()
    monkeypatch.undo()

    row.refresh_from_db()
    assert (row.status, row.rows_read, row.failures, row.detail) == ("reading", 0, 0, "")


def test_a_name_that_is_no_text_can_be_shown_all_the_same(user, tmp_path):
    row = import_file(user.pk, write_dump(tmp_path / "caf\udce9.json", "play"))

    row.refresh_from_db()
    assert (row.status, row.name) == ("done", "caf?.json")


def test_progress_is_told_batch_by_batch(user, tmp_path):
    seen = []

    import_file(
        user.pk,
        write_dump(tmp_path / "a.json", *["play"] * 7),
        on_progress=lambda row: seen.append((row.rows_read, row.bytes_read, row.bytes_total)),
    )

    assert seen == [(3, 3, 7), (6, 6, 7), (7, 7, 7)]


def test_who_is_deleted_meanwhile_ends_the_import(user, tmp_path):
    path = write_dump(tmp_path / "a.json", *["play"] * 7)

    assert import_file(user.pk, path, on_progress=lambda row: user.delete() if user.pk else None) is None
    assert not Listen.objects.exists()


def test_an_import_that_is_interrupted_goes_on_where_it_was_left(user, tmp_path):
    path = write_dump(tmp_path / "a.json", *["play"] * 4, "bad", *["play"] * 4)

    def interrupt(row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(user.pk, path, on_progress=interrupt)
    assert Listen.objects.count() == 3
    left = HistoryImport.objects.get()
    assert (left.bytes_before, left.began_at < timezone.now()) == (0, True)

    row = import_file(user.pk, path)

    assert row.bytes_before == left.bytes_read > 0
    assert row.began_at > left.began_at
    counts = Counts.of(row)
    assert (counts.stored, counts.known, counts.refused, row.rows_read) == (8, 0, {"no time": 1}, 9)


def test_whoever_lost_the_row_stores_nothing_more_and_takes_it_up_again(user, tmp_path):
    path = write_dump(tmp_path / "a.json", *["play"] * 7)
    stolen = []

    def steal(row):
        if not stolen:
            stolen.append(Listen.objects.count())
            HistoryImport.objects.update(lease_token="another worker", lease_until=timezone.now())

    row = import_file(user.pk, path, on_progress=steal)

    assert stolen == [3]
    assert (row.status, Counts.of(row).stored, Counts.of(row).known) == ("done", 7, 0)


_KILLED = """
    import os, signal, sys
    import django
    django.setup()
    from pathlib import Path
    from providers.history import deletion, imports
    from tests.history.dump_files import LineDump

    imports.open_dump = LineDump
    imports.BATCH_ROWS = 3
    store_all, batches = imports.ingest.store_all, []

    def store_and_die(*arguments, **more):
        stored = store_all(*arguments, **more)
        batches.append(stored)
        if len(batches) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return stored

    imports.ingest.store_all = store_and_die
    imports.import_file(int(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.django_db(transaction=True)
def test_a_killed_import_loses_nothing_and_counts_nothing_twice(user, tmp_path, settings):
    path = write_dump(tmp_path / "a.json", *["play"] * 20)
    settings.LEASE_SECONDS = 1
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "LEASE_SECONDS": "1"}
    name = connection.settings_dict["NAME"]
    script = textwrap.dedent(_KILLED).replace(
        "django.setup()",
        f"from django.conf import settings; settings.DATABASES['default']['NAME'] = {str(name)!r}; django.setup()",
    )
    killed = subprocess.run(
        [sys.executable, "-c", script, str(user.pk), str(path)], env=environment, capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (HistoryImport.objects.get().rows_read, Listen.objects.count()) == (6, 6)

    row = import_file(user.pk, path)

    assert (row.status, Counts.of(row).stored, Counts.of(row).known) == ("done", 20, 0)
    assert Listen.objects.count() == 20


# --- gaps ---------------------------------------------------------------------------------------------------


def gap(user, since, until, provider_type="spotify"):
    row, _ = Connection.objects.get_or_create(user=user, provider_type=provider_type)
    return HistoryGap.objects.create(
        connection=row,
        since=START + timedelta(minutes=since),
        until=START + timedelta(minutes=until),
        reason=HistoryGap.Reason.choices[0][0],
    )


def test_a_gap_that_the_file_covers_is_closed_also_across_a_resume(user, tmp_path):
    covered, of_another_service, later = gap(user, 2, 7), gap(user, 2, 7, "lastfm"), gap(user, 20, 30)
    path = write_dump(tmp_path / "a.json", *["play"] * 8)

    def interrupt(row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(user.pk, path, on_progress=interrupt)
    covered.refresh_from_db()
    assert covered.closed_at is None
    import_file(user.pk, path)

    for row in (covered, of_another_service, later):
        row.refresh_from_db()
    assert (covered.closed_at is not None, covered.closed_by) == (True, "lines")
    assert of_another_service.closed_at is later.closed_at is None


def test_what_a_person_has_deleted_while_a_file_is_read_does_not_pass_for_known(user, tmp_path):
    path = write_dump(tmp_path / "a.json", *["play"] * 8)
    import_file(user.pk, path)
    again = write_dump(tmp_path / "b.json", *["play"] * 8, "podcast")
    asked = []

    def change_ones_mind(row):
        if not asked:
            asked.append(deletion.request(user.pk, "spotify"))

    row = import_file(user.pk, again, on_progress=change_ones_mind)

    # Of the three rows that were read by then all is gone, as was wished. The rest came home again.
    assert (Counts.of(row).known, Counts.of(row).stored) == (3, 5)
    assert Listen.objects.count() == 5


def test_a_play_dated_in_the_future_covers_nothing(user, tmp_path):
    row = gap(user, 10, 20)

    import_file(user.pk, write_dump(tmp_path / "a.json", "play", "play", "future"))

    row.refresh_from_db()
    assert (row.closed_at, row.since) == (None, START + timedelta(minutes=10))


# --- an upload ----------------------------------------------------------------------------------------------


def test_an_upload_is_read_in_the_background_and_its_copy_deleted(user, settings):
    row = upload(user, "play", "bad")
    assert (row.status, row.name, row.size) == ("waiting", "history.json", 8)
    assert [path.name for path in copies(settings)] == ["history.json"]

    row = work_once()

    assert (row.status, row.due_at, row.file.name, Counts.of(row).stored) == ("done", None, "", 1)
    assert row.refused == [{"place": "history.json row 2", "reason": "no time"}]
    assert copies(settings) == []
    assert list((settings.MEDIA_ROOT / "imports").iterdir()) == []


def test_a_worker_that_shall_stop_does_so_between_batches_and_the_next_goes_on(user):
    upload(user, *["play"] * 8)

    row = work_once(should_stop=lambda: Listen.objects.exists())

    assert (row.status, row.rows_read, Listen.objects.count()) == ("reading", 3, 3)
    assert row.due_at <= timezone.now()
    assert (row.lease_until, row.lease_token) == (None, "")
    row = work_once()
    assert (row.status, Counts.of(row).stored, Counts.of(row).known) == ("done", 8, 0)


def test_a_long_import_gives_others_their_turn(user, monkeypatch):
    upload(user, *["play"] * 8)
    monkeypatch.setattr(imports, "MAX_SECONDS", -1.0)

    row = work_once()

    assert (row.status, row.rows_read) == ("reading", 3)
    assert row.due_at <= timezone.now()
    assert [work_once().rows_read, work_once().rows_read, work_once().status] == [6, 8, "done"]


def test_a_copy_that_vanished_is_an_error_that_the_person_sees(user, settings):
    row = upload(user, "play")
    Path(row.file.path).unlink()

    row = work_once()

    assert (row.status, row.detail) == ("failed", "The file is no longer there. Bring it again.")
    assert (row.due_at, row.file.name) == (None, "")


def test_a_copy_that_cannot_be_read_just_now_is_kept_and_tried_again(user, settings, monkeypatch):
    upload(user, "play")

    def stale(path):
        raise OSError(116, "Stale file handle")

    with monkeypatch.context() as patch:
        patch.setattr(imports, "open_dump", stale)
        row = work_once()
    assert (row.status, row.failures, len(copies(settings))) == ("waiting", 1, 1)
    assert row.due_at > timezone.now()

    HistoryImport.objects.update(due_at=timezone.now())
    assert work_once().status == "done"


def test_a_copy_that_is_no_history_is_deleted(user, settings):
    upload(user, "not a dump")

    row = work_once()

    assert (row.status, row.detail, row.due_at) == ("failed", "This is no history that we know.", None)
    assert copies(settings) == []


def test_what_breaks_off_is_tried_again_later_and_given_up_in_the_end(user, settings, monkeypatch):
    monkeypatch.setattr(imports, "MAX_FAILURES", 3)
    upload(user, "play", "bug")
    later = []
    for _ in range(2):
        row = work_once()
        assert row.status == "reading"
        later.append(row.due_at - timezone.now())
    assert timedelta(minutes=1) < later[0] < later[1]

    row = work_once()

    assert (row.status, row.due_at, row.file.name) == ("failed", None, "")
    assert copies(settings) == []


def test_the_same_file_uploaded_while_it_waits_is_one_copy(user, settings):
    upload(user, "play")
    row = upload(user, "play", name="again.json")

    assert row.name == "history.json"
    assert len(copies(settings)) == 1


def test_a_file_uploaded_again_after_it_was_read_is_read_anew(user):
    upload(user, "play", "bad")
    work_once()

    row = upload(user, "play", "bad", name="again.json")
    assert (row.status, row.name, row.rows_read, row.counts) == ("waiting", "again.json", 0, {})

    row = work_once()
    assert (row.status, Counts.of(row).stored, Counts.of(row).known) == ("done", 0, 1)


def test_a_file_uploaded_again_at_the_moment_it_is_done_with_is_not_lost(user, settings, monkeypatch):
    upload(user, "play")
    delete_copy = HistoryImport.delete_copy

    def delete_copy_and_meet_another(row):
        monkeypatch.setattr(HistoryImport, "delete_copy", delete_copy)
        delete_copy(row)
        upload(user, "play", name="again.json")

    monkeypatch.setattr(HistoryImport, "delete_copy", delete_copy_and_meet_another)

    row = work_once()

    assert (row.status, row.name, len(copies(settings))) == ("waiting", "again.json", 1)
    assert Path(row.file.path).exists()
    assert work_once().status == "done"


def test_an_upload_goes_on_with_what_a_command_left(user, tmp_path):
    def interrupt(row):
        raise KeyboardInterrupt

    rows = ["play"] * 5
    with pytest.raises(KeyboardInterrupt):
        import_file(user.pk, write_dump(tmp_path / "a.json", *rows), on_progress=interrupt)
    assert upload(user, *rows).rows_read == 3

    row = work_once()

    assert (row.status, Counts.of(row).stored, Counts.of(row).known) == ("done", 5, 0)


def test_a_command_that_reads_an_upload_first_deletes_its_copy(user, tmp_path, settings):
    upload(user, "play")

    row = import_file(user.pk, write_dump(tmp_path / "a.json", "play"))

    row.refresh_from_db()
    assert (row.status, row.due_at, row.file.name) == ("done", None, "")
    assert copies(settings) == []


def test_a_worker_that_died_before_it_deleted_the_copy_has_a_successor(user, settings):
    upload(user, "play")
    HistoryImport.objects.update(status="done")

    row = work_once()

    assert (row.status, row.due_at, row.file.name) == ("done", None, "")
    assert copies(settings) == []


def test_who_lost_the_row_leaves_it_to_whoever_has_it(user):
    row = upload(user, "play")
    lease = claim(HistoryImport.objects.all(), row.pk)
    HistoryImport.objects.update(lease_token="another worker")

    work(lease, never)

    row.refresh_from_db()
    assert (row.lease_token, row.status) == ("another worker", "waiting")
    assert not Listen.objects.exists()


def test_with_a_person_go_their_uploads_once_that_is_certain(user, settings, django_capture_on_commit_callbacks):
    upload(user, "play")

    with django_capture_on_commit_callbacks() as callbacks:
        user.delete()
    assert len(copies(settings)) == 1

    (callback,) = callbacks
    callback()
    assert copies(settings) == []


@pytest.mark.parametrize("name", ["???", ".htaccess", "...", "a" * 250 + ".json", "Ünïcödé ☂.json", "-rf"])
def test_an_upload_of_any_name_has_a_copy_in_a_folder_of_its_own(user, settings, name):
    upload(user, "play", name=name)

    (copy,) = copies(settings)

    assert copy.parent.parent == settings.MEDIA_ROOT / "imports"
    assert not copy.name.startswith(".")
    assert work_once().status == "done"
