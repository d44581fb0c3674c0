"""A Spotify to link with, to read from and to write playlists to: accounts service, Web API, and people who use it."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from providers.testing.simulators.catalogue import Catalogue
from providers.testing.simulators.faults import Faults, SeenRequest
from providers.testing.simulators.spotify.accounts import SCOPES, Accounts
from providers.testing.simulators.spotify.api import WebApi
from providers.testing.simulators.spotify.errors import not_registered, quota_exceeded
from providers.testing.simulators.spotify.people import Episode, LocalFile, Person, Playlist
from providers.testing.simulators.spotify.seeding import seed_playlists, seed_plays
from providers.testing.simulators.spotify.shapes import PlaylistShape
from providers.testing.simulators.spotify.tokens import ACCESS_TOKEN_SECONDS, Grant, Tokens

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["Episode", "LocalFile", "Person", "Playlist", "SpotifySimulator", "not_registered", "quota_exceeded"]


class SpotifySimulator:
    """One Spotify with one registered application, a public client that has no secret.

    In a process, mount ``accounts`` under ``https://accounts.spotify.com`` and ``api`` under ``https://api.spotify.com``.
    On a socket serve ``wsgi``: ``SPOTIFY_ACCOUNTS_URL`` is then ``<base>/accounts``, ``SPOTIFY_API_URL`` is
    ``<base>/api/v1``, and faults are posted to ``<base>/_faults``.

    Operations are called ``authorize`` (the page), ``consent`` (its answer), ``token``, ``me``, ``recently_played``,
    ``my_playlists``, ``create_playlist``, ``remove_from_library``, ``search``, ``playlist``, ``change_details``,
    ``playlist_items``, ``add_items``, ``replace_items``, ``remove_items``, ``removed_route``, ``unknown_route``.

    ``playlist_shape`` chooses between the words of 2026 (``items``, ``item``), the older ones (``tracks``, ``track``)
    and both at once. With ``reduced_api`` it treats the application as it treats new ones: the routes removed in
    February 2026 answer 403, and so do the contents of other people's playlists. More than ``max_requests`` in a
    rolling half minute get a 429. Raises ``ValueError`` for a redirect URI that Spotify would not register.
    """

    def __init__(
        self,
        *,
        client_id: str = "musicbridge-demo",
        redirect_uris: Iterable[str] = ("http://127.0.0.1:8000/connections/spotify/callback/",),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        catalogue: Catalogue | None = None,
        playlist_shape: PlaylistShape = "both",
        rotates_refresh_tokens: bool = True,
        reduced_api: bool = True,
        has_account_ids: bool = True,
        max_requests: int | None = None,
    ) -> None:
        self.client_id = client_id
        self.catalogue = catalogue or Catalogue()
        self.faults = Faults()
        self.people: dict[str, Person] = {}
        self._clock = clock
        self._tokens = Tokens(clock, rotates=rotates_refresh_tokens)
        self.accounts = Accounts(
            client_id=client_id,
            redirect_uris=redirect_uris,
            people=self.people,
            tokens=self._tokens,
            clock=clock,
            faults=self.faults,
        )
        self.api = WebApi(
            people=self.people,
            tracks={track.key: track for track in self.catalogue.tracks},
            tokens=self._tokens,
            clock=clock,
            faults=self.faults,
            playlist_shape=playlist_shape,
            is_reduced=reduced_api,
            has_account_ids=has_account_ids,
            max_requests=max_requests,
        )
        self.wsgi: WSGIApplication = DispatcherMiddleware(
            NotFound(), {"/accounts": self.accounts, "/api": self.api, "/_faults": self.faults.control}
        )

    def add_person(self, name: str) -> Person:
        """Open an account. Raises ``ValueError`` when the name is taken."""
        person = Person(id=name.casefold().replace(" ", "-"), display_name=name)
        if person.id in self.people:
            raise ValueError(f"{name} has an account already")
        self.people[person.id] = person
        return person

    def seed(self, person: Person, *, days: int = 7, per_day: int = 40) -> None:
        """Give a person the catalogue's listening of the last ``days``, and some twenty playlists of every kind."""
        seed_plays(person, self.catalogue.listening(days, per_day, self._clock()))
        seed_playlists(person, self._neighbour(), self.catalogue.tracks)

    def issue_tokens(
        self, person: Person, *, scopes: Iterable[str] = SCOPES, expires_in: int = ACCESS_TOKEN_SECONDS
    ) -> tuple[str, str]:
        """An access and a refresh token, as if the person had linked the application just now."""
        grant = Grant(person, frozenset(scopes), authorized_at=self._clock())
        issued = self._tokens.issue(grant, expires_in)
        assert issued.refresh_token is not None
        return issued.access_token, issued.refresh_token

    def expire_access_tokens(self) -> None:
        """Let every access token have expired: the next call with one gets a 401."""
        self._tokens.expire_access_tokens()

    def revoke(self, person: Person) -> None:
        """Withdraw everything a person allowed: access tokens get a 401, refresh tokens ``invalid_grant``."""
        self._tokens.revoke(person)

    def approve(self, authorize_url: str, person: Person) -> str:
        """Open the consent page, choose the person, press "Agree"; return where the browser is sent.

        Raises ``ValueError`` with the page's words when Spotify would show an error instead.
        """
        return self._press("agree", authorize_url, person)

    def cancel(self, authorize_url: str, person: Person) -> str:
        """As :meth:`approve`, pressing "Cancel"."""
        return self._press("cancel", authorize_url, person)

    def seen(self, operation: str) -> list[SeenRequest]:
        """The requests for one operation so far, oldest first."""
        return self.faults.seen(operation)

    def _press(self, button: str, authorize_url: str, person: Person) -> str:
        browser = Client(self.accounts)
        url = urlsplit(authorize_url)
        path = "/authorize" if url.path.endswith("/authorize") else url.path
        answer = browser.get(path, query_string=url.query)
        if answer.status_code == 200:
            answer = browser.post(path, query_string=url.query, data={"person": person.id, "decision": button})
        if answer.status_code != 303:
            words = re.search(r"</h1>\s*<p>(.*?)</p>", answer.text)
            raise ValueError(f"Spotify shows a page: {words[1] if words else answer.status}")
        return answer.headers["Location"]

    def _neighbour(self) -> Person:
        return self.people.get("ola-nordby") or self.add_person("Ola Nordby")
