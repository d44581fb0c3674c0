"""Builds one person's Spotify provider in a process of its own: for test_refresh_across_processes.

Says `ready` and goes on when it is told to; says `waiting` once when another process holds the lease, and at last
what came of it.
"""

import os
import sys
import time
from types import SimpleNamespace

import django


def main(username: str) -> None:
    """Build the provider of the person of this name and call Spotify with it."""
    django.setup()
    # Only now can anything of Django's be imported.
    from django.contrib.auth import get_user_model

    from providers import registry, tokens
    from providers.contracts import PlaylistManager
    from providers.exceptions import ProviderError

    has_waited = False

    def sleep(seconds: float) -> None:
        nonlocal has_waited
        if not has_waited:
            say("waiting")
        has_waited = True
        time.sleep(seconds)

    setattr(tokens, "time", SimpleNamespace(sleep=sleep))  # noqa: B010, a module has no public `time` to assign to
    user = get_user_model().objects.get_by_natural_key(username)
    say("ready")
    sys.stdin.readline()
    try:
        provider = registry.build("spotify", user)
        assert isinstance(provider, PlaylistManager)
        provider.get_playlists()
    except ProviderError as error:
        say(type(error).__name__)
    else:
        say("working")


def say(word: str) -> None:
    """Write a line that the test waits for."""
    os.write(1, f"{word}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
