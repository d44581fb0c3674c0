"""The page where people bring their histories as files, and take theirs with them."""

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.contrib import messages
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from providers.forms import ImportForm
from providers.history.dumps.reading import SHAPES
from providers.history.export import ExportFormat, export
from providers.history.imports import Counts, enqueue
from providers.models import HistoryImport
from providers.views.access import SeeOther, personal, shown_anew_when_over
from providers.views.progress import Progress
from providers.waiting import is_held, is_neglected

logger = logging.getLogger(__name__)

MAX_UPLOAD_BYTES = 2**30
"""How large the files of one form may be together. On the server itself `import_history` takes any size."""

MAX_SHOWN = 50
"""How many of the person's imports are shown, the latest ones."""

LABELS = {shape.format: shape.label for shape in SHAPES}
"""What people call the kinds of file that can be read, by `HistoryImport.format`."""

_CONTENT_TYPES = {ExportFormat.JSONL: "application/x-ndjson", ExportFormat.CSV: "text/csv; charset=utf-8"}


class State(StrEnum):
    """Where an import stands, for the person whose it is."""

    WAITING = "waiting"
    READING = "reading"
    BROKEN_OFF = "broken_off"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ShownImport:
    """One import, and what there is to say about it."""

    row: HistoryImport
    counts: dict[str, Any]

    @property
    def state(self) -> State:
        """The one state that matters most."""
        if self.row.is_finished:
            return State(self.row.status)
        if is_held(self.row):
            return State.READING
        # Without a copy on the site nobody goes on by himself.
        return State.WAITING if self.row.file.name else State.BROKEN_OFF

    @property
    def is_under_way(self) -> bool:
        """Whether it is read now, or will be: what is shown changes by itself."""
        return self.state in (State.WAITING, State.READING)

    @property
    def label(self) -> str:
        """What kind of file it is; empty where that is not known."""
        return LABELS.get(self.row.format, "")

    @property
    def is_neglected(self) -> bool:
        """Whether it waits for so long that there may be nobody to read it."""
        return is_neglected(self.row)

    @property
    def progress(self) -> Progress | None:
        """How much of the file is read; None as long as nothing is."""
        row = self.row
        if row.began_at is None or not row.bytes_total:
            return None
        return Progress(done=row.bytes_read, total=row.bytes_total, began_at=row.began_at, done_before=row.bytes_before)

    @property
    def refused_beyond_named(self) -> int:
        """How many rows were not understood besides those that are named."""
        refused: int = sum(self.counts["refused"].values())
        return refused - len(self.row.refused)


class UploadLimit(FileUploadHandler):
    """Takes no more of a form than `MAX_UPLOAD_BYTES`. The rest is read and dropped: so the person gets an answer."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.is_exceeded = False
        self._left = MAX_UPLOAD_BYTES

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Pass a piece of a file on."""
        self._left -= len(raw_data)
        if self._left < 0:
            self.is_exceeded = True
            raise StopUpload
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Leave what is made of the file to the handlers that follow."""


# Exempt until the limit stands: to check a form for forgery is to read it to its end.
@csrf_exempt
@personal
@require_http_methods(["GET", "HEAD", "POST"])
def import_history(request: HttpRequest) -> HttpResponse:
    """Show the person's imports; take files that are to be read in the background."""
    limit = UploadLimit(request)
    request.upload_handlers.insert(0, limit)
    return _import_history(request, limit)


@csrf_protect
def _import_history(request: HttpRequest, limit: UploadLimit) -> HttpResponse:
    user_id: Any = request.user.pk
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    if limit.is_exceeded:
        form.errors["uploads"] = form.error_class([_("These files are too large. Bring them one by one, or in parts.")])
    elif form.is_valid():
        files = form.cleaned_data["uploads"]
        try:
            for file in files:
                enqueue(user_id, file)
        except OSError as error:
            logger.error("No copy of a file that was brought can be kept: %s", error.strerror or type(error).__name__)
            form.add_error(
                "uploads", _("There is no room here for a file just now. Tell who runs this site, and try later.")
            )
        else:
            text = ngettext(
                "The file is here and waits to be read.", "%(count)s files are here and wait to be read.", len(files)
            )
            messages.success(request, text % {"count": len(files)}, fail_silently=True)
            return SeeOther(reverse("providers:import_history"))
    imports = _imports_of(user_id)
    under_way = [shown for shown in imports if shown.is_under_way]
    context = {
        "form": form,
        "max_bytes": MAX_UPLOAD_BYTES,
        "known_labels": LABELS.values(),
        "imports": imports,
        "under_way": under_way,
        "is_neglected": any(shown.is_neglected for shown in under_way),
    }
    response = render(request, "providers/import_history.html", context)
    return shown_anew_when_over(request, response, is_over=not under_way)


def _imports_of(user_id: int) -> list[ShownImport]:
    rows = HistoryImport.objects.filter(user=user_id)
    rows = rows.order_by(F("finished_at").desc(nulls_first=True), "-created_at", "-pk")
    return [ShownImport(row, Counts.of(row).as_json()) for row in rows[:MAX_SHOWN]]


@personal
@require_safe
def export_history(request: HttpRequest, export_format: str) -> HttpResponseBase:
    """Send the person's whole history as a file, while it is read."""
    if export_format not in list(ExportFormat):
        raise Http404
    user_id: Any = request.user.pk
    kind = ExportFormat(export_format)
    filename = f"listens-{timezone.now():%Y-%m-%d}.{kind}"
    response = StreamingHttpResponse(export(user_id, kind), content_type=_CONTENT_TYPES[kind])
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=filename)
    return response
