"""The command as an operator uses it, and what holds for every examination."""

import json
from collections.abc import Iterator
from io import StringIO
from types import MappingProxyType

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from providers import doctor
from providers.doctor.findings import Finding, ok, problem, warning

pytestmark = pytest.mark.django_db


def fail() -> Iterator[Finding]:
    yield ok("So far.")
    raise RuntimeError("seeded-secret")


def examinations(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> None:
    monkeypatch.setattr(doctor, "EXAMINATIONS", MappingProxyType({"broken": fail, "rest": lambda: iter(findings)}))


def run(*options: str) -> tuple[str, int]:
    out = StringIO()
    try:
        call_command("doctor", *options, stdout=out)
    except CommandError as error:
        return out.getvalue(), error.returncode
    return out.getvalue(), 0


def test_one_thing_that_is_broken_keeps_nothing_else_from_being_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    examinations(monkeypatch, warning("Old.", "Renew it."))
    told, code = run()
    assert code == 1
    assert told.splitlines() == [
        "ok       broken: So far.",
        "problem  broken: This could not be examined: RuntimeError.",
        "         -> Put right first what is found elsewhere.",
        "warning  rest: Old.",
        "         -> Renew it.",
    ]


def test_a_setting_that_nothing_can_be_examined_with_is_named(settings: Settings) -> None:
    settings.PROVIDERS = ["no.such.service"]
    told = [finding.text for topic, finding in doctor.examine() if topic == "services"]
    assert told == ["PROVIDERS names no.such.service, which cannot be imported: No module named 'no'."]


def test_programs_read_the_same_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "EXAMINATIONS", {"rest": lambda: iter([problem("Broken.", "Mend it.")])})
    told, code = run("--json")
    assert (json.loads(told), code) == (
        [{"topic": "rest", "level": "problem", "text": "Broken.", "advice": "Mend it."}],
        1,
    )


def test_what_the_site_can_live_with_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "EXAMINATIONS", {"rest": lambda: iter([warning("Old.", "Renew it."), ok("Fine.")])})
    assert run()[1] == 0


def test_every_finding_that_asks_for_something_says_what(settings: Settings) -> None:
    settings.PUBLIC_URL, settings.REDIS_URL = "https://127.0.0.1:9", "redis://:seeded-secret@127.0.0.1:9/0"
    findings = list(doctor.examine())
    assert {topic for topic, _ in findings} == doctor.EXAMINATIONS.keys()
    assert all(finding.advice for _, finding in findings if finding.level is not doctor.Level.OK)
    assert any(finding.level is doctor.Level.OK for _, finding in findings)
    secrets = ["seeded-secret", settings.SECRET_KEY, *settings.FERNET_KEYS]
    assert not any(secret in repr(findings) for secret in secrets)
