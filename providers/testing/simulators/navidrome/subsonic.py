"""Navidrome's Subsonic API: who is calling, with which method, and in what form the answer goes back."""

from hashlib import md5
from hmac import compare_digest

from werkzeug import Request, Response

from providers.testing.simulators.faults import Faults
from providers.testing.simulators.navidrome import methods
from providers.testing.simulators.navidrome.params import Params
from providers.testing.simulators.navidrome.rendering import Envelope, plain_text
from providers.testing.simulators.navidrome.server import Person, RefusedError, Server

WRONG_CREDENTIALS = 40

_PUBLIC = "getOpenSubsonicExtensions"
_SHORTEST_SALT = 6
_NOT_IMPLEMENTED = {
    *("getPodcasts", "getNewestPodcasts", "refreshPodcasts", "createPodcastChannel", "deletePodcastChannel"),
    *("deletePodcastEpisode", "downloadPodcastEpisode", "createUser", "updateUser", "deleteUser", "changePassword"),
    *("jukeboxControl", "getShares", "createShare", "updateShare", "deleteShare"),
}
_GONE = {"search", "getChatMessages", "addChatMessage", "getVideos", "getVideoInfo", "getCaptions", "hls"}


class Subsonic:
    """Everything under ``/rest/``."""

    def __init__(self, server: Server, faults: Faults, envelope: Envelope) -> None:
        self._server = server
        self._faults = faults
        self._envelope = envelope

    def answer(self, request: Request, name: str) -> Response:
        """Answer a call of the method ``name``, with or without ``.view``."""
        name = name.removesuffix(".view")
        fault = self._faults.answer(name, request)
        if fault is not None:
            return fault
        if name not in methods.METHODS and name != _PUBLIC and name not in _NOT_IMPLEMENTED | _GONE:
            return plain_text(404, "404 page not found\n")
        params = Params(request)
        format_ = params.optional("f")
        try:
            if name == _PUBLIC:
                return self._envelope.answer(format_, methods.extensions())
            call = methods.Call(self._server, self._caller(params), params)
            if name in _NOT_IMPLEMENTED:
                return plain_text(501, "This endpoint is not implemented, but may be in future releases")
            if name in _GONE:
                return plain_text(410, "This endpoint will not be implemented")
            response = self._envelope.answer(format_, methods.METHODS[name](call))
            response.headers.update(call.headers)
        except RefusedError as refused:
            return self._envelope.refusal(format_, refused)
        return response

    def _caller(self, params: Params) -> Person:
        name, _version, _client = (params.text(required) for required in ("u", "v", "c"))
        person = self._server.find_person(name)
        if person is None or person.externally_authenticated or not _has_proof(person, params):
            raise RefusedError(WRONG_CREDENTIALS, "Wrong username or password")
        return person


def _has_proof(person: Person, params: Params) -> bool:
    password = params.optional("p")
    if password:
        return _equal(_decoded(password), person.password)
    token = params.optional("t") or ""
    salt = params.optional("s") or ""
    expected = md5((person.password + salt).encode(), usedforsecurity=False).hexdigest()
    if len(salt) < _SHORTEST_SALT or not _equal(token, expected):
        return False
    if salt in person.used_salts:
        raise RefusedError(WRONG_CREDENTIALS, "Wrong username or password (this simulator takes a salt only once)")
    person.used_salts.add(salt)
    return True


def _decoded(password: str) -> str:
    if not password.startswith("enc:"):
        return password
    try:
        return bytes.fromhex(password.removeprefix("enc:")).decode()
    except ValueError:
        return ""


def _equal(given: str, expected: str) -> bool:
    return compare_digest(given.encode(), expected.encode())
