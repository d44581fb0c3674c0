"""Spotify's ``fields`` parameter: ``total,items(added_at,track(name,album.name))`` keeps only what it names."""

import re
from typing import Any

Selection = dict[str, "Selection"]
"""Names to keep; an empty selection below a name keeps all of it."""

_TOKEN = re.compile(r"[A-Za-z0-9_]+|[(),.]")


def parse_fields(text: str) -> Selection:
    """Read a ``fields`` value. Raises ``ValueError`` when it is malformed or names nothing."""
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != re.sub(r"\s", "", text):
        raise ValueError("unexpected character")
    selection: Selection = {}
    if _parse_list(tokens, selection):
        raise ValueError("unbalanced parenthesis")
    return selection


def select(value: Any, selection: Selection) -> Any:
    """``value`` with only what is selected; lists are filtered element by element, nulls stay."""
    if not selection or value is None:
        return value
    if isinstance(value, list):
        return [select(element, selection) for element in value]
    if isinstance(value, dict):
        return {name: select(value[name], below) for name, below in selection.items() if name in value}
    return value


def _parse_list(tokens: list[str], selection: Selection) -> list[str]:
    tokens = _parse_field(tokens, selection)
    while tokens[:1] == [","]:
        tokens = _parse_field(tokens[1:], selection)
    return tokens


def _parse_field(tokens: list[str], selection: Selection) -> list[str]:
    if not tokens or not tokens[0][0].isalnum():
        raise ValueError("a name is missing")
    below = selection.setdefault(tokens[0], {})
    tokens = tokens[1:]
    if tokens[:1] == ["."]:
        return _parse_field(tokens[1:], below)
    if tokens[:1] == ["("]:
        tokens = _parse_list(tokens[1:], below)
        if tokens[:1] != [")"]:
            raise ValueError("unbalanced parenthesis")
        return tokens[1:]
    return tokens
