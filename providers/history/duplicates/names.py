"""Whether two services name the same recording: pure text, no times.

Services write one recording in many ways: "Song - 2011 Remaster", "Song (feat. Bo)", "The Band" or "Band, The". What
is left after such differences is compared. What makes another recording of it (live, acoustic, a remix, another
language) is kept apart, as a mark, and has to agree.
"""

import html
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import IntEnum
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar


class Likeness(IntEnum):
    """How sure the names alone make that two recordings are one."""

    OTHER = 0
    IF_AS_LONG = 1
    """One, if they are equally long as well."""
    IF_CONFIRMED = 2
    """One, if they are equally long or told of the same second as well."""
    SAME = 3


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
    album: str
    album_marks: frozenset[str]

    @property
    def keys(self) -> tuple[str, ...]:
        """What to look this recording up by; nothing where it has no name."""
        # Where titles are written differently on the whole, they begin or end alike.
        both = (self.bare,) if self.bare == self.full else (self.bare, self.full)
        return (*both, f"{self.full[:8]}…", f"…{self.full[-8:]}") if len(self.full) >= 8 else both


def song(name: str, artist: str, album: str, artists: tuple[str, ...] = ()) -> Song:
    """Return the names of a recording, ready to be compared. Time is linear in their length."""
    return _song(name, artist, album, "\n".join(artists))


def likeness(a: Song, b: Song, *, is_one_row: bool = False) -> Likeness:
    """Tell whether two titles and artists name the same recording.

    `is_one_row`: that one service tells them of one moment, so that another artist or title is the same one corrected.
    """
    titles, artists = _likeness_of_titles(a, b), _likeness_of_artists(a, b)
    if is_one_row:
        # Had both changed, nothing would tell that it is the same row.
        return max(titles, min(artists, Likeness.IF_AS_LONG))
    return min(titles, artists)


def _likeness_of_titles(a: Song, b: Song) -> Likeness:
    if not a.bare or not b.bare:
        return Likeness.OTHER
    if a.full == b.full:
        return Likeness.IF_AS_LONG if _albums_disagree(a, b) else Likeness.SAME
    alike = min(_likeness_of_marks(a, b), _likeness_of_details(a, b))
    if a.bare != b.bare:
        return min(alike, _likeness_of_different_titles(a, b))
    if a.extra == b.extra:
        return alike
    return min(alike, Likeness.IF_CONFIRMED) if a.extra <= b.extra or b.extra <= a.extra else Likeness.OTHER


def _likeness_of_marks(a: Song, b: Song) -> Likeness:
    differing = (a.marks - b.marks - b.album_marks) | (b.marks - a.marks - a.album_marks)
    if not differing:
        return Likeness.SAME
    # Some services leave it to the album to say so. No concert takes as long as the studio, to the second.
    if not differing <= {"live", "acoustic"}:
        return Likeness.OTHER
    return Likeness.IF_CONFIRMED if "live" in a.marks & b.marks or a.album == b.album != "" else Likeness.IF_AS_LONG


def _likeness_of_details(a: Song, b: Song) -> Likeness:
    if a.details == b.details or a.marks != b.marks:
        return Likeness.SAME
    # "Live" may well be "Live at Wembley", but hardly "Live in Paris".
    if not (a.details <= b.details or b.details <= a.details):
        return Likeness.IF_CONFIRMED if "live" in a.marks else Likeness.OTHER
    if "version" in a.marks:
        return Likeness.IF_AS_LONG
    return Likeness.SAME if "live" in a.marks else Likeness.IF_CONFIRMED


def _likeness_of_different_titles(a: Song, b: Song) -> Likeness:
    if a.words and len(a.words) == len(b.words) and all(map(_is_misspelt_word, a.words, b.words)):
        return Likeness.IF_CONFIRMED
    # A composer before the title, or another catalogue's number: all that the shorter says, the longer says too.
    fewer, more = sorted((set(a.words), set(b.words)), key=len)
    return Likeness.IF_CONFIRMED if fewer <= more and 2 * len(fewer) > len(more) else Likeness.OTHER


