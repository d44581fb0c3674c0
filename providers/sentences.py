"""What services and workers tell in English, shown in the language of whoever reads it.

It is told where Django may not be imported, and kept in the database, which many people read. So it is recognised when
it is shown: `SENTENCES` has all of it, with names for what is filled in. A test holds that against the code.
"""

import re
from functools import cache

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

SENTENCES = (
    # --- any service ---
    _("The service refused the credentials."),
    _("The service does not allow this."),
    _("The service does not have this."),
    _("Too many requests."),
    _("The service answered %(number)s."),
    _("The service refused the request with %(number)s."),
    _("The service redirects%(where)s; redirects are not followed."),
    _("The service took too long to answer."),
    _("The service cannot be reached, or broke off."),
    _("The service asked for a pause."),
    _("The service was disconnected."),
    _("The request could not be sent (%(error)s)."),
    _("The answer is larger than %(number)s MB."),
    _("The answer cannot be unpacked."),
    _("The answer is not JSON."),
    _("The answer is not a JSON object."),
    _("In the answer %(place)s is not %(expected)s."),
    _("In the answer %(place)s is missing."),
    _("Our own limit for this service leaves no room now."),
    _("Page %(number)s of %(all)s came without listens."),
    _("The history changes too fast to be read now."),
    _("Another process is refreshing the link and does not finish."),
    _("The link has run out and nothing was given to renew it with."),
    _("The link has to be renewed."),
    _("A bug in the provider: %(error)s."),
    _("The database refused: %(error)s."),
    _("Another worker goes on with it."),
    _("Another account was linked meanwhile: the next fetch begins with its history."),
    _("%(service)s answered %(error)s."),
    _("%(service)s named an account that cannot be."),
    _("an error it did not explain"),
    _("%(setting)s is not set."),
    # --- Spotify ---
    _(
        "Spotify does not know the application. Whoever runs this site should compare SPOTIFY_CLIENT_ID with "
        "Spotify's developer dashboard, and who links through an application of their own its client id."
    ),
    _("Spotify does not understand how it was asked for a token."),
    _("Spotify does not accept this attempt at linking, or no longer does. Begin again."),
    _(
        "Spotify has ended this link: one lasts six months at most and can be withdrawn at any time. "
        "Link Spotify again."
    ),
    _("Spotify refuses the token it has just given out."),
    _("The answer is no token."),
    _("The quota of this application at Spotify is spent."),
    _("The link lacks a permission. Link Spotify again and agree to everything it asks."),
    _(
        "This account is not on the application's list of users. Whoever runs this site can add it in Spotify's "
        "developer dashboard."
    ),
    _("Spotify wants Premium for this. An application in development mode works only while its owner has it."),
    _("In the answer next leads nowhere."),
    _("The playlist is no longer in the person's library."),
    _("%(song)s has no Spotify id, so Spotify cannot add it."),
    _("%(playlist)s is somebody else's playlist."),
    _("a file of one's own"),
    _("a podcast episode"),
    _("no longer available"),
    # --- Last.fm ---
    _("A Last.fm session cannot be refreshed, only granted anew."),
    _("Access was not granted on Last.fm."),
    _("Last.fm answered with an unknown error %(number)s."),
    _("Last.fm calls a parameter wrong."),
    _("Last.fm calls this too many requests."),
    _("Last.fm did not say how many listens there are."),
    _("Last.fm does not have this."),
    _("Last.fm does not know the token, or it was used already."),
    _("Last.fm does not know this format."),
    _("Last.fm does not know this method."),
    _("Last.fm does not know this service."),
    _("Last.fm does not know this user."),
    _("Last.fm does not show these listens: they are hidden."),
    _("Last.fm failed to do this; it usually passes."),
    _("Last.fm has suspended the application's API key, whoever is linked."),
    _("Last.fm is offline."),
    _("Last.fm is temporarily unavailable."),
    _("Last.fm no longer accepts the session: access was taken back."),
    _("Last.fm refuses the application's API key, whoever is linked."),
    _("Last.fm refuses the signature: the shared secret may be that of another API key."),
    _("The token from Last.fm has expired."),
    # --- Navidrome ---
    _("%(playlist)s is filled by the server, or belongs to somebody else."),
    _("A track without an id cannot be on a playlist."),
    _("In the answer %(header)s is not a number."),
    _("In the answer a play has no time."),
    _("In the answer searchResult3 is missing."),
    _("Name or password is wrong: sign in again."),
    _("Navidrome admits no more sign-ins to its own API for now."),
    _("Signing in brought no token."),
    _("The answer is not a list."),
    _("The answer is not one of a Subsonic server."),
    _("The pages of albums do not go on."),
    _("The pages of plays do not go on."),
    _("The pages of songs do not go on."),
    _("The person may not do this on the server."),
    _("The plays do not come the last one first."),
    _("The server could not do this."),
    _("The server does not count single plays."),
    _("The server does not have this."),
    _("The server does not know the key: sign in again."),
    _("The server does not take this way of signing in."),
    _("The server does not tell which playlist it made."),
    _("The server is too old for this version of the Subsonic protocol."),
    _("The server misses a parameter."),
    _("The server names another account than the one asked for."),
    _("The server sees two ways of signing in at once."),
    _("The server takes no tokens for this account."),
    _("The server tells an unknown error %(number)s."),
    _("The server tells no single plays that could be counted."),
    _("The server wants a newer version of the Subsonic protocol."),
    _("The server's trial period is over."),
    _("There is no such Subsonic call at this address: the server answered %(number)s."),
    _("There is no such call of Navidrome's own API here."),
    # --- playlists that are carried across ---
    _("%(service)s is not linked."),
    _("%(service)s cannot be used for this."),
    _("%(service)s does not show what is on this playlist."),
    _("%(service)s does not take the songs that it lists."),
    _("%(service)s shows another list than was written."),
    _("The list on %(service)s stays as it was changed there."),
    _("The list was deleted there."),
    _("The list was deleted on %(service)s. Stop the mirror, or have the source win to make it anew."),
    _("The list on %(service)s is filled by %(same_service)s itself, or is somebody else's."),
    _(
        "The list was changed on %(service)s since it was last written. Say which side wins: the source, and the "
        "change is undone, or the target, and the list stays."
    ),
    _("The playlist is no longer on %(source)s. Nothing was changed on %(target)s."),
    _("The playlist does not hold what was written."),
    _("%(number)s of %(all)s songs would leave the list on %(service)s. Allow it to shrink."),
    _("%(number)s of the %(all)s songs are missing: the service does not have them."),
    # --- songs that are looked for ---
    _("The song that was chosen by hand is no longer there."),
    _("Chosen by hand."),
    _("Only others come near it."),
    _("Nothing comes near it."),
    _("Same ISRC (%(isrc)s), %(lengths)s."),
    _("same ISRC (%(isrc)s), but %(findings)s"),
    _("Same MusicBrainz recording, %(lengths)s."),
    _("Same title, artist and version, %(lengths)s."),
    _("Nearly the same names (%(findings)s), %(lengths)s."),
    _("a duration is unknown"),
    _("both %(length)s"),
    _("%(length)s and %(other_length)s"),
    _("%(number)s s longer"),
    _("%(number)s s shorter"),
    _("not sure enough"),
    _("no title"),
    _("another title"),
    _("a part of the title"),
    _("the title spelt differently"),
    _("the title written differently"),
    _("the title in another alphabet"),
    _("the title in two alphabets"),
    _("another remark in the title"),
    _("a remark more in the title"),
    _("an unknown artist"),
    _("another artist"),
    _("another artist, as far as alphabets tell"),
    _("with other artists"),
    _("the artist's name in part"),
    _("the artist's name spelt differently"),
    _("the artist's name in another alphabet"),
    _("another concert"),
    _("a live recording"),
    _("an acoustic recording"),
    _("a remix"),
    _("an extended version"),
    _("an instrumental"),
    _("karaoke"),
    _("a demo"),
    _("an a cappella version"),
    _("a cover"),
    _("not a cover"),
    _("another take"),
    _("another part"),
    _("played at another speed"),
    _("out of a mix"),
    _("recorded anew"),
    _("an orchestral version"),
    _("a piano version"),
    _("another version"),
    _("sung %(language)s"),
    _("%(finding)s, but not the same one"),
    _("not %(finding)s"),
    # --- plays that several sources tell of ---
    _("You said so."),
    _("Same recording (ISRC %(isrc)s)."),
    _("Not equally long: %(length)s and %(other_length)s."),
    _("Another recording: %(one)s and %(other)s."),
    _("Same title and artist."),
    _("Same title and artist, written differently: %(one)s and %(other)s."),
    _("“%(song)s” by %(artist)s"),
    _("nobody named"),
    _("%(service)s tells of both, so they are two plays."),
    _("%(told)s: the times fit one play."),
    _("%(told)s: too far apart for one play."),
    _("%(told)s; it lasts %(length)s"),
    _("%(service)s has it begin at %(moment)s UTC"),
    _("%(service)s has it end at %(moment)s UTC"),
    _("%(service)s has it at %(moment)s UTC"),
    # --- files of listens, and their rows ---
    _("Spotify extended streaming history"),
    _("Spotify account data"),
    _("Last.fm export"),
    _("ListenBrainz export"),
    _("Maloja export"),
    _("musicbridge export (JSON lines)"),
    _("musicbridge export (CSV)"),
    _("Reading broke off after %(number)s rows: %(error)s."),
    _("The file is no longer there. Bring it again."),
    _("The file cannot be read to its end: %(error)s. Please try it again."),
    _("The archive asks for a password. Unpack it and bring what is inside."),
    _("The archive has far more members than any listening history has."),
    _("The archive would unpack to more than %(number)s GB, which no history does."),
    _("%(file)s would unpack to more than %(number)s GB, which no history does."),
    _("%(file)s would unpack to more than %(number)s times its size, which no history does."),
    _("%(file)s is packed in a way that is not read here. Unpack it and bring what is inside."),
    _("%(file)s is damaged. Download the file once more, and bring that."),
    _("%(file)s is empty. Download it once more, and bring that."),
    _("%(file)s is not complete. Download it once more, and bring that."),
    _("%(file)s cannot be opened: %(error)s."),
    _("%(file)s, row %(number)s"),
    _("%(file)s has another archive inside. Unpack it and bring the one that is inside."),
    _("%(file)s is no listening history that can be read here. What can be read: %(labels)s."),
    _("private session"),
    _("heard offline, dated by the device"),
    _("played for less than 30 seconds"),
    _("no track was named"),
    _("podcast"),
    _("audiobook"),
    _("was still playing during the export"),
    _("is not what its name says; download the file once more"),
    _("is damaged; download the file once more, and bring that as well"),
    _("is no listen"),
    _("is dated before 1970 or in the future"),
    _("is not a list of listens"),
    _("is not JSON"),
    _("is not UTF-8 text"),
    _("is not CSV, or far too long"),
    _("is far too long"),
    _("is nested far too deeply"),
    _("breaks off"),
    _("has a quotation mark that is never closed"),
    _("has too few columns"),
    _("has not as many cells as the first line"),
    _("has no date"),
    _("has a date that is none"),
    _("has a duration_ms that cannot be"),
    _("has a duration_ms that is no number"),
    _("has a provider_type or a source that is too long"),
    _("has no %(key)s"),
    _("has %(key)s that is no text"),
    _("has %(key)s that is no object"),
    _("has %(key)s that is no number"),
    _("has %(key)s that is no whole number"),
    _("has %(key)s below zero"),
)
"""Every sentence, and every part that sentences are put together from."""

