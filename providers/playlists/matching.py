"""Which song of a library is the track of another service: pure functions, and a reason for every answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from providers.datatypes import Track
from providers.playlists.evidence import (
    CLOSE_SECONDS,
    EQUAL,
    FAIR_SECONDS,
    FAIR_SECONDS_ELSEWHERE,
    Finding,
    Need,
    compare_artists,
    compare_titles,
    read,
    same_album,
    seconds_longer,
    seconds_of,
)
from providers.playlists.versions import compare_versions
from providers.recordings.songs import Song
from providers.recordings.sounds import in_own_letters, romanised, sound


class Method(StrEnum):
    """What a match rests on, the surest first."""

    MANUAL = "manual"
    """A person said so."""

    ISRC = "isrc"
    """The same recording code, confirmed by the duration."""

    MBID = "mbid"
    """The same MusicBrainz recording."""

    EXACT = "exact"
    """The same title, artist and version, after normalisation."""

    FUZZY = "fuzzy"
    """Names that are nearly the same, guarded by duration and version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A song that was considered. `score` is from 0 to 1, `reason` says in plain words what speaks against it."""

    song: Track
    score: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The song that a track is on the other service, by which method, how surely (0 to 1) and why in plain words."""

    song: Track
    method: Method
    score: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one track: its match; or None, why not in plain words, and what came nearest, nearest first."""

    track: Track
    match: Match | None
    reason: str = ""
    nearest: tuple[Candidate, ...] = ()


MAX_NEAREST = 5
"""How many candidates are shown of a track that was not found."""

_FUZZY_THRESHOLD = 0.78
_LEAST_TITLE = 0.4
_NEAR_ENOUGH_TO_SHOW = 0.3

# --- looking up -------------------------------------------------------------------------------------------

_LETTERS_OF_TITLE = 8
_LETTERS_OF_FULL_TITLE = 10
_CELL_SECONDS = 2 * CLOSE_SECONDS


def code_keys(track: Track) -> tuple[str, ...]:
    """Return those of the lookup keys that are codes."""
    codes = (("isrc", track.isrc), ("mbid", track.mbid))
    return tuple([f"{kind} {code}" for kind, code in codes if code])


def name_keys(track: Track) -> tuple[str, ...]:
    """Return those of the lookup keys that are codes, or title and artist."""
    names = read(track)
    if not names.full:
        return code_keys(track)
    title = _heard(names.bare)[:_LETTERS_OF_FULL_TITLE]
    return (*code_keys(track), *[f"names {title} {artist}" for artist in _artists(names)])


def lookup_keys(track: Track) -> tuple[str, ...]:
    """Return what to look a track, or a song of a library, up by: two that may match have at least one in common.

    There are six of most songs, and few songs share one: each but the codes has two of title, artist and duration in
    it. A title or an artist may be misspelt, or in another alphabet, where the other and the duration agree.
    """
    names = read(track)
    keys = list(name_keys(track))
    cells = _cells(seconds_of(track))
    if names.full:
        titles = {_heard(title)[:_LETTERS_OF_TITLE] for title in (names.bare, in_own_letters(track.name)) if title}
        keys += [f"title {begin} {cell}" for begin in sorted(titles) for cell in cells]
    if names.main_artist:
        keys += [f"artist {artist} {cell}" for artist in _artists(names) for cell in cells]
    return tuple(keys)


def _artists(names: Song) -> list[str]:
    # Of a classical work one service names the composer first, another nobody but who plays it.
    return [_heard(artist) for artist in (names.main_artist, *sorted(names.artists - {names.main_artist})[:1])]


def _cells(seconds: int) -> tuple[str, ...]:
    """Return the cells of two grids that a duration is in: any two durations that are close share one."""
    if seconds <= 0:
        return ()
    return (f"{seconds // _CELL_SECONDS}", f"{(seconds + CLOSE_SECONDS) // _CELL_SECONDS}+")


def _heard(name: str) -> str:
    """Return what a name has in common with its misspellings, and with itself in other letters; of short ones all."""
    consonants = sound(name)
    return consonants if len(consonants) >= 4 else romanised(name)


@dataclass(frozen=True, slots=True)
class Stage:
    """Where to look, by some of a track's keys; a match by one of these methods `settles` it, and nobody looks on."""

    keys_of: Callable[[Track], Sequence[str]]
    settles: frozenset[Method]

    def is_settled_by(self, verdict: Verdict) -> bool:
        """Tell whether nothing better is to be expected elsewhere."""
        return verdict.match is not None and verdict.match.method in self.settles


