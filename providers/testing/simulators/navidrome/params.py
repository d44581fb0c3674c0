"""The parameters of a Subsonic call: form body and query taken together, read as Navidrome reads them."""

from werkzeug import Request
from werkzeug.datastructures import CombinedMultiDict, MultiDict

from providers.testing.simulators.navidrome.server import RefusedError

GENERIC = 0
MISSING_PARAMETER = 10

_TRUE = {"true", "on", "1"}


class Params:
    """Typed access; what is missing or mangled raises `RefusedError` with the code Navidrome gives."""

    def __init__(self, request: Request) -> None:
        self._values: MultiDict[str, str] = CombinedMultiDict([request.form, request.args])

    def text(self, name: str) -> str:
        """A value that has to be there and not empty."""
        value = self._values.get(name, "")
        if not value:
            raise RefusedError(MISSING_PARAMETER, f"missing parameter: '{name}'")
        return value

    def optional(self, name: str) -> str | None:
        """A value, empty or not, or ``None`` when it was not sent."""
        return self._values.get(name)

    def texts(self, name: str) -> list[str]:
        """All values of a name in the order sent."""
        return self._values.getlist(name)

    def number(self, name: str, default: int) -> int:
        """A whole number, not negative."""
        value = self._values.get(name, "")
        if not value:
            return default
        if not (value.isascii() and value.isdigit()):
            raise RefusedError(GENERIC, f"invalid parameter: '{name}'")
        return int(value)

    def numbers(self, name: str) -> list[int]:
        """All values of a name that are whole numbers."""
        return [int(value) for value in self._values.getlist(name) if value.isascii() and value.isdigit()]

    def flag(self, name: str) -> bool | None:
        """True or false, or ``None`` when it was not sent."""
        value = self._values.get(name)
        return None if value is None else value.lower() in _TRUE
