"""Drains the due connections of one service, as one worker, and prints how many and with how many queries as JSON."""

import json
import time
from collections.abc import Callable
from typing import Any

import django
from django.db import connection


def main() -> None:
    """Drain, on whatever database the environment names."""
    django.setup()

    from providers import worker

    queries = 0

    def count(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal queries
        queries += 1
        return execute(*arguments)

    started = time.perf_counter()
    with connection.execute_wrapper(count):
        worked = worker.drain("lastfm")
    print(json.dumps({"worked": worked, "queries": queries, "seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
