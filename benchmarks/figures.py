"""What was measured, and what it should be."""

import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

ROUNDS = 5
"""How often each thing is measured; the median counts."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `is_met` is None where there is nothing to reach."""

    what: str
    measured: str
    target: str = ""
    is_met: bool | None = None


def at_least(what: str, value: float, target: float, unit: str = "x", detail: str = "") -> Figure:
    """Return a figure that should not be below its target."""
    return Figure(what, _shown(value, unit, detail), f">= {target:,g} {unit}", value >= target)


def at_most(what: str, value: float, target: float, unit: str = "x", detail: str = "") -> Figure:
    """Return a figure that should not be above its target."""
    return Figure(what, _shown(value, unit, detail), f"<= {target:,g} {unit}", value <= target)


def _shown(value: float, unit: str, detail: str) -> str:
    number = f"{value:,.0f}" if value >= 1000 else f"{value:.2f}"
    return f"{number} {unit}" + (f" ({detail})" if detail else "")


def in_turn(ways: Mapping[str, Callable[[], float | None]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Do each way in turn, round after round, so that all meet the same machine, and return the seconds of each.

    A way that tells its seconds itself leaves out what it had to prepare.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(1, rounds + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            told = way()
            seconds[name].append(time.perf_counter() - started if told is None else told)
            say(f"round {number}, {name}: {seconds[name][-1]:.2f} s")
    return seconds


def medians(seconds: Mapping[str, list[float]]) -> dict[str, float]:
    """Return the median of each way, and tell all of them."""
    found = {name: statistics.median(times) for name, times in seconds.items()}
    for name, times in seconds.items():
        say(f"{name:<32} {found[name]:7.2f} s   ({', '.join(f'{one:.2f}' for one in sorted(times))})")
    return found


def say(text: str) -> None:
    """Tell what goes on. Only what comes of it goes to stdout."""
    print(f"  {text}", file=sys.stderr, flush=True)


def table(figures: Iterable[tuple[str, Figure]]) -> str:
    """Return the figures of all jobs as a table."""
    rows = [
        (job, figure.what, figure.measured, figure.target, {None: "", True: "ok", False: "MISSED"}[figure.is_met])
        for job, figure in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]).rstrip()
        for row in rows
    )
