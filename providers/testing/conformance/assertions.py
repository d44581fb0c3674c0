"""What several kits hold a provider's objects to. The messages name the fault; none of them tells a secret."""

import traceback
from collections.abc import Callable, Iterable
from urllib.parse import unquote

import pytest

from providers.datatypes import Track
from providers.exceptions import ProviderError


def provider_error(call: Callable[[], object], what: str) -> ProviderError:
    """Return the `ProviderError` a call ends in. Any other exception goes on: its own traceback says it best."""
    try:
        call()
    except ProviderError as error:
        return error
    pytest.fail(f"{what} was taken for a success")


def traceback_of(error: BaseException) -> str:
    """Return all that a log would tell of an error, the errors behind it included."""
    return "".join(traceback.format_exception(error))


def assert_normalised(track: Track, secrets: list[str]) -> None:
    """Hold a track to the shapes that `datatypes.Track` states (REQ-PROV-020, 022)."""
    assert_texts(track, ("id", "name", "artist", "album", "url", "isrc", "mbid"))
    assert track.name, "Track.name is empty"
    assert track.artist, f"Track.artist is empty for {track.name!r}"
    assert type(track.duration_ms) is int, f"Track.duration_ms is no int: {track.duration_ms!r}"
    assert track.duration_ms >= 0, f"Track.duration_ms is negative: {track.duration_ms!r}"
    is_plain = track.isrc.isascii() and track.isrc.isalnum() and track.isrc == track.isrc.upper()
    assert track.isrc == "" or is_plain, f"Track.isrc is not upper case without separators: {track.isrc!r}"
    assert isinstance(track.artists, tuple), f"Track.artists is a {type(track.artists).__name__}, not a tuple"
    assert all(isinstance(name, str) and name for name in track.artists), f"Track.artists holds {track.artists!r}"
    assert_address(track.url, secrets, "Track.url")


def assert_texts(thing: object, names: Iterable[str]) -> None:
    """Hold attributes to being texts, empty ones included."""
    for name in names:
        value = getattr(thing, name)
        assert isinstance(value, str), f"{type(thing).__name__}.{name} is a {type(value).__name__}, not a str"


def assert_address(address: str, secrets: list[str], where: str) -> None:
    """Hold an address to being empty, or one that may be shown to anybody."""
    assert_untold(secrets, unquote(address), where)
    assert address == "" or address.startswith(("https://", "http://")), f"{where} is no address: {address!r}"


def assert_untold(secrets: Iterable[str], text: str, where: str) -> None:
    """Hold a text to telling none of the secrets."""
    for secret in secrets:
        assert secret, "one of the secrets to look for is empty"
        is_told = secret in text
        assert not is_told, f"{where} tells a secret"
