"""What came home: listens, and how far each connection's history is complete."""

import hashlib
from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from providers.models.connections import Connection


def fingerprint(name: str, artist: str) -> int:
    """Return the signed 64-bit hash that tells two tracks of one moment apart.

    Frozen for ever: it is in every row that was ever stored. It knows the names only, as the service wrote
    them. Ids and albums are left out because services change them afterwards.
    """
    text = f"1\0{name}\0{artist}"
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


class FingerprintField(models.BigIntegerField):  # type: ignore[type-arg]  # generic in the stubs only
    """The fingerprint of its row, made when the row is first stored and never again."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Return the fingerprint, and keep it on the instance."""
        value = getattr(model_instance, self.attname)
        if value is None:
            assert isinstance(model_instance, Listen)  # noqa: S101, there is no other model with a fingerprint
            value = fingerprint(model_instance.name, model_instance.artist)
            setattr(model_instance, self.attname, value)
        return value


class Listen(models.Model):
    """A track at a time. Stored once, however often it is offered: unique by person, service, time and track.

    `source` says how the listen came home ("api", or the kind of file it was imported from).
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="listens")
    provider_type = models.CharField("service", max_length=64)
    source = models.CharField(max_length=32, default="api")
    remote_track_id = models.TextField(blank=True, default="")
    name = models.TextField()
    artist = models.TextField(blank=True, default="")
    album = models.TextField(blank=True, default="")
    duration_ms = models.PositiveIntegerField(default=0)
    played_at = models.DateTimeField()
    url = models.TextField(blank=True, default="")
    isrc = models.TextField(blank=True, default="")
    fingerprint = FingerprintField(editable=False, blank=True)
    # No constraint in the database: at hundreds of millions of rows a self-reference costs more than it guards.
    duplicate_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False, db_index=False
    )

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user", "provider_type", "played_at", "fingerprint"], name="one_listen_per_moment_and_track"
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "played_at", "id"], name="listens_by_time"),
            models.Index(
                fields=["duplicate_of"], name="listens_duplicates", condition=models.Q(duplicate_of__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.artist}: {self.name}"


class HistorySync(models.Model):
    """How far a connection's history came home. A connection without one was never fetched.

    Every listen the service offered up to `complete_until` is stored. While a window is open
    (`window_since` is set), everything in it newer than `window_oldest` is stored and the rest is still to
    be walked; `window_newest` is the newest listen seen in it, and `window_began_at` when its walk began.
    """

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, related_name="history_sync")
    complete_until = models.DateTimeField(null=True, blank=True)
    window_since = models.DateTimeField(null=True, blank=True)
    window_began_at = models.DateTimeField(null=True, blank=True)
    window_newest = models.DateTimeField(null=True, blank=True)
    window_oldest = models.DateTimeField(null=True, blank=True)
    last_fetched_at = models.DateTimeField("last fetch", null=True, blank=True)
    last_error = models.TextField(blank=True, default="")

    def __str__(self) -> str:
        return f"history of {self.connection_id}"
