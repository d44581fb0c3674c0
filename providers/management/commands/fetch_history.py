"""Brings home what the linked services have new."""

import json
import signal
import threading
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError
from django.db.models import QuerySet

from providers import registry, worker
from providers.history.fetch import fetch, preview
from providers.history.reports import FetchOutcome, FetchReport
from providers.management.commandline import PlainSpokenCommand, person_named
from providers.management.progress import TerminalProgress
from providers.models import Connection


class Command(PlainSpokenCommand):
    """Fetches once, whatever is linked, or keeps fetching what falls due.

    Exits 1 when a connection failed; the others are fetched all the same.
    """

    help = "Bring home the listens of every linked service, or of those asked for."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--user", help="only this person's connections (user name)")
        parser.add_argument("--provider", help="only this service, by its type: list_providers names them")
        parser.add_argument(
            "--since", type=_moment, help="read back to this moment (ISO 8601, UTC if no zone is given)"
        )
        parser.add_argument("--dry-run", action="store_true", help="read and count, store nothing")
        parser.add_argument("--watch", action="store_true", help="keep fetching whatever falls due, until told to stop")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Fetch and print, per connection, what was seen and stored and how it ended."""
        if options["watch"]:
            self._watch(options)
            return
        connections = _connections(options["user"], options["provider"])
        # Each is read when its turn comes: with many it may be gone or disconnected by then.
        pks = list(connections.values_list("pk", flat=True))
        reports = []
        with TerminalProgress() as progress:
            task = progress.add_task("", total=len(pks))
            for pk in progress.track(pks, task_id=task):
                connection = connections.filter(pk=pk).first()
                if connection is None:
                    continue
                read = preview if options["dry_run"] else fetch
                report = read(
                    connection,
                    since=options["since"],
                    on_progress=lambda report: progress.describe(task, _counts(report)),
                )
                if report is None:
                    continue
                reports.append(report)
                if not options["json"]:
                    with progress.aside():
                        self.stdout.write(_line(report, is_dry_run=options["dry_run"]))
        if any(report.stored for report in reports) and not options["dry_run"]:
            worker.drain(worker.DUPLICATES)
        if options["json"]:
            self.stdout.write(json.dumps([_as_dict(report) for report in reports], indent=2))
        failed = sum(report.outcome is FetchOutcome.FAILED for report in reports)
        if failed:
            raise CommandError(f"{failed} of {len(reports)} connections could not be fetched.", returncode=1)

    def _watch(self, options: dict[str, Any]) -> None:
        """Work everything that falls due until SIGINT or SIGTERM, then come to a pause and end."""
        for name in ("user", "provider", "since", "dry_run", "json"):
            if options[name]:
                raise CommandError(
                    f"--watch fetches whatever is due: it takes no --{name.replace('_', '-')}.", returncode=2
                )
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        self.stderr.write("Watching. Ctrl-C stops.")
        worker.watch(stop)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError from error


_moment.__name__ = "time (ISO 8601)"  # argparse names the type in its error


def _connections(username: str | None, provider_type: str | None) -> "QuerySet[Connection]":
    connections = Connection.objects.exclude(status=Connection.Status.DISCONNECTED).select_related("user")
    if username is not None:
        connections = connections.filter(user=person_named(username).pk)
    if provider_type is not None:
        try:
            registry.get(provider_type)
        except registry.UnknownProviderError as error:
            raise CommandError(str(error), returncode=2) from None
        connections = connections.filter(provider_type=provider_type)
    return connections


def _counts(report: FetchReport) -> str:
    return f"{report.connection}: {report.seen} seen, {report.stored} new"


def _line(report: FetchReport, *, is_dry_run: bool) -> str:
    stored = "would be stored" if is_dry_run else "stored"
    line = f"{report.connection}: {report.seen} seen, {report.stored} {stored}, {report.outcome.replace('_', ' ')}"
    if report.resumes_at is not None:
        line += f", resumes at {report.resumes_at:%Y-%m-%d %H:%M} UTC"
    line = f"{line}. {report.detail}" if report.detail else f"{line}."
    return "\n".join([line, *(f"  gap: {gap}. {gap.get_reason_display()}." for gap in report.gaps)])


def _as_dict(report: FetchReport) -> dict[str, Any]:
    return {
        "user": report.connection.user.get_username(),
        "provider": report.connection.provider_type,
        "seen": report.seen,
        "stored": report.stored,
        "outcome": report.outcome.value,
        "history_end": report.history_end.value if report.history_end else None,
        "complete_until": report.complete_until.isoformat() if report.complete_until else None,
        "resumes_at": report.resumes_at.isoformat() if report.resumes_at else None,
        "detail": report.detail,
        "gaps": [
            {"since": gap.since.isoformat(), "until": gap.until.isoformat(), "reason": gap.reason}
            for gap in report.gaps
        ],
    }