def _is_misspelt_word(a: str, b: str) -> bool:
    # Short words, and numbers, make another title of it: "Prelude in C", "Prelude in D".
    if a == b or _without_umlauts(a) == b or a == _without_umlauts(b):
        return True
    return min(len(a), len(b)) >= 4 and not _DIGITS.search(a + b) and _similarity(a, b) > 0.8


def _without_umlauts(word: str) -> str:
    return word.replace("ae", "a").replace("oe", "o").replace("ue", "u")


def _is_misspelt_artist(a: str, b: str) -> bool:
    return min(len(a), len(b)) >= 5 and _DIGITS.findall(a) == _DIGITS.findall(b) and _similarity(a, b) >= 0.85


def _similarity(a: str, b: str) -> float:
    """Return how alike two texts are, from 0 to 1; 0 for such as are too long to be looked at."""
    if max(len(a), len(b)) > 100 or abs(len(a) - len(b)) > 3:
        return 0.0
    return SequenceMatcher(None, a, b, autojunk=False).ratio()


_DIGITS = re.compile(r"\d+")


def _albums_disagree(a: Song, b: Song) -> bool:
    """Tell whether just one of two equal titles is on a live album, or the like."""
    return bool(a.album and b.album and a.album_marks - a.marks != b.album_marks - b.marks)


def _likeness_of_artists(a: Song, b: Song) -> Likeness:
    if not a.artist or not b.artist:
        return Likeness.IF_CONFIRMED
    if a.artist == b.artist or a.main_artist in b.artists or b.main_artist in a.artists:
        return Likeness.SAME
    if _is_misspelt_artist(a.artist, b.artist):
        return Likeness.SAME
    # "Кино" and "Kino" cannot be told apart from "Кино" and "Queen".
    return Likeness.IF_CONFIRMED if _is_latin(a.artist) != _is_latin(b.artist) else Likeness.OTHER


def _is_latin(text: str) -> bool:
    return text.isascii()


# --- titles -----------------------------------------------------------------------------------------------

_QUALIFIER = re.compile(r"[(\[{【]([^()\[\]{}【】]*)[)\]}】]?")
_DASH = re.compile(r"\s[-‐‑‒–—―]+\s")  # noqa: RUF001, titles use every dash there is
_FEATURING = re.compile(r"\s(?:(?:feat|ft|featuring)\b\.?|[fw]/)\s*")
_TRAILING_REMASTER = re.compile(
    r"\s(?:(?:19|20)\d\d\s)?(?:digital(?:ly)?\s)?remaster(?:ed)?(?:\sversion)?(?:\s(?:19|20)\d\d)?$"
)
_YEAR = re.compile(r"(?:19|20)\d\d$|\d+(?:st|nd|rd|th)$")
_RERECORDED = re.compile(r"\bre[- ]record(?=ed|ing)")
_RECORDED_ANEW = re.compile(r"\s*(?:19|20)\d\d version\s*$")
_TRACK_NUMBER = re.compile(r"^0\d\s?[-.]?\s(?=\w)")
_JOINED_NUMBER = re.compile(r"\b(pts?|parts?|vol|no|nr)\.?(?=\d)")
_SHARP, _FLAT = re.compile(r"\b([a-g])[-\s]?[#♯]"), re.compile(r"\b([a-g])[-\s]?♭")
_PERFORMED_ON_STAGE = re.compile(
    r"\blive (?:at|in|from|on|im|aus|au)\b|\bunplugged\b|\bin concert\b|\b(?:en|ao) vivo\b"
)


def _vocabulary(words: str) -> frozenset[str]:
    return frozenset(words.split())


_SHORTENED = frozenset({"edit", "radio"})
_CREDITS = frozenset({"feat", "ft", "featuring", "with", "w", "duet", "introducing", "con", "com", "avec", "mit"})
_ORIGINS = frozenset({"from", "prod", "produced", "theme", "ost"})

