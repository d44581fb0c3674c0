"""Every page there is, with something on it for one person: what holds for all pages is tested on all of them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone

from providers import urls
from providers.models import (
    AlertKind,
    AlertTarget,
    Connection,
    HistoryGap,
    HistoryImport,
    HistorySync,
    LibraryIndex,
    Listen,
    ManualMatch,
    MissingTrack,
    PlaylistMirror,
)

HOSTILE = "\u202e<b>&amp;</b>\"'<script>alert(1)</script>"
"""What a service might call a song."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a page is. `names_a_row` says that the address holds the number of a row of somebody's."""

    path: str
    names_a_row: bool = False
    is_read: bool = True


def furnish(user: Any) -> dict[str, Address]:
    """Give a person who has linked Spotify, Last.fm and Navidrome something on each page; return pages by name."""
    now = timezone.now()
    spotify, navidrome = (
        Connection.objects.get(user=user, provider_type=provider_type) for provider_type in ("spotify", "navidrome")
    )
    HistorySync.objects.filter(connection=spotify).update(last_error=f"Refused: {HOSTILE}", failures=1)
    Connection.objects.filter(pk=spotify.pk).update(link_expires_at=now + timedelta(days=6))
    HistoryGap.objects.create(
        connection=spotify, since=now - timedelta(days=3), until=now - timedelta(days=2), reason="not_kept"
    )
    common = {"user": user, "name": HOSTILE, "artist": HOSTILE, "album": HOSTILE, "url": "javascript:alert(1)"}
    listen = Listen.objects.create(provider_type="spotify", played_at=now - timedelta(hours=1), **common)
    Listen.objects.create(provider_type="lastfm", played_at=now - timedelta(minutes=63), duplicate_of=listen, **common)
    HistoryImport.objects.create(
        user=user, name=HOSTILE, digest="1", size=5, status="done", finished_at=now, rows_read=4, refused=[
            {"place": HOSTILE, "reason": "not JSON"}
        ], due_at=None
    )  # fmt: skip
    # As the run that found something missing has left it.
    LibraryIndex.objects.create(connection=navidrome)
    mirror = PlaylistMirror.objects.create(
        user=user,
        source=spotify,
        source_playlist_id="37i",
        target=navidrome,
        name=HOSTILE,
        state="partly",
        due_at=None,
        figures={"tracks": 3, "matched": 1, "missing": 1},
    )
    candidate = {"song": {"id": "7", "name": HOSTILE, "artist": HOSTILE}, "score": 0.8, "reason": "names"}
    missing = MissingTrack.objects.create(
        mirror=mirror, position=0, name=HOSTILE, artist=HOSTILE, url="javascript:alert(1)", candidates=[candidate]
    )
    match = ManualMatch.objects.create(
        user=user, source_type="spotify", source_key="id 9", target_type="navidrome", song={"id": "7", "name": HOSTILE}
    )

    target = AlertTarget.objects.create(
        user=user, label=HOSTILE, service="JSON", url="json://127.0.0.1:9/", kinds=AlertKind.values
    )

    def at(name: str, *args: Any, **options: Any) -> Address:
        return Address(reverse(f"providers:{name}", args=args), **options)

    pages = {
        "alerts": at("alerts"),
        "alert_target": at("alert_target", target.pk, names_a_row=True),
        "alert_test": at("alert_test", target.pk, names_a_row=True, is_read=False),
        "alert_pause": at("alert_pause", target.pk, "on", names_a_row=True, is_read=False),
        "alert_delete": at("alert_delete", target.pk, names_a_row=True),
        "connections": at("connections"),
        "connection": at("connection", "spotify"),
        "check": at("check", "spotify", is_read=False),
        "connect": at("connect", "spotify", is_read=False),
        "callback": at("callback", "spotify"),
        "confirm": at("confirm", "spotify", is_read=False),
        "disconnect": at("disconnect", "spotify"),
        "delete_history": at("delete_history", "spotify"),
        "paste": at("paste", "spotify"),
        "own_application": at("own_application", "spotify"),
        "fetch": at("fetch", "spotify", is_read=False),
        "history": at("history"),
        "listen": at("listen", listen.pk, names_a_row=True),
        "verdict": at("verdict", listen.pk, names_a_row=True, is_read=False),
        "import_history": at("import_history"),
        "export_history": at("export_history", "csv"),
        "playlists": at("playlists"),
        "playlists_of": at("playlists_of", "spotify"),
        "begin_mirror": at("begin_mirror", "spotify", "navidrome", is_read=False),
        "mirror": at("mirror", mirror.pk, names_a_row=True),
        "carry": at("carry", mirror.pk, names_a_row=True, is_read=False),
        "keep": at("keep", mirror.pk, "on", names_a_row=True, is_read=False),
        "stop": at("stop", mirror.pk, names_a_row=True),
        "missing_track": at("missing_track", mirror.pk, missing.pk, names_a_row=True),
        "withdraw": at("withdraw", mirror.pk, match.pk, names_a_row=True, is_read=False),
        "export_missing": at("export_missing", mirror.pk, "csv", names_a_row=True),
        "statistics": at("statistics"),
        "time_zone": at("time_zone"),
    }
    assert set(pages) == {pattern.name for pattern in urls.urlpatterns if pattern.name}
    return pages
