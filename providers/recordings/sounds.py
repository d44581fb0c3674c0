"""How a name sounds, roughly: what "Кино", "Kino" and "キノ" have in common, whoever wrote it in Latin letters."""
# ruff: noqa: RUF001, names are written in every alphabet

import re
import unicodedata

from providers.recordings.letters import folded, is_latin, key, remembered

_LETTERS = str.maketrans(
    dict(
        zip("абвгдезийклмнопрстуфыэαβγδεζηθικλμνοπρςστυφω", "abvgdeziyklmnoprstufieabgdezitiklmnoprsstifo", strict=True)
    )
    | {"ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sch", "ъ": "", "ь": "", "ю": "yu", "я": "ya"}
    | {"і": "i", "ї": "yi", "є": "ye", "ґ": "g", "ј": "j", "љ": "lj", "њ": "nj", "ћ": "c", "ђ": "d", "џ": "dz"}
    | {"ξ": "x", "χ": "ch", "ψ": "ps"}
    | dict(zip("ابةتجحدرزسصضطظعفقكلمنهويىأإآءئؤ", "abatjhdrzssdtzafqklmnhwyaaaaaaa", strict=True))
    | {"ث": "th", "خ": "kh", "ذ": "dh", "ش": "sh", "غ": "gh"}
    | dict(zip("אבגדהוזחטיכךלמםנןסעפףקרת", "abgdhwzhtykklmmnnsaffqrt", strict=True))
    | {"צ": "ts", "ץ": "ts", "ש": "sh"}
)
_SYLLABLE = re.compile(r"(?:HIRAGANA|KATAKANA) LETTER (?:SMALL )?(?P<kana>\w+)|HANGUL SYLLABLE (?P<hangul>\w+)")

# Vowels, and what is written for want of another letter: "Plastic", プラスティック; "Khochesh", "Hochesh".
_ALIKE = (
    (re.compile(r"sch|tch"), "ch"),
    (re.compile(r"kh|gh|h(?![aeiouy])"), "h"),
    (re.compile(r"ts|tz|z"), "s"),
    (re.compile(r"ph"), "f"),
    (re.compile(r"th"), "t"),
    (re.compile(r"x"), "ks"),
)
_SAME_SOUND = str.maketrans({"l": "r", "v": "b", "w": "b", "c": "k", "q": "k", "j": "s", "d": "t", "g": "k"})
_VOWELS = re.compile(r"[aeiouyh]")
_TWICE = re.compile(r"(.)\1+")


@remembered(65_536)
def romanised(text: str) -> str:
    """Return a folded text in Latin letters, as far as its alphabet tells how; Chinese signs stay what they are."""
    if is_latin(text):
        return text
    return "".join(map(_syllable, text.translate(_LETTERS)))


def _syllable(sign: str) -> str:
    if sign.isascii():
        return sign
    if "ァ" <= sign <= "ヺ" or "ぁ" <= sign <= "ゖ" or "가" <= sign <= "힣":
        named = _SYLLABLE.match(unicodedata.name(sign, ""))
        if named is not None:
            return (named["kana"] or named["hangul"]).lower()
    # What makes the vowel before it long.
    return "" if sign == "ー" else sign


@remembered(65_536)
def sound(text: str) -> str:
    """Return the consonants of a folded text, those that are mixed up as one: what is left of it in any alphabet."""
    text = romanised(text)
    for pattern, letter in _ALIKE:
        text = pattern.sub(letter, text)
    return _TWICE.sub(r"\1", _VOWELS.sub("", text.translate(_SAME_SOUND)))


_OTHER_LETTERS = re.compile(r"[^\W\d_a-z]+(?:[\W\d_]*[^\W\d_a-z]+)*")


@remembered(65_536)
def in_own_letters(name: str) -> str:
    """Return what a name in Latin letters holds in others: "夜に駆ける" of "Yoru ni Kakeru (夜に駆ける)"."""
    if name.isascii():
        return ""
    text = folded(name)
    if text.isascii() or not re.search("[a-z]{2}", text):
        return ""
    found = max(_OTHER_LETTERS.findall(text), key=len, default="")
    own = key(found)
    return own if len(own) >= 2 and not is_latin(own) else ""
