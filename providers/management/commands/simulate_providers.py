"""Runs the built-in simulators, to try the site or develop against without an account anywhere."""

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from providers import conf
from providers.management.commandline import PlainSpokenCommand, port

DEFAULT_REDIRECT_URI = "http://127.0.0.1:8000/connections/spotify/callback/"


class Command(PlainSpokenCommand):
    """Serves simulators of the built-in services on 127.0.0.1 until it is told to stop."""

    help = "Serve simulators of the built-in services on 127.0.0.1, and print the settings that lead the site there."
    requires_system_checks = []  # What it is for is a site whose settings are yet to be written.

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--port", type=port, default=9101, help="first of three ports (default: 9101)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until SIGINT or SIGTERM."""
        # Here and not above: the simulators need werkzeug, which a site that runs no simulator need not have.
        try:
            from providers.testing.simulators.household import PASSWORD, USERNAME, serving_household
        except ModuleNotFoundError as error:
            raise CommandError(f"{error}: the simulators need musicbridge[testing].") from None

        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        first: int = options["port"]
        try:
            with serving_household(
                conf.get("SPOTIFY_REDIRECT_URI") or DEFAULT_REDIRECT_URI,
                spotify_port=first,
                lastfm_port=first + 1,
                navidrome_port=first + 2,
            ) as household:
                for name, value in household.settings.items():
                    self.stdout.write(f"{name}={value}")
                self.stderr.write(f"Sign in with Navidrome as {USERNAME!r}, password {PASSWORD!r}. Ctrl-C stops.")
                stop.wait()
        except OSError as error:
            raise CommandError(f"The simulators cannot listen: {error.strerror}. Try another --port.") from None
