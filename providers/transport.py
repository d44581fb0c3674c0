"""The one way to call a service: timeouts, size limit, retry, refresh, error mapping, and no secret told.

`GuardedSession` makes a single HTTP exchange safe, `ApiSession.request` repeats it where a repeat can help.
Retrying is our own loop and not urllib3's: every attempt takes its turn at the rate limiter, is signed anew
(Subsonic wants a fresh salt) and sees the errors that Last.fm and Subsonic hide inside HTTP 200.
"""

import logging
import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
import urllib3
from requests.structures import CaseInsensitiveDict

from providers import __version__, jsonvalues
from providers.exceptions import (
    AuthenticationError,
    InvalidRequestError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    ProviderError,
    RateLimitedError,
    RateLimitScope,
    ReauthorizationRequiredError,
    ServiceUnavailableError,
    TransientError,
)
from providers.ratelimit import RateLimiter

logger = logging.getLogger(__name__)

USER_AGENT = f"musicbridge/{__version__}"
CONNECT_TIMEOUT_SECONDS = 5.0
READ_TIMEOUT_SECONDS = 15.0

EXCHANGE_SECONDS = 20.0
"""How long one exchange may take: an answer that is still dripping in then is given up."""

DEADLINE_SECONDS = 60.0
"""How long all attempts at one request may take: none is begun that could end later."""

MAX_ATTEMPTS = 4

MAX_WAIT_SECONDS = 10.0
"""The longest wait that is slept through. Longer ones are raised with the time to come back."""

MAX_RETRY_AFTER = timedelta(days=7)
"""No service asks for a longer pause in earnest: a slip of theirs must not park a link for years."""

MAX_BODY_BYTES = 32 * 1024 * 1024
"""More than any honest answer: one Navidrome gives a playlist of 25,000 songs in about 20 MB."""

IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_CHUNK_BYTES = 64 * 1024


class _BodyTooLargeError(requests.RequestException):
    """The body is larger than any honest answer."""


class _HideQueries(logging.Filter):
    """Cuts the query off every address urllib3 tells: session keys and signatures ride there."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_without_secrets(arg) for arg in record.args)
        # Its text and its arguments quote headers that could not be parsed.
        record.exc_info = None
        return True


def _without_secrets(argument: object) -> object:
    if isinstance(argument, str):
        return argument.split("?", 1)[0]
    return type(argument).__name__ if isinstance(argument, BaseException) else argument


class _HideDebug(logging.Filter):
    """Keeps a logger from telling whole requests and answers, which is all it says at DEBUG."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.DEBUG


def _silence_secret_loggers() -> None:
    for name in ("urllib3.connection", "urllib3.connectionpool", "urllib3.poolmanager", "urllib3.util.retry"):
        logging.getLogger(name).addFilter(_HideQueries())
    for name in (
        "requests_oauthlib.oauth1_auth",
        "requests_oauthlib.oauth1_session",
        "requests_oauthlib.oauth2_session",
    ):
        logging.getLogger(name).addFilter(_HideDebug())


_silence_secret_loggers()


