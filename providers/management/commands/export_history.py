"""Writes a person's history to stdout."""

import os
import sys
from argparse import ArgumentParser
from io import TextIOWrapper
from typing import Any

from providers.history.export import ExportFormat, export
from providers.management.commandline import PlainSpokenCommand, person_named


class Command(PlainSpokenCommand):
    """Writes every listen of a person, oldest first; `import_history` reads it back without a loss."""

    help = "Write all listens of a person to stdout, in a form that other programs and import_history read."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--user", required=True, help="whose listens (user name)")
        parser.add_argument(
            "--format",
            required=True,
            choices=[kind.value for kind in ExportFormat],
            help="jsonl: lines of JSON as ListenBrainz has them; csv: a table, in which an apostrophe stands in front "
            "of a text that a spreadsheet would take for a formula",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file, a piece at a time."""
        user = person_named(options["user"])
        if isinstance(sys.stdout, TextIOWrapper):
            # Whatever the terminal speaks: the file is UTF-8, and an end of a line in a name stays what it is.
            sys.stdout.reconfigure(encoding="utf-8", newline="")
        try:
            for piece in export(user.pk, ExportFormat(options["format"])):
                self.stdout.write(piece.decode(), ending="")
            self.stdout.flush()
        except BrokenPipeError:
            # Whoever reads has enough. What is still buffered goes nowhere, or Python would complain once more.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