STAGES = (
    Stage(code_keys, frozenset({Method.ISRC, Method.MBID})),
    Stage(name_keys, frozenset({Method.ISRC, Method.MBID, Method.EXACT})),
    Stage(lookup_keys, frozenset(Method)),
)
"""From the few songs that are likely to the many that are possible: so most tracks cost the same in any library."""


# --- matching ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Considered:
    """A candidate, and what was found of it. `method` is None where it is no match."""

    song: Track
    method: Method | None
    score: float
    findings: tuple[Finding, ...]
    longer: int | None
    is_same_album: bool

    @property
    def seconds_apart(self) -> int:
        """How far the durations are apart, very far where one is unknown."""
        return 3600 if self.longer is None else abs(self.longer)

    @property
    def rank(self) -> tuple[int, bool, int, int, float, str]:
        """What the best of several is first by: a code, the same album, the nearest duration, the surer method."""
        place = _METHODS.index(self.method) if self.method else len(_METHODS)
        is_sure = self.method is Method.EXACT or self.score >= _AS_GOOD_AS_EXACT
        order = min(place, _METHODS.index(Method.EXACT)) if is_sure else place
        return order, not self.is_same_album, self.seconds_apart, place, -self.score, self.song.id


_METHODS = list(Method)
_AS_GOOD_AS_EXACT = 0.96


def match(track: Track, candidates: Sequence[Track]) -> Verdict:
    """Find the track among songs that share a key with it. Candidates in any order give the same verdict."""
    names = read(track)
    considered = [_consider(track, names, candidate) for candidate in candidates]
    best = min((one for one in considered if one.method), key=lambda one: one.rank, default=None)
    if best is not None and best.method is not None:
        reason = _why(best.method, track, best.song, best.longer, best.findings)
        return Verdict(track=track, match=Match(song=best.song, method=best.method, score=best.score, reason=reason))
    near = sorted(
        (one for one in considered if one.score >= _NEAR_ENOUGH_TO_SHOW),
        key=lambda one: (-one.score, one.seconds_apart, one.song.id),
    )
    return Verdict(
        track=track,
        match=None,
        reason="Only others come near it." if near else "Nothing comes near it.",
        nearest=tuple(
            Candidate(song=one.song, score=one.score, reason=_why_not(track, one.song, one.longer, one.findings))
            for one in near[:MAX_NEAREST]
        ),
    )


def _consider(track: Track, names: Song, candidate: Track) -> _Considered:
    theirs = read(candidate)
    title = compare_titles(names, theirs, track.name, candidate.name)
    longer = seconds_longer(track, candidate)
    if title.score < _LEAST_TITLE and not _share_a_code(track, candidate):
        # Most candidates are other songs of the artist: nothing else of them has to be looked at.
        return _Considered(candidate, None, 0.0, (title,), longer, is_same_album=False)
    artist = compare_artists(names, theirs, track, candidate, title)
    if artist.need is Need.NEVER and not _share_a_code(track, candidate):
        version = EQUAL  # whichever version it is of another artist's recording
    else:
        version = compare_versions(names, theirs, track, candidate)
    is_same_album = same_album(names, theirs)
    findings = (title, artist, version)
    score = round(title.score * artist.score * version.score * _share_of_duration(longer), 3)
    method = _method(track, candidate, findings, longer, is_same_album=is_same_album)
    if method in (Method.ISRC, Method.MBID):
        score = max(score, 0.98)
    elif method is None:
        # Less than any match, however alike.
        score = min(score, 0.95)
    return _Considered(candidate, method, score, findings, longer, is_same_album)


def _share_a_code(track: Track, candidate: Track) -> bool:
    return bool((track.isrc and track.isrc == candidate.isrc) or (track.mbid and track.mbid == candidate.mbid))


