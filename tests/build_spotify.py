"""Builds one person's Spotify provider in a process of its own: for test_refresh_across_processes.

Says `ready` when it has started, `building` when it was told to go on, and at last what came of it.
"""

import os
import sys

import django


def main(username: str) -> None:
    """Build the provider of the person of this name and call Spotify with it."""
    django.setup()
    # Only now can anything of Django's be imported.
    from django.contrib.auth import get_user_model

    from providers import registry
    from providers.contracts import PlaylistManager
    from providers.exceptions import ProviderError

    user = get_user_model().objects.get_by_natural_key(username)
    say("ready")
    sys.stdin.readline()
    say("building")
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
