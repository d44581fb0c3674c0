"""Spotify's accounts service: the consent page and the token endpoint, for authorization code with PKCE only."""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from werkzeug import Request, Response
from werkzeug.utils import redirect

from providers.testing.simulators.faults import Faults
from providers.testing.simulators.page import choice_of_person, page
from providers.testing.simulators.spotify.people import Person
from providers.testing.simulators.spotify.tokens import Grant, Issued, TokenRefusedError, Tokens

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CODE_LIFETIME = timedelta(minutes=10)
SCOPES: Mapping[str, str] = {
    "playlist-modify-private": "Change your private playlists",
    "playlist-modify-public": "Change your public playlists",
    "playlist-read-collaborative": "See playlists you share with others",
    "playlist-read-private": "See your private playlists",
    "user-follow-modify": "Change who you follow",
    "user-follow-read": "See who you follow",
    "user-library-modify": "Change your library",
    "user-library-read": "See your library",
    "user-modify-playback-state": "Control what is playing",
    "user-read-currently-playing": "See what is playing right now",
    "user-read-email": "See your e-mail address",
    "user-read-playback-position": "See where you stopped in a podcast",
    "user-read-playback-state": "See on which device you listen",
    "user-read-private": "See your subscription",
    "user-read-recently-played": "See what you played recently",
    "user-top-read": "See what you play most",
}

_FORM = """<p>It will be able to:</p>
<ul>
<li>See your name</li>
{permissions}
</ul>
<form method="post">
{choice}
<button name="decision" value="agree">Agree</button>
<button name="decision" value="cancel">Cancel</button>
</form>"""
_LOOPBACK = ("127.0.0.1", "::1")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9_.~-]{43,128}")


class _PageError(Exception):
    """The request cannot even be answered at the redirect URI: the person sees a page instead."""


class _RedirectedError(Exception):
    """The request is refused with this ``error`` at the redirect URI."""


class _TokenError(Exception):
    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


@dataclass(frozen=True, slots=True)
class _Asked:
    redirect_uri: str
    state: str | None
    scopes: tuple[str, ...]
    challenge: str


@dataclass(frozen=True, slots=True)
class _Code:
    grant: Grant
    redirect_uri: str
    challenge: str
    expires_at: datetime


