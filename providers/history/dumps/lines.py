"""Texts of which every line is a row: JSON lines and CSV."""

import csv
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

from providers.history.dumps.jsontext import MAX_ROW_BYTES, Broken, Readable, parse_json
from providers.jsonvalues import storable

_PIECE_BYTES = 2**18
_MAX_LINES_A_ROW = 20
_TOO_LONG = Broken("is far too long")


def iter_lines(text: Readable) -> Iterator[bytes | Broken]:
    """Yield the lines of a text without their ends; of a line too long to be a row only that it was there."""
    rest = b""
    is_too_long = False
    while piece := text.read(_PIECE_BYTES):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield _TOO_LONG if is_too_long or len(line) > MAX_ROW_BYTES else line.removesuffix(b"\r")
            is_too_long = False
        if len(rest) > MAX_ROW_BYTES:
            is_too_long, rest = True, b""
    if is_too_long:
        yield _TOO_LONG
    elif rest:
        yield rest.removesuffix(b"\r")


def iter_json_lines(text: Readable) -> Iterator[tuple[int, Any]]:
    """Yield the number of each line that is not empty, counted from 1, and what it says, or that it is `Broken`."""
    for number, line in enumerate(iter_lines(text), 1):
        if isinstance(line, Broken):
            yield number, line
        elif line.strip():
            yield number, parse_json(line)


def iter_csv_rows(text: Readable, delimiter: str) -> Iterator[tuple[int, list[str] | Broken]]:
    """Yield the number of the line each row begins at, counted from 1, and its cells, or that it is `Broken`.

    A row may go on over a few lines, inside quotation marks. A lone quotation mark costs no row but its own.
    """
    lines = enumerate(iter_lines(text), 1)
    ahead: deque[tuple[int, bytes | Broken]] = deque()
    while (first := ahead.popleft() if ahead else next(lines, None)) is not None:
        number, line = first
        if isinstance(line, Broken):
            yield number, line
            continue
        cells = _cells(line, delimiter)
        if cells is None:
            ahead.extend(islice(lines, _MAX_LINES_A_ROW - len(ahead)))
            cells = _joined_cells(line, ahead, delimiter)
        if cells:
            yield number, cells


def _joined_cells(line: bytes, ahead: deque[tuple[int, bytes | Broken]], delimiter: str) -> list[str] | Broken:
    """Take as many of the lines ahead as it needs to end the row, none where that never happens."""
    for count, (_, following) in enumerate(ahead, 1):
        if isinstance(following, Broken):
            break
        line += b"\n" + following
        cells = _cells(line, delimiter)
        if isinstance(cells, Broken):
            break
        if cells is not None:
            for _ in range(count):
                ahead.popleft()
            return cells
    return Broken("has a quotation mark that is never closed")


def _cells(line: bytes, delimiter: str) -> list[str] | Broken | None:
    """Return the cells of a row; None where it goes on in the next line."""
    try:
        text = storable(line.decode())
    except UnicodeDecodeError:
        return Broken("is not UTF-8 text")
    if '"' not in text:
        return text.split(delimiter) if text else []
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        if "unexpected end" in str(error):
            return None
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return _TOO_LONG
