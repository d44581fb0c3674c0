import errno
import json
import os
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import StopUpload
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from providers.models import HistoryImport, Listen
from providers.views import imports
from tests.conftest import Log
from tests.history.fakes import START

pytestmark = pytest.mark.usefixtures("services")

PAGE = "/history/import/"


@pytest.fixture(autouse=True)
def uploads(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = str(tmp_path)
    return tmp_path


def copies(uploads: Path) -> list[Path]:
    return [path for path in uploads.rglob("*") if path.is_file()]


def upload(visitor: Client, *texts: str, name: str = "history.json") -> str:
    files = [SimpleUploadedFile(name, text.encode()) for text in texts]
    response = visitor.post(PAGE, {"uploads": files}, follow=True)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def page(visitor: Client) -> str:
    return " ".join(visitor.get(PAGE).content.decode().split())


def an_import(user: User, **fields: object) -> HistoryImport:
    return HistoryImport.objects.create(**{"user": user, "name": "a.json", "digest": "1", "size": 2048, **fields})


def test_an_uploaded_file_waits_in_a_private_place_to_be_read(visitor: Client, user: User, uploads: Path) -> None:
    html = upload(visitor, "one")

    row = HistoryImport.objects.get()
    assert (row.user, row.name, row.size, row.status) == (user, "history.json", 3, "waiting")
    assert row.due_at is not None
    (copy,) = copies(uploads)
    assert copy.read_text() == "one"
    assert copy.stat().st_mode & 0o077 == copy.parent.stat().st_mode & 0o077 == 0
    assert "The file is here and waits to be read." in html
    assert "It is read in the background, and you need not wait here." in html
    assert "See how far it is now" in html


def test_several_files_are_taken_at_once(visitor: Client) -> None:
    assert "2 files are here and wait to be read." in upload(visitor, "one", "two")
    assert HistoryImport.objects.count() == 2


@pytest.mark.parametrize("name", ["a." + "b" * 200, "a" * 90 + "." + "b" * 60, "." + "x" * 200, "日" * 200 + ".json"])
def test_a_name_may_be_of_any_length(visitor: Client, uploads: Path, name: str) -> None:
    assert "The file is here and waits to be read." in upload(visitor, "one", name=name)

    (copy,) = copies(uploads)
    assert copy.name.endswith(name[-40:])


def test_a_copy_that_does_not_fit_on_the_disk_is_told_and_leaves_nothing_behind(
    visitor: Client, uploads: Path, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    def save_a_part(storage: FileSystemStorage, name: str, content: object) -> str:
        path = Path(storage.path(name))
        path.parent.mkdir(parents=True)
        path.write_text("a part")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(FileSystemStorage, "_save", save_a_part)

    html = upload(visitor, "one")

    assert "There is no room here for a file just now." in html
    assert copies(uploads) == list((uploads / "imports").iterdir()) == []
    assert HistoryImport.objects.get().due_at is None
    assert "No space left on device" in log.text
    assert "history.json" not in log.text


def test_nobody_can_fetch_a_copy_from_the_site(visitor: Client, uploads: Path) -> None:
    upload(visitor, "one")

    name = HistoryImport.objects.get().file.name
    for address in (f"/{name}", f"/media/{name}", f"/uploads/{name}", f"/static/{name}"):
        assert visitor.get(address).status_code == 404


@pytest.mark.parametrize(
    ("files", "says"),
    [([], "Choose a file first."), ([SimpleUploadedFile("a.json", b"")], "There is nothing in one of these files.")],
)
def test_a_form_without_a_file_says_what_is_missing(
    visitor: Client, files: list[SimpleUploadedFile], says: str
) -> None:
    html = visitor.post(PAGE, {"uploads": files}).content.decode()

    assert says in html
    assert not HistoryImport.objects.exists()


def test_files_that_are_too_large_are_dropped_and_the_person_is_told(
    visitor: Client, uploads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "MAX_UPLOAD_BYTES", 10)
    files = [SimpleUploadedFile(name, b"x" * 8) for name in ("a.json", "b.json")]

    html = visitor.post(PAGE, {"uploads": files}).content.decode()

    assert "These files are too large." in html
    assert "Choose a file first." not in html
    assert not HistoryImport.objects.exists()
    assert copies(uploads) == []


def test_what_is_too_much_of_a_form_is_read_and_not_kept(rf: RequestFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "MAX_UPLOAD_BYTES", 10)
    limit = imports.UploadLimit(rf.post(PAGE))
    assert limit.receive_data_chunk(b"x" * 10, 0) == b"x" * 10

    with pytest.raises(StopUpload) as stop:
        limit.receive_data_chunk(b"x", 10)

    # A browser whose connection is reset shows no answer.
    assert not stop.value.connection_reset


def test_a_forged_form_is_refused(user: User, uploads: Path) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)

    forged = browser.post(PAGE, {"uploads": SimpleUploadedFile("a.json", b"one")})
    assert forged.status_code == 403
    assert not HistoryImport.objects.exists()

    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get(PAGE).content.decode())
    assert token
    files = {"csrfmiddlewaretoken": token[1], "uploads": SimpleUploadedFile("a.json", b"one")}
    assert browser.post(PAGE, files).status_code == 303


