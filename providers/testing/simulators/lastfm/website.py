"""Last.fm's authorization page, where a person lets an application in.

There is no ``state`` parameter, and whoever cancels is not sent back.
Source: Last.fm API documentation (webauth), 2026-11.
"""

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from werkzeug import Request, Response
from werkzeug.utils import redirect

from providers.testing.simulators.faults import Faults
from providers.testing.simulators.lastfm.accounts import Accounts
from providers.testing.simulators.page import choice_of_person, page

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PATH = "/api/auth/"

_FORM = """<p>An application at <strong>{host}</strong> asks for access to a Last.fm account.</p>
<form method="post">
{choices}
<button type="submit" name="decision" value="allow">Yes, allow access</button>
<button type="submit" name="decision" value="cancel">Cancel</button>
</form>"""
_CANCELLED = '<p>The application was not told. You can close this page.</p>\n<p><a href="{root}">Back to {host}</a></p>'


class Website:
    """The WSGI app behind ``https://www.last.fm``."""

    def __init__(self, accounts: Accounts, faults: Faults, *, api_key: str) -> None:
        self._accounts = accounts
        self._faults = faults
        self._api_key = api_key

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        fault = self._faults.answer("consent" if request.method == "POST" else "authorize", request)
        if fault is not None:
            return fault
        if request.path != PATH:
            return _page("Page not found", "<p>This simulator has only the authorization page.</p>", status=404)
        if request.args.get("api_key") != self._api_key:
            return _page("Invalid API key", "<p>No application has this API key.</p>", status=403)
        callback = _web_address(request.args.get("cb", ""))
        if callback is None:
            return _page("No way back", "<p>The <code>cb</code> parameter is not a web address.</p>", status=400)
        if request.method == "POST":
            return self._decide(request, callback)
        return self._ask(callback)

    def _ask(self, callback: SplitResult) -> Response:
        choices = choice_of_person("Whose account?", {person.name: person.name for person in self._accounts.people})
        return _page("Allow access to your account?", _FORM.format(host=escape(callback.netloc), choices=choices))

    def _decide(self, request: Request, callback: SplitResult) -> Response:
        if request.form.get("decision") == "cancel":
            root = escape(f"{callback.scheme}://{callback.netloc}/")
            return _page("Access was not granted", _CANCELLED.format(root=root, host=escape(callback.netloc)))
        person = self._accounts.find(request.form.get("person", ""))
        if person is None or request.form.get("decision") != "allow":
            return _page("Nothing was decided", "<p>Go back and choose an account.</p>", status=400)
        token = self._accounts.issue_token(granted_by=person)
        joint = "&" if callback.query else "?"
        return redirect(f"{callback.geturl()}{joint}token={token}", 302)


def _web_address(text: str) -> SplitResult | None:
    try:
        url = urlsplit(text)
    except ValueError:
        return None
    return url if url.scheme in ("http", "https") and url.hostname else None


def _page(title: str, content: str, *, status: int = 200) -> Response:
    return Response(page("Last.fm", title, content, colour="#a50000"), status=status, mimetype="text/html")
