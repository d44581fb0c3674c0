"""Links an account from a terminal."""

import sys
from argparse import ArgumentParser
from typing import Any
from urllib.parse import urljoin

from django.core.management.base import CommandError
from django.urls import reverse

from providers import conf, linking, registry
from providers.exceptions import ProviderError
from providers.linking import AnotherAccount, InvalidStateError, LinkDeniedError, Linked, NotAnAnswerError, Problem
from providers.management.commandline import PlainSpokenCommand, person_named
from providers.registry import ProviderSpec

PROBLEMS = {
    Problem.EXPIRED: "That took longer than ten minutes. Start again.",
    Problem.REPEATED: "That answer was used before: the browser may have finished the link by itself. Look at the "
    "connections page; if it is not linked, start again.",
    Problem.FOREIGN: "That answer belongs to another person's link, or to another service.",
    Problem.MANGLED: "That address is not complete, or has been changed. Start again.",
}

NOWHERE = "http://127.0.0.1:8000/"
"""Where browsers are sent back to on a site that has no `PUBLIC_URL`. Nobody needs to answer there."""


class Command(PlainSpokenCommand):
    """Prints the address at which the person agrees, and reads the one that their browser ends on.

    Exits 1 when that came to nothing. Nothing is linked then, and whatever was linked before stays.
    """

    help = "Link an account of a person: open an address in any browser, paste the one that it ends on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--user", required=True, help="whose account it will be (user name)")
        parser.add_argument("--provider", required=True, help="the service, by its type: list_providers names them")
        parser.add_argument(
            "--switch-account", action="store_true", help="link another account than before without asking"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Begin, wait for the answer, and link."""
        user, spec = person_named(options["user"]), _linkable(options["provider"])
        try:
            address = linking.begin(user, spec.type, callback_url=_callback_url(spec))
            self._say("Open this address in any browser and agree there:")
            self.stdout.write(address)
            # Whoever reads this through a pipe answers it.
            self.stdout.flush()
            outcome = linking.complete(user, spec.type, self._read_answer())
            if isinstance(outcome, AnotherAccount):
                outcome = self._switched(user, spec, outcome, is_wished=options["switch_account"])
        except LinkDeniedError:
            raise CommandError(f"{spec.label} says that the person cancelled.", returncode=1) from None
        except InvalidStateError as error:
            raise CommandError(PROBLEMS[error.problem], returncode=1) from None
        except (conf.ProviderConfigurationError, ProviderError) as error:
            raise CommandError(str(error), returncode=1) from None
        account = outcome.connection.account_name
        self.stdout.write(f"{spec.label} of {user.get_username()} is linked{f' as {account}' if account else ''}.")

    def _read_answer(self) -> Any:
        while True:
            try:
                return linking.pasted_answer(self._read("Paste the address that it ends on: "))
            except NotAnAnswerError as error:
                if not sys.stdin.isatty():
                    raise CommandError(str(error), returncode=1) from None
                self._say(str(error))

    def _switched(self, user: Any, spec: ProviderSpec, question: AnotherAccount, *, is_wished: bool) -> Linked:
        text = f"{spec.label} is linked as {question.old_account}; this is {question.new_account}."
        if not is_wished and sys.stdin.isatty():
            self._say(f"{text} Its history would be fetched from the beginning; the listens that are here stay.")
            is_wished = self._read("Switch? [y/N] ").strip().lower() in ("y", "yes")
        if is_wished:
            return linking.confirm(user, spec.type, question.token)
        linking.decline(user, spec.type, question.token)
        raise CommandError(
            f"{text} Nothing was changed. With --switch-account the other account is linked.", returncode=1
        )

    def _read(self, prompt: str) -> str:
        if sys.stdin.isatty():
            self.stderr.write(prompt, ending="")
            self.stderr.flush()
        line = sys.stdin.readline(linking.MAX_PASTED_LENGTH + 2)
        if not line:
            raise CommandError("Standard input ended before an address came. Nothing was linked.", returncode=2)
        return line

    def _say(self, text: str) -> None:
        if sys.stdin.isatty():
            self.stderr.write(text)


def _linkable(provider_type: str) -> ProviderSpec:
    try:
        spec = registry.get(provider_type)
    except registry.UnknownProviderError as error:
        raise CommandError(str(error), returncode=2) from None
    if spec.authenticator_factory is None:
        raise CommandError(f"{spec.label} is not linked: people sign in here with their account.", returncode=2)
    return spec


def _callback_url(spec: ProviderSpec) -> str:
    path = reverse("providers:callback", args=[spec.type])
    return conf.public_address(path) or urljoin(NOWHERE, path)