def _share_of_duration(longer: int | None) -> float:
    if longer is None:
        return 0.97
    if abs(longer) <= CLOSE_SECONDS:
        return 1.0
    return 0.95 if abs(longer) <= FAIR_SECONDS else max(0.5, 0.9 - abs(longer) / 300)


def _method(
    track: Track, candidate: Track, findings: tuple[Finding, ...], longer: int | None, *, is_same_album: bool
) -> Method | None:
    """Return what the match rests on, None where it is none."""
    title, artist, version = findings
    is_close = longer is not None and abs(longer) <= CLOSE_SECONDS
    is_fair = longer is None or abs(longer) <= (FAIR_SECONDS if is_same_album else FAIR_SECONDS_ELSEWHERE)
    need = max(finding.need for finding in findings)
    is_met = is_fair and (
        need is Need.NOTHING
        or (need is Need.DURATION_OR_ALBUM and (is_close or is_same_album))
        or (need is Need.DURATION and (is_close or (longer is None and is_same_album)))
        or (need is Need.DURATION_AND_ALBUM and is_close and is_same_album)
    )
    if track.isrc and track.isrc == candidate.isrc and _confirms_isrc(findings, longer):
        return Method.ISRC
    if track.mbid and track.mbid == candidate.mbid and is_fair:
        return Method.MBID
    sure = title.score * artist.score * version.score
    if not is_met or sure < _FUZZY_THRESHOLD or set(lookup_keys(track)).isdisjoint(lookup_keys(candidate)):
        # What shares no key would be found or not by chance, as other tracks are looked up beside it.
        return None
    return Method.EXACT if need is Need.NOTHING else Method.FUZZY


def _confirms_isrc(findings: tuple[Finding, ...], longer: int | None) -> bool:
    """Tell whether duration and names bear out that two with one code are one: codes are copied wrongly."""
    title, artist, version = findings
    if version.need is Need.NEVER:
        return False
    if longer is None:
        return title.need < Need.NEVER and artist.need < Need.NEVER
    if abs(longer) > CLOSE_SECONDS:
        return False
    # Of files that name nothing, or badly, title or artist may be missing or bad; not both, and neither be another's.
    return artist.need < Need.NEVER and (title.score >= 0.5 or artist.says == "an unknown artist")


# --- reasons ----------------------------------------------------------------------------------------------


def _why(method: Method, track: Track, candidate: Track, longer: int | None, findings: tuple[Finding, ...]) -> str:
    lengths = _lengths(track, candidate, longer)
    if method is Method.ISRC:
        return f"Same ISRC ({track.isrc}), {lengths}."
    if method is Method.MBID:
        return f"Same MusicBrainz recording, {lengths}."
    if method is Method.EXACT:
        return f"Same title, artist and version, {lengths}."
    beside = ", ".join(finding.says for finding in findings if finding.says)
    return f"Nearly the same names ({beside}), {lengths}."


def _lengths(track: Track, candidate: Track, longer: int | None) -> str:
    if longer is None:
        return "a duration is unknown"
    there, here = _clock(seconds_of(track)), _clock(seconds_of(candidate))
    return f"both {there}" if there == here else f"{there} and {here}"


def _clock(seconds: int) -> str:
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours}:{minutes:02}:{seconds % 60:02}" if hours else f"{minutes}:{seconds % 60:02}"


def _why_not(track: Track, candidate: Track, longer: int | None, findings: tuple[Finding, ...]) -> str:
    title, artist, version = findings
    against = [finding.says for finding in (version, artist, title) if finding.need is Need.NEVER]
    if longer is not None and abs(longer) > CLOSE_SECONDS:
        against.append(f"{abs(longer)} s {'longer' if longer > 0 else 'shorter'}")
    if not against:
        against = [finding.says for finding in (version, artist, title) if finding.says]
        against += ["a duration is unknown"] if longer is None else []
    text = ", ".join(against) or "not sure enough"
    if track.isrc and track.isrc == candidate.isrc:
        return f"same ISRC ({track.isrc}), but {text}"
    return text
