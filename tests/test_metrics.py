import re
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from providers import link_health, metrics, registry, worker
from providers.datatypes import AuthResult
from providers.exceptions import RateLimitedError, ReauthorizationRequiredError, ServiceUnavailableError
from providers.models import (
    Connection,
    EventCount,
    HistoryGap,
    HistoryImport,
    HistorySync,
    Listen,
    PlaylistMirror,
    ServicePause,
    SpotifyAuth,
)
from providers.playlists import mirrors
from providers.tokens import StoredTokenSource
from tests.history.fakes import ListHistory, listen_at

pytestmark = pytest.mark.django_db

AGO = timedelta(minutes=5)


def told(name: str) -> dict[tuple[str, ...], float]:
    """Return the numbers of a metric by the values of its labels."""
    metric = next(metric for metric in metrics.collect() if metric.name == name)
    return {tuple(labels.values()): value for labels, value in metric.samples}


def link(name: str, provider_type: str = "lastfm", **sync: object) -> Connection:
    connection = Connection.objects.create(user=User.objects.create_user(name), provider_type=provider_type)
    HistorySync.objects.create(connection=connection, **{"due_at": timezone.now() + AGO, **sync})
    return connection


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> ListHistory:
    """What everybody's service has."""
    told_history = ListHistory([listen_at(minutes) for minutes in range(3)])
    monkeypatch.setattr(registry, "build", lambda provider_type, user: told_history)
    return told_history


def test_fetches_are_counted_by_how_they_ended_and_listens_with_them(history: ListHistory) -> None:
    link("ada", due_at=timezone.now() - AGO)
    worker.drain("lastfm")
    HistorySync.objects.update(due_at=timezone.now() - AGO)
    worker.drain("lastfm")

    assert told("fetches") == {("complete", "lastfm"): 2}
    assert told("listens_fetched") == {("complete", "lastfm"): 3}
    assert told("service_errors") == {}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ServiceUnavailableError("Down.", provider="lastfm"), "failed"),
        (ReauthorizationRequiredError("Dead.", provider="lastfm"), "failed"),
        (RateLimitedError("Busy.", provider="lastfm"), "parked"),
    ],
)
def test_what_services_do_wrong_is_counted_by_kind(history: ListHistory, error: Exception, outcome: str) -> None:
    def fail(number: int) -> None:
        raise error

    history.before_page = fail
    link("ada", due_at=timezone.now() - AGO)
    worker.drain("lastfm")

    assert told("service_errors") == {(type(error).__name__, "lastfm"): 1}
    assert told("fetches") == {(outcome, "lastfm"): 1}


def test_an_error_is_counted_wherever_a_service_is_talked_to() -> None:
    connection = link("ada")
    with pytest.raises(ServiceUnavailableError), link_health.speaking_for(connection):
        raise ServiceUnavailableError("Down.", provider="lastfm")
    assert told("service_errors") == {("ServiceUnavailableError", "lastfm"): 1}


@pytest.mark.django_db(transaction=True)
def test_renewals_of_tokens_are_counted_by_how_they_ended(user: User) -> None:
    row = SpotifyAuth.objects.create(user=user, access_token="a", refresh_token="b", expires_at=timezone.now() - AGO)
    answers = iter(
        [
            AuthResult(access_token="fresh", expires_at=timezone.now() - AGO),
            ServiceUnavailableError("Down.", provider="spotify"),
            ReauthorizationRequiredError("Dead.", provider="spotify"),
        ]
    )

    def refresh(refresh_token: str) -> AuthResult:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    for failure in (None, ServiceUnavailableError, ReauthorizationRequiredError):
        SpotifyAuth.objects.update(refresh_lease_until=timezone.now())
        row.refresh_from_db()
        with pytest.raises(failure) if failure else nullcontext():
            StoredTokenSource(row, refresh).get_access_token()

    assert told("token_refreshes") == {
        ("renewed", "spotify"): 1,
        ("failed", "spotify"): 1,
        ("refused", "spotify"): 1,
    }


def test_runs_of_mirrors_are_counted_by_how_they_ended() -> None:
    source, target = link("ada"), link("bo", "spotify")
    source.mark_disconnected()
    mirror = PlaylistMirror.objects.create(user=source.user, source=source, source_playlist_id="1", target=target)

    assert mirrors.run(mirror).outcome == "failed"

    assert told("mirror_runs") == {("failed",): 1}


