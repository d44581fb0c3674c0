import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from providers.history import pages
from providers.history.duplicates import link
from providers.models import Listen
from providers.views.history import PAGE_SIZE
from tests.fake_services import FakeServices

pytestmark = pytest.mark.usefixtures("services")

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


def listen(user: User, number: int, *, at: datetime | None = None, service: str = "spotify", **more: str) -> Listen:
    fields = {"name": f"Track {number:04}", "artist": "Artist", "album": "Album", **more}
    return Listen(
        user=user,
        provider_type=service,
        played_at=at or NOW - timedelta(minutes=number),
        fingerprint=number,
        **fields,
    )


def page(visitor: Client, query: str = "") -> str:
    response = visitor.get(f"/history/{query}")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def names(html: str) -> list[str]:
    return re.findall(r"Track \d{4}", html)


def older(html: str) -> str | None:
    link = re.search(r'href="(\?[^"]*before=[^"]*)"', html)
    return link and link[1].replace("&amp;", "&")


def newer(html: str) -> str | None:
    link = re.search(r'href="(\?[^"]*after=[^"]*)"', html)
    return link and link[1].replace("&amp;", "&")


def walk(visitor: Client, query: str = "", find: Callable[[str], str | None] = older) -> list[list[str]]:
    """Return the names on each page, from one on as far as the links lead."""
    pages = []
    while True:
        html = page(visitor, query)
        pages.append(names(html))
        further = find(html)
        if further is None:
            return pages
        query = further


def last_address(visitor: Client, query: str) -> str:
    while further := older(page(visitor, query)):
        query = further
    return query


def test_a_listen_shows_when_what_and_where(visitor: Client, user: User) -> None:
    listen(user, 1, at=datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)).save()
    html = page(visitor)
    assert '<time datetime="2026-11-22T03:04:05+00:00" title="2026-11-22 03:04:05 UTC">03:04</time>' in html
    assert "Sunday, 22 November 2026" in html
    for words in ("Track 0001", "Artist", "Album", "Wavebox", "Times are in UTC."):
        assert words in html


