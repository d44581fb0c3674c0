"""How long an examination waits."""

TIMEOUT_SECONDS = 5.0
"""What has not answered within this time is found not to answer."""
