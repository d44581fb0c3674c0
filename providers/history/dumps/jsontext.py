"""Reading JSON of any size, row by row: a row that is broken costs itself, and a text that breaks off costs its end."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any, Protocol

import msgspec
import orjson

from providers.jsonvalues import storable

MAX_ROW_BYTES = 2**20
"""The longest row that is looked at. A real one has some hundreds of bytes."""

_PIECE_BYTES = 2**18
_LAST_ROWS_BYTES = 2**14
_MAX_GUESSES = 5
_MAX_DEPTH = 500
# Far more than any dump has, and too little for paths that fill the memory.
_MAX_KEY_BYTES = 100
_MAX_KEY_DEPTH = 8

_NO_LIST = "is not a list of listens"
_BROKEN_OFF = "breaks off"
_TOO_DEEP = "is nested far too deeply"
_TOO_LONG = "is far too long"
_NO_JSON = "is not JSON"
_NO_UTF8 = "is not UTF-8 text"

_SPELLED_NUL = b"\\u0000"
_UNREADABLE = (ValueError, msgspec.MsgspecError, RecursionError)

# A string, up to where it closes or the text ends, or what holds objects and lists together.
_MARK = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(")?|[\[\]{},:]', re.DOTALL)
_END_OF_LIST = ord("]")
_BETWEEN_ROWS = re.compile(rb"[\s,]*+")
_LIKELY_END_OF_ROW = re.compile(rb"\}(?=\s*,\s*\{)")


class Readable(Protocol):
    """Where text comes from: UTF-8 bytes, about as many as asked for, none at the end."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that cannot be read. `reason` goes on where "The row" leaves off, and says nothing of what is in it."""

    reason: str


def parse_json(text: bytes) -> Any:
    """Return what a JSON text says, all of its texts storable, or that it is `Broken`."""
    if _SPELLED_NUL not in text:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass
    try:
        # More patient than orjson: half surrogate pairs, control characters, NaN, integers of any size.
        return _storable_value(json.loads(text.decode(), strict=False))
    except UnicodeDecodeError:
        return Broken(_NO_UTF8)
    except (ValueError, RecursionError):
        return Broken(_NO_JSON)


def _storable_value(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable_value(item) for item in value]
    if isinstance(value, dict):
        return {storable(key): _storable_value(item) for key, item in value.items()}
    return value


def key_paths(head: bytes) -> frozenset[str]:
    """Return where the keys at the beginning of a JSON text stand, such as `[].ts` or `.scrobbles[].time`."""
    found: set[str] = set()
    _Walk(BytesIO(head), frozenset(), found.add).find_row()
    return frozenset(found)


def iter_json_rows(
    text: Readable, paths: frozenset[str], row_type: type[dict[str, Any] | msgspec.Struct] = dict
) -> Iterator[tuple[int, Any]]:
    """Yield the number of each row, counted from 1, and what it says, or that it is `Broken`.

    `paths` say what a row is: `[]` each item of a list, `.track[]` each item of the list that an object has there,
    `.track` the object that it has there. Rows that are objects come as a `row_type`. Where that is a structure, each
    field of it takes any value and has a default, and what it has no field for is not decoded, which takes a third.
    """
    walk = _Walk(text, paths)
    decode, as_row = orjson.loads, _unchanged
    if issubclass(row_type, msgspec.Struct):
        decode = partial(_decode_structures, msgspec.json.Decoder(list[row_type]))  # type: ignore[valid-type]
        as_row = partial(_structure, row_type)
    number = 0
    while walk.find_row():
        for row in walk.guess_rows(decode) or (as_row(walk.next_row()),):
            number += 1
            yield number, row
    if walk.fault:
        yield number + 1, Broken(walk.fault)


def _unchanged(row: Any) -> Any:
    return row


def _structure(row_type: type[msgspec.Struct], row: Any) -> Any:
    return msgspec.convert(row, row_type) if isinstance(row, dict) else row


def _decode_structures(decoder: "msgspec.json.Decoder[list[Any]]", text: bytes) -> list[Any]:
    # By itself the decoder does not look at how text is written that it leaves out.
    return decoder.decode(text if text.isascii() else text.decode())


