"""How often the right song is found, by the labelled set."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from benchmarks.matching.labelled import Labelled
from providers.datatypes import Track
from providers.playlists.matching import STAGES, Verdict, lookup_keys, match


@dataclass(frozen=True, slots=True)
class Figures:
    """How it went: tracks with a song were found (`right`), `mistaken` for another one, or `missed`.

    To those without one, a song was `invented`, or they were `left_out`.
    """

    right: int
    mistaken: int
    missed: int
    invented: int
    left_out: int

    @classmethod
    def of(cls, tracks: Iterable[Labelled], find: Callable[[Track], str | None]) -> "Figures":
        """Look for every track, and count."""
        answers = [(one.song_id, find(one.track)) for one in tracks]
        there = [(right, found) for right, found in answers if right is not None]
        return cls(
            right=sum(found == right for right, found in there),
            mistaken=sum(found not in (right, None) for right, found in there),
            missed=sum(found is None for _, found in there),
            invented=sum(right is None and found is not None for right, found in answers),
            left_out=sum(right is None and found is None for right, found in answers),
        )

    @property
    def wrong(self) -> int:
        """How many songs were chosen that are not the right one."""
        return self.mistaken + self.invented

    @property
    def precision(self) -> float:
        """The share of the songs chosen that are right; 1 where none was."""
        chosen = self.right + self.wrong
        return self.right / chosen if chosen else 1.0

    @property
    def recall(self) -> float:
        """The share of the tracks with a song whose song was chosen; 1 where none has one."""
        there = self.right + self.mistaken + self.missed
        return self.right / there if there else 1.0


class Library:
    """A library as it is asked in earnest: the candidates of a track are the songs that share a lookup key with it."""

    def __init__(self, songs: Sequence[Track]) -> None:
        self.by_key: defaultdict[str, list[Track]] = defaultdict(list)
        for song in songs:
            for key in lookup_keys(song):
                self.by_key[key].append(song)

    def candidates(self, track: Track) -> list[Track]:
        """Return all songs that share a key with the track, each once."""
        return self._sharing(lookup_keys(track))

    def _sharing(self, keys: Iterable[str]) -> list[Track]:
        return list({song.id: song for key in keys for song in self.by_key.get(key, ())}.values())

    def verdict(self, track: Track) -> Verdict:
        """Match the track, looking only as far as it needs."""
        for stage in STAGES:
            verdict = match(track, self._sharing(stage.keys_of(track)))
            if stage.is_settled_by(verdict):
                break
        return verdict

    def find(self, track: Track) -> str | None:
        """Return the id of the song that was chosen for the track."""
        chosen = self.verdict(track).match
        return chosen.song.id if chosen else None


class PlainNames:
    """What is the usual way: the first song with the same title and artist in small letters."""

    def __init__(self, songs: Sequence[Track]) -> None:
        self.ids: dict[tuple[str, str], str] = {}
        for song in songs:
            self.ids.setdefault((song.name.lower(), song.artist.lower()), song.id)

    def find(self, track: Track) -> str | None:
        """Return the id of the first song of the same names."""
        return self.ids.get((track.name.lower(), track.artist.lower()))