class Accounts:
    """The WSGI app behind ``https://accounts.spotify.com``."""

    def __init__(
        self,
        *,
        client_id: str,
        redirect_uris: Iterable[str],
        people: Mapping[str, Person],
        tokens: Tokens,
        clock: Callable[[], datetime],
        faults: Faults,
    ) -> None:
        self._client_id = client_id
        self._redirect_uris = tuple(redirect_uris)
        for redirect_uri in self._redirect_uris:
            _check_is_secure(redirect_uri)
        self._people = people
        self._tokens = tokens
        self._clock = clock
        self._faults = faults
        self._codes: dict[str, _Code] = {}

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Serve one request."""
        return self._respond(Request(environ))(environ, start_response)

    def _respond(self, request: Request) -> Response:
        if request.path == "/favicon.ico":
            return Response(status=204)
        pages = {("GET", "/authorize"): "authorize", ("POST", "/authorize"): "consent", ("POST", "/api/token"): "token"}
        operation = pages.get((request.method, request.path), "unknown_page")
        if answer := self._faults.answer(operation, request):
            return answer
        if operation == "token":
            return self._token(request)
        if operation == "unknown_page":
            return _refusal("There is no such page.", 404)
        return self._authorize(request)

    def _authorize(self, request: Request) -> Response:
        try:
            redirect_uri = self._checked_redirect_uri(request)
        except _PageError as error:
            return _refusal(str(error), 400)
        state = request.args.get("state")
        try:
            asked = _parse_asked(request, redirect_uri)
        except _RedirectedError as error:
            return _back(redirect_uri, state, error=str(error))
        if request.method == "GET":
            return self._ask(asked)
        return self._decide(request, asked)

    def _ask(self, asked: _Asked) -> Response:
        permissions = "\n".join(f"<li>{SCOPES[scope]}</li>" for scope in asked.scopes)
        names = {person.id: person.display_name for person in self._people.values()}
        form = _FORM.format(permissions=permissions, choice=choice_of_person("Signed in as", names))
        return _page(f"Let {self._client_id} in?", form)

    def _decide(self, request: Request, asked: _Asked) -> Response:
        decision, person = request.form.get("decision"), self._people.get(request.form.get("person", ""))
        if decision == "cancel":
            return _back(asked.redirect_uri, asked.state, error="access_denied")
        if decision != "agree" or person is None:
            return _refusal("Choose an account, then press Agree or Cancel.", 400)
        now = self._clock()
        code = f"AQ{secrets.token_urlsafe(96)}"
        grant = Grant(person, frozenset(asked.scopes), authorized_at=now)
        self._codes[code] = _Code(grant, asked.redirect_uri, asked.challenge, now + CODE_LIFETIME)
        return _back(asked.redirect_uri, asked.state, code=code)

    def _checked_redirect_uri(self, request: Request) -> str:
        if request.args.get("client_id") != self._client_id:
            raise _PageError("INVALID_CLIENT: Invalid client")
        redirect_uri = request.args.get("redirect_uri", "")
        if not any(_is_registered(redirect_uri, registered) for registered in self._redirect_uris):
            raise _PageError("INVALID_CLIENT: Invalid redirect URI")
        return redirect_uri

    def _token(self, request: Request) -> Response:
        try:
            issued = self._exchange(request)
        except _TokenError as error:
            return _json({"error": error.error, "error_description": str(error)}, 400)
        except TokenRefusedError as error:
            return _json({"error": "invalid_grant", "error_description": str(error)}, 400)
        answer = {
            "access_token": issued.access_token,
            "token_type": "Bearer",
            "expires_in": issued.expires_in,
            "scope": " ".join(sorted(issued.grant.scopes)),
        }
        if issued.refresh_token is not None:
            answer["refresh_token"] = issued.refresh_token
        return _json(answer)

    def _exchange(self, request: Request) -> Issued:
        if request.mimetype != "application/x-www-form-urlencoded" or request.args:
            raise _TokenError("invalid_request", "the parameters belong in a form body")
        if "Authorization" in request.headers:
            raise _TokenError("invalid_client", "Invalid client secret")
        form = request.form
        if form.get("client_id") != self._client_id:
            raise _TokenError("invalid_client", "Invalid client")
        match form.get("grant_type"):
            case "authorization_code":
                return self._exchange_code(form)
            case "refresh_token":
                return self._tokens.refresh(_required(form, "refresh_token"))
            case None:
                raise _TokenError("unsupported_grant_type", "grant_type parameter is missing")
            case _:
                raise _TokenError("unsupported_grant_type", "grant_type must be authorization_code or refresh_token")

    def _exchange_code(self, form: Mapping[str, str]) -> Issued:
        verifier = _required(form, "code_verifier")
        redirect_uri = _required(form, "redirect_uri")
        code = self._codes.pop(_required(form, "code"), None)
        if code is None:
            raise _TokenError("invalid_grant", "Invalid authorization code")
        if self._clock() >= code.expires_at:
            raise _TokenError("invalid_grant", "Authorization code expired")
        if redirect_uri != code.redirect_uri:
            raise _TokenError("invalid_grant", "Invalid redirect URI")
        if not _VERIFIER.fullmatch(verifier) or _challenge(verifier) != code.challenge:
            raise _TokenError("invalid_grant", "code_verifier was incorrect")
        return self._tokens.issue(code.grant)


def _parse_asked(request: Request, redirect_uri: str) -> _Asked:
    query = request.args
    if query.get("response_type") != "code":
        raise _RedirectedError("unsupported_response_type")
    if query.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(query.get("code_challenge", "")):
        raise _RedirectedError("invalid_request")
    scopes = tuple(dict.fromkeys(query.get("scope", "").split()))
    if not set(scopes) <= SCOPES.keys():
        raise _RedirectedError("invalid_scope")
    return _Asked(redirect_uri, query.get("state"), scopes, query["code_challenge"])


def _check_is_secure(redirect_uri: str) -> None:
    parts = urlsplit(redirect_uri)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError(f"Insecure redirect URI: {redirect_uri} (https, or http on 127.0.0.1 or [::1])")


def _is_registered(redirect_uri: str, registered: str) -> bool:
    if redirect_uri == registered:
        return True
    try:
        asked, known = urlsplit(redirect_uri), urlsplit(registered)
        takes_any_port = known.hostname in _LOOPBACK and known.port is None and asked.port is not None
    except ValueError:
        return False
    is_same_host = asked.hostname == known.hostname and "@" not in asked.netloc
    return takes_any_port and is_same_host and asked._replace(netloc="") == known._replace(netloc="")


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _required(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise _TokenError("invalid_request", f"{name} must be supplied")
    return form[name]


def _back(redirect_uri: str, state: str | None, **answer: str) -> Response:
    if state is not None:
        answer["state"] = state
    separator = "&" if urlsplit(redirect_uri).query else "?"
    return redirect(f"{redirect_uri}{separator}{urlencode(answer)}", 303)


def _page(title: str, content: str, status: int = 200) -> Response:
    html = page("Spotify", title, content, colour="#0d5c2c")
    return Response(html, status=status, mimetype="text/html", headers={"Referrer-Policy": "no-referrer"})


def _refusal(message: str, status: int) -> Response:
    return _page("That did not work", f"<p>{escape(message)}</p>", status)


def _json(answer: Mapping[str, object], status: int = 200) -> Response:
    return Response(
        json.dumps(answer), status=status, content_type="application/json", headers={"Cache-Control": "no-store"}
    )