_SAYS_NOTHING = _vocabulary(
    "remaster remastered remasterd remasterizado remasterise remasterisee digital digitally mono stereo deluxe "
    "edition expanded special anniversary bonus track tracks single album original version ver mix explicit "
    "clean censored uncensored lp ep cd vinyl inch main official audio video music lyric lyrics lyrical "
    "visualizer visualiser hd hq 4k hi res dolby atmos spatial reissue restored release international us uk the a an "
    "of and n by recorded recording studio title soundtrack motion picture film movie"
)
"""Words beside a title that do not make another recording, or not one that services tell apart."""

_MARKS = {
    word: mark
    for mark, words in {
        "live": "live vivo directo concert concerto konzert session sessions unplugged "
        "ライブ ライヴ live版 现场 現場 концерт концерта",
        "acoustic": "acoustic acoustical acustico acustica acustic acoustique akustik stripped アコースティック",
        "remix": "remix rmx remixed remixes rework reworked refix bootleg dub mashup flip vip リミックス ремикс",
        "extended": "extended club",
        "instrumental": "instrumental instrumentals instrumentale strumentale instrumentalversion インスト "
        "インストゥルメンタル 伴奏 инструментал",
        "karaoke": "karaoke カラオケ караоке playback",
        "demo": "demo demos",
        "a cappella": "acapella cappella capella acappella",
        "cover": "cover tribute parody",
        "other take": "alternate alternative alt outtake outtakes rehearsal rough early unreleased take",
        "part": "part teil parte partie chapter reprise interlude intro outro prelude skit commentary medley "
        "volume movement",
        "changed speed": "sped slowed nightcore reverb chopped screwed 8d",
        "mixed": "mixed",
        "rerecorded": "rerecorded rerecording",
        "orchestral": "orchestral orchestra symphonic philharmonic",
        "piano": "piano klavier",
    }.items()
    for word in words.split()
} | {
    word: f"in {language}"
    for language, words in {
        "English": "english ingles englisch anglais inglese",
        "Spanish": "spanish espanol castellano spanglish",
        "German": "german deutsch deutsche",
        "French": "french francais francaise",
        "Italian": "italian italiano",
        "Portuguese": "portuguese portugues",
        "Japanese": "japanese 日本語 日本語版 日本語ver",
        "Korean": "korean 한국어",
        "Chinese": "chinese mandarin 中文 国语 國語 中文版",
        "Cantonese": "cantonese 粤语 粵語",
        "Russian": "russian",
        "Swedish": "swedish",
        "Dutch": "dutch",
        "Hindi": "hindi",
        "Arabic": "arabic",
    }.items()
    for word in words.split()
}
_VERSION_WORDS = frozenset({"version", "versions", "ver", "mix", "edit", "cut"})
_FILLERS = _vocabulary("at in the a an on from of and n la le el de en im s for by to up with")


def _read_title(text: str, artist: str) -> tuple[str, str, frozenset[str], frozenset[str], frozenset[str], list[str]]:
    text = _TRACK_NUMBER.sub("", text)
    text = _RERECORDED.sub("rerecord", text)
    text = _JOINED_NUMBER.sub(r"\1 ", _FLAT.sub(r"\1 flat", _SHARP.sub(r"\1 sharp", text)))
    head, qualifiers = _apart(text, artist)
    featured: list[str] = []
    if credit := _FEATURING.search(head):
        featured.append(head[credit.end() :])
        head = head[: credit.start()]
    head = _TRAILING_REMASTER.sub("", head)
    marks: set[str] = set()
    details: set[str] = set()
    extra: set[str] = set()
    full = [head]
    for qualifier in qualifiers:
        words = _title_words(qualifier)
        if not words or words[0] in _ORIGINS:
            continue
        if words[0] in _CREDITS or qualifier.lstrip().startswith("&"):
            featured.append(qualifier.partition(words[0])[2] if words[0] in _CREDITS else qualifier)
            continue
        if credit := _FEATURING.search(qualifier):
            featured.append(qualifier[credit.end() :])
            qualifier = qualifier[: credit.start()]
            words = _title_words(qualifier)
        telling = {word for word in words if word not in _SAYS_NOTHING and not _YEAR.match(word)}
        if not telling and _RECORDED_ANEW.match(qualifier):
            telling = set(words)
        if not telling:
            continue
        if _is_translation(head, telling):
            continue
        full.append(qualifier)
        found = {_MARKS[word] for word in telling if word in _MARKS}
        if not found and not telling <= _SHORTENED and not _VERSION_WORDS.isdisjoint(words):
            found = {"version"}
        marks |= found
        # Which part it is may be one of the words that otherwise say nothing.
        beside = words if "part" in found else telling
        (details if found else extra).update(word for word in beside if word not in _MARKS and word not in _FILLERS)
    return _joined_title(head), " ".join(full), frozenset(marks), frozenset(details), frozenset(extra), featured


