"""A whole run, with everything going right and everything going wrong, and no secret told anywhere.

The services are simulators on sockets, so that urllib3 and requests-oauthlib run, and log, as they do in earnest.
What the search is for is what the services were sent or gave: tokens, session keys, passwords, signatures, codes,
states and verifiers, however they are spelled.
"""

import base64
import logging
import subprocess
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from io import StringIO
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus, urlsplit

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from musicbridge.logs import JsonFormatter, WithoutQueries
from providers import registry
from providers.exceptions import ProviderError
from providers.logcontext import LogContextFilter
from providers.models import AlertKind, AlertTarget, Connection, LastFMAuth, Listen, NavidromeAuth, SpotifyAuth
from providers.testing.simulators.catalogue import Catalogue
from providers.testing.simulators.faults import READY_MADE, SeenRequest
from providers.testing.simulators.lastfm import LastFMSimulator, Person
from providers.testing.simulators.navidrome import NavidromeSimulator
from providers.testing.simulators.spotify import SpotifySimulator
from providers.testing.wsgi import serving
from tests.alerts.fakes import Receiver, receiving
from tests.conftest import Log

PASSWORD = "seeded navidrome password"
WRONG_PASSWORD = "seeded wrong password"
LOCAL_PASSWORD = "seeded local password"
ALERT_TOKEN = "seeded-alert-token"
METRICS_TOKEN = "seeded metrics token"
CALLBACK = "http://127.0.0.1:8000/connections/spotify/callback/"
SECRET_PARAMETERS = ("api_sig", "code", "code_verifier", "p", "password", "refresh_token", "sk", "state", "t", "token")
SECRET_HEADERS = ("Authorization", "X-Nd-Authorization")
SHORTEST_SECRET = 8

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


@dataclass
class Services:
    """The three services, with Ada in each of them and a second person at Last.fm."""

    spotify: SpotifySimulator
    lastfm: LastFMSimulator
    navidrome: NavidromeSimulator

    def __post_init__(self) -> None:
        self.ada_at_spotify = self.spotify.add_person("Ada")
        self.ada_at_lastfm = self.lastfm.add_person("ada-plays")
        self.bo_at_lastfm = self.lastfm.add_person("bo-plays")
        self.spotify.seed(self.ada_at_spotify, days=1, per_day=20)
        self.lastfm.seed(self.ada_at_lastfm, days=2, per_day=20)
        self.navidrome.seed(self.navidrome.add_person("ada", PASSWORD), days=2, per_day=20)

    @property
    def requests_seen(self) -> list[SeenRequest]:
        return [
            request
            for simulator in (self.spotify, self.lastfm, self.navidrome)
            for request in simulator.faults.requests_seen
        ]

    def break_down(self, kind: str) -> None:
        for simulator in (self.spotify, self.lastfm, self.navidrome):
            simulator.faults.add("/", times=None, **READY_MADE[kind]())

    def recover(self) -> None:
        for simulator in (self.spotify, self.lastfm, self.navidrome):
            simulator.faults.clear()

    def secrets(self) -> set[str]:
        """Return every secret that one of them has seen so far."""
        sent: set[str] = set()
        for request in self.requests_seen:
            for place in (request.query, request.form):
                sent.update(value for name in SECRET_PARAMETERS for value in place.get(name, []))
            sent.update(value.split(" ")[-1] for name in SECRET_HEADERS if (value := request.headers.get(name)))
        return {value for value in sent if len(value) >= SHORTEST_SECRET}


@dataclass
class Heard:
    """What was told, and where."""

    told: set[tuple[str, str]] = field(default_factory=set)

    def note(self, where: str, text: object) -> None:
        self.told.add((where, text if isinstance(text, str) else repr(text)))

    def leaks(self, secrets: set[str]) -> list[str]:
        """Return where which kind of spelling of a secret was told; the secret itself stays untold here as well."""
        return sorted(
            {
                f"{where}: {secret[:4]}…, {spelling}"
                for secret in secrets
                # Most secrets look the same in most spellings: each look is sought once.
                for spelled in set(spellings(secret).values())
                for where, text in self.told
                if spelled in text
                for spelling, same in spellings(secret).items()
                if same == spelled
            }
        )


def spellings(secret: str) -> dict[str, str]:
    return {
        "in clear": secret,
        "as a repr": repr(secret)[1:-1],
        "percent-encoded": quote(secret, safe=""),
        "as a form": quote_plus(secret),
        "in hex": secret.encode().hex(),
        "in base64": base64.b64encode(secret.encode()).decode().rstrip("="),
    }


