"""Reads playlists with our providers and with peers, in turn, and prints the seconds of each as JSON."""

import json
import sys

import django
import libopensonic
import spotipy

from benchmarks.figures import in_turn
from benchmarks.payloads import SPOTIFY_TRACKS, SUBSONIC_PLAYLISTS, SUBSONIC_SONGS


def main(port: int) -> None:
    """Measure against the server that listens there."""
    django.setup()

    from providers.navidrome.provider import NavidromeProvider
    from providers.spotify.auth import SpotifyApplication
    from providers.spotify.parse import PLAYLIST_ITEMS_FIELDS
    from providers.spotify.provider import SpotifyProvider
    from providers.transport import AccessToken

    url = f"http://127.0.0.1:{port}"
    api_url = f"{url}/spotify/v1"
    songs = SUBSONIC_PLAYLISTS * SUBSONIC_SONGS

    class Token:
        """A token that is always good."""

        def get_access_token(self) -> AccessToken:
            """Return it."""
            return AccessToken("token", 1)

        def renew(self, rejected_token: str) -> AccessToken:
            """Return it again."""
            return self.get_access_token()

    def our_spotify() -> None:
        application = SpotifyApplication(client_id="id", redirect_uri=url, accounts_url=url, api_url=api_url)
        (playlist,) = SpotifyProvider(application, token_source=Token()).get_playlists()
        assert sum(1 for _ in playlist.tracks) == SPOTIFY_TRACKS

    def spotipy_with(fields: str | None) -> None:
        client = spotipy.Spotify(auth="token")
        client.prefix = f"{api_url}/"
        (playlist,) = client.current_user_playlists()["items"]
        count = 0
        page = {"next": True}
        while page["next"]:
            page = client.playlist_items(playlist["id"], fields=fields, offset=count)
            count += len(page["items"])
        assert count == SPOTIFY_TRACKS

    def our_navidrome() -> None:
        provider = NavidromeProvider(f"{url}/navidrome", username="ada", password="sesame")
        assert sum(1 for playlist in provider.get_playlists() for _ in playlist.tracks) == songs

    def opensonic() -> None:
        client = libopensonic.Connection("http://127.0.0.1", "ada", "sesame", port=port, server_path="/navidrome")
        count = sum(len(client.get_playlist(playlist.id).entry) for playlist in client.get_playlists())
        client.cleanup()
        assert count == songs

    ways = {
        "Spotify, musicbridge": our_spotify,
        "Spotify, spotipy": lambda: spotipy_with(None),
        "Spotify, spotipy told our fields": lambda: spotipy_with(PLAYLIST_ITEMS_FIELDS),
        "Navidrome, musicbridge": our_navidrome,
        "Navidrome, py-opensonic": opensonic,
    }
    print(json.dumps(in_turn(ways)))


if __name__ == "__main__":
    main(int(sys.argv[1]))
