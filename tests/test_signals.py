"""What other apps are told, and that nothing of theirs breaks anything of ours."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.dispatch import Signal

from providers import linking, signals
from providers.history import gaps, ingest
from providers.models import Connection, HistoryGap, Listen
from tests.conftest import Log
from tests.fake_services import FakeServices
from tests.history.fakes import START, listen_at
from tests.test_linking import link

pytestmark = pytest.mark.django_db(transaction=True)

ALL = {name: signal for name, signal in vars(signals).items() if isinstance(signal, Signal)}


@pytest.fixture
def told() -> Iterator[list[tuple[str, Any, dict[str, Any]]]]:
    """Return which signals were sent: name, sender and what they carry."""
    heard: list[tuple[str, Any, dict[str, Any]]] = []
    receivers = []
    for name, signal in ALL.items():

        def hear(sender: Any, name: str = name, **facts: Any) -> None:
            assert not transaction.get_connection().in_atomic_block
            heard.append((name, sender, {key: value for key, value in facts.items() if key != "signal"}))

        signal.connect(hear)
        receivers.append((signal, hear))
    yield heard
    for signal, hear in receivers:
        signal.disconnect(hear)


def test_a_link_is_told_of_when_it_is_made_dies_and_goes(user: User, services: FakeServices, told: list[Any]) -> None:
    link(user, services.wavebox)
    connection = Connection.objects.get()
    connection.mark_needs_reauth("Dead.")
    connection.mark_needs_reauth("Still dead.")
    linking.disconnect(user, services.wavebox.type)
    assert told == [
        (name, Connection, {"connection": connection})
        for name in ("connection_linked", "connection_needs_reauth", "connection_disconnected")
    ]
    linking.disconnect(user, services.tapedeck.type)
    assert len(told) == 3


def test_listens_are_told_of_once_they_are_there_and_only_new_ones(user: User, told: list[Any]) -> None:
    with transaction.atomic():
        ingest.store(user.pk, "lastfm", [listen_at(0), listen_at(1)])
        assert told == []
    ingest.store(user.pk, "lastfm", [listen_at(0)])
    facts = {"user_id": user.pk, "provider_type": "lastfm", "source": "api", "count": 2}
    assert told == [("listens_stored", Listen, facts)]


def test_what_is_rolled_back_is_not_told_of(user: User, told: list[Any]) -> None:
    with transaction.atomic():
        ingest.store(user.pk, "lastfm", [listen_at(0)])
        transaction.set_rollback(True)
    assert told == []


def test_a_gap_is_told_of(user: User, told: list[Any]) -> None:
    connection = Connection.objects.create(user=user, provider_type="lastfm")
    gap = gaps.note(connection, START, datetime(2026, 4, 1, tzinfo=UTC), HistoryGap.Reason.NOT_KEPT)
    assert told == [("gap_opened", HistoryGap, {"gap": gap})]


def test_a_receiver_that_fails_breaks_nothing_and_is_logged(user: User, log: Log) -> None:
    def fail(**facts: Any) -> None:
        raise RuntimeError("a bug of theirs")

    signals.listens_stored.connect(fail)
    try:
        assert ingest.store(user.pk, "lastfm", [listen_at(0)]) == 1
    finally:
        signals.listens_stored.disconnect(fail)
    assert Listen.objects.count() == 1
    assert "a bug of theirs" in log.text


def test_every_signal_is_documented() -> None:
    with open("docs/signals.md") as document:
        text = document.read()
    assert [name for name in ALL if f"`{name}`" not in text] == []