@pytest.fixture
def services(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """Serve the three and set the site up for them; nothing is waited for, neither repeats nor endless answers."""
    monkeypatch.setattr("providers.transport._pause_before_repeat", lambda error, attempt: 0.0)
    monkeypatch.setattr("providers.transport.MAX_BODY_BYTES", 2**20)
    catalogue = Catalogue()
    those = Services(
        SpotifySimulator(redirect_uris=[CALLBACK], catalogue=catalogue),
        LastFMSimulator(catalogue=catalogue, api_secret="seeded api secret of ours"),
        NavidromeSimulator(catalogue=catalogue, limits_logins=False),
    )
    with (
        serving(those.spotify.wsgi) as spotify,
        serving(those.lastfm.wsgi) as lastfm,
        serving(those.navidrome.wsgi) as navidrome,
    ):
        settings.DEBUG = True
        settings.PROVIDERS = ["providers.spotify", "providers.lastfm", "providers.navidrome"]
        settings.PROVIDER_RATE_LIMITS = "none"
        settings.SPOTIFY_CLIENT_ID = those.spotify.client_id
        settings.SPOTIFY_REDIRECT_URI = CALLBACK
        settings.SPOTIFY_ACCOUNTS_URL = f"{spotify}/accounts"
        settings.SPOTIFY_API_URL = f"{spotify}/api/v1"
        settings.LASTFM_API_KEY, settings.LASTFM_API_SECRET = those.lastfm.api_key, those.lastfm.api_secret
        settings.LASTFM_API_URL = f"{lastfm}/ws/2.0/"
        settings.LASTFM_AUTH_URL = f"{lastfm}/www/api/auth/"
        settings.NAVIDROME_URL = navidrome
        yield those


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Serve what alerts are sent to."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def log_for_programs(log: Log) -> Iterator[StringIO]:
    """Write what everybody logs as the site does with LOG_FORMAT=json."""
    handler = logging.StreamHandler(stream := StringIO())
    handler.setFormatter(JsonFormatter())
    handler.addFilter(WithoutQueries())
    handler.addFilter(LogContextFilter())
    logging.root.addHandler(handler)
    yield stream
    logging.root.removeHandler(handler)


class Run:
    """A person and an administrator at work, all of whose pages, outputs and errors are noted."""

    def __init__(self, services: Services, heard: Heard) -> None:
        self.services = services
        self.heard = heard
        self.ada = Client(raise_request_exception=False)
        self.root = Client(raise_request_exception=False)

    def page(self, visitor: Client, address: str, form: dict[str, Any] | None = None) -> Any:
        parts = urlsplit(address)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        response = visitor.get(path) if form is None else visitor.post(path, form)
        self.heard.note(f"page {parts.path} ({response.status_code})", response.content.decode())
        return response

    def command(self, *words: str) -> None:
        out, err = StringIO(), StringIO()
        try:
            call_command(*words, stdout=out, stderr=err, verbosity=3)
        except Exception as error:  # noqa: BLE001, whatever comes is looked at
            self.heard.note(f"failure of {words[0]}", "".join(traceback.format_exception(error)))
        self.heard.note(f"output of {words[0]}", out.getvalue() + err.getvalue())

    def sign_in(self, password: str) -> Any:
        """Sign in in a browser of its own; the last one that got in is the one that goes on."""
        browser = Client(raise_request_exception=False)
        response = self.page(browser, "/accounts/login/", {"username": "ada", "password": password})
        if response.status_code == 302:
            self.ada = browser
        return response

    def agree_at_spotify(self) -> str:
        """Return where Spotify sends the browser back to."""
        to_spotify = self.page(self.ada, "/connections/spotify/connect/", {}).headers["Location"]
        return self.services.spotify.approve(to_spotify, self.services.ada_at_spotify)

    def agree_at_lastfm(self, person: Person) -> str:
        """Return where Last.fm sends the browser back to."""
        to_lastfm = self.page(self.ada, "/connections/lastfm/connect/", {}).headers["Location"]
        return self.services.lastfm.approve(to_lastfm, person)

    def paste_answer_of_spotify(self, mistake: str = "") -> Any:
        """Finish a link by hand. The page that tells where to agree is not noted: the state is in that address."""
        page = "/connections/spotify/paste/"
        to_spotify = self.ada.post(page).context["consent_url"]
        answer = self.services.spotify.approve(to_spotify, self.services.ada_at_spotify)
        return self.page(self.ada, page, {"answer": f"{answer}{mistake}"})

    def look_around(self) -> None:
        for address in ("/connections/", "/history/", "/connections/spotify/disconnect/", "/accounts/login/"):
            self.page(self.ada, address)
        for target in AlertTarget.objects.defer("url"):
            for address in ("/alerts/", f"/alerts/{target.pk}/", f"/alerts/{target.pk}/delete/"):
                self.page(self.ada, address)

    def look_around_as_administrator(self) -> None:
        self.page(self.root, reverse("admin:index"))
        for model in admin.site._registry:
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
            self.page(self.root, reverse(f"{name}_changelist"))
            for row in model._default_manager.all()[:5]:
                self.page(self.root, reverse(f"{name}_change", args=[row.pk]))
                self.page(self.root, reverse(f"{name}_history", args=[row.pk]))

    def administer(self, action: str) -> None:
        chosen = list(Connection.objects.values_list("pk", flat=True))
        form = {"action": action, "_selected_action": chosen}
        self.page(self.root, reverse("admin:providers_connection_changelist"), form)
        self.page(self.root, reverse("admin:providers_connection_changelist"))

    def raise_errors(self) -> None:
        """Call the providers as a third party would, and note what is raised."""
        user = get_user_model().objects.get(username="ada")
        for provider_type in ("spotify", "lastfm", "navidrome"):
            try:
                provider: Any = registry.build(provider_type, user)
                self.heard.note("repr of a provider", f"{provider!r} {vars(provider)!r}")
                provider.get_recent_listens(timezone.now() - timedelta(days=3), lambda batch: None)
            except ProviderError as error:
                self.heard.note(f"error of {provider_type}", "".join(traceback.format_exception(error)))
                self.heard.note(f"error of {provider_type}", f"{error!r} {vars(error)!r}")


def test_nothing_of_a_whole_run_tells_a_secret(
    services: Services,
    receiver: Receiver,
    settings: Settings,
    log: Log,
    log_for_programs: StringIO,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard = Heard()
    run = Run(services, heard)
    User.objects.create_superuser("root", password=LOCAL_PASSWORD)
    stored: set[str] = set()

    # Signing in, with a slip at first, and linking.
    assert run.sign_in(WRONG_PASSWORD).status_code == 200
    assert run.sign_in(PASSWORD).status_code == 302
    assert run.page(run.ada, run.agree_at_spotify()).status_code == 303
    assert run.page(run.ada, run.agree_at_lastfm(services.ada_at_lastfm)).status_code == 303
    stored |= stored_secrets()
    assert len(stored) == 4

    # A place to be told, which takes the first message and no other.
    place = {"label": "phone", "url": f"gotify://{receiver.host}/{ALERT_TOKEN}", "kinds": AlertKind.values}
    assert run.page(run.ada, "/alerts/", place).status_code == 303
    place_address = f"/alerts/{AlertTarget.objects.get().pk}/"
    run.page(run.ada, f"{place_address}test/", {})
    assert [message.headers["X-Gotify-Key"] for message in receiver.messages] == [ALERT_TOKEN]
    receiver.status = 500

    # Everything goes right.
    run.command("fetch_history")
    run.command("list_providers", "--json")
    assert Listen.objects.values("provider_type").distinct().count() == 3
    services.spotify.expire_access_tokens()
    run.command("fetch_history", "--json")
    let_tokens_expire()
    run.raise_errors()
    assert len(services.spotify.seen("token")) == 3
    run.look_around()

    # By hand, rightly, with a slip of the hand, and without what matters.
    assert run.paste_answer_of_spotify().status_code == 303
    assert run.paste_answer_of_spotify(mistake="&state=x").status_code == 400
    assert run.page(run.ada, "/connections/spotify/paste/", {"answer": run.agree_at_spotify()[-40:]}).status_code == 200
    stored |= stored_secrets()

    # Another account, asked about and taken.
    question = run.page(run.ada, run.agree_at_lastfm(services.bo_at_lastfm))
    assert question.status_code == 200
    note_the_database(heard, "while asked")
    run.page(run.ada, "/connections/lastfm/confirm/", {"token": question.context["outcome"].token, "answer": "switch"})
    assert LastFMAuth.objects.get().username == "bo-plays"
    stored |= stored_secrets()

    # The administrator.
    run.page(run.root, "/admin/login/", {"username": "root", "password": LOCAL_PASSWORD})
    run.look_around_as_administrator()
    run.administer("fetch_now")
    run.administer("check_now")

    # The operator.
    settings.METRICS_TOKEN = METRICS_TOKEN
    for token, status in ((METRICS_TOKEN, 200), ("another", 401)):
        answer = Client().get("/metrics", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status
        heard.note("metrics", answer.content.decode())
    run.page(Client(), "/healthz")
    run.command("doctor")
    run.command("doctor", "--json")

    # Everything goes wrong, at the services and in the code.
    for kind in READY_MADE:
        callbacks = [run.agree_at_spotify(), run.agree_at_lastfm(services.bo_at_lastfm)]
        let_tokens_expire()
        services.break_down(kind)
        for callback in callbacks:
            assert run.page(run.ada, callback).status_code in (502, 503)
        run.command("fetch_history")
        let_tokens_expire()
        run.raise_errors()
        run.sign_in(PASSWORD)
        services.recover()
    callbacks = [run.agree_at_spotify(), run.agree_at_lastfm(services.bo_at_lastfm)]
    with monkeypatch.context() as patched:
        patched.setattr("providers.transport.Answer.object", fail_unexpectedly)
        patched.setattr("providers.navidrome.client.parse_response", fail_unexpectedly)
        for callback in callbacks:
            assert run.page(run.ada, callback).status_code == 500
        assert run.paste_answer_of_spotify().status_code == 500
        assert run.sign_in(PASSWORD).status_code == 500
        run.command("fetch_history")
    run.look_around()

    # Keys change, links die, and the person leaves.
    stored |= stored_secrets()
    settings.FERNET_KEYS = ["a newer key of the tests", *settings.FERNET_KEYS]
    run.command("rotate_credentials")
    stored |= stored_secrets()
    note_the_database(heard, "while linked")
    services.spotify.revoke(services.ada_at_spotify)
    services.lastfm.revoke(services.bo_at_lastfm)
    let_tokens_expire()
    run.command("fetch_history")
    assert Connection.objects.filter(status=Connection.Status.NEEDS_REAUTH).count() == 2
    assert len(receiver.messages) > 1
    assert AlertTarget.objects.get().problem == "answered 500"
    run.look_around()
    run.look_around_as_administrator()
    run.administer("disconnect")
    run.page(run.ada, "/connections/spotify/disconnect/", {})
    note_the_database(heard, "afterwards")

    out, err = capfd.readouterr()
    heard.note("stdout", out)
    heard.note("stderr", err)
    for name, lines in log.lines.items():
        heard.note(f"log {name}", "\n".join(lines))

    heard.note("log for programs", log_for_programs.getvalue())
    assert '"connection":' in log_for_programs.getvalue()
    assert '"request":' in log_for_programs.getvalue()

    own = {PASSWORD, WRONG_PASSWORD, LOCAL_PASSWORD, ALERT_TOKEN, METRICS_TOKEN}
    own |= {services.lastfm.api_secret, settings.SECRET_KEY}
    secrets = own | services.secrets() | stored | set(settings.FERNET_KEYS)
    assert len(secrets) > 40
    assert {"urllib3.connectionpool", "django.db.backends", "django.request"} <= log.lines.keys()
    assert heard.leaks(secrets) == []


def let_tokens_expire() -> None:
    """Make the next call refresh, also where a refresh has failed a moment ago."""
    SpotifyAuth.objects.update(expires_at=timezone.now(), refresh_lease_until=timezone.now())


def fail_unexpectedly(answer: Any) -> NoReturn:
    raise RuntimeError("a bug of ours")


def stored_secrets() -> set[str]:
    """Return the secrets in the database, as only a factory reads them."""
    rows = [
        *SpotifyAuth.objects.values_list("access_token", "refresh_token"),
        *LastFMAuth.objects.values_list("session_key"),
        *NavidromeAuth.objects.values_list("password"),
    ]
    return {secret for row in rows for secret in row}


def note_the_database(heard: Heard, when: str) -> None:
    """Note every row as Django dumps and shows it and as the database holds it, and the bytes of its files."""
    for serial_format in ("json", "xml"):
        out = StringIO()
        call_command("dumpdata", format=serial_format, stdout=out)
        heard.note(f"dump {when}", out.getvalue())
    for model in apps.get_models():
        heard.note(f"{model._meta.label} {when}", [f"{row!r} {row}" for row in model._base_manager.all()])
    for session in Session.objects.all():
        heard.note(f"session {when}", session.get_decoded())
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            for row in cursor.fetchall():
                heard.note(f"table {table} {when}", [bytes(v) if isinstance(v, memoryview) else v for v in row])
    if connection.vendor == "sqlite":
        for suffix in ("", "-wal"):
            # In a process of its own: a file that is opened and closed in this one takes SQLite's locks along, and
            # the next process to close the database would take it for its own and delete its log.
            path = f"{connection.settings_dict['NAME']}{suffix}"
            heard.note(f"file{suffix} {when}", subprocess.run(["cat", path], capture_output=True, check=True).stdout)


@pytest.mark.parametrize("spelling", spellings("päss word/+&"))
def test_the_search_finds_a_secret_however_it_is_spelled(spelling: str) -> None:
    secret = "päss word/+&"
    heard = Heard()
    heard.note("log", f"before {spellings(secret)[spelling]} after")
    assert f"log: päss…, {spelling}" in heard.leaks({secret})
    assert heard.leaks({"another"}) == []
