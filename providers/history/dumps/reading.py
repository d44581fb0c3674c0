"""One file of listens, whatever its format."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from providers.history.dumps.rows import DumpError, Row


class Dump:
    """A file whose format is known, open for reading.

    `format` is the slug for the record and `label` the same for people. `bytes_read` of `bytes_total` tells how far
    the latest `iter_rows` has come, counted unpacked.
    """

    format: str
    label: str
    bytes_read: int
    bytes_total: int

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""

    def iter_rows(self) -> Iterator[Row]:
        """Yield every row of the file, from the beginning, in an order that never changes."""
        return iter(())


def open_dump(path: Path) -> Dump:
    """Open a file and recognise its format by what is in it.

    Raises `DumpError` where it is no file of listens or cannot be read safely.
    """
    raise DumpError(f"{path.name} is not a listening history that we know.")
