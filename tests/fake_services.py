"""Two services that exist in this process only, to link, to refuse and to fail on command.

They stand in the registry instead of the real ones and borrow their credential models, so that everything above
the registry runs as it does for any service, without a network.
"""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from pytest_django import Settings

from providers import registry
from providers.contracts import BatchedHistory
from providers.datatypes import AuthAttempt, AuthResult, HistoryEnd
from providers.models import Connection, LastFMAuth, SpotifyAuth
from providers.ratelimit import Rate
from providers.registry import ApplicationGuide, ProviderSpec


@dataclass
class FakeService:
    """A service with people who agree at once. `failure` is what the next call to it raises."""

    type: str
    grant_parameter: str
    client_id: str
    failure: Exception | None = None
    granted: dict[str, tuple[AuthResult, str, str]] = field(default_factory=dict)
    disconnects: int = 0

    def agree(self, address: str, result: AuthResult | None = None) -> dict[str, str]:
        """Let a person agree at the address they were sent to; return what the service sends them back with."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        code = f"code-{len(self.granted)}"
        granted = result or AuthResult(
            access_token="granted access", refresh_token="granted refresh", account_id="1", account_name="ada"
        )
        self.granted[code] = granted, query["challenge"], query.get("client", "")
        return {"state": query["state"], self.grant_parameter: code}


class _Authenticator:
    def __init__(self, service: FakeService, attempt: AuthAttempt | None) -> None:
        self._service = service
        self._attempt = attempt
        self.client_id = (attempt.client_id if attempt else "") or service.client_id

    def type(self) -> str:
        return self._service.type

    def supports_auth(self) -> bool:
        return True

    def get_auth_url(self, state: str) -> str:
        self._fail()
        assert self._attempt is not None
        query = {
            "client": self.client_id,
            "state": state,
            "cb": self._attempt.callback_url,
            "challenge": _challenge(self._attempt.code_verifier),
        }
        return f"https://{self._service.type}.example/authorize?{urlencode(query)}"

    def exchange_code(self, code: str) -> AuthResult:
        self._fail()
        assert self._attempt is not None
        result, challenge, client_id = self._service.granted.pop(code)
        assert challenge == _challenge(self._attempt.code_verifier), "another verifier than the one it began with"
        assert self.client_id == client_id, "through another application than the one it began with"
        return result

    def refresh_token(self, refresh_token: str) -> AuthResult:
        raise NotImplementedError

    def disconnect(self) -> None:
        self._fail()
        self._service.disconnects += 1

    def _fail(self) -> None:
        if self._service.failure is not None:
            raise self._service.failure


class _Provider(BatchedHistory, _Authenticator):
    def iter_recent_listens(self, since: Any, until: Any = None) -> Any:
        yield from ()
        return HistoryEnd.EXHAUSTED


class _SignInProvider(BatchedHistory):
    """A service that people sign in with, so that there is nothing to link."""

    def type(self) -> str:
        return "navidrome"

    def iter_recent_listens(self, since: Any, until: Any = None) -> Any:
        yield from ()
        return HistoryEnd.EXHAUSTED


@dataclass
class FakeServices:
    """Everything there is to link."""

    wavebox: FakeService
    tapedeck: FakeService


def _spec(service: FakeService, label: str, credential_model: str, **more: Any) -> ProviderSpec:
    def build(user: Any) -> _Provider | None:
        is_linked = Connection.objects.filter(user=user, provider_type=service.type, status="ok").exists()
        return _Provider(service, None) if is_linked else None

    factory: Callable[[AuthAttempt | None], _Authenticator] = lambda attempt: _Authenticator(service, attempt)  # noqa: E731
    return ProviderSpec(
        type=service.type,
        label=label,
        docs_url="https://example.com",
        provider_class=_Provider,
        factory=build,
        authenticator_factory=factory,
        authorize_origins=lambda: (f"https://{service.type}.example",),
        credential_model=credential_model,
        default_rate=Rate(1000, 1),
        poll_interval=(timedelta(minutes=10), timedelta(hours=1)),
        played_at_marks="start",
        **more,
    )


@pytest.fixture
def services(settings: Settings) -> FakeServices:
    """Wavebox (OAuth 2, links that expire, in need of a setting), Tapedeck (tokens) and Attic (signed in with).

    To Wavebox people may bring an application of their own.
    """
    settings.PROVIDERS = ()
    settings.SPOTIFY_CLIENT_ID = "wavebox-client"
    fakes = FakeServices(
        wavebox=FakeService(SpotifyAuth.provider_type, "code", "wavebox-client"),
        tapedeck=FakeService(LastFMAuth.provider_type, "token", ""),
    )
    registry.register(
        _spec(
            fakes.wavebox,
            "Wavebox",
            "providers.SpotifyAuth",
            required_settings=("SPOTIFY_CLIENT_ID",),
            link_lifetime=timedelta(days=180),
            application_guide=ApplicationGuide(
                dashboard_url="https://spotify.example/dashboard",
                steps=("Open the dashboard.", "Make an application."),
                redirect_uri=lambda: "https://bridge.example/callback/",
                clean_client_id=_clean_client_id,
                replaces_settings=("SPOTIFY_CLIENT_ID",),
            ),
        )
    )
    registry.register(_spec(fakes.tapedeck, "Tapedeck", "providers.LastFMAuth"))
    registry.register(
        ProviderSpec(
            type="navidrome",
            label="Attic",
            docs_url="https://example.com",
            provider_class=_SignInProvider,
            factory=lambda user: None,
            credential_model="providers.NavidromeAuth",
            default_rate=Rate(1000, 1),
            poll_interval=(timedelta(minutes=10), timedelta(hours=1)),
            played_at_marks="end",
        )
    )
    return fakes


def assert_nothing_is_linked() -> None:
    assert not SpotifyAuth.objects.exists()
    assert not LastFMAuth.objects.exists()
    assert not Connection.objects.exists()


def _clean_client_id(text: str) -> str:
    client_id = text.strip()
    if not client_id.startswith("own-"):
        raise ValueError("A client id of Wavebox begins with own-.")
    return client_id


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode()