def test_the_lag_is_of_the_row_that_nobody_has_come_to_the_longest() -> None:
    link("ada", due_at=timezone.now() - timedelta(hours=1))
    link("bo", due_at=timezone.now() - timedelta(minutes=1))
    being_fetched = link("cy", due_at=timezone.now() - timedelta(hours=9))
    HistorySync.objects.filter(connection=being_fetched).update(lease_until=timezone.now() + AGO, lease_token="x")

    assert told("due_lag_seconds")[("lastfm",)] == pytest.approx(3600, abs=30)
    assert told("due_lag_seconds")[("spotify",)] == 0
    assert told("due_rows")[("lastfm",)] == 2


def test_a_long_queue_is_counted_so_far_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MAX_DUE_ROWS", 2)
    for name in ("ada", "bo", "cy"):
        link(name, due_at=timezone.now() - AGO)
    assert told("due_rows")[("lastfm",)] == 2


def test_histories_that_wait_and_that_fail_are_told_apart() -> None:
    link("ada")
    link("bo", last_error="The service asked for a pause.")
    link("cy", last_error="Down.", failures=3)
    link("di", last_error="Dead.", due_at=None)

    assert told("histories_parked") == {("lastfm",): 1}
    assert told("histories_failing") == {("lastfm",): 1}


def test_the_last_fetch_of_each_service_is_told() -> None:
    moment = datetime.fromisoformat("2026-11-01T12:00:00+00:00")
    link("ada", last_fetched_at=moment)
    link("bo", last_fetched_at=moment - AGO)
    link("cy", "spotify")

    assert told("last_fetch_timestamp_seconds") == {("lastfm",): moment.timestamp()}


def test_states_are_counted_as_they_are_now() -> None:
    ada, bo = link("ada"), link("bo", "spotify")
    bo.mark_needs_reauth("Dead.")
    now = timezone.now()
    for closed_at in (None, None, now):
        HistoryGap.objects.create(connection=bo, since=now - AGO, until=now, reason="not_kept", closed_at=closed_at)
    ServicePause.begin("spotify", "an application", now + AGO)
    ServicePause.begin("spotify", "another", now - AGO)
    PlaylistMirror.objects.create(user=ada.user, source=ada, source_playlist_id="1", target=bo, state="failed")
    for digest, status in enumerate(("done", "waiting", "failed")):
        HistoryImport.objects.create(user=ada.user, name="a", digest=digest, size=1, status=status, due_at=None)

    assert told("connections") == {("lastfm", "ok"): 1, ("spotify", "needs_reauth"): 1}
    assert told("open_gaps") == {("spotify",): 2}
    assert told("service_pauses") == {("spotify",): 1}
    assert told("mirrors") == {("failed",): 1}
    assert told("imports") == {("waiting",): 1, ("failed",): 1}


def test_the_number_of_queries_does_not_grow_and_no_listen_is_counted(history: ListHistory) -> None:
    def queries() -> list[str]:
        with CaptureQueriesContext(
            database,
        ) as captured:
            list(metrics.collect())
        return [query["sql"] for query in captured]

    few = queries()
    for number in range(20):
        link(f"person {number}", due_at=timezone.now() - AGO)
    worker.drain("lastfm")

    assert Listen.objects.exists()
    assert EventCount.objects.exists()
    assert len(queries()) == len(few) <= 20
    assert not any(Listen._meta.db_table in sql for sql in queries())


def test_no_label_names_a_person(history: ListHistory, settings: Settings) -> None:
    connection = link("somebody", due_at=timezone.now() - AGO)
    Connection.objects.update(account_name="somebody", account_id="somebody")
    worker.drain("lastfm")
    assert connection.user.username not in repr(list(metrics.collect()))


def test_every_metric_is_documented_and_none_that_there_is_not() -> None:
    documented = re.findall(
        r"^\| `(\w+?)(?:_total)?` \|", Path("docs/deployment/monitoring.md").read_text(), re.MULTILINE
    )
    assert sorted(documented) == sorted(metric.name for metric in metrics.collect())
