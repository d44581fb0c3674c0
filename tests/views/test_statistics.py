import html
import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from providers import worker
from providers.models import DuplicateScan, Listen, StatisticsScan

pytestmark = pytest.mark.usefixtures("services")

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


def listen(user: User, at: datetime, number: int = 0, **more: str) -> Listen:
    fields = {"name": "Song", "artist": "Ana", "album": "Songs", **more}
    return Listen(user=user, provider_type="spotify", played_at=at, fingerprint=number, **fields)


def store(user: User, *listens: Listen) -> None:
    """Have listens come home, and count them."""
    Listen.objects.bulk_create(listens)
    StatisticsScan.note(user.pk, min(one.played_at for one in listens), max(one.played_at for one in listens))
    StatisticsScan.objects.update(due_at=NOW - timedelta(days=1000))
    worker.drain(worker.STATISTICS)


def page(visitor: Client, query: str = "", **more: str) -> str:
    with time_machine.travel(NOW, tick=False):
        response = visitor.get(f"/statistics/{query}", headers=more)
    assert response.status_code == 200
    return html.unescape(" ".join(response.content.decode().split()))


def rows(text: str, section: str) -> list[list[str]]:
    """Return the cells of the table in a section of the page."""
    table = re.search(rf'aria-labelledby="{section}".*?<tbody>(.*?)</tbody>', text)
    assert table
    return [
        [re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in table[1].split("</tr>")[:-1]
    ]


def test_the_days_of_the_year_are_a_picture_and_a_table(visitor: Client, user: User) -> None:
    store(user, *(listen(user, datetime(2026, 3, 14, 12, number, tzinfo=UTC)) for number in range(23)))
    text = page(visitor)
    assert "The days of 2026" in text
    assert "23 listens; the busiest day was 14 March, with 23." in text
    assert ["9 Mar", "0", "0", "0", "0", "0", "23", "0"] in rows(text, "days")
    assert '<svg role="img" aria-labelledby="days" aria-describedby="days-told"' in text
    assert 'href="/history/?since=2026-03-09&until=2026-03-15"' in text


def test_years_lead_to_each_other_as_far_as_there_is_anything(visitor: Client, user: User) -> None:
    store(user, listen(user, datetime(2024, 12, 31, 12, tzinfo=UTC)))
    text = page(visitor)
    assert '<a class="button quiet" href="?span=12m&year=2025" rel="prev">2025</a>' in text
    assert 'rel="next"' not in text
    first = page(visitor, "?span=12m&year=2024")
    assert "1 listen, on 31 December." in first
    assert 'rel="prev"' not in first
    assert 'href="?span=12m&year=2025" rel="next"' in first
    assert [year for year in ("2023", "2024", "2025", "2026") if f'href="?span={year}"' in text] == [
        "2024", "2025", "2026",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "days", "hour", "weekday"),
    [
        ("UTC", "1 listen, on 31 December.", 23, 2),
        ("Asia/Kolkata", "No listens of 2025 are here.", 5, 3),
        ("America/New_York", "1 listen, on 31 December.", 18, 2),
    ],
)
def test_days_and_hours_are_those_of_the_persons_zone(
    visitor: Client, user: User, zone: str, days: str, hour: int, weekday: int
) -> None:
    store(user, listen(user, datetime(2025, 12, 31, 23, 45, tzinfo=UTC)))
    visitor.cookies["zone"] = zone
    text = page(visitor, "?year=2025&span=12m")
    assert days in text
    found = rows(text, "clock")[hour]
    assert found == [f"{hour:02}:00", *("1" if day == weekday else "0" for day in range(7))]
    assert f"Most listens are between {hour:02}:00 and {(hour + 1) % 24:02}:00." in text


def test_what_was_heard_most_is_listed_for_the_span_that_is_chosen(visitor: Client, user: User) -> None:
    store(
        user,
        *(listen(user, NOW - timedelta(days=2, minutes=number)) for number in range(3)),
        *(listen(user, NOW - timedelta(days=20, minutes=number), artist="Bo", name="Tune") for number in range(4)),
        *(listen(user, NOW - timedelta(days=400, minutes=number), artist="Cy", album="") for number in range(5)),
    )
    assert rows(page(visitor, "?span=7d"), "artists") == [["Ana", "3"]]
    assert rows(page(visitor, "?span=30d"), "artists") == [["Bo", "4"], ["Ana", "3"]]
    assert rows(page(visitor), "artists") == [["Bo", "4"], ["Ana", "3"]]
    everything = page(visitor, "?span=all")
    assert rows(everything, "artists") == [["Cy", "5"], ["Bo", "4"], ["Ana", "3"]]
    assert rows(everything, "albums") == [["Songs Bo", "4"], ["Songs Ana", "3"]]
    assert rows(everything, "tracks") == [["Song Cy", "5"], ["Tune Bo", "4"], ["Song Ana", "3"]]
    assert "12 listens to 3 tracks by 3 artists." in everything
    assert rows(page(visitor, "?span=2025"), "artists") == [["Cy", "5"]]