class _Walk:
    """A place in a JSON text, of which only the piece around it is in memory."""

    def __init__(self, text: Readable, paths: frozenset[str], on_key: Callable[[str], None] | None = None) -> None:
        self.fault = _NO_LIST
        self._text = text
        self._paths = paths
        self._on_key = on_key
        self._piece = b""
        self._at = 0
        # Where the row begins that is being read, and whether some of it was thrown away already.
        self._row_at: int | None = None
        self._is_too_long = False
        self._may_guess = False
        # The objects and lists around this place by their paths, and whether each is a list.
        self._around: list[tuple[str, bool]] = []
        self._key = ""
        self._is_among_rows = False

    def find_row(self) -> bool:
        """Go to where the next row begins; False at the end, with the `fault` that there was, if any."""
        string = b""
        while not (self._is_among_rows and self._is_at_row()):
            mark = self._next_mark()
            if mark in (b"[", b"{"):
                if self._enter(is_list=mark == b"["):
                    return True
                if len(self._around) > _MAX_DEPTH:
                    self.fault = _TOO_DEEP
                    return False
            elif mark in (b"]", b"}"):
                self._is_among_rows = False
                if self._around:
                    self._around.pop()
            elif mark == b":":
                self._key = string[:_MAX_KEY_BYTES].decode("utf-8", "replace")
                if self._on_key and len(self._around) <= _MAX_KEY_DEPTH:
                    self._on_key(self._path())
            elif not mark:
                if self._around:
                    self.fault = _BROKEN_OFF
                return False
            else:
                string = mark[1:-1]
        return True

    def guess_rows(self, decode: Callable[[bytes], list[Any]]) -> list[Any] | None:
        """Return the rows of this piece all at once, where they can be had so.

        What can be read as a list when it is put between brackets is whole rows, wherever it was cut. `decode` reads
        it, and raises one of `_UNREADABLE` where it cannot.
        """
        if not (self._may_guess and self._is_among_rows):
            return None
        self._may_guess = False
        last_rows_at = max(self._at, len(self._piece) - _LAST_ROWS_BYTES)
        ends = [match.end() for match in _LIKELY_END_OF_ROW.finditer(self._piece, last_rows_at)]
        for end in reversed(ends[-_MAX_GUESSES:]):
            if self._piece.find(_SPELLED_NUL, self._at, end) >= 0:
                break
            try:
                rows = decode(b"".join((b"[", memoryview(self._piece)[self._at : end], b"]")))
            except _UNREADABLE:
                continue
            self._at = end
            self._read_on()
            return rows
        return None

    def next_row(self) -> Any:
        """Return what the row at this place says, or that it is `Broken`."""
        self._row_at = self._at
        self._is_too_long = False
        depth = 0
        while mark := self._next_mark():
            if mark in (b"[", b"{"):
                depth += 1
                if depth > _MAX_DEPTH:
                    return self._give_up(_TOO_DEEP)
            elif depth == 0 and mark in (b"]", b","):
                self._at -= 1
                break
            elif mark in (b"]", b"}"):
                depth -= 1
                if depth <= 0:
                    break
        else:
            return self._give_up(_BROKEN_OFF)
        text = self._piece[self._row_at : self._at]
        self._row_at = None
        return Broken(_TOO_LONG) if self._is_too_long or len(text) > MAX_ROW_BYTES else parse_json(text)

    def _enter(self, *, is_list: bool) -> bool:
        """Go into the list or object that was just opened, unless the object is a row by itself: then True."""
        path = self._path()
        if not is_list and path in self._paths:
            self.fault = ""
            self._at -= 1
            return True
        self._around.append((path, is_list))
        self._is_among_rows = is_list and f"{path}[]" in self._paths
        if self._is_among_rows:
            self.fault = ""
        return False

    def _path(self) -> str:
        """Return the path of what begins at this place."""
        if not self._around:
            return ""
        path, is_list = self._around[-1]
        return f"{path}[]" if is_list else f"{path}.{self._key}"

    def _is_at_row(self) -> bool:
        """Tell whether a row begins here or behind the next comma, and go there."""
        while True:
            self._at = _BETWEEN_ROWS.match(self._piece, self._at).end()  # type: ignore[union-attr]  # it always matches
            if self._at < len(self._piece):
                return self._piece[self._at] != _END_OF_LIST
            if not self._read_on():
                return False

    def _next_mark(self) -> bytes:
        """Return the next string or mark, and go behind it; nothing at the end of the text."""
        while True:
            match = _MARK.search(self._piece, self._at)
            if match and (match[1] or not match[0].startswith(b'"')):
                self._at = match.end()
                return match[0]
            self._at = match.start() if match else len(self._piece)
            if len(self._piece) - (self._at if self._row_at is None else self._row_at) > MAX_ROW_BYTES:
                # Nobody needs what such a row or string says; only whether a string is still open has to be known.
                self._piece = b'"' + self._piece[match.end() :] if match else b""
                self._at = 0
                self._row_at = None if self._row_at is None else 0
                self._is_too_long = True
            if not self._read_on():
                return b""

    def _read_on(self) -> bool:
        """Put the next piece of the text behind what is still needed of this one; False at the end of the text."""
        piece = self._text.read(_PIECE_BYTES)
        needed_at = self._at if self._row_at is None else self._row_at
        self._piece = self._piece[needed_at:] + piece
        self._at -= needed_at
        self._row_at = None if self._row_at is None else 0
        self._may_guess = True
        return bool(piece)

    def _give_up(self, reason: str) -> Broken:
        """Go to the end of the text: the row at this place is the last one."""
        self._text = BytesIO()
        self._piece = b""
        self._at = 0
        self._row_at = None
        self._around.clear()
        self._is_among_rows = False
        return Broken(reason)
