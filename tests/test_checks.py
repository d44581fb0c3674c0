import pytest
from pytest_django import Settings

from providers.checks import check_session_cookie


@pytest.mark.parametrize("value", ["Strict", "strict"])
def test_a_session_cookie_that_stays_at_home_is_warned_of(settings: Settings, value: str) -> None:
    settings.SESSION_COOKIE_SAMESITE = value
    (message,) = check_session_cookie()
    assert message.id == "providers.W004"
    assert message.hint is not None
    assert '"Lax"' in message.hint


@pytest.mark.parametrize("value", ["Lax", "None", False])
def test_a_session_cookie_that_comes_back_from_a_service_is_in_order(settings: Settings, value: object) -> None:
    settings.SESSION_COOKIE_SAMESITE = value
    assert check_session_cookie() == []