@pytest.mark.django_db
@pytest.mark.parametrize("address", [PAGE, "/history/export/csv/"])
def test_who_is_not_signed_in_is_asked_to(client: Client, address: str) -> None:
    assert client.get(address).headers["Location"].startswith("/accounts/login/")
    assert client.post(PAGE, {"uploads": SimpleUploadedFile("a.json", b"one")}).status_code == 302
    assert not HistoryImport.objects.exists()


def test_a_file_that_was_imported_before_is_shown_as_waiting_again(visitor: Client, user: User) -> None:
    upload(visitor, "one")
    HistoryImport.objects.update(status="done", file="", due_at=None, counts={"stored": 7}, finished_at=timezone.now())

    html = upload(visitor, "one", name="again.json")

    row = HistoryImport.objects.get()
    assert (row.status, row.counts, row.name) == ("waiting", {}, "again.json")
    assert "Waiting" in html
    assert "Done" not in html


def test_a_finished_import_accounts_for_every_row(visitor: Client, user: User) -> None:
    an_import(
        user,
        status="done",
        format="musicbridge-csv",
        rows_read=1240,
        counts={
            "stored": 1234,
            "known": 2,
            "left_out": {"podcast": 1},
            "refused": {"no date": 102},
            "noted": {"private session": 4},
        },
        refused=[{"place": f"a.json row {number}", "reason": "no date <b>"} for number in range(100)],
        finished_at=START,
    )

    html = page(visitor)

    for words in (
        "<dt>Listens stored</dt><dd>1,234</dd>",
        "<dt>Known already</dt><dd>2</dd>",
        "<dt>Of these: private session</dt><dd>4</dd>",
        "<dt>Left out: podcast</dt><dd>1</dd>",
        "<dt>Not understood: no date</dt><dd>102</dd>",
        "<bdi>a.json row 99</bdi>: no date &lt;b&gt;",
        "and 2 more",
        "musicbridge export (CSV), 2.0",
        "finished",
    ):
        assert words in html
    assert "See how far it is now" not in html


def test_an_import_that_is_being_read_shows_how_far_it_is_and_how_long_it_takes(visitor: Client, user: User) -> None:
    an_import(
        user,
        status="reading",
        rows_read=12_345,
        bytes_before=12,
        bytes_read=42,
        bytes_total=102,
        began_at=timezone.now() - timedelta(minutes=2),
        file="imports/x/a.json",
        lease_until=timezone.now() + timedelta(minutes=1),
    )

    html = page(visitor)

    assert "Being read" in html
    assert '<progress max="100" value="41"' in html
    # 30 bytes in two minutes, 60 to go.
    assert "41 % of the file, 12,345 rows, about 4 minutes left" in html
    assert 'hx-trigger="every 2s"' in html