def _is_translation(head: str, words: set[str]) -> bool:
    """Tell whether these words say the title again in other letters."""
    return (
        _MARKS.keys().isdisjoint(words)
        and len({_is_latin(_key(head)), *map(_is_latin, words)}) == 2
        and (len({_is_latin(word) for word in words}) == 1)
    )


def _apart(text: str, artist: str) -> tuple[str, list[str]]:
    """Return a title's own words, and each of what stands beside them in brackets or after a dash."""
    text = text.strip()
    if text[:1] in "([{【" and (end := re.search(r"[)\]}】]", text)) and text[end.end() :].strip():
        # "(I Can't Get No) Satisfaction": no remark, but where the title begins.
        text = f"{text[1 : end.start()]} {text[end.end() :]}"
    qualifiers = _QUALIFIER.findall(text)
    head, *rest = _DASH.split(_QUALIFIER.sub(" ", text))
    if rest and artist and _key(head) == artist:
        # Players that know no artist write "Artist - Title".
        head, *rest = rest
    if not _words(head):
        return text, []
    return head, [*rest, *qualifiers]


# --- artists ----------------------------------------------------------------------------------------------

_BETWEEN_ARTISTS = re.compile(
    r"\s*[,;/|&+\u00d7、・•]\s*|\s?[(\[](?:feat|ft|featuring|with)\b\.?\s|\s[fw]/\s?"
    r"|\s(?:x|vs\.?|feat\.?|ft\.?|featuring|with|and|und|y|et|con|pres\.?|presents)\s"
)
_NOBODY = frozenset({"unknown", "unknownartist", "various", "variousartists", "va", "none", "null"})


def _read_artists(artist: str, artists: Iterable[str]) -> tuple[str, list[str]]:
    key = _key(artist)
    if key in _NOBODY:
        return "", []
    parts = [_part(part) for part in [*artists, *_BETWEEN_ARTISTS.split(artist)]]
    return key, [part for part in parts if part]


def _part(artist: str) -> str:
    # "Utada Hikaru" and "Hikaru Utada", "Beatles, The" and "The Beatles".
    return _joined(sorted(_words(_SHOUTED_I.sub("i", artist))))


# --- letters ----------------------------------------------------------------------------------------------


class _Characters(dict[int, int | None]):
    """What becomes of a character: letters, marks and digits stay, what is invisible goes, the rest parts words."""

    def __missing__(self, code: int) -> int | None:
        category = unicodedata.category(chr(code))
        kept = None if category == "Cf" else code if category[0] in "LMN" else ord(" ")
        self[code] = kept
        return kept


_APOSTROPHES: dict[int, int | None] = dict.fromkeys(map(ord, "'`´‘’ʼ"))  # noqa: RUF001
_CHARACTERS = _Characters(_APOSTROPHES | {ord("$"): ord("s"), ord("ـ"): None})
_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i", "ё": "е"})  # noqa: RUF001
_SHOUTED_I = re.compile(r"(?<=\w)!(?=\w)")
_SAYS_LITTLE = frozenset({"the", "and", "n"})


