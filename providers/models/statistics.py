"""What was listened to, counted month by month, and the months that are to be counted again."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from providers.models.scans import Scan
from providers.scheduling import is_scheduled


class MonthCount(models.Model):
    """What a person listened to in one month of UTC, counted. A month without a listen has no row.

    Each of the four is packed as `providers.statistics.months` does it: `quarters` are the listens by quarter of an
    hour, from which those of any time zone's days and hours can be told.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    month = models.DateField(help_text="Its first day.")
    quarters = models.BinaryField()
    artists = models.BinaryField()
    albums = models.BinaryField()
    tracks = models.BinaryField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "month"], name="one_count_per_month")
        ]

    def __str__(self) -> str:
        return f"listens of person {self.user_id} in {self.month:%Y-%m}"


class StatisticsScan(Scan):
    """A person's listens that are still to be counted, or to be counted again because something about them changed.

    `all_time` is what all months come to, summed up when the last of them was counted; empty while they change.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="statistics_scan")
    all_time = models.JSONField(default=dict, blank=True, editable=False)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["due_at"], name="statistics_scan_due", condition=is_scheduled())
        ]

    def __str__(self) -> str:
        return f"listens of person {self.user_id} to count"
