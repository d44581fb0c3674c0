"""The typed view of the settings."""

from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from providers import conf
from providers.checks import check_limits
from providers.conf import ProviderConfigurationError
from providers.ratelimit import Rate

DEFAULT = Rate(1, 1)


def test_a_setting_that_a_site_does_not_know_has_its_default(settings: Settings) -> None:
    del settings.SPOTIFY_API_URL
    del settings.PROVIDERS
    assert conf.get("SPOTIFY_API_URL") == "https://api.spotify.com/v1"
    assert conf.get("PROVIDERS") == ("providers.spotify", "providers.lastfm", "providers.navidrome")


def test_a_setting_of_empty_text_has_its_default(settings: Settings) -> None:
    settings.LASTFM_AUTH_URL = settings.HISTORY_OVERLAP_SECONDS = ""
    assert conf.get("LASTFM_AUTH_URL") == "https://www.last.fm/api/auth/"
    assert conf.history_overlap() == timedelta(hours=2)


def test_a_setting_of_a_third_party_is_empty_where_it_is_not_set() -> None:
    assert conf.get("NOBODY_KNOWS_THIS") == ""


def test_a_setting_that_is_set_counts(settings: Settings) -> None:
    settings.SPOTIFY_CLIENT_ID = "mine"
    assert conf.get("SPOTIFY_CLIENT_ID") == conf.require("SPOTIFY_CLIENT_ID") == "mine"


def test_a_required_setting_that_is_empty_is_named(settings: Settings) -> None:
    settings.SPOTIFY_CLIENT_ID = ""
    with pytest.raises(ProviderConfigurationError, match="SPOTIFY_CLIENT_ID is not set") as caught:
        conf.require("SPOTIFY_CLIENT_ID")
    assert isinstance(caught.value, ImproperlyConfigured)


def test_the_overlap_is_in_seconds(settings: Settings) -> None:
    settings.HISTORY_OVERLAP_SECONDS = "90"
    assert conf.history_overlap() == timedelta(seconds=90)
    assert check_limits() == []


@pytest.mark.parametrize("value", ["soon", None, -1, "-0.5", "nan", "inf"])
def test_an_overlap_that_makes_no_sense_is_refused_and_a_check_says_so(settings: Settings, value: object) -> None:
    settings.HISTORY_OVERLAP_SECONDS = value
    with pytest.raises(ProviderConfigurationError, match="HISTORY_OVERLAP_SECONDS"):
        conf.history_overlap()
    (message,) = check_limits()
    assert (message.id, repr(value) in message.msg) == ("providers.E004", True)


@pytest.mark.parametrize("value", ["soon", None, 0, "0.5", -15, "nan", "inf", 86400])
def test_a_lease_that_makes_no_sense_is_refused_and_a_check_says_so(settings: Settings, value: object) -> None:
    settings.LEASE_SECONDS = value
    with pytest.raises(ProviderConfigurationError, match="LEASE_SECONDS"):
        conf.lease_seconds()
    (message,) = check_limits()
    assert (message.id, repr(value) in message.msg) == ("providers.E004", True)


@pytest.mark.parametrize("value", ["ntfy", ["ntfy://"], [""], ("json", None), 7])
def test_a_list_of_schemes_that_is_none_is_refused_and_a_check_says_so(settings: Settings, value: object) -> None:
    settings.ALERT_SCHEMES = value
    with pytest.raises(ProviderConfigurationError, match="ALERT_SCHEMES"):
        conf.alert_schemes()
    (message,) = check_limits()
    assert (message.id, "ALERT_SCHEMES" in message.msg) == ("providers.E004", True)


def test_nothing_that_works_on_the_server_itself_is_among_the_schemes(settings: Settings) -> None:
    local = {"syslog", "dbus", "qt", "kde", "glib", "gnome", "macosx", "windows", "blink1", "file", "config"}
    assert local.isdisjoint(conf.alert_schemes())
    settings.ALERT_SCHEMES = ["NTFY"]
    assert conf.alert_schemes() == ["ntfy"]


