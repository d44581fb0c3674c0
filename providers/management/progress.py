"""How far a command is, on the terminal of whoever waits for it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, TaskID


class TerminalProgress(Progress):
    """A bar on stderr where that is a terminal, nothing elsewhere. In the end it is gone."""

    def __init__(self) -> None:
        super().__init__(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())

    def describe(self, task: TaskID, text: str) -> None:
        """Say what is going on. People's names may look like markup."""
        self.update(task, description=escape(text))

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Make room for results on stdout, which on the same terminal would run into the bar."""
        self.stop()
        yield
        self.start()
