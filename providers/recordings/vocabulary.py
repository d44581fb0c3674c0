"""The words that stand beside titles, and what they say of a recording."""


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


SHORTENED = frozenset({"edit", "radio"})
"""What a recording is called that was cut for the radio."""

CREDITS = frozenset({"feat", "ft", "featuring", "with", "w", "duet", "introducing", "con", "com", "avec", "mit"})
"""Words that a guest's name follows."""

ORIGINS = frozenset({"from", "prod", "produced", "theme", "ost"})
"""Words that begin a remark on where a recording comes from."""


SAYS_NOTHING = _listed(
    "remaster remastered remasterd remasterizado remasterise remasterisee digital digitally mono stereo deluxe "
    "edition expanded special anniversary bonus track tracks single album original version ver mix explicit "
    "clean censored uncensored lp ep cd vinyl inch main official audio video music lyric lyrics lyrical "
    "visualizer visualiser hd hq 4k hi res dolby atmos spatial reissue restored release international us uk the a an "
    "of and n by recorded recording studio title soundtrack motion picture film movie"
)
"""Words beside a title that do not make another recording, or not one that services tell apart."""

MARKS = {
    word: mark
    for mark, words in {
        "live": "live vivo directo concert concerto konzert session sessions unplugged "
        "ライブ ライヴ live版 现场 現場 концерт концерта",
        "acoustic": "acoustic acoustical acustico acustica acustic acoustique akustik stripped アコースティック",
        "remix": "remix minimix megamix rmx remixed remixes rework reworked refix bootleg dub mashup flip vip "
        "リミックス ремикс",
        "extended": "extended club",
        "instrumental": "instrumental instrumentals instrumentale strumentale instrumentalversion インスト "
        "インストゥルメンタル 伴奏 инструментал",
        "karaoke": "karaoke カラオケ караоке playback",
        "demo": "demo demos",
        "a cappella": "acapella cappella capella acappella",
        "cover": "cover tribute parody",
        "other take": "alternate alternative alt outtake outtakes rehearsal rehearsals rough early unreleased take",
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
"""Words that make another recording of one, and which kind of recording that is."""

VERSION_WORDS = frozenset({"version", "versions", "ver", "mix", "edit", "cut"})
"""Words that make another recording of one when others stand with them: "Dance Mix"."""

FILLERS = _listed("at in the a an on from of and n la le el de en im s for by to up with")
"""Words that do not tell which concert, or whose remix."""


COUNTING = frozenset({"no", "nr", "num", "number"})
"""Words before a number that may as well be left out."""

SAYS_LITTLE = frozenset({"the", "and", "n"})
"""Words in a name that may be written with a sign, or left out."""

NOBODY = frozenset({"unknown", "unknownartist", "various", "variousartists", "va", "none", "null"})
"""What stands for an artist where none is known."""


SPELLINGS = {
    word: spelling
    for spelling, words in {
        "part": "pt pts parts",
        "volume": "vol",
        "mister": "mr",
        "saint": "st",
        "sergeant": "sgt",
        "doctor": "dr",
        "versus": "vs",
        "you": "u",
        "until": "til till",
        "through": "thru",
        "night": "nite",
        "tonight": "tonite",
        "okay": "ok",
    }.items()
    for word in words.split()
} | {
    word: str(number)
    for words in (
        "i ii iii iv v vi vii viii ix x xi xii xiii xiv xv xvi xvii xviii xix xx",
        "one two three four five six seven eight nine ten eleven twelve",
    )
    for number, word in enumerate(words.split(), 1)
}
"""Words and numbers that are written in more than one way, and one of the ways."""
