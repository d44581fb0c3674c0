"""A file of listens comes home: read a batch at a time, and stored together with the place where to go on.

A reader that dies at any moment loses nothing: the next one skips the rows that are dealt with. A file that was
finished and is brought again is read wholly anew, which finds every listen known.
"""

import hashlib
import logging
import math
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from providers.datatypes import Track
from providers.history import deletion, gaps, ingest
from providers.history.dumps import Dump, DumpError, LeftOut, Play, Row, open_dump
from providers.models import HistoryImport
from providers.models.imports import upload_path
from providers.scheduling import Lease, LeaseLostError, claim, jittered

logger = logging.getLogger(__name__)

BATCH_ROWS = 5_000
"""How many rows are stored at once: few enough that whoever else wants to write waits for a moment only."""

BATCH_BYTES = 16 * 2**20
"""How many bytes of the file are stored at once, about. Five thousand rows that anybody heard have less."""

MAX_SECONDS = 60.0
"""How long `work` reads on before others have their turn."""

MAX_REFUSED = 100
"""How many of the rows that were not understood are named; all of them are counted."""

MAX_FAILURES = 5
"""How often in a row reading may break off for a reason that may pass, before it is given up."""


@dataclass(slots=True)
class Counts:
    """What became of the rows of a file.

    `known` were stored before. `left_out` and `refused` count by reason; `noted` what is worth knowing of plays that
    are stored or known.
    """

    stored: int = 0
    known: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, row: HistoryImport) -> "Counts":
        """Return the counts of an import, so far."""
        numbers = (row.counts.get(name, 0) for name in ("stored", "known"))
        reasons = (Counter(row.counts.get(name)) for name in ("left_out", "refused", "noted"))
        return cls(*numbers, *reasons)

    def as_json(self) -> dict[str, Any]:
        """Return the counts as `HistoryImport.counts` keeps them."""
        reasons = {"left_out": self.left_out, "refused": self.refused, "noted": self.noted}
        return {"stored": self.stored, "known": self.known, **{name: dict(counts) for name, counts in reasons.items()}}


