from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.exceptions import InvalidResponseError
from providers.jsonvalues import MAX_INTEGER, JsonObject, check_plain, is_storable, plain_isrc, storable

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.sampled_from("ab"), children, max_size=2),
    max_leaves=5,
)
READERS = [
    JsonObject.text,
    JsonObject.required_text,
    JsonObject.web_address,
    JsonObject.integer,
    JsonObject.boolean,
    JsonObject.moment,
    JsonObject.required_moment,
    JsonObject.unix_moment,
    JsonObject.object,
    JsonObject.objects,
    JsonObject.required_objects,
    JsonObject.texts,
]


ANY_CHARACTERS = st.text(st.characters(codec=None) | st.sampled_from("\0\ud800\udfffé\n"))


@given(text=ANY_CHARACTERS)
def test_a_text_is_storable_just_where_nothing_of_it_is_left_out(text: str) -> None:
    assert is_storable(text) == (storable(text) == text)
    assert is_storable(storable(text))


def test_plain_texts_may_hold_any_space_and_must_not_hold_what_is_left_out() -> None:
    check_plain("YOASOBI", "夜に\u3000駆ける", "zero\u200bwidth", "")
    for texts in (("", "Gloria"), ("Them", "Glo\0ria"), ("Them", "", "\ud800")):
        with pytest.raises(ValueError, match=r"^$"):
            check_plain(*texts)


def read(**values: Any) -> JsonObject:
    return JsonObject(values, provider="spotify")


@pytest.mark.parametrize("reader", READERS)
@given(value=JSON)
def test_any_value_is_read_or_refused_by_name(reader: Any, value: Any) -> None:
    refusal = None
    try:
        reader(read(a=value), "a")
    except InvalidResponseError as error:
        refusal = error
    assert refusal is None or refusal.provider == "spotify"


@pytest.mark.parametrize(
    ("reader", "empty"),
    [
        (JsonObject.text, ""),
        (JsonObject.web_address, ""),
        (JsonObject.integer, 0),
        (JsonObject.boolean, False),
        (JsonObject.moment, None),
        (JsonObject.unix_moment, None),
        (JsonObject.objects, []),
        (JsonObject.texts, []),
    ],
)
def test_what_is_absent_or_null_reads_as_empty(reader: Any, empty: Any) -> None:
    assert reader(read(), "a") == empty
    assert reader(read(a=None), "a") == empty
    assert "a" not in read(a=None)


@pytest.mark.parametrize("reader", [JsonObject.required_text, JsonObject.required_moment, JsonObject.required_objects])
@pytest.mark.parametrize("values", [{}, {"a": None}])
def test_what_is_required_must_be_there(reader: Any, values: dict[str, Any]) -> None:
    with pytest.raises(InvalidResponseError, match="a is missing"):
        reader(read(**values), "a")


def test_an_error_names_the_way_to_the_place() -> None:
    entry = read(page={"items": [{"name": "first"}, {"name": ["sesame"]}]}).object("page").objects("items")[1]
    with pytest.raises(InvalidResponseError) as caught:
        entry.text("name")
    assert str(caught.value) == "In the answer page.items[1].name is not text."


def test_null_entries_are_left_out_of_lists() -> None:
    assert [entry.text("name") for entry in read(a=[None, {"name": "x"}, None]).objects("a")] == ["x"]


def test_a_lone_object_is_a_list_of_one_only_where_that_is_expected() -> None:
    assert [entry.text("name") for entry in read(a={"name": "x"}).objects("a", or_one=True)] == ["x"]
    with pytest.raises(InvalidResponseError, match="a is not a list"):
        read(a={"name": "x"}).objects("a")


@pytest.mark.parametrize(("value", "number"), [(7, 7), ("7", 7), (7.9, 7), ("", 0), (MAX_INTEGER, MAX_INTEGER)])
def test_numbers_may_be_spelled_as_text(value: Any, number: int) -> None:
    assert read(a=value).integer("a") == number


@pytest.mark.parametrize("value", [True, -1, MAX_INTEGER + 1, "seven", "9" * 5000, float("inf"), float("nan"), [7]])
def test_a_number_that_cannot_be_is_refused(value: Any) -> None:
    with pytest.raises(InvalidResponseError, match="a is not a number"):
        read(a=value).integer("a")


def test_a_larger_number_is_believed_where_it_is_expected() -> None:
    assert read(a="1795197104000").integer("a", maximum=2**53) == 1_795_197_104_000


@pytest.mark.parametrize(
    "text",
    ["2026-11-20T18:00:31Z", "2026-11-20T18:00:31", "2026-11-20T20:00:31.000+02:00", "2026-11-20T18:00:31.000000000Z"],
)
def test_moments_become_utc(text: str) -> None:
    moment = read(a=text).moment("a")
    assert moment == datetime(2026, 11, 20, 18, 0, 31, tzinfo=UTC)
    assert moment.tzinfo is UTC


@pytest.mark.parametrize("value", [1_795_197_631, "1795197631"])
def test_unix_moments_become_utc(value: Any) -> None:
    assert read(a=value).unix_moment("a") == datetime(2026, 11, 20, 18, 0, 31, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_a_moment_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(InvalidResponseError, match="a is not a moment"):
        read(a=text).moment("a")


@pytest.mark.parametrize(
    ("address", "kept"),
    [("https://x.example/1", True), ("http://x.example/1", True), ("javascript:alert(1)", False), ("//x", False)],
)
def test_only_web_addresses_become_links(address: str, kept: bool) -> None:
    assert read(a=address).web_address("a") == (address if kept else "")


def test_characters_that_no_database_stores_are_cut_out_of_texts() -> None:
    assert read(a="A\0B\ud800C").text("a") == "ABC"
    assert read(a=["\0", "x"]).texts("a") == ["", "x"]


@pytest.mark.req("PROV-022")
@pytest.mark.parametrize("written", ["GBAYE2600001", " gb-aye-26-00001 ", "GB AYE 26 00001", "\u00a0GBAYE2600001"])
def test_an_isrc_has_one_form_however_it_was_written(written: str) -> None:
    assert plain_isrc(written) == "GBAYE2600001"


def test_what_holds_no_letter_and_no_digit_is_no_isrc() -> None:
    assert plain_isrc(" - ") == ""
