"""Typed reading of what a service answered: the one place where a wrong type becomes `InvalidResponseError`."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson

from providers.exceptions import InvalidResponseError

MAX_INTEGER = 2**31 - 1
"""The largest whole number believed: what an integer column holds."""

# What JSON can spell and a database cannot store: NUL (PostgreSQL) and half a surrogate pair (UTF-8).
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_NO_PART_OF_AN_ISRC = re.compile("[^0-9A-Za-z]")


def plain_isrc(isrc: str) -> str:
    """Return an ISRC as `Track` has it: upper case, without the separators that some services write (REQ-PROV-022)."""
    return _NO_PART_OF_AN_ISRC.sub("", isrc).upper()


def web_address(text: str) -> str:
    """Return an http(s) address as it is; empty for another kind of address."""
    return text if text.startswith(("https://", "http://")) else ""


def is_storable(text: str) -> bool:
    """Tell whether a text, of any length, holds no character that no database stores."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def storable(text: str) -> str:
    """Return a text without the characters that no database stores."""
    # Whether there is any is found out several times faster than where.
    return text if is_storable(text) else _UNSTORABLE.sub("", text)


SURPRISES = (msgspec.MsgspecError, TypeError, ValueError, OverflowError, OSError)
"""What comes of reading a whole answer at once, as if all in it were what it nearly always is, when something is not.

It says nothing about the answer: whoever reads like that begins anew with `JsonObject`, which tells what is wrong and
bears with what is merely odd.
"""


def decode(body: bytes, *, provider: str, status_code: int | None = None) -> Any:
    """Decode JSON, also what only the slower decoder takes: half surrogate pairs, UTF-16, numbers beyond all bounds."""
    with suppress(orjson.JSONDecodeError):
        return orjson.loads(body)
    with suppress(ValueError, RecursionError):
        return json.loads(body, parse_constant=_refuse_constant)
    # Not raised where it is caught: a JSONDecodeError carries the whole document.
    raise InvalidResponseError("The answer is not JSON.", provider=provider, status_code=status_code)


def decode_object(body: bytes, *, provider: str, status_code: int | None = None) -> dict[str, Any]:
    """Decode JSON that must be an object."""
    document = decode(body, provider=provider, status_code=status_code)
    if not isinstance(document, dict):
        raise InvalidResponseError("The answer is not a JSON object.", provider=provider, status_code=status_code)
    return document


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def check_plain(required: str, *texts: str) -> None:
    """Raise `ValueError` where the first text is empty, or where `storable` would change one of them."""
    if not (required and is_storable("".join((required, *texts)))):
        raise ValueError


def plain_integer(text: str) -> int:
    """Return a whole number spelled as text. Raises `ValueError` where `JsonObject.integer` would not believe it."""
    number = int(text)
    if not 0 <= number <= MAX_INTEGER:
        raise ValueError
    return number


