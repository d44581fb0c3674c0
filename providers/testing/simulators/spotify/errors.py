"""How the Web API says no, and two of its refusals that only a fault brings about."""

import json

from providers.testing.simulators.faults import Answer


class ApiError(Exception):
    """A refusal with its HTTP status; the message is what the body says."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def quota_exceeded(retry_after: int = 43_200) -> Answer:
    """The developer's quota is spent: a 429 that tells when to come back, in seconds (Spotify blog, 2026-07-23)."""
    error = {"status": 429, "message": "API rate limit exceeded", "reason": "QUOTA_EXCEEDED"}
    headers = {"Content-Type": "application/json", "Retry-After": str(retry_after)}
    return Answer(status=429, headers=headers, body=json.dumps({"error": error}))


def not_registered() -> Answer:
    """The person is not on the list of an application in development mode: a 403 in plain text."""
    text = "User not registered in the Developer Dashboard"
    return Answer(status=403, headers={"Content-Type": "text/plain"}, body=text)