@pytest.mark.parametrize(
    ("zone", "day", "time"),
    [
        ("Pacific/Auckland", "Monday, 23 November 2026", "12:45"),
        ("Asia/Kathmandu", "Monday, 23 November 2026", "05:30"),
        ("America/New_York", "Sunday, 22 November 2026", "18:45"),
    ],
)
def test_times_and_days_are_those_of_the_persons_zone(
    visitor: Client, user: User, zone: str, day: str, time: str
) -> None:
    listen(user, 1, at=datetime(2026, 11, 22, 23, 45, tzinfo=UTC)).save()
    visitor.cookies["zone"] = zone
    html = page(visitor)
    assert day in html
    assert f'title="2026-11-22 23:45:00 UTC">{time}</time>' in html
    assert html.count(f"Times are in {zone}.") == 1


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/New_York"])
@pytest.mark.parametrize("moment", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_what_is_dated_at_the_ends_of_time_is_shown_all_the_same(
    visitor: Client, user: User, zone: str, moment: datetime
) -> None:
    listen(user, 1, at=moment).save()
    visitor.cookies["zone"] = zone
    assert "Track 0001" in page(visitor)


def test_paging_shows_every_listen_once_and_newest_first(visitor: Client, user: User) -> None:
    count = 2 * PAGE_SIZE + 7
    Listen.objects.bulk_create(listen(user, number) for number in range(count))
    pages = walk(visitor)
    assert [len(names) for names in pages] == [PAGE_SIZE, PAGE_SIZE, 7]
    assert [name for names in pages for name in names] == [f"Track {number:04}" for number in range(count)]


@pytest.mark.parametrize("query", ["", "?service=spotify", "?q=track"])
def test_paging_loses_no_listen_of_one_moment(visitor: Client, user: User, query: str) -> None:
    # The fingerprints run against the ids, and below zero.
    count = 2 * PAGE_SIZE + 20
    moments = [listen(user, number, at=NOW) for number in range(count)]
    for one in moments:
        one.fingerprint = 40 - one.fingerprint
    Listen.objects.bulk_create(moments)
    there = walk(visitor, query)
    assert len({name for names in there for name in names}) == sum(map(len, there)) == count
    back = walk(visitor, last_address(visitor, query), find=newer)
    assert {name for names in back for name in names} == {name for names in there for name in names}


def test_from_any_page_newer_ones_lead_back_to_the_newest(visitor: Client, user: User) -> None:
    Listen.objects.bulk_create(listen(user, number) for number in range(3 * PAGE_SIZE))
    back = walk(visitor, last_address(visitor, ""), find=newer)
    assert [len(names) for names in back] == [PAGE_SIZE] * 3
    assert [name for names in back[::-1] for name in names] == [f"Track {number:04}" for number in range(3 * PAGE_SIZE)]


def test_a_full_last_page_promises_no_further_one(visitor: Client, user: User) -> None:
    Listen.objects.bulk_create(listen(user, number) for number in range(PAGE_SIZE))
    assert len(walk(visitor)) == 1


def test_listens_of_one_service_can_be_shown_alone_page_by_page(
    visitor: Client, user: User, services: FakeServices
) -> None:
    Listen.objects.bulk_create(listen(user, number, service=services.tapedeck.type) for number in range(PAGE_SIZE + 1))
    Listen.objects.bulk_create(listen(user, number, service=services.wavebox.type) for number in range(5000, 5003))
    assert [len(names) for names in walk(visitor, f"?service={services.tapedeck.type}")] == [PAGE_SIZE, 1]
    assert len(names(page(visitor, f"?service={services.wavebox.type}"))) == 3


def test_listens_of_a_service_that_was_taken_away_are_still_shown(visitor: Client, user: User) -> None:
    listen(user, 1, service="gone").save()
    assert "Track 0001" in page(visitor)


def test_other_peoples_listens_are_not_shown(visitor: Client) -> None:
    listen(get_user_model().objects.create_user("bo"), 1).save()
    assert names(page(visitor)) == []


def test_an_empty_history_says_how_it_gets_filled(visitor: Client, services: FakeServices) -> None:
    assert "Link a service" in page(visitor)
    assert "No listens have come home from this service yet." in page(visitor, f"?service={services.wavebox.type}")
    assert "There are no older listens." in page(visitor, "?before=0-0")


@pytest.mark.parametrize(
    "query",
    [
        "?before=x",
        "?before=1",
        "?before=1-",
        "?before=-",
        "?before=1-x",
        f"?before={'9' * 30}-1",
        f"?before=1-{'9' * 30}",
        f"?before={'9' * 5000}-1",
        "?before=%00-%00",
        "?before=1-9223372036854775808",
        "?after=x",
        "?after=1-",
        f"?after={'9' * 18}-1",
        "?service=unheard-of",
        "?service=%00",
    ],
)
def test_an_address_that_was_never_given_out_is_not_found(visitor: Client, query: str) -> None:
    assert visitor.get(f"/history/{query}").status_code == 404


def test_hostile_names_and_addresses_are_inert(visitor: Client, user: User) -> None:
    listen(user, 1, name="<img src=x onerror=alert(1)>", artist="\u202eevil", url="javascript:alert(1)").save()
    html = page(visitor)
    assert "<img" not in html
    assert "javascript:" not in html
    assert "<bdi>\u202eevil</bdi>" in html


def test_a_track_links_to_where_it_can_be_heard(visitor: Client, user: User) -> None:
    listen(user, 1, url="https://open.example/track/1").save()
    assert '<a href="https://open.example/track/1" rel="noreferrer">' in page(visitor)


def test_names_of_any_length_and_many_accounts_keep_the_page_small(
    visitor: Client, user: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for letter, service in (("<", "spotify"), ('"', "lastfm"), ("\N{CYCLONE}", "gone"), ("&", "gone too")):
        hostile = letter * 10_000
        Listen.objects.bulk_create(
            listen(
                user, number, service=service, name=f"N{number}{hostile}", artist=hostile, album=hostile,
                url=f"https://open.example/{hostile}",
            )
            for number in range(PAGE_SIZE)
        )  # fmt: skip
    first = Listen.objects.filter(provider_type="spotify").in_bulk(field_name="pk")
    by_moment = {one.played_at: one.pk for one in first.values()}
    for other in Listen.objects.exclude(provider_type="spotify"):
        Listen.objects.filter(pk=other.pk).update(duplicate_of=by_moment[other.played_at])
    with django_assert_max_num_queries(10):
        response = visitor.get("/history/")
    assert len(response.content) < 50_000
    assert response.content.count(b"<li><time") == PAGE_SIZE
    assert b"and 1 more" in response.content


def test_what_several_sources_tell_of_is_shown_once_and_unfolds_with_the_reason(visitor: Client, user: User) -> None:
    for number, (service, name) in enumerate((("spotify", "Song"), ("lastfm", "Song"), ("lastfm", "Another"))):
        listen(user, number, at=NOW, service=service, name=name).save()
    link(user.pk, NOW, NOW)
    html = page(visitor)
    assert html.count("<summary>Told again</summary>") == 1
    assert html.count('<bdi class="name">Song</bdi>') == 1
    assert "Same title and artist." in html
    assert "the times fit one play" in html
    alone = page(visitor, "?service=lastfm")
    assert alone.count('<bdi class="name">') == 2


def test_the_reason_is_told_in_the_language_of_who_reads_it(visitor: Client, user: User) -> None:
    for service in ("spotify", "lastfm"):
        listen(user, 1, at=NOW, service=service, name="Song").save()
    link(user.pk, NOW, NOW)
    html = visitor.get("/history/", headers={"Accept-Language": "de"}).content.decode()
    assert "Titel und Interpret gleich." in html
    assert "Same title and artist" not in html


def test_a_search_finds_words_in_title_artist_and_album_in_any_case(visitor: Client, user: User) -> None:
    listen(user, 1, artist="Sigur Rós", album="Ágætis byrjun").save()
    listen(user, 2, artist="Björk", album="Homogenic").save()
    listen(user, 3, artist="100% Pure_Love", album="C:\\Music").save()
    for words, found in (
        ("SIGUR", [1]),
        ("track", [1, 2, 3]),
        ("bjork", []),
        ("BJÖRK", [2]),
        ("ágætis 0001", [1]),
        ("homo RÓS", []),
        ("100%", [3]),
        ("100_", []),
        ("c:\\m", [3]),
        ("(.*)", []),
        ("'; --", []),
    ):
        assert names(page(visitor, "?" + urlencode({"q": words}))) == [f"Track {number:04}" for number in found], words


def test_a_search_looks_through_so_many_listens_and_says_how_far(
    visitor: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "SEARCH_ROWS", 10)
    rare = {3, 25, 26}
    Listen.objects.bulk_create(
        listen(user, number, artist="Rare" if number in rare else "Common") for number in range(40)
    )
    first = page(visitor, "?q=rare")
    assert names(first) == ["Track 0003"]
    assert "This is what was found so far." in first
    assert "Search further back" in first
    second = page(visitor, older(first) or "")
    assert names(second) == []
    assert "Nothing was found so far." in second
    assert [name for found in walk(visitor, "?q=rare") for name in found] == ["Track 0003", "Track 0025", "Track 0026"]
    back = walk(visitor, last_address(visitor, "?q=rare"), find=newer)
    assert [name for found in back for name in found] == ["Track 0025", "Track 0026", "Track 0003"]
    assert len(walk(visitor, "?q=rare")) == 4


def test_a_search_that_came_to_the_end_says_that_there_is_nothing(visitor: Client, user: User) -> None:
    listen(user, 1).save()
    html = page(visitor, "?q=unheard")
    assert "No listens are like this." in html
    assert older(html) is None


@pytest.mark.parametrize(
    ("zone", "query", "found"),
    [
        ("UTC", "since=2026-11-21&until=2026-11-21", [2, 1]),
        ("Asia/Kolkata", "since=2026-11-21&until=2026-11-21", [1, 0]),
        ("America/New_York", "since=2026-11-21", [3, 2]),
        ("UTC", "until=2026-11-20", [0]),
    ],
)
def test_days_from_and_to_are_those_of_the_persons_zone_and_inclusive(
    visitor: Client, user: User, zone: str, query: str, found: list[int]
) -> None:
    for number, at in enumerate(
        [
            datetime(2026, 11, 20, 18, 30, tzinfo=UTC),
            datetime(2026, 11, 21, 0, 0, tzinfo=UTC),
            datetime(2026, 11, 21, 23, 59, 59, 999999, tzinfo=UTC),
            datetime(2026, 11, 22, 5, 0, tzinfo=UTC),
        ]
    ):
        listen(user, number, at=at).save()
    visitor.cookies["zone"] = zone
    assert names(page(visitor, f"?{query}")) == [f"Track {number:04}" for number in found]


def test_links_to_other_pages_keep_what_is_asked_for(visitor: Client, user: User) -> None:
    Listen.objects.bulk_create(listen(user, number, service="spotify") for number in range(2 * PAGE_SIZE))
    html = page(visitor, "?q=track&service=spotify&since=2026-01-01&until=2026-12-31&more=1")
    following = older(html)
    assert following is not None
    assert following.startswith("?q=track&service=spotify&since=2026-01-01&until=2026-12-31&before=")
    assert 'value="track"' in page(visitor, following)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("since=2026-02-31", "Enter a valid date."),
        ("since=0001-01-01", "Ensure this value is greater than or equal to 1900-01-01."),
        ("until=9999-12-31", "Ensure this value is less than or equal to 2200-01-01."),
        ("since=2026-02-02&until=2026-02-01", "This is before the first day."),
        ("q=%00", "Null characters are not allowed."),
        (f"q={'x' * 201}", "Ensure this value has at most 200 characters"),
    ],
)
def test_what_cannot_be_asked_is_said_and_what_was_typed_stays(visitor: Client, query: str, said: str) -> None:
    html = page(visitor, f"?{query}&until=2026-10-10" if "until" not in query else f"?{query}")
    assert said in html
    assert "No listens" not in html
    if "until" not in query:
        assert 'value="2026-10-10"' in html


def test_a_hundred_words_are_searched_for(visitor: Client, user: User) -> None:
    listen(user, 1, artist="a b").save()
    assert names(page(visitor, "?q=" + "+".join("ab" * 50))) == ["Track 0001"]


def test_the_page_costs_four_queries_and_counts_nothing(
    visitor: Client, user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    Listen.objects.bulk_create(listen(user, number) for number in range(PAGE_SIZE + 1))
    with django_assert_num_queries(5) as captured:  # session, person, links in danger, listens, who else tells of them
        page(visitor)
    assert not any("COUNT(" in query["sql"] for query in captured.captured_queries)
