"""Whether two plays of one person are one, and why: two services' accounts of it, or two files'. Pure."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from providers.history.duplicates import moments
from providers.history.duplicates.moments import Marks, Moment
from providers.recordings import names
from providers.recordings.names import Likeness
from providers.recordings.songs import Song, song

_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """One play, as one source tells it.

    `played_at` is aware; it is the start or the end of the play as `marks` says, None where that is not known, and
    told to the given `precision`. A `duration_ms` of 0 is not known. `artist` may name several, `artists` names them
    one by one where the source does. `label` is what people call the source.
    """

    provider_type: str
    played_at: datetime
    name: str
    artist: str
    source: str = "api"
    marks: Marks | None = None
    precision: timedelta = _MILLISECOND
    artists: tuple[str, ...] = ()
    album: str = ""
    duration_ms: int = 0
    isrc: str = ""
    label: str = ""
    # The same, ready to be compared.
    song: Song = field(init=False, repr=False, compare=False)
    moment: Moment = field(init=False, repr=False, compare=False)
    recording: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        at_ms = (self.played_at - _EPOCH) // _MILLISECOND
        object.__setattr__(self, "song", song(self.name, self.artist, self.album, self.artists))
        moment = Moment(at_ms, self.marks, self.precision // _MILLISECOND, is_certain=self.is_of_a_stream_file)
        object.__setattr__(self, "moment", moment)
        object.__setattr__(self, "recording", self.isrc.replace("-", "").strip().upper())

    @property
    def is_of_a_stream_file(self) -> bool:
        """Whether it is out of a file of a streaming service: that tells ends only, and how long each was heard."""
        return self.marks == "end" and self.source != "api"

    @property
    def keys(self) -> tuple[str, ...]:
        """What duplicates have at least one of in common."""
        return (*self.song.keys, f"isrc {self.recording}") if self.recording else self.song.keys


@dataclass(frozen=True, slots=True)
class Comparison:
    """What comparing two plays gave. `closeness` is 0 for two plays, else how well they fit, up to `moments.BEST`."""

    a: Play
    b: Play
    closeness: int

    @property
    def is_duplicate(self) -> bool:
        """Whether both tell of one play."""
        return self.closeness > 0

    @property
    def explanation(self) -> str:
        """Why, in plain words."""
        closeness = moments.fit(self.a.moment, self.b.moment, _duration(self.a, self.b))
        return f"{_about_names(self.a, self.b, closeness)} {_about_moments(self.a, self.b, closeness)}"


def compare(a: Play, b: Play) -> Comparison:
    """Tell whether two sources tell of the same play, judging by these two alone.

    Which of several repeats belongs to which is for `matching` to say.
    """
    if (a.provider_type, a.source) == (b.provider_type, b.source):
        return Comparison(a, b, 0)
    closeness = moments.fit(a.moment, b.moment, _duration(a, b))
    return Comparison(a, b, closeness if closeness and _is_same_recording(a, b, closeness) else 0)


def _is_same_recording(a: Play, b: Play, closeness: int) -> bool:
    """Tell whether names, lengths and ISRC speak of one recording, of plays whose times fit so well."""
    if _differ_in_length(a, b):
        return False
    if a.recording and a.recording == b.recording:
        return True
    alike = names.likeness(a.song, b.song, is_one_row=_is_one_row(a, b))
    return alike is Likeness.SAME or (alike is not Likeness.OTHER and _is_confirmed(alike, a, b, closeness))


def _is_one_row(a: Play, b: Play) -> bool:
    """Tell whether two sources of one service tell of one moment: names may have been corrected in between."""
    precision_ms = max(a.moment.precision_ms, b.moment.precision_ms)
    return a.provider_type == b.provider_type and abs(a.moment.at_ms - b.moment.at_ms) <= 1_000 + precision_ms


def _is_confirmed(alike: Likeness, a: Play, b: Play, closeness: int) -> bool:
    if moments.are_equally_long(a.duration_ms, b.duration_ms):
        return True
    return alike is Likeness.IF_CONFIRMED and closeness >= moments.EXACT


def _differ_in_length(a: Play, b: Play) -> bool:
    # What was heard of a recording is no longer than the recording, but may be shorter.
    shorter = min(a, b, key=lambda play: play.duration_ms)
    return not shorter.is_of_a_stream_file and moments.differ_in_length(a.duration_ms, b.duration_ms)


def _duration(a: Play, b: Play) -> int:
    """Return how long the play is taken to last."""
    heard = [play.duration_ms for play in (a, b) if play.is_of_a_stream_file and play.duration_ms]
    return min(heard) if heard else max(a.duration_ms, b.duration_ms)


def _about_names(a: Play, b: Play, closeness: int) -> str:
    if a.recording and a.recording == b.recording:
        return f"Same recording (ISRC {a.recording})."
    if _differ_in_length(a, b):
        return f"Not equally long: {_length(a.duration_ms)} and {_length(b.duration_ms)}."
    if not _is_same_recording(a, b, closeness):
        return f"Another recording: {_named(a)} and {_named(b)}."
    if (a.name, a.artist) == (b.name, b.artist):
        return "Same title and artist."
    return f"Same title and artist, written differently: {_named(a)} and {_named(b)}."


def _about_moments(a: Play, b: Play, closeness: int) -> str:
    if (a.provider_type, a.source) == (b.provider_type, b.source):
        return f"{_label(a)} tells of both, so they are two plays."
    duration_ms = _duration(a, b)
    first, second = sorted((a, b), key=lambda play: (play.marks == "end", play.played_at))
    told = f"{_told(first)}, {_told(second)}"
    if duration_ms:
        told += f"; it lasts {_length(duration_ms)}"
    if closeness:
        return f"{told}: the times fit one play."
    return f"{told}: too far apart for one play."


def _told(play: Play) -> str:
    verb = {"start": "has it begin", "end": "has it end", None: "has it"}[play.marks]
    moment = play.played_at.astimezone(UTC)
    return f"{_label(play)} {verb} at {moment:%Y-%m-%d %H:%M:%S} UTC"


def _label(play: Play) -> str:
    label = play.label or play.provider_type
    return label if play.source == "api" else f"{label} ({play.source})"


def _named(play: Play) -> str:
    return f"“{_short(play.name)}” by {_short(play.artist) or 'nobody named'}"


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"


def _length(duration_ms: int) -> str:
    minutes, seconds = divmod(duration_ms // 1000, 60)
    return f"{minutes}:{seconds:02}"
