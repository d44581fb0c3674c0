"""``/me/player/recently-played``: the last fifty plays, and not one more."""

from datetime import UTC, datetime, timedelta

from providers.testing.simulators.spotify.call import Call
from providers.testing.simulators.spotify.errors import ApiError
from providers.testing.simulators.spotify.people import Play
from providers.testing.simulators.spotify.shapes import Json

RECENT_PLAYS = 50

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def recently_played(call: Call) -> Json:
    """A page of plays, newest first, older than ``before`` or newer than ``after`` (Unix milliseconds, both exclusive).

    A full page names a ``next`` even when nothing is left; the empty page behind it has no cursors. Paging never gets
    past the latest fifty plays.
    """
    call.require("user-read-recently-played")
    if {"before", "after"} <= call.request.args.keys():
        raise ApiError(400, "Only one of before and after may be given")
    limit = call.number("limit", 20, 1, 50)
    before, after = call.number("before", 2**53, 0), call.number("after", 0, 0)
    recent = sorted(call.grant.person.plays, key=_milliseconds, reverse=True)[:RECENT_PLAYS]
    plays = [play for play in recent if after < _milliseconds(play) < before][:limit]
    cursors = None
    if plays:
        cursors = {"after": str(_milliseconds(plays[0])), "before": str(_milliseconds(plays[-1]))}
    return {
        "items": [call.shapes.play(play) for play in plays],
        "next": call.url(before=cursors["before"], limit=limit) if cursors and len(plays) == limit else None,
        "cursors": cursors,
        "limit": limit,
        "href": call.url(**call.request.args),
    }


def _milliseconds(play: Play) -> int:
    return (play.played_at - _EPOCH) // timedelta(milliseconds=1)