def _folded(text: str) -> str:
    """Return the text in small letters, without what only dresses them; brackets and punctuation stay."""
    if "&" in text:
        text = html.unescape(text)
    # In one line with single spaces: patterns would try every stretch of spaces from each of its places.
    text = " ".join(text.split())
    if text.isascii():
        return text.lower()
    # Before NFKC, which makes a space and an accent of some apostrophes.
    text = (
        unicodedata.normalize("NFKC", text.translate(_APOSTROPHES).replace("№", "no. ")).casefold().translate(_LETTERS)
    )
    if text.isascii():
        return text
    folded: list[str] = []
    base = ""
    for character in unicodedata.normalize("NFD", text):
        if not unicodedata.combining(character):
            base = character
        elif _is_dressed(base):
            continue
        folded.append(character)
    return unicodedata.normalize("NFC", "".join(folded))


def _is_dressed(base: str) -> bool:
    """Tell whether marks on this letter may be missing. In Japanese or Hindi they make another syllable."""
    # Latin and Greek with accents, Hebrew and Arabic with points.
    return base.isalpha() and (base <= "\u03ff" or "\u0590" <= base <= "\u06ff")


_SPELLINGS = {
    "pt": "part",
    "pts": "part",
    "parts": "part",
    "vol": "volume",
    "mr": "mister",
    "st": "saint",
    "vs": "versus",
    "u": "you",
    "til": "until",
    "till": "until",
    "thru": "through",
    "nite": "night",
    "tonite": "tonight",
    "ok": "okay",
} | {
    word: str(number)
    for words in (
        "i ii iii iv v vi vii viii ix x xi xii xiii xiv xv xvi xvii xviii xix xx",
        "one two three four five six seven eight nine ten eleven twelve",
    )
    for number, word in enumerate(words.split(), 1)
}


def _words(text: str) -> list[str]:
    return [_SPELLINGS.get(word, word) for word in text.translate(_CHARACTERS).split()]


def _title_words(text: str) -> list[str]:
    """Return the words of a title; "No. 3" and "3" are one."""
    words = _words(text)
    return [word for word, after in pairwise([*words, ""]) if word not in _COUNTING or not after.isdigit()]


def _joined_title(text: str) -> str:
    return _joined(_title_words(_SHOUTED_I.sub("i", text))) or "".join(text.split())


def _joined(words: list[str]) -> str:
    return "".join([word for word in words if word not in _SAYS_LITTLE] or words)


_COUNTING = frozenset({"no", "nr", "num", "number"})


def _key(text: str) -> str:
    """Return what to compare a folded text by: its words in one; where it has none, its signs."""
    text = _SHOUTED_I.sub("i", text)
    return _joined(_words(text)) or "".join(text.split())


Read = TypeVar("Read")


def _remembered(how_many: int) -> Callable[[Callable[..., Read]], Callable[..., Read]]:
    """Return a decorator that has texts read once; very long ones are few, and would make a cache no small one."""

    def decorate(read: Callable[..., Read]) -> Callable[..., Read]:
        cached = lru_cache(how_many)(read)
        return lambda *texts: (cached if sum(map(len, texts)) < 500 else read)(*texts)

    return decorate


@_remembered(32_768)
def _song(name: str, artist: str, album: str, artists: str) -> Song:
    artist_key, parts = _artist(artist, artists)
    bare, full, marks, details, extra, featured = _read_title(_folded(name), artist_key)
    credited = [part for credit in featured for part in _read_artists(credit, ())[1]]
    album_key, album_marks = _album(album)
    return Song(
        bare=bare,
        full=_joined_title(full),
        words=tuple(_title_words(full)),
        marks=marks,
        details=details,
        extra=extra,
        artist=artist_key,
        main_artist=parts[0] if parts else artist_key,
        artists=frozenset([*parts, *credited]),
        album=album_key,
        album_marks=album_marks,
    )


@_remembered(8_192)
def _artist(artist: str, artists: str) -> tuple[str, list[str]]:
    return _read_artists(_folded(artist), map(_folded, artists.splitlines()))


@_remembered(8_192)
def _album(album: str) -> tuple[str, frozenset[str]]:
    album = _folded(album)
    head, qualifiers = _apart(album, "")
    marks = {_MARKS[word] for qualifier in qualifiers for word in _words(qualifier) if word in _MARKS}
    if _PERFORMED_ON_STAGE.search(album):
        marks.add("live")
    return _key(head), frozenset(marks)
