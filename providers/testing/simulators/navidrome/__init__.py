"""A Navidrome server to sign in with, read and write: the Subsonic API, the native API, a library and its listeners."""

import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING

from werkzeug import Request, Response
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from providers.testing.simulators.catalogue import Catalogue, CatalogueTrack
from providers.testing.simulators.faults import Faults, SeenRequest
from providers.testing.simulators.navidrome.native import Native
from providers.testing.simulators.navidrome.rendering import Envelope, plain_text
from providers.testing.simulators.navidrome.server import Person, Playlist, Server
from providers.testing.simulators.navidrome.subsonic import Subsonic
from providers.testing.simulators.throttle import Throttle

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["NavidromeSimulator", "Person", "Playlist"]

_PLAYLIST_NAMES = (
    *("Morning coffee", "Road trip", "Road trip", "Ølwinter", "Kitchen radio", "Long way home", "夜", "Für später"),
    *("Songs to fix a bike to", "Rainy Sundays", "2019 in one list", "Guests are coming", "Headphones only", "Run!"),
)


class _Request(Request):
    max_form_memory_size = 10 * 1024 * 1024


class NavidromeSimulator:
    """One server, under ``base_path`` of wherever ``wsgi`` is mounted or served; faults are posted to ``/_faults``.

    Operations are called by their endpoint: ``"getPlaylists"``, ``"auth/login"``, ``"api/scrobble"``. Unlike the real
    server it refuses a salt the same person has used before, so that a client with a static salt is found out.

    Without ``scrobble_history`` it is an older server, which cannot tell single plays; the switch may be turned at any
    moment. Without ``limits_logins`` native sign-ins are not held to five in 20 seconds per address. ``songs`` is the
    library, the whole catalogue unless given.
    """

    def __init__(
        self,
        *,
        base_path: str = "",
        scrobble_history: bool = True,
        limits_logins: bool = True,
        server_version: str = "0.64.0",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        catalogue: Catalogue | None = None,
        songs: Iterable[CatalogueTrack] | None = None,
    ) -> None:
        self.catalogue = catalogue or Catalogue()
        self.faults = Faults()
        self._clock = clock
        self._server = Server(self.catalogue.tracks if songs is None else songs, clock)
        self._subsonic = Subsonic(self._server, self.faults, Envelope(server_version))
        throttle = Throttle(5, timedelta(seconds=20), clock) if limits_logins else None
        self._native = Native(self._server, self.faults, throttle, has_scrobbles=scrobble_history)
        self._lock = Lock()
        app = _Request.application(self._answer)
        self.wsgi: WSGIApplication = DispatcherMiddleware(NotFound(), {"/_faults": self.faults.control, base_path: app})

    @property
    def scrobble_history(self) -> bool:
        """Whether ``/api/scrobble`` exists."""
        return self._native.has_scrobbles

    @scrobble_history.setter
    def scrobble_history(self, exists: bool) -> None:
        self._native.has_scrobbles = exists

    @property
    def songs(self) -> list[CatalogueTrack]:
        """The library, in the order the songs came in."""
        return list(self._server.songs.values())

    def add_song(self, song: CatalogueTrack) -> None:
        """Put a song into the library; its id is its ``key``."""
        self._server.songs[song.key] = song

    def remove_song(self, song: CatalogueTrack) -> None:
        """Take a song away, as when its file is deleted: playlists keep its id and no longer show it."""
        del self._server.songs[song.key]

    def add_person(
        self, name: str, password: str, *, is_admin: bool = False, externally_authenticated: bool = False
    ) -> Person:
        """Open an account. Who is ``externally_authenticated`` has no password that Navidrome could check."""
        return self._server.add_person(
            name, password, is_admin=is_admin, externally_authenticated=externally_authenticated
        )

    def playlists_of(self, person: Person) -> list[Playlist]:
        """The playlists that a person made, as the server keeps them."""
        return [playlist for playlist in self._server.playlists_for(person) if playlist.owner is person]

    def change_password(self, person: Person, password: str) -> None:
        """Give a person another password; native tokens stay valid until they expire."""
        person.password = password

    def seed(self, person: Person, *, days: int = 90, per_day: int = 40) -> None:
        """Give a person playlists, and the listening of the last ``days`` as far as the library has the songs."""
        for started_at, song in self.catalogue.listening(days, per_day, self._clock()):
            if song.key in self._server.songs:
                person.listen(song, started_at)
        rng = random.Random(person.name)
        for position, name in enumerate(_PLAYLIST_NAMES):
            songs = rng.sample(self.songs, k=min(len(self.songs), rng.randint(5, 80)))
            person.add_playlist(name, songs, comment=f"{name}, {len(songs)} songs" if position % 3 else "")
        person.add_playlist("Played at the party", rng.sample(self.songs, k=min(len(self.songs), 30)), public=True)
        person.add_playlist("To be filled")
        person.add_playlist("Recently added", self.songs[-25:], comment="Smart playlist", readonly=True)

    def seen(self, operation: str) -> list[SeenRequest]:
        """The requests for one operation so far, oldest first."""
        return self.faults.seen(operation)

    def _answer(self, request: Request) -> Response:
        area, _, rest = request.path.strip("/").partition("/")
        with self._lock:
            if area == "rest":
                return self._subsonic.answer(request, rest)
            if area in ("auth", "api"):
                return self._native.answer(request, f"{area}/{rest}")
        return plain_text(404, "404 page not found\n")
