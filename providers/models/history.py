"""What came home: listens, how far each connection's history is complete, and where it is not."""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models.deletion import Collector
from django.utils.translation import gettext_lazy as _

from providers.models.alerts import Alert
from providers.models.connections import Connection
from providers.models.scans import Scan
from providers.scheduling import Scheduled, is_scheduled, make_due


@lru_cache(maxsize=16384)
def fingerprint(name: str, artist: str) -> int:
    """Return the signed 64-bit hash that tells two tracks of one moment apart.

    Frozen for ever: it is in every row that was ever stored. It knows the names only, as the service wrote
    them. Ids and albums are left out because services change them afterwards.
    """
    return _hash(_FINGERPRINTS.copy(), f"{name}\0{artist}")


def hash_of(text: str) -> int:
    """Return the signed 64-bit number that stands for a text. Frozen for ever: rows are found by it."""
    return _hash(hashlib.blake2b(digest_size=8), text)


def _hash(begun: hashlib.blake2b, text: str) -> int:
    begun.update(text.encode("utf-8", "surrogatepass"))
    return int.from_bytes(begun.digest(), signed=True)


_FINGERPRINTS = hashlib.blake2b(b"1\0", digest_size=8)
"""The version of the fingerprint, hashed. To copy it takes half as long as to begin anew."""


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


def delete_at_once(collector: Collector, field: Any, listens: "models.QuerySet[Any]", using: str) -> None:
    """Delete a person's listens in one statement, with the person: an `on_delete` for that only.

    Django would read each of them first, and ask what refers to it: nothing but what is deleted with the person too.
    """
    collector.fast_deletes.append(listens)


delete_at_once.lazy_sub_objs = True  # type: ignore[attr-defined]  # or Django reads them, to see if there are any


class Listen(models.Model):
    """A track at a time. Stored once, however often it is offered: unique by person, service, time and track.

    `source` says how the listen came home ("api", or the kind of file it was imported from).
    """

    # Found by the index of times, which begins with the person.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=delete_at_once, related_name="listens", db_index=False)
    provider_type = models.CharField(_("service"), max_length=64)
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


class HistorySync(Scheduled):
    """How far a connection's history came home, and when it is fetched next.

    Every listen the service offered up to `complete_until` is stored. While a window is open
    (`window_since` is set), everything in it newer than `window_oldest` is stored and the rest is still to
    be walked; `window_newest` is the newest listen seen in it, and `window_began_at` when its walk began.
    `window_met_known` says that the walk saw something as old as `complete_until`, so that nothing is missing in
    between. Of the window's `window_total` listens, where the service tells, `window_done` came home,
    `window_done_before` of them before its walk was last taken up, at `window_taken_up_at`. `count_differences` are
    the days, by ISO date, on which the service counts differently than we do for good.
    """

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, related_name="history_sync")
    # The connection's own, repeated here for the index that finds what is due.
    provider_type = models.CharField(max_length=64, editable=False)
    complete_until = models.DateTimeField(null=True, blank=True)
    window_since = models.DateTimeField(null=True, blank=True)
    window_began_at = models.DateTimeField(null=True, blank=True)
    window_newest = models.DateTimeField(null=True, blank=True)
    window_oldest = models.DateTimeField(null=True, blank=True)
    window_met_known = models.BooleanField(default=False)
    window_taken_up_at = models.DateTimeField(null=True, blank=True)
    window_done_before = models.PositiveIntegerField(default=0)
    window_done = models.PositiveIntegerField(default=0)
    window_total = models.PositiveIntegerField(null=True, blank=True)
    count_differences = models.JSONField(default=dict, blank=True)
    poll_interval = models.DurationField(null=True, blank=True, help_text=_("The time between two fetches."))
    last_fetched_at = models.DateTimeField(_("last fetch"), null=True, blank=True)
    last_error = models.TextField(blank=True, default="")

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["provider_type", "due_at"], name="history_due", condition=is_scheduled()),
            # The admin lists the few that a service sent away for a while.
            models.Index(
                fields=["provider_type", "due_at"], name="history_troubled", condition=~models.Q(last_error="")
            ),
        ]

    def __str__(self) -> str:
        return f"history of {self.connection_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the row, with the service of its connection."""
        self.provider_type = self.connection.provider_type
        super().save(*args, **kwargs)

    @classmethod
    def request(cls, connection: Connection) -> None:
        """Have the connection fetched as soon as a worker is free."""
        if not make_due(cls._default_manager.filter(connection=connection)):
            cls.adopt([connection])

    @classmethod
    def forget(cls, connection: Connection) -> None:
        """Forget how far the history came home, and what it lacks: the next fetch begins anew.

        Before all else in its transaction: a fetch that is under way can write nothing from here on.
        """
        cls._default_manager.filter(connection=connection).delete()
        gaps = HistoryGap.objects.filter(connection=connection)
        Alert.settle(connection.user_id, [gap.matter for gap in gaps.open()])
        gaps.delete()
        connection.play_counts.all().delete()

    @classmethod
    def adopt(cls, connections: Iterable[Connection]) -> None:
        """Make those of the connections due that have no row yet: a connection without one is due now."""
        rows = [cls(connection_id=connection.pk, provider_type=connection.provider_type) for connection in connections]
        cls._default_manager.bulk_create(rows, ignore_conflicts=True)


