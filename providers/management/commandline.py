"""How the commands are called, and what they say when they are called wrongly."""

import gc
from argparse import SUPPRESS
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.management.base import BaseCommand, CommandError, CommandParser

from providers import checks


class PlainSpokenCommand(BaseCommand):
    """A command that names a mistake in one line; Django's own recite every option before it.

    It checks the settings it works by. The site's pages it need not load, which takes as long as a short fetch.
    """

    requires_system_checks: list[str] | tuple[str, ...] = (checks.SETTINGS,)

    def run_from_argv(self, argv: list[str]) -> None:
        """Run as a process of its own, in which all that is loaded by now stays: it is no garbage to look through."""
        gc.freeze()
        # A batch of thousands of rows goes without being looked for, and to look took a sixth of the time of an import.
        gc.set_threshold(50_000)
        super().run_from_argv(argv)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Make a parser without the line of usage: `--help` explains each option anyway."""
        return super().create_parser(prog_name, subcommand, usage=SUPPRESS, **kwargs)


def port(text: str) -> int:
    """Read the number of a port. Raises `ValueError`, which argparse tells as "invalid port value"."""
    number = int(text)
    if not 0 < number <= 65535:
        raise ValueError(number)
    return number


def person_named(username: str) -> AbstractBaseUser:
    """Return a person by their user name. Raises `CommandError` where there is none, which is wrong usage."""
    user_model = get_user_model()
    try:
        return user_model._default_manager.get_by_natural_key(username)
    except user_model.DoesNotExist:
        raise CommandError(f"There is no person {username!r}.", returncode=2) from None
