"""One authorized request to the Web API, with the ways of reading it that every endpoint shares."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from werkzeug import Request
from werkzeug.exceptions import BadRequest

from providers.testing.simulators.spotify.errors import ApiError
from providers.testing.simulators.spotify.shapes import Json, Shapes
from providers.testing.simulators.spotify.tokens import Grant


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose token was good. Its readers raise :class:`ApiError` for what Spotify would not take."""

    request: Request
    grant: Grant
    shapes: Shapes
    now: datetime

    @property
    def is_legacy(self) -> bool:
        """Whether it came by one of the routes that new applications no longer have."""
        return self.request.path.endswith("/tracks")

    def require(self, *scopes: str) -> None:
        """Insist on every one of these scopes."""
        if not self.grant.scopes.issuperset(scopes):
            raise ApiError(403, "Insufficient client scope")

    def number(self, name: str, default: int, lowest: int, highest: int = 2**53) -> int:
        """A whole number from the query, within its bounds."""
        text = self.request.args.get(name, str(default))
        if not (text.isascii() and text.isdigit() and lowest <= int(text) <= highest):
            raise ApiError(400, f"Invalid {name}")
        return int(text)

    def json(self) -> Json:
        """The body, which has to be a JSON object (an empty body is an empty one)."""
        if not self.request.get_data():
            return {}
        if self.request.mimetype != "application/json":
            raise ApiError(400, "Error parsing JSON.")
        try:
            body = self.request.get_json()
        except BadRequest as error:
            raise ApiError(400, "Error parsing JSON.") from error
        if not isinstance(body, dict):
            raise ApiError(400, "Malformed json")
        return body

    def url(self, **query: Any) -> str:
        """This endpoint's address with another query."""
        return f"{self.request.base_url}?{urlencode(query)}"


def page_frame(url: str, *, offset: int, limit: int, total: int, kept: Mapping[str, str]) -> Json:
    """A page by offset, without its items. The links to its neighbours carry the ``kept`` parameters and no others."""

    def link(start: int) -> str:
        return f"{url}?{urlencode({'offset': start, 'limit': limit, **kept})}"

    return {
        "href": link(offset),
        "limit": limit,
        "next": link(offset + limit) if offset + limit < total else None,
        "offset": offset,
        "previous": link(max(0, offset - limit)) if offset else None,
        "total": total,
    }
