"""Lists the services there are and what each can do."""

import json
from argparse import ArgumentParser
from typing import Any

from rich.console import Console
from rich.table import Table

from providers import registry
from providers.management.commandline import PlainSpokenCommand


class Command(PlainSpokenCommand):
    """Prints the registered services with their capabilities, computed from their classes."""

    help = "List the registered music services, what each can do and whether it is set up."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="print the list as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the list."""
        if options["json"]:
            self.stdout.write(json.dumps([_as_dict(spec) for spec in registry.specs()], indent=2))
            return
        table = Table("Service", *(capability.__name__ for capability in registry.CAPABILITIES), "Set up")
        for spec in registry.specs():
            marks = ("yes" if capability in spec.capabilities else "-" for capability in registry.CAPABILITIES)
            missing = spec.missing_settings
            table.add_row(spec.type, *marks, f"no: set {', '.join(missing)}" if missing else "yes")
        console = Console(width=160)
        with console.capture() as capture:
            console.print(table)
        self.stdout.write(capture.get())


def _as_dict(spec: registry.ProviderSpec) -> dict[str, Any]:
    return {
        "type": spec.type,
        "label": spec.label,
        "capabilities": [capability.__name__ for capability in spec.capabilities],
        "missing_settings": list(spec.missing_settings),
        "docs_url": spec.docs_url,
    }
