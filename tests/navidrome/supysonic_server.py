"""supysonic in this process: a Subsonic server that nobody of this project wrote, over a library made here.

It has no token authentication, since it keeps passwords as hashes. So a wrapper checks token and salt as the
protocol says, and hands it the password in their place.
"""

import wave
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import md5
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

import mediafile
from supysonic.config import DefaultConfig
from supysonic.db import close_connection, open_connection, release_database
from supysonic.managers.folder import FolderManager
from supysonic.managers.user import UserManager
from supysonic.scanner import Scanner
from supysonic.web import create_application

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Song(NamedTuple):
    """What a file is tagged with. It is silent and lasts so many seconds."""

    title: str
    artist: str
    album: str
    seconds: int


@contextmanager
def supysonic(folder: Path, passwords: dict[str, str], songs: Sequence[Song]) -> Iterator["WSGIApplication"]:
    """Set a server up in an empty folder, with these people and these songs in it."""
    app = create_application(_config(folder))
    try:
        open_connection(reuse=True)
        for name, password in passwords.items():
            UserManager.add(name, password)
        music = folder / "music"
        for number, song in enumerate(songs):
            _write(music / f"{number}.wav", song)
        FolderManager.add("library", str(music))
        scanner = Scanner()
        scanner.queue_folder("library")
        scanner.run()
        assert scanner.stats().errors == []
        close_connection()
        yield TokenAuthentication(app, passwords)
    finally:
        release_database()


class TokenAuthentication:
    """Does what supysonic lacks: token and salt, each salt good for one call."""

    def __init__(self, app: "WSGIApplication", passwords: dict[str, str]) -> None:
        self._app = app
        self._passwords = passwords
        self._used_salts: set[str] = set()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/rest/"):
            self._exchange_token(environ)
        return self._app(environ, start_response)

    def _exchange_token(self, environ: "WSGIEnvironment") -> None:
        assert environ["REQUEST_METHOD"] == "POST"
        assert environ["QUERY_STRING"] == ""
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
        form = parse_qsl(body, keep_blank_values=True, strict_parsing=True)
        sent = dict(form)
        salt, token = sent["s"], sent["t"]
        assert "p" not in sent
        assert salt not in self._used_salts
        self._used_salts.add(salt)
        password = self._passwords.get(sent["u"], "")
        is_right = token == md5((password + salt).encode()).hexdigest()
        form = [(name, value) for name, value in form if name not in ("t", "s")]
        rewritten = urlencode([*form, ("p", password if is_right else "wrong")]).encode()
        environ |= {"wsgi.input": BytesIO(rewritten), "CONTENT_LENGTH": str(len(rewritten))}


def _config(folder: Path) -> Any:
    class Config(DefaultConfig):  # type: ignore[misc]  # supysonic has no types
        BASE = DefaultConfig.BASE | {"database_uri": f"sqlite:///{folder}/supysonic.db"}
        WEBAPP = DefaultConfig.WEBAPP | {"cache_dir": str(folder / "cache"), "mount_webui": False}
        DAEMON = DefaultConfig.DAEMON | {"socket": str(folder / "socket"), "run_watcher": False}

    return Config()


def _write(path: Path, song: Song) -> None:
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(bytes(8000 * song.seconds))
    tagged = mediafile.MediaFile(path)
    tagged.update(song._asdict() | {"seconds": None})
    tagged.save()
