"""Prints how well duplicates are found, by the labelled set, and what went wrong: `python -m benchmarks.duplicates`."""

import argparse
import os

import django

from benchmarks.duplicates.labelled import LabelledPair, load


def main() -> None:
    """Measure over all pairs, by half and by kind."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.duplicates", description=__doc__)
    parser.add_argument(
        "--holdout", action="store_true", help="show what went wrong in the holdout half too: no rule is made by that"
    )
    shown = {"dev", "holdout"} if parser.parse_args().holdout else {"dev"}
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    # Models can be imported only now.
    from benchmarks.duplicates.measure import Figures, is_alike, is_linked

    def report(title: str, some: list[LabelledPair]) -> None:
        figures = Figures.of(some, is_linked)
        print(
            f"{title:<25} {len(some):>5} {figures.found:>6} {figures.missed:>7} {figures.wrong:>6} "
            f"{figures.kept_apart:>6} {figures.precision:>10.4f} {figures.recall:>7.4f}"
        )

    pairs = load()
    print(f"{'':<25} {'pairs':>5} {'found':>6} {'missed':>7} {'wrong':>6} {'apart':>6} {'precision':>10} {'recall':>7}")
    report("all", pairs)
    for half in ("dev", "holdout"):
        report(half, [pair for pair in pairs if pair.half == half])
    print()
    for kind in dict.fromkeys(pair.kind for pair in pairs):
        report(kind, [pair for pair in pairs if pair.kind == kind])
    alone = Figures.of(pairs, is_alike)
    print(
        f"\nEach pair judged alone, without what lies around it: precision {alone.precision:.4f}, "
        f"recall {alone.recall:.4f}"
    )
    for pair in pairs:
        if pair.half in shown and is_linked(pair) != pair.is_same:
            show(pair)


def show(pair: LabelledPair) -> None:
    """Print a pair that went wrong, with its story."""
    print(f"\n{'MISSED' if pair.is_same else 'WRONG'} ({pair.half}, {pair.kind}): {pair.story}")
    for play in (pair.first, pair.second):
        length = f", {play.duration_ms} ms" if play.duration_ms else ""
        print(f"  {play.provider_type} ({play.source}) {play.played_at:%Y-%m-%d %H:%M:%S}{length}")
        print(f"    {play.name} | {play.artist} | {play.album}")


if __name__ == "__main__":
    main()
