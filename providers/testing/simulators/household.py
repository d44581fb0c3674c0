"""Three services with the same people in them, seeded and listening on sockets, for a demo or a developer's machine."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from providers.testing.simulators.catalogue import Catalogue
from providers.testing.simulators.lastfm import LastFMSimulator
from providers.testing.simulators.navidrome import NavidromeSimulator
from providers.testing.simulators.spotify import SpotifySimulator
from providers.testing.wsgi import serving

USERNAME = "ana"
PASSWORD = "sunday records"
_PEOPLE = {"Ana": USERNAME, "Bo": "bo"}


@dataclass(frozen=True, slots=True)
class Household:
    """The services a household uses.

    `settings` are what the site must be set to, to use these services. `consents` are, per service, the fields
    that Ana sends when she agrees on its consent page. `mirror` names a playlist of hers, of every kind of entry, the
    service it is on, and one to carry it to.
    """

    settings: dict[str, str]
    consents: dict[str, dict[str, str]]
    mirror: dict[str, str]


@contextmanager
def serving_household(
    spotify_redirect_uri: str, *, spotify_port: int = 0, lastfm_port: int = 0, navidrome_port: int = 0
) -> Iterator[Household]:
    """Serve the three simulators on 127.0.0.1, on any free port unless told.

    Ana and Bo have accounts everywhere; their Navidrome passwords are the same, `PASSWORD`.
    Raises `OSError` when a port is taken.
    """
    catalogue = Catalogue()
    spotify = SpotifySimulator(redirect_uris=(spotify_redirect_uri,), catalogue=catalogue)
    lastfm = LastFMSimulator(catalogue=catalogue)
    navidrome = NavidromeSimulator(catalogue=catalogue)
    for display_name, username in _PEOPLE.items():
        spotify.seed(spotify.add_person(display_name))
        lastfm.seed(lastfm.add_person(username))
        navidrome.seed(navidrome.add_person(username, PASSWORD))
    with ExitStack() as stack:
        spotify_url = stack.enter_context(serving(spotify.wsgi, spotify_port))
        lastfm_url = stack.enter_context(serving(lastfm.wsgi, lastfm_port))
        navidrome_url = stack.enter_context(serving(navidrome.wsgi, navidrome_port))
        yield Household(
            settings={
                "SPOTIFY_CLIENT_ID": spotify.client_id,
                "SPOTIFY_REDIRECT_URI": spotify_redirect_uri,
                "SPOTIFY_ACCOUNTS_URL": f"{spotify_url}/accounts",
                "SPOTIFY_API_URL": f"{spotify_url}/api/v1",
                "LASTFM_API_KEY": lastfm.api_key,
                "LASTFM_API_SECRET": lastfm.api_secret,
                "LASTFM_API_URL": f"{lastfm_url}/ws/2.0/",
                "LASTFM_AUTH_URL": f"{lastfm_url}/www/api/auth/",
                "NAVIDROME_URL": navidrome_url,
            },
            consents={
                "spotify": {"person": USERNAME, "decision": "agree"},
                "lastfm": {"person": USERNAME, "decision": "allow"},
            },
            mirror={"source": "spotify", "playlist": "Odds and ends", "target": "navidrome"},
        )