class JsonObject:
    """A JSON object read with the types it should have.

    What is absent or null reads as empty; what has the wrong type raises `InvalidResponseError`, whose message names
    the place and never the value. `parent` is the object that this one was found in, and `step` where in it.
    """

    __slots__ = ("_parent", "_provider", "_step", "_values")

    def __init__(
        self,
        values: Mapping[str, Any],
        provider: str,
        parent: "JsonObject | None" = None,
        step: str | tuple[str, int] = "",
    ) -> None:
        self._values = values
        self._provider = provider
        # The place is put together when somebody wants to know it, which is nearly never.
        self._parent = parent
        self._step = step

    def __contains__(self, key: str) -> bool:
        """Tell whether there is a value that is not null."""
        return self._values.get(key) is not None

    def text(self, key: str) -> str:
        """Return a text without the characters that no database stores; empty where there is none."""
        value = self._values.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self._wrong(key, "text")
        return storable(value)

    def read_texts(self, *keys: str) -> list[str]:
        """Return what `text` returns for each of the keys, faster than one by one."""
        values = [self._values.get(key, "") for key in keys]
        try:
            if is_storable("".join(values)):
                return values
        except TypeError:
            pass
        return [self.text(key) for key in keys]

    def required_text(self, key: str) -> str:
        """Return a text that must be there and not be empty."""
        return self.text(key) or self._missing(key)

    def present_text(self, key: str) -> str:
        """Return a text that must be there, and may be empty."""
        return self.text(key) if key in self else self._missing(key)

    def web_address(self, key: str) -> str:
        """Return an http(s) address; empty where there is none or where it is another kind of address."""
        return web_address(self.text(key))

    def integer(self, key: str, *, maximum: int = MAX_INTEGER) -> int:
        """Return a whole number from 0 to `maximum`, also one spelled as text; 0 where there is none."""
        number = self._number(key)
        if not 0 <= number <= maximum:
            raise self._wrong(key, "a number of believable size")
        return number

    def boolean(self, key: str) -> bool:
        """Return true or false; False where there is neither."""
        value = self._values.get(key)
        if value is not None and not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return bool(value)

    def moment(self, key: str) -> datetime | None:
        """Return an ISO 8601 moment as aware UTC (without a zone it is taken for UTC); None where there is none."""
        text = self.text(key)
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise self._wrong(key, "a moment") from None

    def required_moment(self, key: str) -> datetime:
        """Return an ISO 8601 moment that must be there, as aware UTC."""
        return self.moment(key) or self._missing(key)

    def unix_moment(self, key: str) -> datetime | None:
        """Return a moment given in seconds since 1970, also as text, as aware UTC; None where there is none."""
        if key not in self:
            return None
        try:
            return datetime.fromtimestamp(self._number(key), UTC)
        except (ValueError, OverflowError, OSError):
            raise self._wrong(key, "a moment") from None

    def object(self, key: str) -> "JsonObject":
        """Return an object, an empty one where there is none."""
        value = self._values.get(key)
        return self._object({} if value is None else value, key)

    def objects(self, key: str, *, or_one: bool = False) -> list["JsonObject"]:
        """Return the objects of a list, null entries left out; empty where there is no list.

        With `or_one` a lone object counts as a list of it: some services save themselves the brackets.
        """
        values = self._values.get(key)
        if values is None:
            return []
        if or_one and isinstance(values, dict):
            return [self._object(values, key)]
        if not isinstance(values, list):
            raise self._wrong(key, "a list")
        return [self._object(value, (key, index)) for index, value in enumerate(values) if value is not None]

    def required_objects(self, key: str) -> list["JsonObject"]:
        """Return the objects of a list that must be there, null entries left out."""
        return self.objects(key) if key in self else self._missing(key)

    def texts(self, key: str) -> list[str]:
        """Return the texts of a list; empty where there is no list."""
        values = self._values.get(key)
        if values is None:
            return []
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise self._wrong(key, "a list of texts")
        return [storable(value) for value in values]

    def _number(self, key: str) -> int:
        value = self._values.get(key)
        if value is None or value == "":
            return 0
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise self._wrong(key, "a number")
        try:
            return int(value)
        except (ValueError, OverflowError):
            raise self._wrong(key, "a number") from None

    def _object(self, value: Any, step: str | tuple[str, int]) -> "JsonObject":
        if not isinstance(value, dict):
            raise self._wrong(step, "an object")
        return JsonObject(value, self._provider, self, step)

    def _place(self, step: str | tuple[str, int]) -> str:
        name = step if isinstance(step, str) else f"{step[0]}[{step[1]}]"
        return name if self._parent is None else f"{self._parent._place(self._step)}.{name}"

    def _wrong(self, step: str | tuple[str, int], expected: str) -> InvalidResponseError:
        return InvalidResponseError(f"In the answer {self._place(step)} is not {expected}.", provider=self._provider)

    def _missing(self, key: str) -> Any:
        raise InvalidResponseError(f"In the answer {self._place(key)} is missing.", provider=self._provider)
