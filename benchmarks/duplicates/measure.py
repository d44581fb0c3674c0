"""How often duplicates are found rightly, by the labelled set. Needs Django's settings, and no database."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.duplicates.labelled import LabelledPair, Play
from providers.history.duplicates import compare, matching, play_of
from providers.models import Listen


@dataclass(frozen=True, slots=True)
class Figures:
    """How it went: `found` were one play and joined, `missed` were one and not joined, `wrong` two and joined."""

    found: int
    missed: int
    wrong: int
    kept_apart: int

    @classmethod
    def of(cls, pairs: Iterable[LabelledPair], is_joined: Callable[[LabelledPair], bool]) -> "Figures":
        """Ask about every pair, and count."""
        answers = [(pair.is_same, is_joined(pair)) for pair in pairs]
        return cls(
            found=answers.count((True, True)),
            missed=answers.count((True, False)),
            wrong=answers.count((False, True)),
            kept_apart=answers.count((False, False)),
        )

    @property
    def precision(self) -> float:
        """The share of what was joined that is one play; 1 where nothing was joined."""
        joined = self.found + self.wrong
        return self.found / joined if joined else 1.0

    @property
    def recall(self) -> float:
        """The share of what is one play that was joined; 1 where nothing is."""
        same = self.found + self.missed
        return self.found / same if same else 1.0


def is_linked(pair: LabelledPair) -> bool:
    """Tell whether the pair is linked as it would be in a history that holds it and what lies around it."""
    plays = {id: play_of(_listen(play)) for id, play in enumerate((pair.first, pair.second, *pair.around))}
    candidates = matching.find_pairs(plays)
    together = matching.hanging_together(plays, candidates)[0]
    links = matching.link_to_canonical(together, plays, candidates, matching.Verdicts())
    return 1 in together and links.get(0, 0) == links.get(1, 1)


def is_alike(pair: LabelledPair) -> bool:
    """Tell whether the pair compares as one play, whatever lies around it."""
    return compare(play_of(_listen(pair.first)), play_of(_listen(pair.second))).is_duplicate


def _listen(play: Play) -> Listen:
    # What is stored of a play: the single artists are not.
    return Listen(
        provider_type=play.provider_type,
        source=play.source,
        name=play.name,
        artist=play.artist,
        album=play.album,
        duration_ms=play.duration_ms,
        played_at=play.played_at,
        isrc=play.isrc,
    )
