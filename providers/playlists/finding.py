"""Tracks of one service, found among the songs of another: by what the person said, else by matching."""

from collections.abc import Callable, Sequence, Set

from providers.contracts import LibraryLister
from providers.datatypes import Track
from providers.models import LibraryIndex, ManualMatch
from providers.playlists import library
from providers.playlists.ends import End
from providers.playlists.matching import STAGES, Match, Method, Verdict, match

AT_ONCE = 60
"""How many tracks are looked up together: enough for few statements, and few enough for flat memory."""


def find(
    tracks: Sequence[Track],
    source: End,
    target: End,
    *,
    gone: Set[str] = frozenset(),
    on_progress: Callable[[str], None] = lambda text: None,
) -> list[Verdict]:
    """Return what each track is on the target, but for songs that are known to be gone there.

    Raises what reading the target's library, or searching in it, raises.
    """
    with target.asked() as provider:
        is_listed = isinstance(provider, LibraryLister)
        if is_listed:
            index = library.refresh(
                target.connection,
                provider,
                on_progress=lambda songs: on_progress(f"{songs} songs of {target.label} read"),
            )
        else:
            index = library.index_of(target.connection)
    chosen = _chosen_by_hand(source, target)
    verdicts: list[Verdict] = []
    for some in library.in_parts(tracks, AT_ONCE):
        for verdict in match_all(index, some, gone=gone):
            song = chosen.get(ManualMatch.key_of(verdict.track))
            if song is not None:
                verdicts.append(_by_hand(verdict.track, song, index, gone, is_listed=is_listed))
            elif verdict.match is None and not is_listed:
                verdicts.append(_searched(verdict.track, target, index, gone))
            else:
                verdicts.append(verdict)
        on_progress(f"{len(verdicts)} of {len(tracks)} tracks looked for")
    return verdicts


def match_all(index: LibraryIndex, tracks: Sequence[Track], *, gone: Set[str] = frozenset()) -> list[Verdict]:
    """Match tracks with the songs of an index, looking only as far as each of them needs."""
    verdicts: dict[int, Verdict] = {}
    left = list(range(len(tracks)))
    for stage in STAGES:
        found = library.candidates(index, [tracks[place] for place in left], stage.keys_of)
        for place, songs in zip(left, found, strict=True):
            verdicts[place] = match(tracks[place], [song for song in songs if song.id not in gone])
        left = [place for place in left if not stage.is_settled_by(verdicts[place])]
    return [verdicts[place] for place in range(len(tracks))]


def _searched(track: Track, target: End, index: LibraryIndex, gone: Set[str]) -> Verdict:
    """Ask a service whose songs cannot be listed, and keep what it finds for the next time."""
    with target.asked() as finder:
        found: list[Track] = finder.find_tracks(track)
    library.keep(index, found)
    return match(track, [song for song in found if song.id not in gone])


def _chosen_by_hand(source: End, target: End) -> dict[str, Track]:
    matches = ManualMatch.objects.filter(
        user=source.connection.user_id,
        source_type=source.connection.provider_type,
        target_type=target.connection.provider_type,
    )
    return {one.source_key: one.chosen for one in matches}


def _by_hand(track: Track, song: Track, index: LibraryIndex, gone: Set[str], *, is_listed: bool) -> Verdict:
    if song.id in gone or (is_listed and not library.holds(index, song.id)):
        # Its place is kept: it may come back, and nobody else knows better.
        return Verdict(track=track, match=None, reason="The song that was chosen by hand is no longer there.")
    return Verdict(track=track, match=Match(song=song, method=Method.MANUAL, score=1.0, reason="Chosen by hand."))
