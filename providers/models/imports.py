"""Files that people brought, and how far each was read."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from providers.scheduling import Scheduled, is_scheduled


class HistoryImport(Scheduled):
    """One file of listens, read a batch at a time; what is stored of it and where to go on change together.

    `digest` is the SHA-256 of the file: the same file goes on where it was left. `file` is set while a copy waits on
    the site to be read in the background, and empty where a command reads the person's own. `rows_read` counts the
    rows of the file that are dealt with, `counts` how many by what became of them, and `refused` names the first of
    those that were not understood, by place and reason.
    """

    class Status(models.TextChoices):
        """Where the import stands."""

        WAITING = "waiting", "Waiting"
        READING = "reading", "Being read"
        DONE = "done", "Done"
        FAILED = "failed", "Not readable"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="history_imports")
    name = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    file = models.FileField(upload_to="imports/", blank=True, default="")
    format = models.CharField(max_length=32, blank=True, default="")
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.WAITING)
    detail = models.TextField(blank=True, default="")
    rows_read = models.PositiveBigIntegerField(default=0)
    bytes_read = models.PositiveBigIntegerField(default=0)
    counts = models.JSONField(default=dict, blank=True)
    refused = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "digest"], name="one_import_per_file")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["due_at"], name="history_import_due", condition=is_scheduled())
        ]

    def __str__(self) -> str:
        return f"import of {self.name}"