def test_what_has_just_come_home_is_on_the_page_at_once(visitor: Client, user: User) -> None:
    listen(user, NOW - timedelta(minutes=5)).save()
    assert "1 listen, on 22 November." in page(visitor)


def test_the_page_says_that_counting_goes_on_and_when_it_is_done(visitor: Client, user: User) -> None:
    store(user, listen(user, NOW - timedelta(days=400)))
    assert "counting" not in page(visitor)
    for scan in (DuplicateScan, StatisticsScan):
        scan.note(user.pk, datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 4, 1, tzinfo=UTC))
        text = page(visitor)
        assert 'role="status" hx-get="?" hx-trigger="every 3s"' in text
        assert "Not everything is counted yet." in text
        assert "1 Mar 2025" in text
        assert "1 Apr 2025" in text
        part = page(visitor, "?span=all", HX_Request="true")
        assert part.startswith('<div class="note" id="counting"')
        scan.objects.update(since=None, until=None)
    done = page(visitor, "?span=all", HX_Request="true")
    assert done.startswith('<p class="note" id="counting"')
    assert 'Everything is counted now. <a href="?span=all">Show it</a>' in done


def test_counting_that_nobody_does_is_called_so(visitor: Client, user: User) -> None:
    StatisticsScan.note(user.pk, NOW, NOW)
    StatisticsScan.objects.update(due_at=NOW)
    assert "Nobody seems to be there to count" not in page(visitor)
    StatisticsScan.objects.update(due_at=NOW - timedelta(minutes=10))
    assert "Nobody seems to be there to count" in page(visitor)


def test_without_a_listen_the_page_says_how_there_come_some(visitor: Client) -> None:
    text = page(visitor)
    assert "No listens have come home yet." in text
    assert 'href="/connections/"' in text
    assert 'href="/history/import/"' in text


def test_a_span_without_a_listen_says_so(visitor: Client, user: User) -> None:
    store(user, listen(user, datetime(2020, 1, 1, tzinfo=UTC)))
    assert "No listens of this time are here." in page(visitor, "?span=7d")


def test_a_listen_that_was_deleted_a_moment_ago_leaves_its_place_in_the_list(visitor: Client, user: User) -> None:
    store(user, listen(user, datetime(2026, 3, 1, tzinfo=UTC)))
    Listen.objects.all().delete()
    assert rows(page(visitor), "artists") == [["No longer in your history", "1"]]


def test_other_peoples_listens_are_not_counted(visitor: Client) -> None:
    other = get_user_model().objects.create_user("bo")
    store(other, listen(other, NOW - timedelta(days=1)), listen(other, NOW - timedelta(days=100)))
    assert "No listens have come home yet." in page(visitor)


@pytest.mark.parametrize(
    "query",
    [
        "?span=",
        "?span=8d", "?span=2027", "?span=0000", "?span=99999", "?span=%00", "?span=-2026", "?span=%EF%BC%92025",
        "?year=2027", "?year=0000", "?year=x", "?year=20260", "?year=%00", "?year=9999", "?span=all&year=1.0",
    ],
)  # fmt: skip
def test_a_time_that_was_never_offered_is_not_found(visitor: Client, query: str) -> None:
    with time_machine.travel(NOW, tick=False):
        assert visitor.get(f"/statistics/{query}").status_code == 404


def test_hostile_names_are_inert_and_of_bounded_length(visitor: Client, user: User) -> None:
    name = "<img src=x onerror=alert(1)>" + "\u202e" + "x" * 10_000
    store(user, listen(user, NOW, name=name, artist=name, album=name))
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        content = visitor.get("/statistics/").content
    assert b"<img" not in content
    assert b"x" * 200 not in content
    assert b"<bdi>&lt;img" in content


@pytest.mark.parametrize("query", ["", "?span=all", "?span=2026", "?span=30d&year=2020"])
def test_the_page_is_small_and_costs_few_queries_whatever_there_is(
    visitor: Client, user: User, django_assert_max_num_queries: DjangoAssertNumQueries, query: str
) -> None:
    def of_day(day: int, zone_minutes: int) -> Listen:
        text = f"{day % 37}" + '<"&' * 1_000
        at = NOW - timedelta(days=day, minutes=zone_minutes)
        return listen(user, at, zone_minutes, name=text, artist=text, album=text)

    store(user, *(of_day(day, 37 * number) for day in range(0, 2500, 11) for number in range(1 + day % 5)))
    visitor.cookies["zone"] = "Asia/Kathmandu"
    with (
        time_machine.travel(NOW, tick=False),
        django_assert_max_num_queries(9) as captured,
    ):
        response = visitor.get(f"/statistics/{query}")
    assert len(response.content) < 50_000
    assert not any("COUNT(" in one["sql"] for one in captured.captured_queries)
    assert 0 < response.content.count(b'<svg class="bar"') <= 30
