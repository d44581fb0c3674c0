import pytest
from pytest_django import Settings

from providers import conf
from providers.addresses import PlainHttpError, check_address


@pytest.mark.parametrize(
    "address",
    [
        "https://music.example",
        "https://music.example:8443/below/a/path/?and=query",
        "http://127.0.0.1",
        "http://127.0.0.1:8000/path",
        "http://[::1]:8000",
        "HTTP://127.0.0.1/",
    ],
)
def test_https_and_literal_loopback_addresses_are_in_order(address: str, settings: Settings) -> None:
    check_address(address)
    settings.NAVIDROME_URL = address
    assert conf.address_problems("NAVIDROME_URL") == []


def test_an_address_that_is_not_set_is_no_wrong_one(settings: Settings) -> None:
    settings.NAVIDROME_URL = ""
    assert conf.address_problems("NAVIDROME_URL") == []


@pytest.mark.parametrize(
    "address",
    [
        "http://music.example",
        "http://localhost:8000",
        "http://192.168.1.4",
        "http://127.0.0.1.example/",
        "http://[::2]",
    ],
)
def test_plain_http_to_anywhere_else_is_refused_with_advice(address: str) -> None:
    with pytest.raises(PlainHttpError, match=r"http://127\.0\.0\.1"):
        check_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "music.example",
        "ftp://music.example",
        "https://",
        "https:///path",
        "https://music.example:port/",
        "https://music.example:70000/",
        "https://music.example:0/",
        "https://[::1",
        "https://ada:sesame@music.example/",
        "https://music.example/#part",
        "javascript:alert(1)",
        "",
    ],
)
def test_what_is_no_whole_address_is_refused_without_being_repeated(address: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|holds|has) ") as caught:
        check_address(address)
    assert not isinstance(caught.value, PlainHttpError)
    assert "sesame" not in str(caught.value)


def test_plain_http_can_be_a_risk_that_is_taken(settings: Settings) -> None:
    settings.NAVIDROME_URL = "http://navidrome:4533"
    (fatal,) = conf.address_problems("NAVIDROME_URL")
    (risk,) = conf.address_problems("NAVIDROME_URL", may_be_plain_http=True)
    assert fatal.is_fatal
    assert not risk.is_fatal
    assert fatal.text == risk.text
    assert risk.text.startswith("NAVIDROME_URL is plain http")


def test_no_address_at_all_is_fatal_whatever_risk_is_taken(settings: Settings) -> None:
    settings.NAVIDROME_URL = "navidrome:4533"
    (problem,) = conf.address_problems("NAVIDROME_URL", may_be_plain_http=True)
    assert problem.is_fatal
