"""What a dump can look like: how it is recognised, and how each of its rows becomes a listen."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import msgspec

from providers.history.dumps.jsontext import Readable, iter_json_rows, key_paths
from providers.history.dumps.lines import iter_json_lines
from providers.history.dumps.rows import Row

_HEAD_LINES = 20


class Head:
    """How a member begins, in the two ways that tell what it is: by the keys of JSON, and by lines."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    @cached_property
    def key_paths(self) -> frozenset[str]:
        """Where the keys stand, such as `[].ts`, or `.ts` in JSON lines; none where it is not JSON."""
        return key_paths(self._text) if self._text.lstrip()[:1] in (b"[", b"{") else frozenset()

    @property
    def is_empty_list(self) -> bool:
        """Tell whether it is JSON that has no rows, as Spotify's members for what nobody ever heard are."""
        return self._text.strip() == b"[]"

    @cached_property
    def lines(self) -> list[str]:
        """The first lines, without their ends."""
        return self._text.decode("utf-8", "replace").splitlines()[:_HEAD_LINES]


@dataclass(frozen=True, slots=True)
class Reader:
    """How a text is read: into numbered rows first, and then each of those, if it is a `row_type`, into a `Row`.

    `parse` raises `RowError` for a row that is not understood. `believes_dates` where they were looked at before,
    so that none of them is refused for being too early or too late.
    """

    iter_rows: Callable[[Readable], Iterator[tuple[int, Any]]]
    row_type: type
    parse: Callable[[Any], Row]
    believes_dates: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape that dumps come in. `format` and `label` are what `Dump` tells; several shapes may share them.

    `recognise` returns how a text is read that begins like this, and None where it is of another shape. `names` match
    members that can be nothing else, so that it has to be said where one of them is not recognised.
    """

    format: str
    label: str
    recognise: Callable[[Head], Reader | None]
    names: re.Pattern[str] | None = None


def json_list(
    parse: Callable[[Any], Row],
    keys: tuple[str, ...],
    places: tuple[tuple[str, ...], ...] = (("[]",),),
    row_type: type[dict[str, Any] | msgspec.Struct] = dict,
) -> Callable[[Head], Reader | None]:
    """Recognise JSON by the keys that its rows have, at the first of the places where they have them all.

    A place is one path, or more where rows of one text are at several. `parse` takes a `row_type`, one that
    `iter_json_rows` yields.
    """

    def recognise(head: Head) -> Reader | None:
        for paths in places:
            if any(head.key_paths.issuperset(f"{path}.{key}" for key in keys) for path in paths):
                return Reader(partial(iter_json_rows, paths=frozenset(paths), row_type=row_type), row_type, parse)
        return None

    return recognise


def json_lines(parse: Callable[[dict[str, Any]], Row], keys: tuple[str, ...]) -> Callable[[Head], Reader | None]:
    """Recognise JSON lines by the keys that the first of them have."""

    def recognise(head: Head) -> Reader | None:
        is_it = head.key_paths.issuperset(f".{key}" for key in keys)
        return Reader(iter_json_lines, dict, parse) if is_it else None

    return recognise
