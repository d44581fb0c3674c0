"""What a log line is about: the connection that is being worked on, the request that is being answered.

Whoever begins such work tells so once, and every line that is logged meanwhile in the same thread says it too, where
the site's handlers have the filter: `{"()": "providers.logcontext.LogContextFilter"}`.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

Fact = str | int

_NOTHING: Mapping[str, Fact] = MappingProxyType({})
_facts: ContextVar[Mapping[str, Fact]] = ContextVar("log context", default=_NOTHING)


@contextmanager
def logging_about(**facts: Fact) -> Iterator[None]:
    """Add these facts to every line that is logged meanwhile. No secret, and nothing that a visitor made up."""
    token = _facts.set({**_facts.get(), **facts})
    try:
        yield
    finally:
        _facts.reset(token)


def log_only_about(**facts: Fact) -> None:
    """Replace all facts by these, until told otherwise: something else begins in this thread."""
    _facts.set(facts)


class LogContextFilter(logging.Filter):
    """Puts the facts on each record, as the mapping `context`."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        record.context = _facts.get()
        return True
