"""The error tree. Each class is named for the caller's next move.

::

    ProviderError
    ├── AuthenticationError              the service refused who we say we are
    │   └── ReauthorizationRequiredError ask the person to link again
    ├── TransientError                   come back later, at `retry_at` if it is known
    │   ├── RateLimitedError             too many requests; `scope` says whose limit it is
    │   └── ServiceUnavailableError      down, unreachable or too slow
    ├── PermissionDeniedError            a scope or plan is missing; retrying is useless
    ├── NotFoundError                    the remote object is gone
    ├── InvalidRequestError              our bug
    └── InvalidResponseError             their bug: not JSON, a field missing, far too large

``str()`` of any of them is safe to log and to show: it never holds a body, a header, a query or a token.
`providers.conf.ProviderConfigurationError` and `providers.linking.InvalidStateError` are deliberately not
in this tree: no service had a part in them.
"""

from datetime import datetime
from enum import StrEnum


class ProviderError(Exception):
    """A music service did not do what was asked.

    `provider` is the type that raised it; `status_code` the HTTP status, where there was an answer.
    """

    def __init__(self, message: str, *, provider: str, status_code: int | None = None) -> None:
        super().__init__(message)
        self.provider = provider
        self.status_code = status_code


class AuthenticationError(ProviderError):
    """The service refused the credentials."""


class ReauthorizationRequiredError(AuthenticationError):
    """The link is dead: only the person can renew it, by linking again."""


class TransientError(ProviderError):
    """Nothing is wrong with the request; come back later.

    `retry_at` (aware UTC) is the time the service named, or None where it named none.
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        status_code: int | None = None,
        retry_at: datetime | None = None,
    ) -> None:
        super().__init__(message, provider=provider, status_code=status_code)
        self.retry_at = retry_at


class RateLimitScope(StrEnum):
    """Whose limit was reached: the one of every person linked through our application, or of one account."""

    APPLICATION = "application"
    ACCOUNT = "account"


class RateLimitedError(TransientError):
    """Too many requests. The work is parked until `retry_at`, never slept through."""

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        status_code: int | None = None,
        retry_at: datetime | None = None,
        scope: RateLimitScope = RateLimitScope.APPLICATION,
    ) -> None:
        super().__init__(message, provider=provider, status_code=status_code, retry_at=retry_at)
        self.scope = scope


class ServiceUnavailableError(TransientError):
    """The service is down, unreachable or too slow."""


class PermissionDeniedError(ProviderError):
    """A scope or a plan is missing. Retrying is useless, and so is a fresh token."""


class NotFoundError(ProviderError):
    """The remote object is gone, or was never there."""


class InvalidRequestError(ProviderError):
    """The service calls our request wrong: a bug of ours."""


class InvalidResponseError(ProviderError):
    """The service answered something it never should: a bug of theirs."""
