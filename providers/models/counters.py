"""What is counted for whoever operates the site."""

from typing import ClassVar

from django.db import models


class EventCount(models.Model):
    """How often something has happened since the site began, and how much came of it altogether.

    `labels` tell its kinds apart, as sorted JSON.
    """

    name = models.CharField(max_length=64)
    labels = models.CharField(max_length=255)
    times = models.PositiveBigIntegerField(default=0)
    amount = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["name", "labels"], name="one_count_per_name_and_labels")
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.labels}: {self.times}"
