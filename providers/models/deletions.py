"""Listens that people had deleted, until they are gone."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from providers.scheduling import Scheduled, is_scheduled


class HistoryDeletion(Scheduled):
    """A person's wish that the listens of a service be deleted: those that were there then, up to `last_id`.

    What comes home later stays. Due until all of them are gone.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="history_deletions")
    provider_type = models.CharField("service", max_length=64)
    last_id = models.BigIntegerField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "provider_type"], name="one_deletion_per_person_and_service")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["due_at"], name="history_deletion_due", condition=is_scheduled())
        ]

    def __str__(self) -> str:
        return f"deletion of the {self.provider_type} listens of person {self.user_id}"
