"""What all tests share, and what is done about tests whose surroundings are missing.

The network is closed but for this machine: `--allow-hosts` in pyproject.toml.
"""

import logging
import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.signals import setting_changed
from django.views.debug import get_default_exception_reporter_filter

from tests import on_postgres
from tests.fake_services import services  # noqa: F401, a fixture for all
from tests.third_party_site import third_party_site  # noqa: F401, a fixture for all

# Spotify sends nobody back to "localhost".
os.environ["DJANGO_LIVE_TEST_SERVER_ADDRESS"] = "127.0.0.1"

_NOT_PROVEN = "not proven: "
_NEEDS = {
    "browser": (lambda: shutil.which("chromium"), "there is no chromium (apt install chromium)"),
    "gettext": (lambda: shutil.which("msgfmt"), "there is no gettext (apt install gettext)"),
    "nginx": (lambda: shutil.which("nginx"), "there is no nginx (apt install nginx-light)"),
    "redis": (lambda: shutil.which("redis-server"), "there is no redis-server (apt install redis-server)"),
    "postgres": (on_postgres.find_binaries, "there is no server of PostgreSQL (apt install postgresql)"),
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL, run again what asks a database anything: the rest would prove nothing more there."""
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        return
    config.hook.pytest_deselected(items=[item for item in items if not _asks_a_database(item)])
    items[:] = filter(_asks_a_database, items)


def _asks_a_database(item: pytest.Item) -> bool:
    fixtures = {"db", "transactional_db"}.intersection(getattr(item, "fixturenames", ()))
    return bool(fixtures) or item.get_closest_marker("django_db") is not None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip loudly what cannot be proven on this machine; where CI is set, fail instead."""
    for marker, (find, missing) in _NEEDS.items():
        if item.get_closest_marker(marker) is None or find():
            continue
        if os.environ.get("CI"):
            pytest.fail(f"{_NOT_PROVEN}{missing}", pytrace=False)
        pytest.skip(f"{_NOT_PROVEN}{missing}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end, in red, what this run has not proven."""
    # From the reports, which come from whichever process ran a test.
    skipped = {report.nodeid: str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])}
    missing = {test: reason for test, reason in skipped.items() if _NOT_PROVEN in reason}
    if missing:
        terminalreporter.section("NOT PROVEN BY THIS RUN", sep="!", red=True, bold=True)
        for test, reason in missing.items():
            terminalreporter.write_line(f"{test}: {reason.partition(_NOT_PROVEN)[2]}", red=True)


def _forget_the_reporter(*, setting: str, **_: Any) -> None:
    # Django keeps the first one it makes: that of a test which changes the setting would report for all that follow.
    if setting == "DEFAULT_EXCEPTION_REPORTER_FILTER":
        get_default_exception_reporter_filter.cache_clear()


setting_changed.connect(_forget_the_reporter)


class Log(logging.Handler):
    """All that is logged, at DEBUG, as a handler gets it that stands before the site's own, which clean records."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        self.lines: dict[str, list[str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.setdefault(record.name, []).append(f"{self.format(record)} {record.args!r}")
        # Else the text of the traceback would be kept for the handlers to come.
        record.exc_text = None

    @property
    def text(self) -> str:
        return "\n".join(line for lines in self.lines.values() for line in lines)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[Log]:
    """Listen to every logger there is."""
    handler = Log()
    for name in (None, *logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, logger=name)
    logging.root.handlers.insert(0, handler)
    yield handler
    logging.root.handlers.remove(handler)


@pytest.fixture
def user(db: None) -> User:
    """Return a person who has linked nothing yet."""
    return get_user_model().objects.create_user("ada")
