"""A simulator of Radiola, the invented service that `tests/example_provider` links to and reads from."""

import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException, NotFound, Unauthorized
from werkzeug.test import Client

from providers.testing.simulators.faults import Faults

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PAGE_SIZE = 5
ACCESS_TOKEN_SECONDS = 3600


@dataclass
class Radiola:
    """The service as a WSGI app, with one listener, who agrees to whoever asks."""

    listener: str = "Ada"
    faults: Faults = field(default_factory=Faults)
    listens: list[dict[str, str]] = field(default_factory=list)
    challenges: dict[str, str] = field(default_factory=dict)
    access_tokens: set[str] = field(default_factory=set)
    refresh_tokens: set[str] = field(default_factory=set)

    def listen(self, at: datetime) -> None:
        """Let the listener hear another track at this moment."""
        number = len(self.listens)
        track = {"track": f"r{number}", "title": f"Song {number}", "artist": "The Paper Lanterns"}
        self.listens.append({**track, "isrc": f"QZMRD26{number:05}", "at": at.isoformat()})

    def issue_tokens(self) -> tuple[str, str]:
        """Return an access and a refresh token, as if the listener had linked just now."""
        access_token, refresh_token = secrets.token_urlsafe(), secrets.token_urlsafe()
        self.access_tokens.add(access_token)
        self.refresh_tokens.add(refresh_token)
        return access_token, refresh_token

    def approve(self, address: str) -> str:
        """Open the address the browser is sent to, and return the one it is sent back to."""
        return Client(self).get(address).headers["Location"]

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        request = Request(environ)
        operation = request.path.strip("/")
        answer = self.faults.answer(operation, request)
        if answer is None:
            try:
                answer = self._answer(operation, request)
            except HTTPException as refusal:
                answer = refusal.get_response(request)
        return answer(environ, start_response)

    def _answer(self, operation: str, request: Request) -> Response:
        if operation == "authorize":
            return self._authorize(request)
        if operation == "token":
            return self._token(request)
        if operation == "listens":
            return self._listens(request)
        raise NotFound

    def _authorize(self, request: Request) -> Response:
        code = secrets.token_urlsafe()
        self.challenges[code] = request.args["code_challenge"]
        query = urlencode({"state": request.args["state"], "code": code})
        return Response(status=303, headers={"Location": f"{request.args['redirect_uri']}?{query}"})

    def _token(self, request: Request) -> Response:
        if "code" in request.form:
            challenge = self.challenges.pop(request.form["code"], None)
            verifier = request.form["code_verifier"].encode()
            if challenge != urlsafe_b64encode(sha256(verifier).digest()).rstrip(b"=").decode():
                raise Unauthorized
        elif request.form["refresh_token"] in self.refresh_tokens:
            self.refresh_tokens.remove(request.form["refresh_token"])
        else:
            raise Unauthorized
        access_token, refresh_token = self.issue_tokens()
        tokens = {"access_token": access_token, "refresh_token": refresh_token, "expires_in": ACCESS_TOKEN_SECONDS}
        return _json({**tokens, "listener": self.listener})

    def _listens(self, request: Request) -> Response:
        if request.authorization is None or request.authorization.token not in self.access_tokens:
            raise Unauthorized
        after = datetime.fromisoformat(request.args["after"])
        until = datetime.fromisoformat(request.args["until"] or "9999-12-31T00:00:00+00:00")
        newest_first = sorted(self.listens, key=lambda listen: listen["at"], reverse=True)
        window = [listen for listen in newest_first if after < datetime.fromisoformat(listen["at"]) <= until]
        start = 0 if request.args["cursor"] == "start" else int(request.args["cursor"])
        end = start + PAGE_SIZE
        return _json({"listens": window[start:end], "next": str(end) if end < len(window) else "end"})


def _json(document: object) -> Response:
    return Response(json.dumps(document), content_type="application/json")
