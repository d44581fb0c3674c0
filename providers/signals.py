"""Signals for other apps: what happened to links, histories and mirrors. `docs/signals.md` tells what each carries.

They are sent once what they tell of is committed, and what a receiver raises is logged by Django and goes no further.
So a process that dies in between sends none: work that must not be lost belongs into a row, as alerts do.
"""

from typing import Any

from django.db import transaction
from django.dispatch import Signal

connection_linked = Signal()
"""A person linked a service, for the first time or again, or signed in with it: `connection`."""

connection_disconnected = Signal()
"""A person took a link back: `connection`."""

connection_needs_reauth = Signal()
"""A link died, and only its person can renew it: `connection`. Sent once for each death."""

listens_stored = Signal()
"""New listens came home: `user_id`, `provider_type`, `source` and `count`. Sent for each batch."""

gap_opened = Signal()
"""A service could not tell what was played for some time: `gap`."""

mirror_carried = Signal()
"""A playlist was carried: `mirror`, and `is_complete`, which is False where songs are missing."""

mirror_failed = Signal()
"""A playlist could not be carried: `mirror`, `detail` in plain words, and `needs_person`."""


def announce(signal: Signal, sender: type, **facts: Any) -> None:
    """Send a signal once the transaction is committed, at once where there is none."""
    transaction.on_commit(lambda: signal.send_robust(sender, **facts))