class HistoryGapQuerySet(models.QuerySet["HistoryGap"]):
    """Gaps, by whether anything is missing still."""

    def open(self) -> Self:
        """Keep those that nothing has filled."""
        return self.filter(closed_at__isnull=True)


class HistoryGap(models.Model):
    """Listens that a service can no longer tell: after `since`, before `until`.

    Open until a file or a later fetch covers it; `closed_by` tells what did.
    """

    class Reason(models.TextChoices):
        """Why the service could not fill the window."""

        NOT_KEPT = "not_kept", _("The service no longer had these plays")
        LAST_PLAY_ONLY = "last_play_only", _("The service tells only the last play of each track")

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="history_gaps")
    since = models.DateTimeField()
    until = models.DateTimeField()
    reason = models.CharField(max_length=16, choices=Reason.choices)
    missing_plays = models.PositiveIntegerField(null=True, blank=True, help_text=_("How many, where that is known."))
    found_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=32, blank=True, default="")

    objects = HistoryGapQuerySet.as_manager()

    class Meta:
        ordering = ("-until",)

    def __str__(self) -> str:
        return f"{self.since:%Y-%m-%d %H:%M} to {self.until:%Y-%m-%d %H:%M} UTC"

    @property
    def matter(self) -> str:
        """What alerts about it are about (`Alert.matter`)."""
        # Where only last plays are told there is no end to gaps, and no file that fills them: that is told once.
        is_news = self.reason != self.Reason.LAST_PLAY_ONLY
        return f"gap {self.pk}" if is_news else f"last-plays {self.connection_id}"


class PlayCount(models.Model):
    """How often a track had been played when a fetch saw it last, at a service that tells only its last play."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="play_counts")
    remote_track_id = models.CharField(max_length=255)
    play_count = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["connection", "remote_track_id"], name="one_play_count_per_track")
        ]

    def __str__(self) -> str:
        return f"{self.remote_track_id}: {self.play_count}"


class DuplicateVerdict(models.Model):
    """What a person said of two listens. It stands above every computation, and survives each of them.

    `first` is the listen with the smaller id.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="duplicate_verdicts")
    first = models.ForeignKey(Listen, on_delete=models.CASCADE, related_name="+")
    second = models.ForeignKey(Listen, on_delete=models.CASCADE, related_name="+")
    is_duplicate = models.BooleanField()
    decided_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["first", "second"], name="one_verdict_per_pair"),
            models.CheckConstraint(condition=models.Q(first__lt=models.F("second")), name="verdict_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.first_id} and {self.second_id} are {'the same' if self.is_duplicate else 'two'}"


class DuplicateScan(Scan):
    """A person's listens that are still to be compared with what other sources tell."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="duplicate_scan")

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["due_at"], name="duplicate_scan_due", condition=is_scheduled())
        ]

    def __str__(self) -> str:
        return f"listens of person {self.user_id} to compare"
