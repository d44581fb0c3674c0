"""Playlists that are carried across: mirrors, what they miss, and what a person said of single songs; and libraries."""

from dataclasses import asdict
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from providers.datatypes import Track
from providers.models.connections import Connection
from providers.models.history import fingerprint
from providers.scheduling import Scheduled, is_scheduled, make_due


class LibraryIndex(Scheduled):
    """What is known of one connection's library, for finding songs in it.

    `walk` counts the times that it was read from one end to the other; `refreshed_at` is when the last of them ended.
    """

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, related_name="library_index")
    walk = models.PositiveIntegerField(default=0)
    song_count = models.PositiveIntegerField(default=0)
    refreshed_at = models.DateTimeField(_("last refresh"), null=True, blank=True)

    class Meta:
        verbose_name_plural = _("library indexes")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["due_at"], name="library_due", condition=is_scheduled())
        ]

    def __str__(self) -> str:
        return f"library of {self.connection_id}"


class LibrarySong(models.Model):
    """A song that a person could put on a playlist there. `walk` is the last one of its index that met it."""

    index = models.ForeignKey(LibraryIndex, on_delete=models.CASCADE, related_name="songs", db_index=False)
    remote_track_id = models.CharField(max_length=255)
    name = models.TextField()
    artist = models.TextField(blank=True, default="")
    artists = models.JSONField(default=list, blank=True)
    album = models.TextField(blank=True, default="")
    duration_ms = models.PositiveIntegerField(default=0)
    url = models.TextField(blank=True, default="")
    isrc = models.TextField(blank=True, default="")
    mbid = models.TextField(blank=True, default="")
    walk = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["index", "remote_track_id"], name="one_song_per_library_and_id")
        ]

    def __str__(self) -> str:
        return f"{self.artist}: {self.name}"

    @property
    def track(self) -> Track:
        """The song as its provider tells it."""
        return Track(
            id=self.remote_track_id,
            name=self.name,
            artist=self.artist,
            artists=tuple(self.artists),
            album=self.album,
            duration_ms=self.duration_ms,
            url=self.url,
            isrc=self.isrc,
            mbid=self.mbid,
        )


class LibraryKey(models.Model):
    """One of the texts to look a song up by, hashed: an index of equal numbers is small, and asks for no scan."""

    index = models.ForeignKey(LibraryIndex, on_delete=models.CASCADE, related_name="+", db_index=False)
    key = models.BigIntegerField()
    song = models.ForeignKey(LibrarySong, on_delete=models.CASCADE, related_name="keys")

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["index", "key"], name="library_keys")]

    def __str__(self) -> str:
        return f"{self.key:x}"