@pytest.mark.parametrize("is_over", [True, False])
def test_a_page_that_looks_how_far_imports_are_is_loaded_as_a_whole_when_they_are_done(
    visitor: Client, user: User, is_over: bool
) -> None:
    an_import(user, file="imports/x/a.json", due_at=timezone.now(), status="done" if is_over else "waiting")
    polled = visitor.get("/history/import/", headers={"HX-Request": "true"})
    assert ("HX-Refresh" in polled.headers) is is_over
    assert "HX-Refresh" not in visitor.get("/history/import/").headers


def test_an_import_that_nobody_reads_says_what_it_takes(visitor: Client, user: User) -> None:
    an_import(user, file="imports/x/a.json", due_at=timezone.now() - timedelta(minutes=10))

    assert "(<code>fetch_history --watch</code>) is not running" in page(visitor)


def test_an_import_that_waits_for_another_try_says_when_and_why(visitor: Client, user: User) -> None:
    an_import(
        user,
        status="reading",
        file="imports/x/a.json",
        detail="Reading broke off after 3 rows: OperationalError.",
        due_at=timezone.now() + timedelta(minutes=2),
    )

    html = page(visitor)

    assert "Reading broke off after 3 rows: OperationalError. It is tried again at" in html
    assert "is not running" not in html


def test_an_import_of_a_command_that_was_interrupted_asks_for_the_file(visitor: Client, user: User) -> None:
    an_import(user, status="reading", rows_read=3, due_at=None)

    html = page(visitor)

    assert "Broke off" in html
    assert "Bring it once more: it goes on where it was left." in html


def test_a_file_that_could_not_be_read_says_why(visitor: Client, user: User) -> None:
    an_import(user, status="failed", detail="This is no history that we know.", due_at=None, finished_at=START)

    html = page(visitor)

    assert "This is no history that we know." in html
    assert "What comes before that place is home." not in html


def test_other_peoples_imports_are_not_shown(visitor: Client) -> None:
    an_import(get_user_model().objects.create_user("bo"), name="secret.json")

    assert "secret.json" not in page(visitor)


def test_the_page_costs_three_queries_however_many_imports_there_are(
    visitor: Client, user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(imports.MAX_SHOWN + 5):
        an_import(user, digest=str(number))
    with django_assert_num_queries(4):  # session, person, imports, links in danger
        html = page(visitor)
    assert html.count("<article") == imports.MAX_SHOWN


def test_the_page_says_what_can_be_read(visitor: Client) -> None:
    assert "<li>ListenBrainz export</li>" in page(visitor)


def test_the_history_leads_to_the_page(visitor: Client) -> None:
    assert f'href="{PAGE}"' in visitor.get("/history/").content.decode()


# --- export -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "content_type"), [("jsonl", "application/x-ndjson"), ("csv", "text/csv")])
def test_a_person_takes_their_own_history_with_them(visitor: Client, user: User, kind: str, content_type: str) -> None:
    other = get_user_model().objects.create_user("bo")
    for person, name in ((user, "Mine"), (other, "Theirs")):
        Listen.objects.create(user=person, provider_type="spotify", name=name, played_at=START)

    response = visitor.get(f"/history/export/{kind}/")

    assert response.streaming
    assert response.headers["Content-Type"].startswith(content_type)
    assert re.fullmatch(rf'attachment; filename="listens-[\d-]+\.{kind}"', response.headers["Content-Disposition"])
    assert response.headers["Cache-Control"] == "private, no-store"
    text = response.getvalue().decode()
    assert "Mine" in text
    assert "Theirs" not in text


def test_what_is_downloaded_is_what_listenbrainz_has(visitor: Client, user: User) -> None:
    Listen.objects.create(user=user, provider_type="spotify", name="Mine", artist="Ana", played_at=START)

    (line,) = visitor.get("/history/export/jsonl/").getvalue().splitlines()

    listen = json.loads(line)
    assert listen["listened_at"] == START.timestamp()
    assert listen["track_metadata"]["track_name"] == "Mine"


def test_a_form_there_is_not_is_not_found(visitor: Client) -> None:
    assert visitor.get("/history/export/xml/").status_code == 404
