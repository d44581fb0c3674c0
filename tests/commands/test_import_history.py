import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from providers.datatypes import Track
from providers.history import imports
from providers.history.dumps import Play
from providers.history.dumps.own import as_json_lines
from providers.models import HistoryImport, Listen
from tests.history.dump_files import LineDump, write_dump
from tests.history.fakes import START

pytestmark = pytest.mark.django_db


@pytest.fixture
def _line_dumps(monkeypatch):
    monkeypatch.setattr(imports, "open_dump", LineDump)


def run(*arguments, **options):
    out = StringIO()
    call_command("import_history", *map(str, arguments), stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def export_file(tmp_path):
    plays = [
        Play("spotify", "api", Track(id="", name=f"Track {number}", artist="Ana", played_at=START + timedelta(number)))
        for number in range(3)
    ]
    path = tmp_path / "export.jsonl"
    path.write_bytes(as_json_lines(plays, str))
    return path


def test_a_real_file_comes_home(user, export_file):
    assert run(export_file, user="ada") == f"{export_file}: 3 stored, 0 known already\n"
    assert Listen.objects.filter(user=user, provider_type="spotify").count() == 3
    assert run(export_file, user="ada") == f"{export_file}: 0 stored, 3 known already\n"


def test_what_another_source_told_already_is_linked_to_it(user, export_file):
    Listen.objects.create(
        user=user, provider_type="navidrome", name="Track 1", artist="Ana", played_at=START + timedelta(1)
    )

    run(export_file, user="ada")

    assert Listen.objects.filter(duplicate_of__isnull=False).count() == 1


@pytest.mark.usefixtures("_line_dumps")
def test_it_says_per_file_what_became_of_every_row(user, tmp_path):
    first = write_dump(tmp_path / "a.json", "play", "skip", "skip", "bad", "quiet", "again")
    second = write_dump(tmp_path / "b.json", "play", "play")

    assert run(first, second, user="ada").splitlines() == [
        f"{first}: 2 stored, 1 known already",
        "  Left out, skipped: 2",
        "  Noted, private session: 1",
        "  Refused, no time: 1",
        "  a.json row 4: no time",
        f"{second}: 1 stored, 1 known already",
    ]


@pytest.mark.usefixtures("_line_dumps")
def test_json_holds_the_same_for_programs(user, tmp_path):
    path = write_dump(tmp_path / "a.json", "play", "skip", "bad", "quiet")

    assert json.loads(run(path, "--json", user="ada")) == [
        {
            "file": str(path),
            "status": "done",
            "detail": "",
            "format": "lines",
            "rows": 4,
            "stored": 2,
            "known": 0,
            "left_out": {"skipped": 1},
            "refused": {"no time": 1},
            "noted": {"private session": 1},
            "refused_rows": [{"place": "a.json row 3", "reason": "no time"}],
        }
    ]


@pytest.mark.usefixtures("_line_dumps")
def test_a_file_that_fails_does_not_stop_the_others(user, tmp_path):
    paths = [
        tmp_path / "nowhere.json",
        tmp_path,
        write_dump(tmp_path / "wrong.json", "not a dump"),
        write_dump(tmp_path / "damaged.json", "play", "damage"),
        write_dump(tmp_path / "bug.json", "play", "play", "bug"),
        write_dump(tmp_path / "good.json", *["play"] * 3),
    ]
    out = StringIO()

    with pytest.raises(CommandError, match="5 of 6 files could not be imported") as failure:
        call_command("import_history", *map(str, paths), user="ada", stdout=out)

    assert failure.value.returncode == 1
    assert out.getvalue().splitlines() == [
        f"{paths[0]}: failed. No such file or directory.",
        f"{paths[1]}: failed. Is a directory.",
        f"{paths[2]}: 0 stored, 0 known already, failed. This is no history that we know.",
        f"{paths[3]}: 1 stored, 0 known already, failed. The file is damaged.",
        f"{paths[4]}: 1 stored, 1 known already, failed. Reading broke off after 2 rows: KeyError.",
        f"{paths[5]}: 1 stored, 2 known already",
    ]


@pytest.mark.usefixtures("_line_dumps")
def test_json_tells_failures_as_well(user, tmp_path):
    out = StringIO()

    with pytest.raises(CommandError):
        call_command("import_history", str(tmp_path / "nowhere.json"), user="ada", json=True, stdout=out)

    assert json.loads(out.getvalue()) == [
        {"file": str(tmp_path / "nowhere.json"), "status": "failed", "detail": "No such file or directory."}
    ]


def test_a_database_that_is_away_is_told_in_one_line(user, export_file, monkeypatch):
    def refuse(*arguments, **more):
        raise OperationalError("secret song")

    monkeypatch.setattr(imports.ingest, "store_all", refuse)
    out = StringIO()

    with pytest.raises(CommandError, match="1 of 1 files"):
        call_command("import_history", str(export_file), user="ada", stdout=out)

    assert out.getvalue() == (
        f"{export_file}: failed. The database refused: OperationalError. What is stored stays; import it again.\n"
    )


def test_a_file_whose_name_is_no_text_is_told_all_the_same(user, tmp_path, export_file):
    path = export_file.rename(tmp_path / "caf\udce9.jsonl")

    assert run(path, user="ada") == f"{tmp_path}/caf?.jsonl: 3 stored, 0 known already\n"


def test_an_import_by_command_is_not_left_for_the_background(user, export_file):
    run(export_file, user="ada")

    row = HistoryImport.objects.get()
    assert (row.status, row.due_at, row.file.name) == ("done", None, "")


def test_who_is_not_known_is_wrong_usage(db, export_file):
    with pytest.raises(CommandError, match="There is no person 'nobody'") as failure:
        run(export_file, user="nobody")

    assert failure.value.returncode == 2


@pytest.mark.parametrize("arguments", [["--user", "ada"], ["a.json"]])
def test_wrong_usage_is_one_clear_line(user, arguments):
    with pytest.raises(CommandError, match="the following arguments are required") as failure:
        run(*arguments)

    assert "\n" not in str(failure.value)


def test_where_stderr_is_no_terminal_nothing_is_said_there(user, export_file, capsys):
    run(export_file, user="ada")

    assert capsys.readouterr().err == ""


class Terminal(StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_a_bar_shows_how_far_it_is_and_leaves_the_results_readable(user, export_file, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")

    call_command("import_history", str(export_file), user="ada", stdout=terminal)

    assert "export.jsonl: 3 rows" in terminal.getvalue()
    assert f"\x1b[2K{export_file}: 3 stored, 0 known already\n" in terminal.getvalue()
