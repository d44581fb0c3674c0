"""A kind of dump for tests of what is done with dumps: one word a line says what the row is."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from providers.datatypes import Track
from providers.history.dumps import Dump, DumpError, LeftOut, Play, Refused, Row
from tests.history.fakes import START


def write_dump(path: Path, *rows: str) -> Path:
    """Write a file of rows, each of them one of the words that `LineDump` knows; any other is a bug in reading."""
    path.write_text("\n".join(rows))
    return path


class LineDump(Dump):
    """Reads what `write_dump` wrote. A play's minute is the number of its line."""

    format = "lines"
    label = "Lines for tests"
    has_own = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = path.read_text().split("\n")
        if self._lines[0] == "not a dump":
            raise DumpError("This is no history that we know.")
        self.bytes_read = 0
        self.bytes_total = len(self._lines)

    def close(self) -> None:
        pass

    def iter_rows(self) -> Iterator[Row]:
        self.bytes_read = 0
        for number, word in enumerate(self._lines, 1):
            self.bytes_read += 1
            match word.split():
                case ["play"]:
                    yield _play(number)
                case ["play", provider_type]:
                    yield _play(number, provider_type=provider_type)
                case ["again"]:
                    yield _play(1)
                case ["quiet"]:
                    yield _play(number, note="private session")
                case ["future"]:
                    yield _play(10**8)
                case ["skip"]:
                    yield LeftOut("skipped")
                case ["bad"]:
                    yield Refused(f"{self._path.name} row {number}", "no time")
                case ["damage"]:
                    raise DumpError("The file is damaged.")
                case _:
                    raise KeyError(word)


def _play(minute: int, *, provider_type: str = "spotify", note: str = "") -> Play:
    track = Track(id="", name=f"Track {minute}", artist="Ana", played_at=START + timedelta(minutes=minute))
    return Play(provider_type, "lines", track, note)
