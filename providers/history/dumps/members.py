"""The file a person brought, as one or more members of text. Nothing is ever unpacked to disk.

An archive can be made to unpack to a thousand times its size, to name a million members, or to claim any size. So what
it claims is looked at before anything of it is read, and then it is unpacked in memory, a piece at a time.
"""

import codecs
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from providers.history.dumps.rows import DumpError

MAX_MEMBER_BYTES = 2 * 2**30
"""The largest member that is read, unpacked. Services split their dumps at some ten megabytes."""

MAX_ARCHIVE_BYTES = 8 * 2**30
"""The largest archive that is read, unpacked."""

MAX_PACKING_RATIO = 200
"""How many times its size a large member may unpack to. Listens pack at 10 to 40; only padding packs better."""

_SMALL_MEMBER_BYTES = 16 * 2**20
_MAX_DIRECTORY_BYTES = 4 * 2**20
_HEAD_BYTES = 2**16
_PIECE_BYTES = 2**16
_MAX_SHOWN_NAME = 100
_ENCRYPTED = 0x1
# Unpacked no further than asked. The other ways of packing can blow up inside a single read.
_PACKINGS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OTHER_ARCHIVES = (b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"BZh", b"\xfd7zXZ", b"(\xb5/\xfd")
_BROKEN_ZIP = (zipfile.BadZipFile, struct.error, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError)


def printable(text: str) -> str:
    """Return a text from a file as any page and terminal can show it: nothing invisible, and not long."""
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return shown if len(shown) <= _MAX_SHOWN_NAME else f"…{shown[-_MAX_SHOWN_NAME:]}"


class Stream:
    """The text of a member as UTF-8 bytes, without a byte order mark and whatever it was written in.

    Where the member turns out to be damaged the text ends, and `is_damaged` is True.
    """

    def __init__(self, file: IO[bytes], count: Callable[[int], None]) -> None:
        self.is_damaged = False
        self._file = file
        self._count = count
        start = self._piece(4)
        self._decoder: codecs.IncrementalDecoder | None = None
        if start.startswith(codecs.BOM_UTF8):
            start = start[3:]
        # Every format begins with an ASCII character; some Windows programs write no mark in front of it.
        elif start.startswith(codecs.BOM_UTF16_LE) or start[1:2] == b"\0":
            start = start.removeprefix(codecs.BOM_UTF16_LE)
            self._decoder = codecs.getincrementaldecoder("utf-16-le")("replace")
        elif start.startswith(codecs.BOM_UTF16_BE) or start[:1] == b"\0":
            start = start.removeprefix(codecs.BOM_UTF16_BE)
            self._decoder = codecs.getincrementaldecoder("utf-16-be")("replace")
        self._start = start

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        """Return at least one byte and about `size` of them; none at the end."""
        pieces = [self._start]
        missing = size - len(self._start)
        self._start = b""
        while missing > 0 and (piece := self._piece(min(missing, _PIECE_BYTES))):
            pieces.append(piece)
            missing -= len(piece)
        read = b"".join(pieces)
        if self._decoder is None:
            return read
        return self._decoder.decode(read, final=not read).encode()

    def _piece(self, size: int) -> bytes:
        try:
            # Of an archive one piece at a time, or what stands in front of the damage would be lost as well.
            piece = self._file.read1(size) if isinstance(self._file, zipfile.ZipExtFile) else self._file.read(size)
        except _BROKEN_ZIP:
            self.is_damaged = True
            return b""
        except OSError as error:
            raise DumpError(f"The file cannot be read to its end: {error.strerror}. Please try it again.") from None
        self._count(len(piece))
        return piece


class Member:
    """One text of a dump. `name` is its path in the archive, fit to be shown; `size` is in bytes, unpacked."""

    def __init__(self, name: str, size: int, open_file: Callable[[], IO[bytes]]) -> None:
        self.name = printable(name)
        self.size = size
        self._open_file = open_file

    def open(self, count: Callable[[int], None] = lambda size: None) -> Stream:
        """Open the text from its beginning; `count` is told of every piece how many bytes were read.

        Raises `DumpError` where that is not possible.
        """
        try:
            return Stream(self._open_file(), count)
        except _BROKEN_ZIP:
            raise DumpError(f"{self.name} is damaged. Download the file once more, and bring that.") from None
        except OSError as error:
            raise DumpError(f"{self.name} cannot be opened: {error.strerror}.") from None

    def head(self) -> bytes:
        """Return how the text begins; nothing where it is too damaged for that."""
        try:
            with self.open() as stream:
                return stream.read(_HEAD_BYTES)
        except DumpError:
            return b""


class Members:
    """The members of a file that was opened: of an archive all of them in its order, of any other file itself."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises `DumpError` where it cannot be read, or not safely."""
        self._closing = ExitStack()
        shown = printable(path.name)
        try:
            with path.open("rb") as file:
                start = file.read(8)
            if not start:
                raise DumpError(f"{shown} is empty. Download it once more, and bring that.")
            if start.startswith(_OTHER_ARCHIVES):
                raise DumpError(
                    f"{shown} is packed in a way that is not read here. Unpack it and bring what is inside."
                )
            if start.startswith(_ZIP):
                with ExitStack() as opened:
                    archive = opened.enter_context(zipfile.ZipFile(opened.enter_context(_BoundedFile(path))))
                    self._members = _members_of(archive)
                    self._closing = opened.pop_all()
            else:
                self._members = [Member(shown, path.stat().st_size, partial(FileIO, path))]
        except _BROKEN_ZIP:
            raise DumpError(f"{shown} is not complete. Download it once more, and bring that.") from None
        except OSError as error:
            raise DumpError(f"{shown} cannot be opened: {error.strerror}.") from None

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members)

    def close(self) -> None:
        """Close the file."""
        self._closing.close()


class _BoundedFile(FileIO):
    """A file of which nothing large is read at once: all that zipfile reads in one piece is the list of members."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _MAX_DIRECTORY_BYTES:
            raise DumpError("The archive names far more members than any listening history has.")
        return super().read(size) or b""


def _members_of(archive: zipfile.ZipFile) -> list[Member]:
    """Return the members of an archive that may be read. Never more is unpacked of one than it claims to hold."""
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    for entry in entries:
        name = printable(entry.filename)
        if entry.flag_bits & _ENCRYPTED:
            raise DumpError("The archive asks for a password. Unpack it and bring what is inside.")
        if entry.compress_type not in _PACKINGS:
            raise DumpError(f"{name} is packed in a way that is not read here. Unpack it and bring what is inside.")
        if entry.file_size > MAX_MEMBER_BYTES:
            raise DumpError(f"{name} would unpack to more than {MAX_MEMBER_BYTES >> 30} GB, which no history does.")
        if entry.file_size > max(_SMALL_MEMBER_BYTES, entry.compress_size * MAX_PACKING_RATIO):
            raise DumpError(
                f"{name} would unpack to more than {MAX_PACKING_RATIO} times its size, which no history does."
            )
    if sum(entry.file_size for entry in entries) > MAX_ARCHIVE_BYTES:
        raise DumpError(f"The archive would unpack to more than {MAX_ARCHIVE_BYTES >> 30} GB, which no history does.")
    return [Member(entry.filename, entry.file_size, partial(archive.open, entry)) for entry in entries]
