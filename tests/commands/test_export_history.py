import csv
import os
import subprocess
import sys
import textwrap
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from providers.models import Listen
from tests.history.fakes import START

pytestmark = pytest.mark.django_db


def run(*arguments, **options):
    out = StringIO()
    call_command("export_history", *arguments, stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def _listens(user, django_user_model):
    for person in (user, django_user_model.objects.create_user("bo")):
        Listen.objects.create(
            user=person, provider_type="spotify", name=f"One of {person}", artist="two\r\nlines", played_at=START
        )


@pytest.mark.usefixtures("_listens")
def test_one_persons_listens_are_written_to_stdout():
    (line,) = run(user="ada", format="jsonl").splitlines()

    assert '"track_name":"One of ada"' in line


@pytest.mark.usefixtures("_listens")
def test_csv_is_a_table_with_a_header():
    header, row = csv.reader(StringIO(run(user="ada", format="csv"), newline=""))

    assert dict(zip(header, row, strict=True))["artist"] == "two\r\nlines"


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
@pytest.mark.usefixtures("_listens")
def test_what_is_exported_can_be_imported(user, tmp_path, kind):
    path = tmp_path / "export"
    path.write_bytes(run(user="ada", format=kind).encode())
    before = list(Listen.objects.filter(user=user).values_list("name", "artist", "played_at"))
    Listen.objects.filter(user=user).delete()

    call_command("import_history", str(path), user="ada", stdout=StringIO())

    assert list(Listen.objects.filter(user=user).values_list("name", "artist", "played_at")) == before


_EXPORT = """
    from django.conf import settings
    settings.DATABASES["default"]["NAME"] = {database!r}
    from django.core.management import execute_from_command_line
    execute_from_command_line(["manage.py", "export_history", "--user", "ada", "--format", "csv"])
"""


@pytest.mark.django_db(transaction=True)
def test_a_file_is_utf_8_whatever_the_terminal_speaks(user):
    Listen.objects.create(user=user, provider_type="spotify", name="Jóga ☂", played_at=START)
    script = textwrap.dedent(_EXPORT).format(database=str(connection.settings_dict["NAME"]))
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONIOENCODING": "latin-1"}

    written = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True).stdout

    assert "Jóga ☂".encode() in written


@pytest.mark.django_db(transaction=True)
def test_who_reads_only_the_beginning_gets_it_and_no_complaint(user):
    Listen.objects.bulk_create(
        Listen(user=user, provider_type="spotify", name="x" * 500, played_at=START, fingerprint=number)
        for number in range(2000)
    )
    script = textwrap.dedent(_EXPORT).format(database=str(connection.settings_dict["NAME"]))
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}

    with subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline().startswith(b"played_at")
        process.stdout.close()
        assert b"Broken" not in process.stderr.read()
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--user", "nobody", "--format", "csv"], "There is no person 'nobody'"),
        (["--user", "ada", "--format", "xml"], "invalid choice: 'xml'"),
        (["--user", "ada"], "the following arguments are required: --format"),
        (["--format", "csv"], "the following arguments are required: --user"),
    ],
)
def test_wrong_usage_is_one_clear_line(user, arguments, message):
    with pytest.raises(CommandError, match=message) as failure:
        run(*arguments)

    assert "\n" not in str(failure.value)
