"""What an address in the settings has to look like: encrypted, or not leaving this machine."""

from ipaddress import ip_address
from urllib.parse import urlsplit


class PlainHttpError(ValueError):
    """The address is in order but for its lack of encryption."""


def check_address(address: str) -> None:
    """Raise `ValueError` unless this is a whole address, https or plain http to a literal loopback address.

    The error's text continues a sentence that begins with the setting's name. `localhost` is refused: it is a
    name, and where a name leads is for someone else to say.
    """
    try:
        url = urlsplit(address)
        has_host = bool(url.hostname) and url.port != 0
    except ValueError:
        raise ValueError("is not an address.") from None
    if url.scheme not in ("http", "https") or not has_host:
        raise ValueError("is not an address that begins with https:// and names a host.")
    if url.username is not None:
        raise ValueError("holds a user name or password, which belong in settings of their own.")
    if url.fragment:
        raise ValueError("has a part after #, which no service gets to see.")
    if url.scheme == "http" and not _is_loopback(url.hostname or ""):
        raise PlainHttpError(
            "is plain http: whoever is in between reads along. Use https or, on this machine, a literal loopback "
            "address: http://127.0.0.1 or http://[::1] in place of http://localhost."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
