"""A service that answers what a test tells it to, and remembers what it was asked."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Script = Response | Callable[[Request], Response]


class ScriptedService:
    """A WSGI app that gives one answer after the other, the last one for ever."""

    def __init__(self, *answers: Script) -> None:
        self._answers = list(answers)
        self.requests: list[Request] = []

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        request = Request(environ)
        request.get_data()
        self.requests.append(request)
        script = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        # A fresh copy: a werkzeug response can be given once.
        response = script(request) if callable(script) and not isinstance(script, Response) else script
        return response(environ, start_response)


def json_answer(text: str = '{"ok": true}', status: int = 200, **headers: str) -> Response:
    """Return a JSON answer; `Retry_After="3"` becomes the header `Retry-After`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(text, status, headers=named, content_type="application/json")
