"""Says what is wrong with a site, and what to do about it."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from providers.doctor import Level, examine
from providers.management.commandline import PlainSpokenCommand


class Command(PlainSpokenCommand):
    """Looks at everything a site needs, one thing after the other. Exits 1 where something does not work."""

    help = (
        "Examine settings, keys, database, redirect addresses, services, clocks and whoever does the work, and say "
        "what to do about each. Nothing is changed, and no secret is told."
    )
    requires_system_checks = []  # They are a part of what is examined.

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print each finding as it is made."""
        findings = []
        for topic, finding in examine():
            findings.append({"topic": topic, "level": finding.level, "text": finding.text, "advice": finding.advice})
            if not options["json"]:
                self.stdout.write(f"{finding.level:<8} {topic}: {finding.text}")
                if finding.advice:
                    self.stdout.write(f"{'':<8} -> {finding.advice}")
        if options["json"]:
            self.stdout.write(json.dumps(findings, indent=2))
        problems = sum(finding["level"] == Level.PROBLEM for finding in findings)
        if problems:
            raise CommandError(f"{problems} of {len(findings)} findings are problems.", returncode=1)
