import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from providers import registry
from providers.alerts import delivery
from providers.exceptions import RateLimitedError, ReauthorizationRequiredError, ServiceUnavailableError
from providers.models import Alert, Connection, Listen
from tests.alerts.fakes import Post, add_target
from tests.history.fakes import START, ListHistory, listen_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def histories(monkeypatch):
    """What each service holds, by type; a service that is not in here was never linked."""
    services: dict[str, ListHistory] = {}
    monkeypatch.setattr(registry, "build", lambda provider_type, user: services.get(provider_type))
    return services


@pytest.fixture
def linked(user, histories):
    for provider_type in ("lastfm", "spotify"):
        Connection.objects.create(user=user, provider_type=provider_type)
        histories[provider_type] = ListHistory([listen_at(minutes) for minutes in range(3)])
    return histories


def run(*arguments, **options):
    out = StringIO()
    call_command("fetch_history", *arguments, stdout=out, **options)
    return out.getvalue()


def test_it_says_per_connection_what_was_seen_and_stored(linked):
    assert run().splitlines() == [
        "lastfm of ada: 3 seen, 3 stored, complete.",
        "spotify of ada: 3 seen, 3 stored, complete.",
    ]


def test_what_two_services_tell_of_one_play_is_linked(linked):
    run()

    assert Listen.objects.filter(duplicate_of__isnull=False).count() == 3


def test_json_holds_the_same_for_programs(linked):
    (lastfm, spotify) = json.loads(run("--json"))

    assert (lastfm["provider"], lastfm["seen"], lastfm["stored"]) == ("lastfm", 3, 3)
    assert lastfm["complete_until"] == (START + timedelta(minutes=2)).isoformat()
    assert (spotify["outcome"], spotify["history_end"]) == ("complete", "exhausted")


def test_only_what_is_asked_for_is_fetched(linked, django_user_model):
    other = django_user_model.objects.create_user("bo")
    Connection.objects.create(user=other, provider_type="lastfm")

    output = run(user="bo", provider="lastfm")

    assert output == "lastfm of bo: 3 seen, 3 stored, complete.\n"


@pytest.mark.req("PROV-011")
def test_a_service_never_linked_is_passed_over_in_silence(user, histories):
    Connection.objects.create(user=user, provider_type="spotify")

    assert run() == ""


def test_a_disconnected_service_is_not_fetched(linked, user):
    Connection.objects.get(provider_type="spotify").mark_disconnected()

    assert "spotify" not in run()


def test_one_failing_connection_does_not_stop_the_others(linked):
    def down(number):
        raise ServiceUnavailableError("The service is down.", provider="lastfm")

    linked["lastfm"].before_page = down
    out = StringIO()

    with pytest.raises(CommandError, match="1 of 2 connections") as failure:
        call_command("fetch_history", stdout=out)

    assert failure.value.returncode == 1
    assert "lastfm of ada: 0 seen, 0 stored, failed. The service is down." in out.getvalue()
    assert "spotify of ada: 3 seen, 3 stored, complete." in out.getvalue()


@pytest.mark.parametrize(("options", "told"), [({}, 1), ({"dry_run": True}, 0)])
def test_who_lets_nobody_watch_is_told_of_a_dead_link_all_the_same(linked, user, monkeypatch, options, told):
    def refuse(number):
        raise ReauthorizationRequiredError("The link is dead.", provider="lastfm")

    post = Post()
    monkeypatch.setattr(delivery, "send", post.send)
    add_target(user)
    linked["lastfm"].before_page = refuse

    with pytest.raises(CommandError):
        run(**options)

    assert post.titles == ["Last.fm needs you"] * told
    assert Alert.waiting().count() == 1 - told


def test_a_parked_connection_is_no_failure(linked):
    retry_at = datetime(2099, 1, 2, 14, 20, tzinfo=UTC)

    def slow_down(number):
        raise RateLimitedError("Too many requests.", provider="lastfm", retry_at=retry_at)

    linked["lastfm"].before_page = slow_down

    assert "parked, resumes at 2099-01-02 14:20 UTC" in run()


def test_who_is_deleted_or_disconnects_before_the_turn_comes_is_passed_over(linked, user, django_user_model):
    other = django_user_model.objects.create_user("bo")
    Connection.objects.create(user=other, provider_type="lastfm")

    def leave(number):
        django_user_model.objects.filter(pk=other.pk).delete()
        Connection.objects.get(provider_type="spotify").mark_disconnected()

    linked["lastfm"].before_page = leave

    assert run().splitlines() == ["lastfm of ada: 3 seen, 3 stored, complete."]


class Terminal(StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_a_bar_shows_what_is_going_on_and_leaves_the_results_readable(user, histories, monkeypatch):
    user.username = "ada[/]"
    user.save()
    Connection.objects.create(user=user, provider_type="lastfm")
    histories["lastfm"] = ListHistory([listen_at(minutes) for minutes in range(3)])
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")

    call_command("fetch_history", stdout=terminal)

    shown = terminal.getvalue()
    assert "lastfm of ada[/]: 3 seen, 3 new" in shown
    # The line above was wiped, and the result stands at the beginning of it.
    assert "\x1b[2Klastfm of ada[/]: 3 seen, 3 stored, complete.\n" in shown


def test_where_stderr_is_no_terminal_nothing_is_said_there(linked, capsys):
    run()

    assert capsys.readouterr().err == ""


def test_a_dry_run_stores_nothing(linked):
    assert "lastfm of ada: 3 seen, 3 would be stored, complete." in run("--dry-run")
    assert not Listen.objects.exists()


def test_since_without_a_zone_is_utc(linked):
    run("--since", "2026-03-01T12:00:30")

    assert linked["lastfm"].asked == [(datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC), None)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--user", "nobody"], "There is no person 'nobody'"),
        (["--provider", "tapedeck"], "There is no service 'tapedeck'; there are: "),
        (["--since", "yesterday"], "invalid time"),
        (["--since", "0001-01-01T00:00+14:00"], "invalid time"),
    ],
)
def test_wrong_usage_is_one_clear_line(arguments, message):
    with pytest.raises(CommandError, match=message) as failure:
        run(*arguments)

    assert "\n" not in str(failure.value)
