"""Prints how well songs are found in a library, and what went wrong: `python -m benchmarks.matching`."""

import argparse
from statistics import mean
from time import perf_counter

from benchmarks.matching.labelled import Labelled, load_library, load_tracks
from benchmarks.matching.measure import Figures, Library, PlainNames
from providers.datatypes import Track


def main() -> None:
    """Measure over all tracks, by half and by kind, and beside the plain way."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.matching", description=__doc__)
    parser.add_argument(
        "--holdout", action="store_true", help="show what went wrong in the holdout half too: no rule is made by that"
    )
    shown = {"dev", "holdout"} if parser.parse_args().holdout else {"dev"}
    tracks, songs = load_tracks(), load_library()
    library, plain = Library(songs), PlainNames(songs)
    print(f"{len(tracks)} tracks, {len(songs)} songs\n")
    print(
        f"{'':<42} {'tracks':>6} {'right':>6} {'mistaken':>9} {'missed':>7} {'invented':>9} {'left out':>9} "
        f"{'precision':>10} {'recall':>7}"
    )
    report("all", Figures.of(tracks, library.find))
    for half in ("dev", "holdout"):
        report(half, Figures.of([one for one in tracks if one.half == half], library.find))
    report("the same title and artist in small letters", Figures.of(tracks, plain.find))
    print()
    for kind in dict.fromkeys(one.kind for one in tracks):
        report(kind, Figures.of([one for one in tracks if one.kind == kind], library.find))
    sizes = sorted(map(len, library.by_key.values()))
    considered = [library.candidates(one.track) for one in tracks]
    began = perf_counter()
    for one in tracks:
        library.verdict(one.track)
    taken = (perf_counter() - began) / len(tracks)
    print(
        f"\nKeys per song: {sum(sizes) / len(songs):.1f}; songs per key: at most {sizes[-1]}; candidates per track: "
        f"{mean(map(len, considered)):.1f}, at most {max(map(len, considered))}; {taken * 1e6:.0f} µs a track"
    )
    for one in tracks:
        if one.half in shown and library.find(one.track) != one.song_id:
            show(one, library, {song.id: song for song in songs})


def report(title: str, figures: Figures) -> None:
    """Print one line of the table."""
    total = figures.right + figures.wrong + figures.missed + figures.left_out
    print(
        f"{title:<42} {total:>6} {figures.right:>6} {figures.mistaken:>9} {figures.missed:>7} {figures.invented:>9} "
        f"{figures.left_out:>9} {figures.precision:>10.4f} {figures.recall:>7.4f}"
    )


def show(one: Labelled, library: Library, songs: dict[str, Track]) -> None:
    """Print a track that went wrong, what it is, and what was taken for it."""
    verdict = library.verdict(one.track)
    chosen = verdict.match
    print(f"\n{'WRONG' if chosen else 'MISSED'} ({one.half}, {one.kind}): {described(one.track)}")
    if one.song_id:
        told = "" if songs[one.song_id] in library.candidates(one.track) else " (shares no key)"
        print(f"  it is   {described(songs[one.song_id])}{told}")
    if chosen:
        print(f"  chosen  {described(chosen.song)}: {chosen.reason}")
    for candidate in verdict.nearest:
        print(f"  near    {described(candidate.song)}: {candidate.reason} ({candidate.score:.2f})")


def described(track: Track) -> str:
    """Return a track in a line."""
    seconds = round(track.duration_ms / 1000)
    length = f"{seconds // 60}:{seconds % 60:02}" if seconds else "?"
    return f"{track.id} {track.name} | {track.artist} | {track.album} | {length} {track.isrc}".strip()


if __name__ == "__main__":
    main()
