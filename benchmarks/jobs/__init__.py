"""The jobs, by name. Each yields its figures as it gets them."""

from collections.abc import Callable, Iterator

from benchmarks.figures import Figure
from benchmarks.jobs.dumps import import_a_dump, round_trip
from benchmarks.jobs.imports import import_a_history, requests_for_new_listens
from benchmarks.jobs.mirrors import plan_a_long_playlist
from benchmarks.jobs.pages import show_half_a_million_listens
from benchmarks.jobs.playlists import read_playlists
from benchmarks.jobs.storing import store_on_postgresql
from benchmarks.jobs.ticks import find_and_drain_what_is_due
from benchmarks.jobs.waiting import use_a_rate_limit, wait_for_a_slow_service

JOBS: dict[str, Callable[[], Iterator[Figure]]] = {
    "import": import_a_history,
    "requests": requests_for_new_listens,
    "storing": store_on_postgresql,
    "latency": wait_for_a_slow_service,
    "limit": use_a_rate_limit,
    "playlists": read_playlists,
    "mirrors": plan_a_long_playlist,
    "dump": import_a_dump,
    "round-trip": round_trip,
    "pages": show_half_a_million_listens,
    "tick": find_and_drain_what_is_due,
}
