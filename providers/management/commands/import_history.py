"""Reads files of listens that people brought from elsewhere."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import Error
from rich.progress import TaskID

from providers import worker
from providers.history.imports import Counts, import_file
from providers.management.commandline import PlainSpokenCommand, person_named
from providers.management.progress import TerminalProgress
from providers.models import HistoryImport


class Command(PlainSpokenCommand):
    """Imports one file after the other. Exits 1 when one could not be read; the others are imported all the same."""

    help = "Import the listens in files: the histories that services and exporters hand out, and our own export."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("files", nargs="+", metavar="FILE", type=Path, help="a file of listens, packed or not")
        parser.add_argument("--user", required=True, help="whose listens they are (user name)")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import and print, per file, what became of its rows."""
        user = person_named(options["user"])
        results = []
        with TerminalProgress() as progress:
            task = progress.add_task("", total=None)
            for path in options["files"]:
                progress.reset(task, total=None, description="")
                progress.describe(task, f"{_shown(path)}: being recognised")
                result = _import(user.pk, path, partial(_show, progress, task))
                results.append(result)
                if not options["json"]:
                    with progress.aside():
                        self.stdout.write("\n".join(_lines(result)))
        if any(result.get("stored") for result in results):
            worker.drain(worker.DUPLICATES)
        if options["json"]:
            self.stdout.write(json.dumps(results, indent=2))
        failed = sum(result["status"] != HistoryImport.Status.DONE for result in results)
        if failed:
            raise CommandError(f"{failed} of {len(results)} files could not be imported.", returncode=1)


def _show(progress: TerminalProgress, task: TaskID, row: HistoryImport) -> None:
    progress.update(task, completed=row.bytes_read, total=row.bytes_total)
    progress.describe(task, f"{row.name}: {row.rows_read} rows")


def _shown(path: Path) -> str:
    """Return a path that any stream can be told: its bytes need not be text."""
    return str(path).encode("utf-8", "replace").decode()


def _import(user_id: int, path: Path, on_progress: Callable[[HistoryImport], None]) -> dict[str, Any]:
    try:
        row = import_file(user_id, path, on_progress=on_progress)
    except OSError as error:
        return _failed(path, f"{error.strerror or type(error).__name__}.")
    except Error as error:
        return _failed(path, f"The database refused: {type(error).__name__}. What is stored stays; import it again.")
    return _failed(path, "The person was deleted meanwhile.") if row is None else _as_dict(path, row)


def _failed(path: Path, detail: str) -> dict[str, Any]:
    return {"file": _shown(path), "status": HistoryImport.Status.FAILED.value, "detail": detail}


def _as_dict(path: Path, row: HistoryImport) -> dict[str, Any]:
    return {
        "file": _shown(path),
        "status": row.status,
        "detail": row.detail,
        "format": row.format,
        "rows": row.rows_read,
        **Counts.of(row).as_json(),
        "refused_rows": row.refused,
    }


def _lines(result: dict[str, Any]) -> Iterator[str]:
    """Tell what became of a file in one line, and below it of what was not stored."""
    counts = f"{result['stored']} stored, {result['known']} known already" if "stored" in result else ""
    failure = "" if result["status"] == HistoryImport.Status.DONE else f"failed. {result['detail']}"
    yield f"{result['file']}: {', '.join(filter(None, [counts, failure]))}"
    for title, reasons in (("Left out", "left_out"), ("Noted", "noted"), ("Refused", "refused")):
        for reason, count in sorted(result.get(reasons, {}).items()):
            yield f"  {title}, {reason}: {count}"
    for refused in result.get("refused_rows", []):
        yield f"  {refused['place']}: {refused['reason']}"
