"""The commands as typed: what Django's own tests of a command, called from Python, do not see."""

import pytest
from django.core.management import get_commands, load_command_class


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["fetch_history", "--nonsense"], "unrecognized arguments: --nonsense"),
        (["fetch_history", "--since"], "argument --since: expected one argument"),
        (["fetch_history", "--since", "yesterday"], "argument --since: invalid time (ISO 8601) value: 'yesterday'"),
        (["list_providers", "spotify"], "unrecognized arguments: spotify"),
        (["rotate_credentials", "--now"], "unrecognized arguments: --now"),
        (["simulate_providers", "--port", "99999"], "argument --port: invalid port value: '99999'"),
        (["demo", "--port", "http"], "argument --port: invalid port value: 'http'"),
    ],
)
def test_a_command_called_wrongly_says_so_in_one_line_and_exits_with_2(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = arguments[0]
    # Not the whole of manage.py: that would set up logging anew, for all tests to come.
    command = load_command_class(get_commands()[name], name)
    with pytest.raises(SystemExit) as end:
        command.run_from_argv(["manage.py", *arguments])

    said = capsys.readouterr()
    assert end.value.code == 2
    assert said.out == ""
    assert complaint in said.err
    assert said.err.count("\n") == 1
