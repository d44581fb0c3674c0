"""The file a person brought, as one or more members of text. Nothing is ever unpacked to disk.

An archive can be made to unpack to a thousand times its size, to name a million members, or to claim any size. So what
it claims is looked at before anything of it is read, and then it is unpacked in memory, a piece at a time.
"""

import codecs
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from io import SEEK_END, FileIO
from pathlib import Path

from providers.history.dumps.jsontext import Readable
from providers.history.dumps.rows import DumpError

MAX_MEMBER_BYTES = 2 * 2**30
"""The largest member that is read, unpacked. Services split their dumps at some ten megabytes."""

MAX_ARCHIVE_BYTES = 8 * 2**30
"""The largest archive that is read, unpacked."""

MAX_PACKING_RATIO = 200
"""How many times its size a large member may unpack to. Listens pack at 10 to 40; only padding packs better."""

MAX_MEMBERS = 5_000
"""The most members an archive is looked into for. The history of forty years, in months, has a tenth of that."""

_SMALL_MEMBER_BYTES = 16 * 2**20
_MAX_DIRECTORY_BYTES = 4 * 2**20
_HEAD_BYTES = 2**14
_PIECE_BYTES = 2**16
_MAX_SHOWN_NAME = 100
_TOO_MANY_MEMBERS = "The archive has far more members than any listening history has."
_ENCRYPTED = 0x1
# Unpacked no further than asked. The other ways of packing can blow up inside a single read.
_PACKINGS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_HEADER_BYTES = 30
_PACKED_BYTES = 2**12
_OTHER_ARCHIVES = (b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"BZh", b"\xfd7zXZ", b"(\xb5/\xfd")
_BROKEN_ZIP = (zipfile.BadZipFile, struct.error, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError)


def printable(text: str) -> str:
    """Return a text from a file as any page and terminal can show it: nothing invisible, and not long."""
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return shown if len(shown) <= _MAX_SHOWN_NAME else f"…{shown[-_MAX_SHOWN_NAME:]}"


class _Part:
    """A stretch of a file, which several can read from at once."""

    def __init__(self, file: FileIO, at: int, size: int) -> None:
        self._file = file
        self._at = at
        self._end = at + size

    def read(self, size: int, /) -> bytes:
        self._file.seek(self._at)
        piece = self._file.read(min(size, self._end - self._at))
        self._at += len(piece)
        return piece


class _Unpacked:
    """What is packed in a member of an archive.

    Unlike zipfile it hands out what stands in front of damage, and says of a wrong checksum only when all is read.
    Raises one of `_BROKEN_ZIP`.
    """

    def __init__(self, file: FileIO, entry: zipfile.ZipInfo) -> None:
        header = _Part(file, entry.header_offset, _HEADER_BYTES).read(_HEADER_BYTES)
        if not header.startswith(_ZIP):
            raise zipfile.BadZipFile
        name_size, extra_size = struct.unpack("<2H", header[-4:])
        self._packed = _Part(file, entry.header_offset + _HEADER_BYTES + name_size + extra_size, entry.compress_size)
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS) if entry.compress_type == zipfile.ZIP_DEFLATED else None
        self._missing = entry.file_size
        self._checksum = 0
        self._claimed_checksum = entry.CRC

    def read(self, size: int, /) -> bytes:
        if not self._missing:
            if self._checksum != self._claimed_checksum:
                raise zipfile.BadZipFile
            return b""
        piece = self._next(min(size, self._missing))
        if not piece:
            raise EOFError
        self._missing -= len(piece)
        self._checksum = zlib.crc32(piece, self._checksum)
        return piece

    def _next(self, size: int) -> bytes:
        if self._inflate is None:
            return self._packed.read(size)
        piece = b""
        while not piece and (packed := self._inflate.unconsumed_tail or self._packed.read(_PACKED_BYTES)):
            piece = self._inflate.decompress(packed, size)
        return piece


class Stream:
    """The text of a member as UTF-8 bytes, without a byte order mark and whatever it was written in.

    Where the member turns out to be damaged the text ends, and `is_damaged` is True.
    """

    def __init__(self, source: Readable, count: Callable[[int], None]) -> None:
        self.is_damaged = False
        self._source = source
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
            piece = self._source.read(size)
        except _BROKEN_ZIP:
            self.is_damaged = True
            return b""
        except OSError as error:
            raise DumpError(f"The file cannot be read to its end: {error.strerror}. Please try it again.") from None
        self._count(len(piece))
        return piece


class Member:
    """One text of a dump. `name` is its path in the archive, fit to be shown; `size` is in bytes, unpacked."""

    def __init__(self, name: str, size: int, open_source: Callable[[], Readable]) -> None:
        self.name = printable(name)
        self.size = size
        self._open_source = open_source

    @property
    def file_name(self) -> str:
        """The last part of the name."""
        return self.name.rpartition("/")[2]

    def open(self, count: Callable[[int], None] = lambda size: None) -> Stream:
        """Open the text from its beginning; `count` is told of every piece how many bytes were read.

        Raises `DumpError` where that is not possible.
        """
        try:
            return Stream(self._open_source(), count)
        except (*_BROKEN_ZIP, OSError):
            raise DumpError(f"{self.name} is damaged. Download the file once more, and bring that.") from None

    def head(self) -> bytes:
        """Return how the text begins; nothing where it is too damaged for that."""
        try:
            return self.open().read(_HEAD_BYTES)
        except DumpError:
            return b""


class Members:
    """The members of a file that was opened: of an archive all of them in its order, of any other file itself."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises `DumpError` where it cannot be read, or not safely."""
        shown = printable(path.name)
        try:
            self._file = _BoundedFile(path)
        except OSError as error:
            raise DumpError(f"{shown} cannot be opened: {error.strerror}.") from None
        try:
            self._members = self._find(shown)
        except _BROKEN_ZIP:
            self.close()
            raise DumpError(f"{shown} is not complete. Download it once more, and bring that.") from None
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _find(self, shown: str) -> list[Member]:
        start = self._file.read(8)
        if not start:
            raise DumpError(f"{shown} is empty. Download it once more, and bring that.")
        if start.startswith(_OTHER_ARCHIVES):
            raise DumpError(f"{shown} is packed in a way that is not read here. Unpack it and bring what is inside.")
        if not start.startswith((_ZIP, _EMPTY_ZIP)):
            size = self._file.seek(0, SEEK_END)
            return [Member(shown, size, partial(_Part, self._file, 0, size))]
        with zipfile.ZipFile(self._file) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        _require_safe(entries)
        return [Member(entry.filename, entry.file_size, partial(_Unpacked, self._file, entry)) for entry in entries]


class _BoundedFile(FileIO):
    """A file of which nothing large is read at once: all that zipfile reads in one piece is the list of members."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _MAX_DIRECTORY_BYTES:
            raise DumpError(_TOO_MANY_MEMBERS)
        return super().read(size) or b""


def _require_safe(entries: list[zipfile.ZipInfo]) -> None:
    """Raise `DumpError` for what may not be unpacked. Never more is unpacked of a member than it claims to hold."""
    if len(entries) > MAX_MEMBERS:
        raise DumpError(_TOO_MANY_MEMBERS)
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