class PlaylistMirror(Scheduled):
    """A playlist of one service that is carried to another, and how that went.

    `is_automatic` says that it is carried again and again; otherwise it was, whenever somebody asked. `written` are the
    ids of the songs that it had on the target when it was last written, to see whether anybody changed it there since.
    While a list is written, `writing` are those that it will have; while one is made, `known_ids` are the lists that
    were there before, so that a list whose id was lost on the way is found again and not made twice.
    `settled_digest` is a state of both ends in which the person wished the target to stay as it is. `wishes` is what
    the person allows the next run (`providers.playlists.mirrors.Wishes`), and `choices` are wishes with any of which
    the last one would not have been refused.
    """

    class State(models.TextChoices):
        """How the mirror stands."""

        PENDING = "pending", _("Not carried yet")
        PLANNED = "planned", _("Planned, nothing written yet")
        IN_STEP = "in_step", _("In step")
        PARTLY = "partly", _("In step, with songs missing")
        FAILED = "failed", _("Not carried")
        STOPPED = "stopped", _("Stopped")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="playlist_mirrors")
    source = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="mirrors_from")
    source_playlist_id = models.CharField(max_length=255)
    target = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="mirrors_to")
    target_playlist_id = models.CharField(max_length=255, blank=True, default="")
    name = models.TextField(blank=True, default="")
    is_automatic = models.BooleanField(default=False)
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    detail = models.TextField(blank=True, default="")
    figures = models.JSONField(default=dict, blank=True)
    last_plan = models.JSONField(default=dict, blank=True)
    last_run_at = models.DateTimeField(_("last run"), null=True, blank=True)
    wishes = models.JSONField(default=dict, blank=True, editable=False)
    choices = models.JSONField(default=list, blank=True, editable=False)
    settled_digest = models.CharField(max_length=64, blank=True, default="", editable=False)
    written = models.JSONField(null=True, blank=True, editable=False)
    writing = models.JSONField(null=True, blank=True, editable=False)
    known_ids = models.JSONField(null=True, blank=True, editable=False)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["source", "source_playlist_id", "target"], name="one_mirror_per_playlist_and_target"
            ),
            models.CheckConstraint(
                condition=~models.Q(source=models.F("target")), name="mirrors_lead_to_another_service"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["due_at"], name="mirror_due", condition=is_scheduled())
        ]
        ordering = ("name", "id")

    def __str__(self) -> str:
        return f"mirror of {self.name or self.source_playlist_id}"

    def request(self, **wishes: Any) -> None:
        """Have it carried as soon as a worker is free, with what the person allows."""
        rows = PlaylistMirror.objects.filter(pk=self.pk)
        rows.update(wishes=wishes)
        make_due(rows)


class MissingTrack(models.Model):
    """A track of a mirrored playlist that was not found on the target, when it was last looked for.

    `position` counts from 0 in the source, and is None for an entry that is no track: a file of one's own, an episode.
    `candidates` are the nearest songs there, each with score, reason and song.
    """

    mirror = models.ForeignKey(PlaylistMirror, on_delete=models.CASCADE, related_name="missing")
    position = models.PositiveIntegerField(null=True)
    remote_track_id = models.CharField(max_length=255, blank=True, default="")
    name = models.TextField(blank=True, default="")
    artist = models.TextField(blank=True, default="")
    album = models.TextField(blank=True, default="")
    duration_ms = models.PositiveIntegerField(default=0)
    isrc = models.TextField(blank=True, default="")
    url = models.TextField(blank=True, default="")
    reason = models.TextField(blank=True, default="")
    candidates = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = (models.F("position").asc(nulls_last=True), "id")

    def __str__(self) -> str:
        return f"{self.artist}: {self.name}"

    @property
    def place(self) -> int | None:
        """The place in the source as people count, from 1; None for an entry that is no track."""
        return None if self.position is None else self.position + 1


def song_as_json(song: Track) -> dict[str, Any]:
    """Return a song as it is kept with what it was chosen, or considered, for."""
    kept = {name: value for name, value in asdict(song).items() if value and name != "played_at"}
    return {"id": song.id, "name": song.name, "artist": song.artist, **kept}


class ManualMatch(models.Model):
    """What a person said: this track of one service is that song of another. It stands above every computation.

    `source_key` is `key_of` the track. `track` and `song`, the target's, are kept as they were when it was chosen.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="manual_matches")
    source_type = models.CharField(max_length=64)
    source_key = models.CharField(max_length=300)
    target_type = models.CharField(max_length=64)
    track = models.JSONField(default=dict)
    song = models.JSONField()
    decided_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = _("manual matches")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user", "source_type", "source_key", "target_type"], name="one_manual_match_per_track"
            )
        ]

    def __str__(self) -> str:
        return f"{self.source_key} is {self.song.get('name', '')}"

    @staticmethod
    def key_of(track: Track) -> str:
        """Return what a person's word is kept by: the track's id, or its names where its service has no ids."""
        return f"id {track.id}" if track.id else f"names {fingerprint(track.name, track.artist)}"

    @property
    def chosen(self) -> Track:
        """The song that was chosen."""
        song: dict[str, Any] = self.song
        return Track(**{**song, "artists": tuple(song.get("artists", ()))})
