from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from oauthlib.oauth2 import WebApplicationClient

from providers import conf
from providers.contracts import BatchedHistory, require_aware
from providers.datatypes import AuthAttempt, AuthResult, HistoryEnd, Track
from providers.exceptions import AuthenticationError, ReauthorizationRequiredError
from providers.jsonvalues import JsonObject
from providers.ratelimit import Rate, limiter_for
from providers.registry import ProviderSpec
from providers.tokens import StoredTokenSource
from providers.transport import ApiSession, BearerCredentials, TokenSource
from tests.example_provider.models import RadiolaAuth

TYPE = RadiolaAuth.provider_type
Walk = Generator[list[Track], None, HistoryEnd]


class RadiolaProvider(BatchedHistory):
    def __init__(self, attempt: AuthAttempt | None = None, *, tokens: TokenSource | None = None) -> None:
        self.client_id, self.url = conf.require("RADIOLA_CLIENT_ID"), conf.require("RADIOLA_URL")
        self._attempt = attempt or AuthAttempt(type=TYPE, callback_url="")
        limiter = limiter_for(TYPE, self.client_id, conf.rate_limit(TYPE, SPEC.default_rate), conf.redis_url())
        bearer = BearerCredentials(tokens) if tokens else None
        self._session = ApiSession(provider=TYPE, base_url=self.url, credentials=bearer, limiter=limiter)

    def type(self) -> str:
        return TYPE

    def supports_auth(self) -> bool:
        return True

    def get_auth_url(self, state: str) -> str:
        challenge = WebApplicationClient(self.client_id).create_code_challenge(self._attempt.code_verifier, "S256")
        query = {"client_id": self.client_id, "redirect_uri": self._attempt.callback_url, "state": state}
        pkce = {"code_challenge": challenge, "code_challenge_method": "S256"}
        return f"{self.url}/authorize?{urlencode(query | pkce)}"

    def exchange_code(self, code: str) -> AuthResult:
        return self._grant(code=code, code_verifier=self._attempt.code_verifier)

    def refresh_token(self, refresh_token: str) -> AuthResult:
        try:
            return self._grant(refresh_token=refresh_token)
        except AuthenticationError:
            raise ReauthorizationRequiredError("Radiola no longer knows the link.", provider=TYPE) from None

    def disconnect(self) -> None:
        """Do nothing: Radiola has no call for it."""

    def _grant(self, **proof: str) -> AuthResult:
        answer = self._session.request("POST", "/token", form={"client_id": self.client_id, **proof})
        granted = JsonObject(answer.object(), provider=TYPE)
        return AuthResult(
            access_token=granted.required_text("access_token"),
            refresh_token=granted.required_text("refresh_token"),
            expires_at=datetime.now(UTC) + timedelta(seconds=granted.integer("expires_in")),
            account_id=granted.required_text("listener"),
            account_name=granted.required_text("listener"),
        )

    def iter_recent_listens(self, since: datetime, until: datetime | None = None) -> Walk:
        require_aware(since=since, until=until)
        query = {"after": since.isoformat(), "until": until.isoformat() if until else "", "cursor": "start"}
        while query["cursor"] != "end":
            page = JsonObject(self._session.request("GET", "/listens", params=query).object(), provider=TYPE)
            query["cursor"] = page.required_text("next")
            if batch := [_parse_listen(listen) for listen in page.required_objects("listens")]:
                yield batch
        return HistoryEnd.REACHED_SINCE


def _parse_listen(listen: JsonObject) -> Track:
    key, title, artist = (listen.required_text(name) for name in ("track", "title", "artist"))
    return Track(id=key, name=title, artist=artist, isrc=listen.text("isrc"), played_at=listen.required_moment("at"))


def _build_provider(user: Any) -> RadiolaProvider | None:
    if (row := RadiolaAuth.of(user.pk)) is None:
        return None
    tokens = StoredTokenSource(row, RadiolaProvider().refresh_token)
    tokens.get_access_token()
    return RadiolaProvider(tokens=tokens)


SPEC = ProviderSpec(
    type=TYPE,
    label="Radiola",
    docs_url="https://radiola.example/developers",
    provider_class=RadiolaProvider,
    factory=_build_provider,
    authenticator_factory=RadiolaProvider,
    authorize_origins=lambda: [conf.get("RADIOLA_URL")],
    credential_model="radiola.RadiolaAuth",
    required_settings=("RADIOLA_URL", "RADIOLA_CLIENT_ID"),
    default_rate=Rate(10, 1.0),
    poll_interval=(timedelta(minutes=10), timedelta(hours=6)),
    played_at_marks="start",
)