def digest_of(chunks: Iterable[bytes]) -> str:
    """Return what a file is told by: its SHA-256."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


BEGINNING: dict[str, Any] = {
    "status": HistoryImport.Status.WAITING,
    "detail": "",
    "rows_read": 0,
    "bytes_read": 0,
    "bytes_total": 0,
    "counts": {},
    "refused": [],
    "spans": {},
    "finished_at": None,
}
"""What an import is like before anything of its file is read."""


def import_file(
    user_id: int, path: Path, *, on_progress: Callable[[HistoryImport], None] = lambda row: None
) -> HistoryImport | None:
    """Read a person's file to its end, waiting while another reads it, and return how that went.

    None where the person was deleted meanwhile. Raises `OSError` where the file cannot be opened, and
    `django.db.Error` where the database is away: what is stored by then stays.
    """
    with path.open("rb") as file:
        digest = digest_of(iter(lambda: file.read(1 << 20), b""))
        size = file.tell()
    name = path.name.encode("utf-8", "replace").decode()[:255]
    row, _ = HistoryImport.objects.get_or_create(
        user_id=user_id, digest=digest, defaults={"name": name, "size": size, "due_at": None}
    )
    while (lease := claim(HistoryImport.objects.all(), row.pk)) is not None:
        try:
            if lease.row.is_finished:
                lease.update(**BEGINNING)
            with lease.renewed():
                _attempt(lease, path, on_progress=on_progress)
            _delete_copy_if_finished(lease.row)
            return lease.row
        except LeaseLostError:
            continue
        finally:
            lease.release(due_at=None if lease.row.is_finished else lease.row.due_at)
    return None


def enqueue(user_id: int, upload: "UploadedFile[Any]") -> None:
    """Keep a copy of an uploaded file and have it read in the background, once more where it was read before.

    Raises `OSError` where no copy can be kept, and leaves none of it behind.
    """
    digest = digest_of(upload.chunks())
    name = upload.name or ""
    row, _ = HistoryImport.objects.get_or_create(
        user_id=user_id, digest=digest, defaults={"name": name, "size": upload.size or 0, "due_at": None}
    )
    if row.is_finished:
        row.delete_copy()
    elif row.file.name:
        return
    _keep_copy(row, name, upload)
    copy = {"file": row.file.name, "name": name, "due_at": timezone.now(), "failures": 0}
    same = HistoryImport.objects.filter(pk=row.pk)
    # An import that a command began goes on where it was left.
    if not (
        same.filter(status__in=HistoryImport.FINISHED).update(**BEGINNING, **copy)
        or same.filter(file="").update(**copy)
    ):
        # The same file arrived twice at once, and the other copy is the one that waits.
        row.delete_copy()


def _keep_copy(row: HistoryImport, name: str, upload: "UploadedFile[Any]") -> None:
    row.file.name = upload_path(row, name)
    try:
        row.file.name = row.file.storage.save(row.file.name, upload)
    except OSError:
        # A part of it would help to keep the disk full.
        with suppress(OSError):
            row.delete_copy()
        raise


def work(lease: Lease[HistoryImport], should_stop: Callable[[], bool]) -> None:
    """Read some of a file that was uploaded, for `MAX_SECONDS` at most, and give the row back.

    A copy that is read to its end, or that never will be, is deleted. Never raises for what a file does, but
    `django.db.Error` where the database is away. Whoever calls this keeps the lease alive.
    """
    row = lease.row
    try:
        if row.is_finished or _attempt(lease, None, should_stop=should_stop, max_seconds=MAX_SECONDS):
            failures = 0
        else:
            failures = row.failures + 1
            if failures >= MAX_FAILURES:
                lease.update(status=HistoryImport.Status.FAILED, finished_at=timezone.now())
        _delete_copy_if_finished(row)
    except LeaseLostError:
        return
    delay = jittered(timedelta(minutes=2**failures)) if failures else timedelta()
    lease.release(due_at=None if row.is_finished else timezone.now() + delay, failures=failures)


def _delete_copy_if_finished(row: HistoryImport) -> None:
    if row.is_finished and row.file.name:
        row.delete_copy()
        # Not by the lease: if the same file was uploaded again meanwhile, the row has another copy now.
        HistoryImport.objects.filter(pk=row.pk, file=row.file.name).update(file="")


def _attempt(
    lease: Lease[HistoryImport],
    path: Path | None,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    max_seconds: float = math.inf,
    on_progress: Callable[[HistoryImport], None] = lambda row: None,
) -> bool:
    """Read on, from `path` or the copy on the site; False where that broke off for a reason that may pass."""
    row = lease.row
    try:
        _read(lease, path or Path(row.file.path), should_stop, max_seconds, on_progress)
    except (LeaseLostError, InterfaceError, OperationalError):
        raise
    except (DumpError, FileNotFoundError) as error:
        lease.update(status=HistoryImport.Status.FAILED, detail=_explained(error), finished_at=timezone.now())
    except Exception as error:  # noqa: BLE001, one file's trouble must not stop the others
        # Where it happened, but not what it says: that may quote what somebody listened to.
        logger.error(
            "%s broke off: %s\n%s", row, type(error).__name__, "".join(traceback.format_tb(error.__traceback__))
        )
        lease.update(detail=f"Reading broke off after {row.rows_read} rows: {type(error).__name__}.")
        return False
    return True


def _explained(error: DumpError | FileNotFoundError) -> str:
    return str(error) if isinstance(error, DumpError) else "The file is no longer there. Bring it again."


def _read(
    lease: Lease[HistoryImport],
    path: Path,
    should_stop: Callable[[], bool],
    max_seconds: float,
    on_progress: Callable[[HistoryImport], None],
) -> None:
    row = lease.row
    with open_dump(path) as dump:
        lease.update(
            status=HistoryImport.Status.READING,
            format=dump.format,
            bytes_total=dump.bytes_total,
            bytes_before=row.bytes_read,
            began_at=timezone.now(),
            detail="",
        )
        rows = dump.iter_rows()
        for start in range(0, row.rows_read, BATCH_ROWS):
            if should_stop():
                return
            _skip(rows, min(BATCH_ROWS, row.rows_read - start))
        # Only from here on, or a file that takes long to skip would never come to its end.
        stop_at = time.monotonic() + max_seconds
        for batch in _batches(rows, dump):
            # What is about to go would pass for known, and be lost.
            if not deletion.finish(deletion.pending(row.user_id), should_stop):
                return
            _take(lease, batch, dump)
            on_progress(row)
            if should_stop() or time.monotonic() > stop_at:
                return
        _finish(lease)


def _skip(rows: Iterator[Row], count: int) -> None:
    for _ in islice(rows, count):
        pass


def _batches(rows: Iterator[Row], dump: Dump) -> Iterator[list[Row]]:
    """Yield the rows in batches. Those before the place where reading breaks off are a batch as well."""
    while True:
        batch: list[Row] = []
        max_bytes_read = dump.bytes_read + BATCH_BYTES
        try:
            for row in rows:
                batch.append(row)
                if len(batch) >= BATCH_ROWS or dump.bytes_read >= max_bytes_read:
                    break
        except Exception:
            yield batch
            raise
        if not batch:
            return
        yield batch


def _take(lease: Lease[HistoryImport], batch: list[Row], dump: Dump) -> None:
    """Store a batch, and in the same transaction that it is dealt with."""
    row = lease.row
    counts, refused, spans = Counts.of(row), list(row.refused), dict(row.spans)
    plays: dict[tuple[str, str], list[Track]] = defaultdict(list)
    for item in batch:
        if isinstance(item, Play):
            provider_type, source, track, note = item
            plays[provider_type, source].append(track)
            if note:
                counts.noted[note] += 1
        elif isinstance(item, LeftOut):
            counts.left_out[item.reason] += 1
        else:
            counts.refused[item.reason] += 1
            if len(refused) < MAX_REFUSED:
                refused.append({"place": item.place, "reason": item.reason})
    with transaction.atomic():
        stored = sum(ingest.store_all(row.user_id, plays).values())
        counts.stored += stored
        counts.known += sum(map(len, plays.values())) - stored
        # Our own export has the gaps that we have.
        if not dump.has_own:
            for (provider_type, _), tracks in plays.items():
                spans[provider_type] = _widened(spans.get(provider_type, []), tracks)
        lease.update(
            rows_read=row.rows_read + len(batch),
            bytes_read=dump.bytes_read,
            counts=counts.as_json(),
            refused=refused,
            spans=spans,
        )


def _widened(span: list[str], tracks: list[Track]) -> list[str]:
    """Return the first and the last moment of a span and these plays; what is dated in the future covers nothing."""
    now = timezone.now()
    moments = [track.played_at for track in tracks if track.played_at is not None and track.played_at <= now]
    moments += map(datetime.fromisoformat, span)
    return [min(moments).isoformat(), max(moments).isoformat()] if moments else []


def _finish(lease: Lease[HistoryImport]) -> None:
    row = lease.row
    with transaction.atomic():
        for provider_type, span in row.spans.items():
            if span:
                since, until = map(datetime.fromisoformat, span)
                gaps.cover(row.user_id, provider_type, since, until, by=row.format)
        lease.update(status=HistoryImport.Status.DONE, bytes_read=row.bytes_total, finished_at=timezone.now())
