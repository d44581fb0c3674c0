"""Carries a playlist from one service to another."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from providers import registry
from providers.contracts import PlaylistManager
from providers.datatypes import Playlist
from providers.exceptions import ProviderError
from providers.management.commandline import PlainSpokenCommand, person_named
from providers.management.progress import TerminalProgress
from providers.models import Connection, PlaylistMirror
from providers.playlists import ends, mirrors
from providers.playlists.ends import End, NotAnEndError
from providers.playlists.mirrors import Wishes
from providers.playlists.reports import CarryOutcome, CarryReport


class Command(PlainSpokenCommand):
    """Makes the list on the target once, and brings it up to date each time after that.

    Exits 0 when the list is in step, also where songs are missing or a service wants a pause; 1 when it could not be
    carried, or a person has to say first what they want.
    """

    help = "Carry a playlist from one service to another, where it stays the same list."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--user", required=True, help="whose playlist (user name)")
        parser.add_argument(
            "--from", required=True, dest="source", metavar="T", help="the service it is on, by its type"
        )
        parser.add_argument(
            "--playlist", required=True, metavar="ID-or-name", help="the playlist, by its id or its name"
        )
        parser.add_argument("--to", required=True, dest="target", metavar="T", help="the service it is carried to")
        parser.add_argument("--dry-run", action="store_true", help="show what would change, and write nothing")
        parser.add_argument(
            "--allow-shrink", action="store_true", help="let the list lose more than a third of its songs"
        )
        parser.add_argument(
            "--prefer", choices=["source", "target"], help="which side wins where the list was changed on the target"
        )
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Carry it, and print what came of it."""
        source, target = self._connections(options)
        playlist = _the_one(_playlists_of(source), options["playlist"])
        wishes = Wishes(allow_shrink=options["allow_shrink"], prefer=options["prefer"])
        with TerminalProgress() as progress:
            task = progress.add_task("", total=None)
            if options["dry_run"]:
                mirror = PlaylistMirror.objects.filter(
                    source=source, source_playlist_id=playlist.id, target=target
                ).first() or PlaylistMirror(
                    user=source.user, source=source, source_playlist_id=playlist.id, target=target, name=playlist.name
                )
                report = mirrors.preview(mirror, wishes, on_progress=lambda text: progress.describe(task, text))
            else:
                mirror = mirrors.begin(source, playlist.id, target, name=playlist.name)
                report = mirrors.run(mirror, wishes, on_progress=lambda text: progress.describe(task, text))
        if options["json"]:
            self.stdout.write(json.dumps(_as_dict(report), indent=2))
        else:
            self._print(report, target)
        if report.outcome in (CarryOutcome.FAILED, CarryOutcome.REFUSED):
            raise CommandError(report.detail, returncode=1)

    def _connections(self, options: dict[str, Any]) -> tuple[Connection, Connection]:
        user = person_named(options["user"])
        if options["source"] == options["target"]:
            raise CommandError("A playlist is carried to another service: --from and --to are the same.", returncode=2)
        found = []
        for option, can_be in (("source", ends.can_be_source), ("target", ends.can_be_target)):
            try:
                spec = registry.get(options[option])
            except registry.UnknownProviderError as error:
                raise CommandError(str(error), returncode=2) from None
            if not can_be(spec):
                raise CommandError(f"{spec.label} cannot be the {option} of a playlist.", returncode=2)
            connection = (
                Connection.objects.exclude(status=Connection.Status.DISCONNECTED)
                .select_related("user")
                .filter(user=user.pk, provider_type=spec.type)
                .first()
            )
            if connection is None:
                raise CommandError(f"{user.get_username()} has not linked {spec.label}.", returncode=1)
            found.append(connection)
        return found[0], found[1]

    def _print(self, report: CarryReport, target: Connection) -> None:
        plan = report.plan
        if plan is not None:
            if plan.changes:
                self.stdout.write(_shown(report))
            figures = plan.figures
            methods = ", ".join(f"{count} by {method}" for method, count in figures["by_method"].items())
            self.stdout.write(
                f"{plan.name}: {figures['matched']} of {figures['total']} found on {target.provider_type}"
                + (f" ({methods})" if methods else "")
                + f", {figures['missing'] + figures['left_out']} missing."
            )
            for place, verdict in plan.missing:
                named = f"{verdict.track.artist}: {verdict.track.name}"
                self.stdout.write(f"  missing: {place + 1}. {named}. {verdict.reason}".rstrip())
            for entry in plan.left_out:
                self.stdout.write(f"  left out: {entry.name} ({entry.reason})")
        line = report.outcome.replace("_", " ").capitalize()
        if report.resumes_at is not None:
            line += f", resumes at {report.resumes_at:%Y-%m-%d %H:%M} UTC"
        if report.outcome not in (CarryOutcome.FAILED, CarryOutcome.REFUSED):
            self.stdout.write(f"{line}. {report.detail}".strip())


def _playlists_of(source: Connection) -> list[Playlist]:
    try:
        end = End(source, PlaylistManager)
        with end.asked() as reader:
            playlists: list[Playlist] = reader.get_playlists()
    except (ProviderError, NotAnEndError) as error:
        raise CommandError(str(error), returncode=1) from None
    return playlists


def _the_one(playlists: list[Playlist], wanted: str) -> Playlist:
    for playlist in playlists:
        if playlist.id == wanted:
            return playlist
    named = [playlist for playlist in playlists if playlist.name == wanted]
    if not named:
        raise CommandError(f"There is no playlist {wanted!r}.", returncode=2)
    if len(named) > 1:
        ids = ", ".join(playlist.id for playlist in named)
        raise CommandError(f"There are {len(named)} playlists {wanted!r}: name one by its id ({ids}).", returncode=2)
    return named[0]


def _shown(report: CarryReport) -> str:
    """Return the changes as a table, places counted from 1 as people do."""
    assert report.plan is not None  # noqa: S101, whoever asks has one
    table = Table("", "was", "will be", "song", "artist", box=None, pad_edge=False)
    for change in report.plan.changes:
        places = ("" if place is None else str(place + 1) for place in (change.before, change.after))
        table.add_row(change.kind, *places, escape(change.song.name), escape(change.song.artist))
    console = Console(width=100)
    with console.capture() as shown:
        console.print(table)
    return shown.get()


def _as_dict(report: CarryReport) -> dict[str, Any]:
    plan = report.plan
    return {
        "outcome": report.outcome.value,
        "detail": report.detail,
        "resumes_at": report.resumes_at.isoformat() if report.resumes_at else None,
        "target_playlist_id": report.mirror.target_playlist_id,
        "plan": plan.as_dict() if plan else None,
        "missing": [
            {
                "position": place,
                "id": verdict.track.id,
                "name": verdict.track.name,
                "artist": verdict.track.artist,
                "reason": verdict.reason,
                "nearest": [
                    {
                        "id": candidate.song.id,
                        "name": candidate.song.name,
                        "artist": candidate.song.artist,
                        "score": round(candidate.score, 3),
                        "reason": candidate.reason,
                    }
                    for candidate in verdict.nearest
                ],
            }
            for place, verdict in (plan.missing if plan else ())
        ],
        "left_out": [{"name": entry.name, "reason": entry.reason} for entry in (plan.left_out if plan else ())],
    }
