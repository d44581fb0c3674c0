from collections.abc import Mapping

import pytest

from providers.linking import MAX_PASTED_LENGTH, NotAnAnswerError, pasted_answer

CALLBACK = "http://127.0.0.1:8000/connections/wavebox/callback/"
ANSWER = {"code": "AQ-b_c", "state": "s.t-a_te"}


def values(text: str) -> Mapping[str, object]:
    return dict(pasted_answer(text).items())


@pytest.mark.parametrize(
    "text",
    [
        f"{CALLBACK}?code=AQ-b_c&state=s.t-a_te",
        f"  {CALLBACK}?code=AQ-b_c&state=s.t-a_te\r\n",
        f"{CALLBACK}?state=s.t-a_te&code=AQ-b_c#_=_",
        f"view-source:{CALLBACK}?code=AQ-b_c&state=s.t-a_te",
        f"It says <{CALLBACK}?code=AQ-b_c&state=s.t-a_te> and cannot be reached.",
        f'"{CALLBACK}?code=AQ-b_c&state=s.t-a_te"',
        "?code=AQ-b_c&state=s.t-a_te",
        "code=AQ-b_c&state=s.t-a_te",
        "https://another.example/?code=%41Q-b_c&state=s.t-a_te",
    ],
)
def test_the_address_is_found_however_it_was_copied(text: str) -> None:
    assert values(text) == ANSWER


def test_an_answer_that_waits_behind_the_sign_in_page_is_found() -> None:
    text = (
        "https://bridge.example/accounts/login/?next=/connections/wavebox/callback/%3Fstate%3Ds.t-a_te%26code%3DAQ-b_c"
    )
    assert values(text) == ANSWER


def test_a_service_that_hands_out_a_token_with_the_state_in_the_callback_is_understood() -> None:
    assert values(f"{CALLBACK}?state=s&token=t") == {"state": "s", "token": "t"}


def test_a_refusal_is_an_answer() -> None:
    assert values(f"{CALLBACK}?error=access_denied&state=s") == {"error": "access_denied", "state": "s"}


def test_values_that_are_there_twice_stay_so_for_whoever_checks_them() -> None:
    assert pasted_answer("?state=a&state=b&code=c").getlist("state") == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Paste the address first"),
        (" \n\t ", "Paste the address first"),
        ("hello", "has “state=” in it"),
        ("AQ-b_c", "has “state=” in it"),
        ("https://bridge.example/history/", "has “state=” in it"),
        ("state", "has “state=” in it"),
        ("https://bridge.example/accounts/login/?next=", "has “state=” in it"),
        ("https://bridge.example/?next=/history/%3Fservice%3Dx&unstated=1", "has “state=” in it"),
        ("http://[", "has “state=” in it"),
        ("\0state\0", "has “state=” in it"),
        ("state=" + "a&" * 3000, "has “state=” in it"),
        ("https://spotify.example/authorize?client_id=x&state=s&code_challenge=y", "not the whole address"),
        (f"{CALLBACK}?state=s", "not the whole address"),
        ("x" * (MAX_PASTED_LENGTH + 1), "far too long"),
    ],
)
def test_what_is_no_answer_says_what_it_lacks(text: str, says: str) -> None:
    with pytest.raises(NotAnAnswerError, match=says):
        pasted_answer(text)


def test_what_it_says_repeats_nothing_of_what_was_pasted() -> None:
    with pytest.raises(NotAnAnswerError) as caught:
        pasted_answer("https://bridge.example/?code=a-secret-code")
    assert "a-secret-code" not in str(caught.value)