class TestRateLimits:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", DEFAULT),
            ("lastfm=5/1", Rate(5, 1)),
            (" spotify=10/1 , lastfm=3/0.5 ,", Rate(3, 0.5)),
            ("spotify=10/1", DEFAULT),
            ("none", None),
            (" none ", None),
        ],
    )
    def test_are_read_per_service(self, settings: Settings, text: str, expected: Rate | None) -> None:
        settings.PROVIDER_RATE_LIMITS = text
        assert conf.rate_limit("lastfm", DEFAULT) == expected

    @pytest.mark.parametrize(
        "text",
        ["lastfm", "lastfm=5", "lastfm=5/", "lastfm=/1", "lastfm=x/1", "lastfm=0/1", "a=1/nan", "a=1/2/3", "5/1"],
    )
    def test_that_make_no_sense_are_quoted_with_an_example(self, settings: Settings, text: str) -> None:
        settings.PROVIDER_RATE_LIMITS = f"spotify=10/1,{text}"
        with pytest.raises(ProviderConfigurationError, match="PROVIDER_RATE_LIMITS") as caught:
            conf.rate_limit("lastfm", DEFAULT)
        assert repr(text) in str(caught.value)
        assert "lastfm=5/1" in str(caught.value)
        (message,) = check_limits()
        assert (message.id, message.msg) == ("providers.E004", str(caught.value))


@pytest.mark.parametrize(
    ("address", "origins"),
    [
        ("https://music.example:8443/nd/?a=b", ("https://music.example:8443",)),
        ("http://127.0.0.1:9001/accounts", ("http://127.0.0.1:9001",)),
        ("http://music.example", ()),
        ("https://[", ()),
        ("https://ada:secret@music.example", ()),
        ("music.example", ()),
    ],
)
def test_an_address_that_nobody_is_sent_to_has_no_origin_and_breaks_no_page(
    settings: Settings, address: str, origins: tuple[str, ...]
) -> None:
    settings.SPOTIFY_ACCOUNTS_URL = address
    assert conf.origins("SPOTIFY_ACCOUNTS_URL") == origins


def test_a_setting_that_is_empty_has_no_origin(settings: Settings) -> None:
    settings.NAVIDROME_URL = ""
    assert conf.origins("NAVIDROME_URL") == ()


class TestFernetKeys:
    def test_are_texts_newest_first(self, settings: Settings) -> None:
        settings.FERNET_KEYS = ["new", "old"]
        assert conf.fernet_keys() == ("new", "old")

    @pytest.mark.parametrize("keys", [None, (), [], "text", [""], [None]])
    def test_that_make_no_sense_are_refused(self, settings: Settings, keys: object) -> None:
        settings.FERNET_KEYS = keys
        with pytest.raises(ProviderConfigurationError, match="FERNET_KEYS"):
            conf.fernet_keys()


@pytest.mark.parametrize(
    "url", ["", "redis://127.0.0.1:6379/0", "rediss://:secret@redis.example/1", "unix:///run/redis"]
)
def test_the_redis_that_processes_share_is_told(settings: Settings, url: str) -> None:
    settings.REDIS_URL = url
    assert conf.redis_url() == url


def test_an_address_that_is_none_of_a_redis_is_told_without_what_it_holds(settings: Settings) -> None:
    settings.REDIS_URL = "https://:secret@redis.example"
    with pytest.raises(ProviderConfigurationError, match="REDIS_URL does not begin with") as caught:
        conf.redis_url()
    assert "secret" not in str(caught.value)
    assert [message.id for message in check_limits()] == ["providers.E004"]


def test_a_redis_without_its_package_is_an_error_that_says_what_to_install(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:6379/0"
    monkeypatch.setattr(conf, "find_spec", lambda name: None)
    with pytest.raises(ProviderConfigurationError, match=r"install musicbridge\[scale\]"):
        conf.redis_url()
    assert [message.id for message in check_limits()] == ["providers.E004"]


@pytest.mark.parametrize(
    ("public_url", "path", "address"),
    [
        ("", "/alerts/", ""),
        ("https://music.example", "/alerts/", "https://music.example/alerts/"),
        ("https://music.example/", "/alerts/", "https://music.example/alerts/"),
        ("https://home.example/music", "/music/alerts/", "https://home.example/music/alerts/"),
        ("https://home.example/music", "/alerts/", "https://home.example/music/alerts/"),
        ("https://home.example/music/", "/musicals/", "https://home.example/music/musicals/"),
    ],
)
def test_a_page_has_one_address_whether_or_not_its_path_tells_where_the_site_is(
    settings: Settings, public_url: str, path: str, address: str
) -> None:
    settings.PUBLIC_URL = public_url
    assert conf.public_address(path) == address
