"""Plays that more than one source tells of: found, linked to one of them, explained, and left to the person to say."""

from providers.history.duplicates.background import work
from providers.history.duplicates.comparison import Comparison, Play, compare
from providers.history.duplicates.linking import link, play_of
from providers.history.duplicates.verdicts import ContradictionError, decide, explain, explain_all, withdraw

__all__ = [
    "Comparison",
    "ContradictionError",
    "Play",
    "compare",
    "decide",
    "explain",
    "explain_all",
    "link",
    "play_of",
    "withdraw",
    "work",
]
