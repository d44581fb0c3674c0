"""What a dump is read into: one row of the file after the other, each of them a play or a reason why not."""

from typing import NamedTuple

from providers.datatypes import Track


class Play(NamedTuple):
    """A listen. `track.played_at` is aware UTC, as the source stamps it.

    `source` is what `Listen.source` keeps. `note` is empty, or something about the play that is worth counting
    ("private session"); the play is a listen like any other.
    """

    provider_type: str
    source: str
    track: Track
    note: str = ""


class LeftOut(NamedTuple):
    """A row that was understood, and is no listen. There are few different reasons: they are there to be counted."""

    reason: str


class Refused(NamedTuple):
    """A row that was not understood.

    `place` names the file and the row, counted from 1. `reason` is for people and never quotes more than a few
    characters of what is in the file. Both are printable, and short enough for a page.
    """

    place: str
    reason: str


Row = Play | LeftOut | Refused


class DumpError(Exception):
    """The file as a whole cannot be read. The message is for the person who brought it, and names what to do."""
