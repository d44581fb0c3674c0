"""What an examination finds."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, in plain words, and what to do about it. Neither holds a secret."""

    level: Level
    text: str
    advice: str = ""


def ok(text: str) -> Finding:
    """Return a finding that asks for nothing."""
    return Finding(Level.OK, text)


def warning(text: str, advice: str) -> Finding:
    """Return a finding that the site can live with."""
    return Finding(Level.WARNING, text, advice)


def problem(text: str, advice: str) -> Finding:
    """Return a finding that something does not work for."""
    return Finding(Level.PROBLEM, text, advice)
