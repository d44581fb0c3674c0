"""The admin: what is linked, what came home, how the work stands, and what to do about it. It never reads a secret.

Everything in it is read-only: people, services and workers write these rows. What an administrator may do about them
is an action, which says what it will do before it does it and is kept in the row's history.
"""

from providers.admin import alerts, connections, history, playlists, upkeep

__all__ = ["alerts", "connections", "history", "playlists", "upkeep"]
