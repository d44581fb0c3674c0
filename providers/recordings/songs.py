"""What the names of a recording say, read for comparing: its title, what stands beside it, and who plays it."""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from providers.recordings.letters import folded, is_latin, joined, key, remembered, words
from providers.recordings.vocabulary import (
    COUNTING,
    CREDITS,
    FILLERS,
    MARKS,
    NOBODY,
    ORIGINS,
    SAYS_LITTLE,
    SAYS_NOTHING,
    SHORTENED,
    VERSION_WORDS,
)


@dataclass(frozen=True, slots=True)
class Song:
    """The names of a recording, ready to be compared. Two that are one recording share at least one of the `keys`.

    `bare` is the title without what stands in brackets or after a dash, `full` with it, and `words` are the words of
    that. `marks` tell what kind of recording it is, `details` which one of that kind ("Wembley", "Avicii"); `extra` is
    anything else beside the title.
    """

    bare: str
    full: str
    words: tuple[str, ...]
    marks: frozenset[str]
    details: frozenset[str]
    extra: frozenset[str]
    artist: str
    main_artist: str
    artists: frozenset[str]
    artist_words: frozenset[str]
    album: str
    album_marks: frozenset[str]

    @property
    def keys(self) -> tuple[str, ...]:
        """What to look this recording up by; nothing where it has no name."""
        if not self.full:
            return ()
        # However differently a title is written, it begins or ends alike.
        begin, end = self.full[:8], self.full[-8:]
        keys = (f"{begin}…",) if begin == end else (f"{begin}…", f"…{end}")
        return keys if self.bare[:8] == begin else (*keys, f"{self.bare[:8]}…")


def song(name: str, artist: str, album: str, artists: tuple[str, ...] = ()) -> Song:
    """Return the names of a recording, ready to be compared. Time is linear in their length."""
    return _song(name, artist, album, "\n".join(artists))


@remembered(65_536)
def _song(name: str, artist: str, album: str, artists: str) -> Song:
    who = _who(artist, artists)
    title = _Title(folded(name), who.key)
    album_key, album_marks = _album(album)
    return Song(
        bare=title.bare,
        full=title.full,
        words=tuple(title.words),
        marks=frozenset(title.marks),
        details=frozenset(title.details),
        extra=frozenset(title.extra),
        artist=who.key,
        main_artist=who.main,
        # Shared by all songs of the artist, as long as nothing is added to it.
        artists=who.all.union(*map(_artists_in, title.credits)) if title.credits else who.all,
        artist_words=who.words,
        album=album_key,
        album_marks=album_marks,
    )


# --- titles -----------------------------------------------------------------------------------------------

_QUALIFIER = re.compile(r"[(\[{【]([^()\[\]{}【】]*)[)\]}】]?")
_DASH = re.compile(r"\s[-‐‑‒–—―]+\s")  # noqa: RUF001, titles use every dash there is
_FEATURING = re.compile(r"\s(?:(?:feat|ft|featuring)\b\.?|[fw]/)\s*")
_TRAILING_REMASTER = re.compile(
    r"\s(?:(?:19|20)\d\d\s)?(?:digital(?:ly)?\s)?remaster(?:ed)?(?:\sversion)?(?:\s(?:19|20)\d\d)?$"
)
_YEAR = re.compile(r"(?:19|20)\d\d$|\d+(?:st|nd|rd|th)$")
_VERSION_OF_A_YEAR = re.compile(r"\s*(?:19|20)\d\d version\s*$")
_PERFORMED_ON_STAGE = re.compile(
    r"\blive (?:at|in|from|on|im|aus|au)\b|\bunplugged\b|\bin concert\b|\b(?:en|ao) vivo\b"
)
_SPELLED = (
    (re.compile(r"^0\d\s?[-.]?\s(?=\w)"), ""),
    (re.compile(r"\bre[- ]record(?=ed|ing)"), "rerecord"),
    (re.compile(r"\b(pts?|parts?|vol|no|nr)\.?(?=\d)"), r"\1 "),
    (re.compile(r"\b([a-g])[-\s]?[#♯]"), r"\1 sharp"),
    (re.compile(r"\b([a-g])[-\s]?♭"), r"\1 flat"),
)
"""What is written in several ways and has to be understood before words are told apart: "01 - Song", "Pt.2", "C#"."""

_MAY_BE_SPELLED = re.compile(r"[\d#♯♭]|re[- ]record")


