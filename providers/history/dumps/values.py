"""What a row says, read with the types it should have. A reason goes on where "The row" leaves off."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

MAX_DURATION_MS = 6 * 60 * 60 * 1000
"""The longest play whose duration is believed. What was paused over night says nothing of when it began."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class RowError(Exception):
    """A row does not say what a listen needs. The message never quotes the row."""


def checked_text(value: Any, key: str) -> str:
    """Return what a row has for a key as a text; empty for None. Raises `RowError` for anything else."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RowError(f"has {key} that is no text")
    return value


def text(row: Mapping[str, Any], key: str) -> str:
    """Return a text; empty where there is none. Raises `RowError` for anything else."""
    return checked_text(row.get(key), key)


def text_or_empty(row: Mapping[str, Any], key: str) -> str:
    """Return a text that a listen can do without; empty where there is none or where it is something else."""
    value = row.get(key)
    return value if isinstance(value, str) else ""


def web_address(row: Mapping[str, Any], key: str) -> str:
    """Return an http(s) address; empty where there is none or where it is another kind of address."""
    address = text_or_empty(row, key)
    return address if address.startswith(("https://", "http://")) else ""


def required_text(row: Mapping[str, Any], key: str) -> str:
    """Return a text that is not empty. Raises `RowError` where there is none."""
    value = text(row, key)
    if not value:
        raise RowError(f"has no {key}")
    return value


def required_object(row: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return an object. Raises `RowError` where there is none."""
    value = row.get(key)
    if not isinstance(value, dict):
        raise RowError(f"has no {key}" if value is None else f"has {key} that is no object")
    return value


def object_or_empty(row: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return an object, an empty one where there is none or where it is something else."""
    value = row.get(key)
    return value if isinstance(value, dict) else {}


def texts(row: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return the texts of a list; none where there is no such list."""
    values = row.get(key)
    if not isinstance(values, list):
        return ()
    return tuple(value for value in values if isinstance(value, str) and value)


def duration_ms(value: Any, *, unit_ms: int = 1) -> int:
    """Return a duration, given as a number or as text; 0 where there is none, or none that can be believed."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 0
    try:
        duration = float(value) * unit_ms
    except (ValueError, OverflowError):
        return 0
    return int(duration) if 0 < duration <= MAX_DURATION_MS else 0


def unix_moment(value: Any, *, unit_ms: int = 1000) -> datetime:
    """Return a moment given in seconds since 1970, also as text. Raises `RowError` where it is none."""
    if value is None or value == "":
        raise RowError("has no date")
    if not isinstance(value, bool) and isinstance(value, int | float | str):
        try:
            number = float(value) * unit_ms / 1000
            if math.isfinite(number):
                return datetime.fromtimestamp(number, UTC)
        except (ValueError, OverflowError, OSError):
            pass
    raise RowError("has a date that is none")


def iso_moment(value: Any) -> datetime:
    """Return a moment written as ISO 8601 has it; without a zone it is UTC. Raises `RowError` where it is none."""
    if value is None or value == "":
        raise RowError("has no date")
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is UTC:
            return moment
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        raise RowError("has a date that is none") from None


def english_moment(value: str) -> datetime:
    """Return a moment written like "12 Apr 2026, 20:07", in UTC. Raises `RowError` where it is none."""
    try:
        day, month, year, time = value.replace(",", " ").split()
        return iso_moment(f"{int(year):04}-{_MONTHS.index(month.lower()) + 1:02}-{int(day):02} {time}")
    except ValueError:
        raise RowError("has a date that is none") from None
