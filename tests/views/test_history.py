import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

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


def walk(visitor: Client, query: str = "") -> list[list[str]]:
    pages = []
    while True:
        html = page(visitor, query)
        pages.append(names(html))
        further = older(html)
        if further is None:
            return pages
        query = further


def test_a_listen_shows_when_what_and_where(visitor: Client, user: User) -> None:
    listen(user, 1, at=datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)).save()
    html = page(visitor)
    assert '<time datetime="2026-11-22T03:04:05+00:00">03:04</time>' in html
    assert "Sunday, 22 November 2026" in html
    for words in ("Track 0001", "Artist", "Album", "Wavebox", "Times are in UTC."):
        assert words in html


def test_times_are_utc_whatever_the_sites_zone(visitor: Client, user: User, settings: object) -> None:
    settings.TIME_ZONE = "Pacific/Auckland"  # type: ignore[attr-defined]
    listen(user, 1, at=datetime(2026, 11, 22, 23, 30, tzinfo=UTC)).save()
    html = page(visitor)
    assert "23:30" in html
    assert "Sunday, 22 November 2026" in html


def test_paging_shows_every_listen_once_and_newest_first(visitor: Client, user: User) -> None:
    count = 2 * PAGE_SIZE + 7
    Listen.objects.bulk_create(listen(user, number) for number in range(count))
    pages = walk(visitor)
    assert [len(names) for names in pages] == [PAGE_SIZE, PAGE_SIZE, 7]
    assert [name for names in pages for name in names] == [f"Track {number:04}" for number in range(count)]


def test_paging_loses_no_listen_of_one_moment(visitor: Client, user: User) -> None:
    Listen.objects.bulk_create(listen(user, number, at=NOW) for number in range(PAGE_SIZE + 20))
    pages = walk(visitor)
    assert len({name for names in pages for name in names}) == sum(map(len, pages)) == PAGE_SIZE + 20


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


def test_the_page_costs_four_queries_and_counts_nothing(
    visitor: Client, user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    Listen.objects.bulk_create(listen(user, number) for number in range(PAGE_SIZE + 1))
    with django_assert_num_queries(5) as captured:  # session, person, links in danger, listens, who else tells of them
        page(visitor)
    assert not any("COUNT(" in query["sql"] for query in captured.captured_queries)
