"""One file of listens, whatever it looks like inside."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from providers.history.dumps import lastfm, listenbrainz, maloja, own, spotify
from providers.history.dumps.jsontext import Broken
from providers.history.dumps.members import Member, Members, printable
from providers.history.dumps.rows import DumpError, Play, Refused, Row
from providers.history.dumps.shapes import Head, Reader, Shape
from providers.history.dumps.values import RowError

SHAPES: tuple[Shape, ...] = (*own.SHAPES, *spotify.SHAPES, *listenbrainz.SHAPES, *lastfm.SHAPES, *maloja.SHAPES)
"""All that is read; the first one that recognises a member has it."""

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
# Clocks are wrong by their time zone at most, or altogether.
_MAX_AHEAD = timedelta(days=1)

_MIXED = "mixed"


class Dump:
    """A file whose format is known, open for reading.

    `format` is the slug for the record and `label` the same for people; `has_own` tells whether any of it is our own
    export. `bytes_read` of `bytes_total` tells how far the latest `iter_rows` has come, counted unpacked.
    """

    def __init__(self, path: Path) -> None:
        """Open the file. Raises `DumpError` as `open_dump` does."""
        self.bytes_read = 0
        self._files = Members(path)
        try:
            self._recognise(printable(path.name))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._files.close()

    def iter_rows(self) -> Iterator[Row]:
        """Yield every row of the file, from the beginning, in an order that never changes.

        Raises `DumpError` where the file can no longer be read.
        """
        self.bytes_read = 0
        for name in self._misnamed:
            yield Refused(name, "is not what its name says; download the file once more")
        for member, reader in self._readable:
            yield from self._iter_member(member, reader)

    def _recognise(self, name: str) -> None:
        self._readable: list[tuple[Member, Reader]] = []
        self._misnamed: list[str] = []
        shapes: list[Shape] = []
        for member in self._files:
            head = Head(member.head())
            for shape in SHAPES:
                if reader := shape.recognise(head):
                    self._readable.append((member, reader))
                    shapes.append(shape)
                    break
            else:
                is_named = any(shape.names and shape.names.search(member.name) for shape in SHAPES)
                if is_named and not head.is_empty_list:
                    self._misnamed.append(member.name)
        if not shapes:
            raise DumpError(self._unknown(name))
        formats = {shape.format for shape in shapes}
        self.format = shapes[0].format if len(formats) == 1 else _MIXED
        self.has_own = not formats.isdisjoint(own.OWN_FORMATS)
        self.label = " and ".join(dict.fromkeys(shape.label for shape in shapes))
        self._file_names = Counter(member.file_name for member, _ in self._readable)
        self.bytes_total = sum(member.size for member, _ in self._readable)

    def _unknown(self, name: str) -> str:
        if any(member.name.lower().endswith(".zip") for member in self._files):
            return f"{name} has another archive inside. Unpack it and bring the one that is inside."
        known = ", ".join(dict.fromkeys(shape.label for shape in SHAPES))
        return f"{name} is no listening history that can be read here. What can be read: {known}."

    def _iter_member(self, member: Member, reader: Reader) -> Iterator[Row]:
        latest = datetime.now(UTC) + _MAX_AHEAD
        row_type, parse = reader.row_type, reader.parse
        # The path is told only where the name alone would not do.
        place = member.file_name if self._file_names[member.file_name] == 1 else member.name
        text = member.open(self._count)
        for number, values in reader.iter_rows(text):
            try:
                if values.__class__ is not row_type:
                    raise RowError(values.reason if isinstance(values, Broken) else "is no listen")
                row = parse(values)
                if isinstance(row, Play) and not reader.believes_dates:
                    played_at = row.track.played_at
                    if played_at is None or not _EARLIEST <= played_at <= latest:
                        raise RowError("is dated before 1970 or in the future")
            except RowError as error:
                row = Refused(f"{place}, row {number}", str(error))
            yield row
        if text.is_damaged:
            yield Refused(place, "is damaged; download the file once more, and bring that as well")

    def _count(self, size: int) -> None:
        self.bytes_read += size


def open_dump(path: Path) -> Dump:
    """Open a file and recognise its format by what is in it.

    Raises `DumpError` where it is no file of listens or cannot be read safely.
    """
    return Dump(path)
