"""How the commands are called, and what they say when they are called wrongly."""

from argparse import SUPPRESS
from typing import Any

from django.core.management.base import BaseCommand, CommandParser


class PlainSpokenCommand(BaseCommand):
    """A command that names a mistake in one line; Django's own recite every option before it."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Make a parser without the line of usage: `--help` explains each option anyway."""
        return super().create_parser(prog_name, subcommand, usage=SUPPRESS, **kwargs)


def port(text: str) -> int:
    """Read the number of a port. Raises `ValueError`, which argparse tells as "invalid port value"."""
    number = int(text)
    if not 0 < number <= 65535:
        raise ValueError(number)
    return number
