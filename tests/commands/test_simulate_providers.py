import sys

import pytest
from django.core.management import CommandError, call_command


def test_where_the_simulators_are_not_installed_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "providers.testing.simulators.household", None)

    with pytest.raises(CommandError, match=r"musicbridge\[testing\]"):
        call_command("simulate_providers")