def _keep_as_signed(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class GuardedSession(requests.Session):
    """A requests session whose every exchange has timeouts, a size limit and no redirects."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.headers["User-Agent"] = USER_AGENT
        self.headers["Accept"] = "application/json"
        # Who asks is told by the credentials alone: a cookie could mix up the people of one server.
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._surroundings: dict[tuple[Any, ...], Any] = {}

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Prepare a request of what it says itself, and of the headers of all requests.

        requests would look for more: cookies, hooks, and a ~/.netrc, whose credentials would replace those of the
        database. Nothing of that is wanted here, and to look for it takes as long as a small answer.
        """
        prepared = requests.PreparedRequest()
        prepared.prepare(
            method=(request.method or "").upper(),
            url=request.url,
            headers=CaseInsensitiveDict({**self.headers, **(request.headers or {})}),
            data=request.data,
            json=request.json,
            params=request.params,
            auth=request.auth or _keep_as_signed,
        )
        return prepared

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Say that no answer is a redirect: following one could carry credentials to another host."""

    def merge_environment_settings(
        self, url: str | bytes | None, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        """Merge as requests does, but look at the environment once per host: that takes as long as a small request."""
        if proxies:
            return super().merge_environment_settings(url, proxies, stream, verify, cert)
        place = (*urlsplit(str(url))[:2], stream, verify, cert)
        if place not in self._surroundings:
            self._surroundings[place] = super().merge_environment_settings(url, {}, stream, verify, cert)
        return self._surroundings[place]

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send one request and read its answer, whole, within the limits. Raises `requests.RequestException`."""
        give_up_at = time.monotonic() + EXCHANGE_SECONDS
        kwargs["timeout"] = kwargs.get("timeout") or (CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS)
        kwargs["stream"] = True
        with super().send(request, **kwargs) as response:
            body = _read(response.raw, give_up_at)
        # What requests itself does when it reads a body; there is no public way to say it.
        response._content = body
        response._content_consumed = True  # type: ignore[attr-defined]  # as above
        return response


def _read(raw: urllib3.HTTPResponse, give_up_at: float) -> bytes:
    """Read a body as it comes in, so that neither its size nor its slowness is found out too late."""
    body = bytearray()
    try:
        while chunk := raw.read1(_CHUNK_BYTES, decode_content=True):
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise _BodyTooLargeError
            if time.monotonic() > give_up_at:
                raise requests.ReadTimeout
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.ReadTimeout from error
    except urllib3.exceptions.DecodeError as error:
        raise requests.exceptions.ContentDecodingError from error
    except urllib3.exceptions.HTTPError as error:
        raise requests.ConnectionError from error
    return bytes(body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said. Only `status_code` shows in `repr`: the rest may hold secrets."""

    provider: str
    status_code: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """Return the decoded body. Raises `InvalidResponseError`."""
        return jsonvalues.decode(self.body, provider=self.provider, status_code=self.status_code)

    def object(self) -> dict[str, Any]:
        """Return the decoded body, which must be a JSON object. Raises `InvalidResponseError`."""
        return jsonvalues.decode_object(self.body, provider=self.provider, status_code=self.status_code)


@dataclass(slots=True)
class Call:
    """One attempt at a request, open for its credentials to be added."""

    method: str
    url: str = field(repr=False)
    params: dict[str, Any] = field(default_factory=dict, repr=False)
    form: dict[str, Any] | None = field(default=None, repr=False)
    json: Any = field(default=None, repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)


class Credentials(Protocol):
    """How a service wants to be told who is asking."""

    def sign(self, call: Call) -> None:
        """Add the credentials to a call. Asked before every attempt."""
        ...

    def renew(self, call: Call) -> bool:
        """Get fresh credentials after the ones in `call` were refused; False where a repeat is useless."""
        ...


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A bearer token and the version of the row it was read from."""

    value: str = field(repr=False)
    version: int


class TokenSource(Protocol):
    """Where a valid access token comes from, whoever refreshed it."""

    def get_access_token(self) -> AccessToken:
        """Return a token that is valid now. Raises `ReauthorizationRequiredError` or `TransientError`."""
        ...

    def renew(self, rejected_token: str) -> AccessToken:
        """Return another token than the one the service refused. Raises as `get_access_token` does."""
        ...


class BearerCredentials:
    """Signs with an OAuth 2 bearer token."""

    def __init__(self, token_source: TokenSource) -> None:
        self._token_source = token_source

    def sign(self, call: Call) -> None:
        """Add the Authorization header."""
        call.headers["Authorization"] = f"Bearer {self._token_source.get_access_token().value}"

    def renew(self, call: Call) -> bool:
        """Ask for another token than the one refused."""
        self._token_source.renew(call.headers["Authorization"].removeprefix("Bearer "))
        return True


def error_for_status(answer: Answer) -> ProviderError | None:
    """Map an answer's HTTP status to the error tree; None where the status is a success."""
    status = answer.status_code
    if status < 300:
        return None
    where: dict[str, Any] = {"provider": answer.provider, "status_code": status}
    if status < 400:
        return InvalidResponseError(
            f"The service redirects{_host_of(answer.headers.get('Location', ''))}; redirects are not followed.", **where
        )
    if status == 401:
        return AuthenticationError("The service refused the credentials.", **where)
    if status == 403:
        return PermissionDeniedError("The service does not allow this.", **where)
    if status in (404, 410):
        return NotFoundError("The service does not have this.", **where)
    if status == 429:
        return RateLimitedError("Too many requests.", retry_at=retry_at(answer), **where)
    if status == 408 or status >= 500:
        return ServiceUnavailableError(f"The service answered {status}.", retry_at=retry_at(answer), **where)
    return InvalidRequestError(f"The service refused the request with {status}.", **where)


def _host_of(location: str) -> str:
    """Name the host a redirect leads to, and nothing else of its address; empty where there is none."""
    try:
        target = urlsplit(location)
    except ValueError:
        return ""
    return f" to {target.scheme}://{target.hostname}" if target.hostname else ""


def retry_at(answer: Answer) -> datetime | None:
    """Read `Retry-After`, in seconds or as a date, as aware UTC; None where it is missing or senseless."""
    value = answer.headers.get("Retry-After", "").strip()
    now = datetime.now(UTC)
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_until(value, now)
    if math.isnan(seconds):
        return None
    return now + timedelta(seconds=min(max(seconds, 0.0), MAX_RETRY_AFTER.total_seconds()))


def _seconds_until(http_date: str, now: datetime) -> float:
    try:
        moment = parsedate_to_datetime(http_date)
    except ValueError:
        return math.nan
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now.timestamp()


class ApiSession:
    """Calls one service for one person or application. Raises `ProviderError` and nothing else.

    `base_url` may hold a path, which is kept. `find_error` maps an answer to the error it stands for.
    """

    def __init__(
        self,
        *,
        provider: str,
        base_url: str,
        credentials: Credentials | None = None,
        limiter: RateLimiter | None = None,
        find_error: Callable[[Answer], ProviderError | None] = error_for_status,
    ) -> None:
        self.provider = provider
        self._base_url = base_url
        self._credentials = credentials
        self._limiter = limiter
        self._find_error = find_error
        self._session = GuardedSession()
        self._waits = (0.0, 0.0)
        self._quiet_until = 0.0

    @property
    def latency(self) -> float:
        """Seconds that the service lets us wait for an answer: the less of the last two, 0 before there were two."""
        return min(self._waits)

    def request(
        self,
        method: str,
        path: str = "",
        *,
        params: Mapping[str, Any] | None = None,
        form: Mapping[str, Any] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        is_idempotent: bool | None = None,
    ) -> Answer:
        """Call the service and return its answer, which is a success.

        Only an idempotent request is repeated after a failure (by its method, unless `is_idempotent` says
        otherwise); a rate limit says that nothing was done, so anything is repeated after a short one.
        """
        repeatable = method in IDEMPOTENT_METHODS if is_idempotent is None else is_idempotent
        deadline = time.monotonic() + DEADLINE_SECONDS
        renewed = False
        attempt = 0
        while True:
            attempt += 1
            self._take_turn()
            call = Call(
                method,
                self._url_of(path),
                dict(params or {}),
                dict(form) if form is not None else None,
                json,
                dict(headers or {}),
            )
            if self._credentials is not None:
                self._credentials.sign(call)
            try:
                return self._exchange(call)
            except ReauthorizationRequiredError:
                raise
            except AuthenticationError:
                if renewed or self._credentials is None or not self._credentials.renew(call):
                    raise
                renewed = True
            except TransientError as error:
                if not (repeatable or isinstance(error, RateLimitedError)) or attempt >= MAX_ATTEMPTS:
                    raise
                pause = _pause_before_repeat(error, attempt)
                if pause > MAX_WAIT_SECONDS or time.monotonic() + pause + EXCHANGE_SECONDS > deadline:
                    raise
                if isinstance(error, RateLimitedError):
                    # Meant for all who ask with this session, in other threads as well.
                    self._quiet_until = time.monotonic() + pause
                time.sleep(pause)

    def _url_of(self, path: str) -> str:
        return f"{self._base_url.rstrip('/')}/{path.lstrip('/')}" if path else self._base_url

    def _take_turn(self) -> None:
        quiet_for = self._quiet_until - time.monotonic()
        if quiet_for > 0:
            time.sleep(quiet_for)
        if self._limiter is not None and not self._limiter.acquire(MAX_WAIT_SECONDS):
            raise RateLimitedError(
                "Our own limit for this service leaves no room now.",
                provider=self.provider,
                retry_at=datetime.now(UTC) + timedelta(seconds=MAX_WAIT_SECONDS),
                # It is this process that is busy: the service asked nobody for a pause.
                scope=RateLimitScope.ACCOUNT,
            )

    def _exchange(self, call: Call) -> Answer:
        started, worked = time.monotonic(), time.thread_time()
        failure: ProviderError | None
        try:
            response = self._session.request(
                call.method, call.url, params=call.params, data=call.form, json=call.json, headers=call.headers
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError) as error:
            failure = error_for_exception(error, self.provider)
        else:
            seconds = time.monotonic() - started
            self._waits = (self._waits[1], seconds - (time.thread_time() - worked))
            answer = Answer(self.provider, response.status_code, response.headers, response.content)
            logger.debug(
                "%s %s %s answered %d in %.0f ms",
                self.provider,
                call.method,
                urlsplit(call.url).path,
                answer.status_code,
                seconds * 1000,
            )
            failure = self._find_error(answer)
        # Not raised where it is caught: the request, credentials and all, hangs on the exceptions of requests.
        if failure is not None:
            raise failure
        return answer


def error_for_exception(error: Exception, provider: str) -> ProviderError:
    """Map what went wrong on the way to or from a service to the error tree."""
    if isinstance(error, _BodyTooLargeError):
        return InvalidResponseError(
            f"The answer is larger than {MAX_BODY_BYTES // 1024 // 1024} MB.", provider=provider
        )
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return InvalidResponseError("The answer cannot be unpacked.", provider=provider)
    if isinstance(error, requests.Timeout):
        return ServiceUnavailableError("The service took too long to answer.", provider=provider)
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return ServiceUnavailableError("The service cannot be reached, or broke off.", provider=provider)
    return InvalidRequestError(f"The request could not be sent ({type(error).__name__}).", provider=provider)


def _pause_before_repeat(error: TransientError, attempt: int) -> float:
    """Seconds to wait: what the service asked for, or a back-off; jitter keeps those who wait apart."""
    jitter = random.uniform(0.0, 0.5)  # noqa: S311, jitter is no secret
    if error.retry_at is not None:
        return max((error.retry_at - datetime.now(UTC)).total_seconds(), 0.0) + jitter
    return 2.0 ** (attempt - 2) + jitter
