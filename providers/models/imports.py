"""Files that people brought, and how far each was read."""

import re
from pathlib import PurePath
from typing import Any, ClassVar
from uuid import uuid4

from django.conf import settings
from django.db import models, transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _

from providers.scheduling import Scheduled, is_scheduled

MAX_COPY_NAME = 50
"""The most characters of a file's name that its copy bears. With the folder they have to fit into the column."""


def upload_path(instance: models.Model, filename: str) -> str:
    """Return where a copy waits: in a folder nobody can guess, under a name that shows where a mistake is."""
    # The end of a name tells what the file is.
    plain_name = re.sub(r"[^-.\w]", "_", filename)[-MAX_COPY_NAME:].lstrip(".")
    return f"imports/{uuid4().hex}/{plain_name or '_'}"


class HistoryImport(Scheduled):
    """One file of listens, read a batch at a time; what is stored of it and where to go on change together.

    `digest` is the SHA-256 of the file: the same file goes on where it was left. `file` is set while a copy waits on
    the site to be read in the background, and empty where a command reads the person's own. `rows_read` counts the
    rows of the file that are dealt with, `counts` tells what became of them (`providers.history.imports.Counts`),
    and `refused` names the first of those that were not understood, by place and reason. `bytes_read` of
    `bytes_total` are counted unpacked, other than `size`. `spans` holds, by service, when the first and the last play
    of the file were, so far.
    """

    class Status(models.TextChoices):
        """Where the import stands."""

        WAITING = "waiting", _("Waiting")
        READING = "reading", _("Being read")
        DONE = "done", _("Done")
        FAILED = "failed", _("Not readable")

    FINISHED = (Status.DONE, Status.FAILED)

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="history_imports")
    name = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    file = models.FileField(upload_to=upload_path, blank=True, default="")
    format = models.CharField(max_length=32, blank=True, default="")
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.WAITING)
    detail = models.TextField(blank=True, default="")
    rows_read = models.PositiveBigIntegerField(default=0)
    bytes_read = models.PositiveBigIntegerField(default=0)
    bytes_total = models.PositiveBigIntegerField(default=0)
    counts = models.JSONField(default=dict, blank=True)
    refused = models.JSONField(default=list, blank=True)
    spans = models.JSONField(default=dict, blank=True)
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

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to do, unless the file is brought again."""
        return self.status in self.FINISHED

    def delete_copy(self) -> None:
        """Delete the copy that waits on the site, and its folder. One that is gone already is no error."""
        if self.file.name:
            self.file.storage.delete(self.file.name)
            self.file.storage.delete(str(PurePath(self.file.name).parent))


@receiver(post_delete, sender=HistoryImport)
def delete_copy_with_row(instance: HistoryImport, **_: Any) -> None:
    """Leave no copy behind where a person is deleted, once that is certain."""
    transaction.on_commit(instance.delete_copy)
