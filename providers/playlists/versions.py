"""What kind of recording of its song a track is, and whether that of another is the same: live, a remix, a cover."""

import re

from providers.datatypes import Track
from providers.playlists.evidence import EQUAL, Finding, Need, is_on_one_album
from providers.recordings.letters import remembered
from providers.recordings.songs import Song

_OF_LENGTH = frozenset(
    {"edit", "full", "length", "long", "short", "single", "7", "12", "inch", "disco", "electric", "new", "revisited"}
)
"""What a version is called whose length tells whether it is the same recording."""

_LIVE_ALBUM = re.compile(
    r"^live(?:\W*$|[\s/]*(?:19|20)\d\d|!)|[\s(\[:]live[)\]]?\W*$|\blive (?:at|in|from|on)\b|"
    r"\bunplugged\b|\bin concert\b|\b(?:en|ao) vivo\b",
    re.IGNORECASE,
)

_SAID = {
    "live": "a live recording",
    "acoustic": "an acoustic recording",
    "remix": "a remix",
    "extended": "an extended version",
    "instrumental": "an instrumental",
    "karaoke": "karaoke",
    "demo": "a demo",
    "a cappella": "an a cappella version",
    "cover": "a cover",
    "other take": "another take",
    "part": "another part",
    "changed speed": "played at another speed",
    "mixed": "out of a mix",
    "rerecorded": "recorded anew",
    "orchestral": "an orchestral version",
    "piano": "a piano version",
    "version": "another version",
}


@remembered(8_192)
def _is_live_album(album: str) -> bool:
    return _LIVE_ALBUM.search(album) is not None


_IMITATION = re.compile(
    r"made famous by|in the style of|originally performed|as performed by|tribute to|\bcover\b|off vocal|カラオケ",
    re.IGNORECASE,
)


@remembered(65_536)
def _is_imitation(name: str) -> bool:
    return _IMITATION.search(name) is not None


def compare_versions(a: Song, b: Song, track: Track, candidate: Track) -> Finding:
    """Compare what kind of recording of its song each of two is."""
    if _is_imitation(track.name) != _is_imitation(candidate.name):
        return Finding(0.4, Need.NEVER, "a cover" if _is_imitation(candidate.name) else "not a cover")
    of_album_a = a.album_marks | {"live"} if _is_live_album(track.album) else a.album_marks
    of_album_b = b.album_marks | {"live"} if _is_live_album(candidate.album) else b.album_marks
    if a.marks == b.marks or a.full == b.full:
        return _compare_details(a, b, of_album_a - a.marks, of_album_b - b.marks)
    only_a, only_b = a.marks - b.marks, b.marks - a.marks
    differing = (only_a - of_album_b) | (only_b - of_album_a)
    if not differing:
        return (
            EQUAL
            if is_on_one_album(a, b)
            else Finding(0.97, Need.DURATION, said_of(only_a | only_b, is_more=bool(only_b)))
        )
    says = said_of(differing, is_more=not differing.isdisjoint(only_b))
    if differing == {"live"} and only_a:
        # Who looks for the live take may find it on its album, where nothing else says that it is one. Not the other
        # way round: bonus tracks are on the album of the studio's recording too.
        return Finding(0.9, Need.DURATION_AND_ALBUM, says)
    if differing == {"acoustic"} and "live" in (a.marks | of_album_a) & (b.marks | of_album_b):
        return Finding(0.95, Need.DURATION, says)
    if differing == {"version"} and a.details ^ b.details <= _OF_LENGTH:
        return Finding(0.95, Need.DURATION, says)
    return Finding(0.5, Need.NEVER, says)


def _compare_details(a: Song, b: Song, of_album_a: frozenset[str], of_album_b: frozenset[str]) -> Finding:
    if a.details == b.details or a.full == b.full:
        if ("live" in of_album_a) != ("live" in of_album_b) and a.album and b.album and not is_on_one_album(a, b):
            return Finding(0.95, Need.DURATION, said_of({"live"}, is_more="live" in of_album_b))
        return EQUAL
    says = "another concert" if "live" in a.marks else said_of(a.marks, is_more=True, another=True)
    if "part" in a.marks:
        return Finding(0.5, Need.NEVER, says)
    if a.details <= b.details or b.details <= a.details:
        return EQUAL if "live" in a.marks and is_on_one_album(a, b) else Finding(0.95, Need.DURATION, says)
    if "live" in a.marks and not a.details.isdisjoint(b.details):
        return Finding(0.9, Need.DURATION, says)
    return Finding(0.5, Need.NEVER, says)


def said_of(marks: set[str] | frozenset[str], *, is_more: bool, another: bool = False) -> str:
    """Return in words what a recording with these marks is, or with others of the kind, or without them."""
    mark = min(marks, key=lambda mark: (mark == "version", mark), default="version")
    kind = _SAID.get(mark, f"sung {mark}")
    if another:
        return f"{kind}, but not the same one"
    return kind if is_more else f"not {kind}"