_IN_ONE_SENTENCE = r"(?:(?!\. [A-Z“]).)+?"

_SHAPES = {
    "number": r"\d+",
    "all": r"\d+",
    "length": r"[\d:]+",
    "other_length": r"[\d:]+",
    "moment": r"[-\d: ]+",
    "setting": r"[A-Z_]+",
    "key": r"\S+",
    "one": f"“[^”]*” by {_IN_ONE_SENTENCE}",
    "other": f"“[^”]*” by {_IN_ONE_SENTENCE}",
    "service": r"[^,;:]+?",
}
"""What can be filled in where a name says what it is; else anything that does not go on into another sentence."""

_TOLD_TOO = {"artist", "error", "finding", "findings", "labels", "lengths", "one", "other", "told"}
"""What is filled in that is of `SENTENCES` itself."""

_MAX_LENGTH = 600
"""How long a text may be to be looked into: names that services tell may be of any length."""

_BETWEEN_SENTENCES = re.compile(r"(?<=\.) (?=[A-Z“])")


def translated(text: str) -> str:
    """Return a text in the reader's language, as far as it is known there."""
    if not text:
        return ""
    whole = gettext(text)
    return whole if whole != text else _recognised(text) or text


def _recognised(text: str) -> str | None:
    """Return a text of `SENTENCES` in the reader's language; None for any other."""
    if text in SENTENCES:
        return gettext(text)
    if len(text) > _MAX_LENGTH:
        return None
    for sentence, pattern in _patterns():
        if found := pattern.fullmatch(text):
            filled_in = found.groupdict().items()
            return gettext(sentence) % {
                name: translated(value) if name in _TOLD_TOO else value for name, value in filled_in
            }
    if len(sentences := _BETWEEN_SENTENCES.split(text)) > 1:
        return " ".join(map(translated, sentences))
    parts = [_recognised(part) for part in text.split(", ")] if ", " in text else [None]
    return None if None in parts else ", ".join(filter(None, parts))


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Return the sentences that something is filled in, and how such a one looks."""
    return [(sentence, _pattern(sentence)) for sentence in SENTENCES if "%(" in sentence]


def _pattern(sentence: str) -> re.Pattern[str]:
    parts = re.split(r"%\((\w+)\)s", sentence)
    # Every other part is the name of what is filled in.
    texts = [
        f"(?P<{part}>{_SHAPES.get(part, _IN_ONE_SENTENCE)})" if at % 2 else re.escape(part)
        for at, part in enumerate(parts)
    ]
    return re.compile("".join(texts), re.DOTALL)
