"""A Last.fm to link with and to read from: the 2.0 API, the authorization page, and people who listen to music."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from providers.testing.simulators.catalogue import Catalogue
from providers.testing.simulators.faults import Faults, SeenRequest
from providers.testing.simulators.lastfm.accounts import Accounts, Person
from providers.testing.simulators.lastfm.api import Api, Quirks
from providers.testing.simulators.lastfm.website import PATH, Website
from providers.testing.simulators.throttle import Throttle

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["LastFMSimulator", "Person", "Quirks"]


class LastFMSimulator:
    """One Last.fm with one registered application.

    In a process, mount ``api`` under ``https://ws.audioscrobbler.com`` and ``website`` under ``https://www.last.fm``.
    On a socket serve ``wsgi``: ``LASTFM_API_URL`` is then ``<base>/ws/2.0/``, ``LASTFM_AUTH_URL`` is
    ``<base>/www/api/auth/``, and faults are posted to ``<base>/_faults``. Operations are called by their method,
    ``"user.getRecentTracks"``; the authorization page is ``"authorize"``, its answer ``"consent"``.

    With ``max_requests_per_second`` an address that asks more often gets error 29.
    """

    def __init__(
        self,
        *,
        api_key: str = "demo0000lastfm0000api0000key0000",
        api_secret: str = "demo0000lastfm0000shared0secret0",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        catalogue: Catalogue | None = None,
        max_requests_per_second: int | None = None,
    ) -> None:
        self.api_key = api_key
        self.api_secret = api_secret
        self.catalogue = catalogue or Catalogue()
        self.faults = Faults()
        self.quirks = Quirks()
        self._clock = clock
        self._accounts = Accounts(clock)
        throttle = Throttle(max_requests_per_second, timedelta(seconds=1), clock) if max_requests_per_second else None
        self.api = Api(self._accounts, self.faults, self.quirks, throttle, api_key=api_key, api_secret=api_secret)
        self.website = Website(self._accounts, self.faults, api_key=api_key)
        self.wsgi: WSGIApplication = DispatcherMiddleware(
            NotFound(), {"/ws": self.api, "/www": self.website, "/_faults": self.faults.control}
        )

    def add_person(self, name: str, *, hides_recent: bool = False) -> Person:
        """Open an account. Who ``hides_recent`` shows recent listens to their own session only (error 17)."""
        person = Person(name, hides_recent)
        self._accounts.add(person)
        return person

    def seed(self, person: Person, *, days: int = 90, per_day: int = 40) -> None:
        """Give a person the catalogue's listening of the last ``days``: thousands of listens for the defaults."""
        for started_at, track in self.catalogue.listening(days, per_day, self._clock()):
            person.listen(track, started_at)

    def issue_session(self, person: Person) -> str:
        """A session key as if the person had linked the application."""
        return self._accounts.open_session(person)

    def revoke(self, person: Person) -> None:
        """Take back every session key of a person: from now on they mean error 9."""
        self._accounts.revoke(person)

    def approve(self, auth_url: str, person: Person) -> str:
        """Open ``auth_url``, choose the person, press "Yes, allow access" and return the URL the browser is sent to.

        Raises `ValueError` when the page does not offer that.
        """
        browser = Client(self.website)
        query = urlsplit(auth_url).query
        answer = browser.get(PATH, query_string=query)
        if answer.status_code == 200:
            answer = browser.post(PATH, query_string=query, data={"person": person.name, "decision": "allow"})
        if answer.status_code != 302:
            raise ValueError(f"the authorization page answered {answer.status}")
        return answer.headers["Location"]

    def seen(self, operation: str) -> list[SeenRequest]:
        """The requests for one operation so far, oldest first."""
        return self.faults.seen(operation)