class _Title:
    """A title in parts; what the parts are is said of `Song`. `credits` are names of guests, as they are written."""

    def __init__(self, text: str, artist: str) -> None:
        self.marks: set[str] = set()
        self.details: set[str] = set()
        self.extra: set[str] = set()
        self.credits: list[str] = []
        if _MAY_BE_SPELLED.search(text):
            for pattern, spelling in _SPELLED:
                text = pattern.sub(spelling, text)
        head, remarks = _apart(text, artist)
        head = _TRAILING_REMASTER.sub("", self._without_credit(head))
        self.words = _title_words(head)
        self.bare = joined(self.words) or "".join(head.split())
        for remark in remarks:
            self._take(remark)
        self.full = joined(self.words) or self.bare

    def _without_credit(self, text: str) -> str:
        credit = _FEATURING.search(text)
        if credit is None:
            return text
        self.credits.append(text[credit.end() :])
        return text[: credit.start()]

    def _take(self, remark: str) -> None:
        remark = self._without_credit(remark)
        said = _title_words(remark)
        if not said or said[0] in ORIGINS:
            return
        if said[0] in CREDITS or remark.lstrip().startswith("&"):
            self.credits.append(remark.partition(said[0])[2] if said[0] in CREDITS else remark)
            return
        telling = {word for word in said if word not in SAYS_NOTHING and not _YEAR.match(word)}
        if not telling and _VERSION_OF_A_YEAR.match(remark):
            telling = set(said)
        if not telling or self._is_said_again_by(telling):
            return
        self.words.extend(said)
        found = {MARKS[word] for word in telling if word in MARKS}
        if not found and not telling <= SHORTENED and not VERSION_WORDS.isdisjoint(said):
            found = {"version"}
        self.marks |= found
        # Which part it is may be one of the words that otherwise say nothing.
        beside = said if "part" in found else telling
        which = self.details if found else self.extra
        which.update(word for word in beside if word not in MARKS and word not in FILLERS)

    def _is_said_again_by(self, telling: set[str]) -> bool:
        """Tell whether these words are the title in other letters."""
        alphabets = {is_latin(word) for word in telling}
        return alphabets == {not is_latin(self.bare)} and telling.isdisjoint(MARKS)


def _apart(text: str, artist: str) -> tuple[str, list[str]]:
    """Return a title's own words, and each of what stands beside them in brackets or after a dash."""
    if text[:1] in "([{【" and (end := re.search(r"[)\]}】]", text)) and text[end.end() :].strip():
        # "(I Can't Get No) Satisfaction": no remark, but where the title begins.
        text = f"{text[1 : end.start()]} {text[end.end() :]}"
    remarks = _QUALIFIER.findall(text)
    head, *rest = _DASH.split(_QUALIFIER.sub(" ", text) if remarks else text)
    if rest and artist and key(head) == artist:
        # Players that know no artist write "Artist - Title".
        head, *rest = rest
    if not words(head):
        return text, []
    return head, [*rest, *remarks]


def _title_words(text: str) -> list[str]:
    """Return the words of a title; "No. 3" and "3" are one."""
    return [word for word, after in pairwise([*words(text), ""]) if word not in COUNTING or not after.isdigit()]


# --- artists and albums -----------------------------------------------------------------------------------

_BETWEEN_ARTISTS = re.compile(
    r"\s*[,;/|&+\u00d7、・•]\s*|\s?[(\[](?:feat|ft|featuring|with)\b\.?\s|\s[fw]/\s?"
    r"|\s(?:x|vs\.?|feat\.?|ft\.?|featuring|with|and|und|mit|y|et|avec|con|meets|pres\.?|presents)\s"
)


class _Who(NamedTuple):
    """Who plays a recording; what the fields are is said of `Song`."""

    key: str
    main: str
    all: frozenset[str]
    words: frozenset[str]


@remembered(8_192)
def _who(artist: str, artists: str) -> _Who:
    artist = folded(artist)
    name = key(artist)
    if name in NOBODY:
        return _Who("", "", frozenset(), frozenset())
    parts = [*(_part(folded(one)) for one in artists.splitlines()), *_artists_in(artist)]
    return _Who(name, parts[0] if parts else name, frozenset(parts), frozenset(words(artist)) - SAYS_LITTLE)


def _artists_in(text: str) -> list[str]:
    return [part for part in map(_part, _BETWEEN_ARTISTS.split(text)) if part]


def _part(artist: str) -> str:
    # "Utada Hikaru" and "Hikaru Utada", "Beatles, The" and "The Beatles".
    return joined(sorted(words(artist)))


@remembered(8_192)
def _album(album: str) -> tuple[str, frozenset[str]]:
    album = folded(album)
    head, remarks = _apart(album, "")
    marks = {MARKS[word] for remark in remarks for word in words(remark) if word in MARKS}
    if _PERFORMED_ON_STAGE.search(album):
        marks.add("live")
    return key(head), frozenset(marks)
