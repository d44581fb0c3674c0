"""Brings every stored secret under the newest key."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import models

from providers import rotation
from providers.management.commandline import PlainSpokenCommand
from providers.management.progress import TerminalProgress


class Command(PlainSpokenCommand):
    """Encrypts anew, then reads everything again. Exits 1 when the newest key does not decrypt every secret."""

    help = (
        "Encrypt every stored secret anew under the first of FERNET_KEYS, while the site runs. First put the new key "
        "in front of the old ones and restart everything; afterwards the old ones can go. It can be stopped and run "
        "again at any time."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--dry-run", action="store_true", help="count and verify, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate model by model, then verify and name the rows that are left."""
        is_dry_run: bool = options["dry_run"]
        models_with_secrets = rotation.encrypted_models()
        with TerminalProgress() as progress:
            for model in models_with_secrets:
                result = _rotate(model, progress, is_dry_run=is_dry_run)
                with progress.aside():
                    self.stdout.write(result)
            task = progress.add_task("verifying", total=len(models_with_secrets))
            faults: list[rotation.Fault] = []
            for model in models_with_secrets:
                faults += rotation.find_faults(model)
                progress.advance(task)
        if is_dry_run:
            faults = [fault for fault in faults if fault.is_lost]
        for fault in faults:
            self.stderr.write(_line(fault))
        if faults:
            raise CommandError(f"{len(faults)} secrets are not under the newest key.", returncode=1)
        if not is_dry_run:
            self.stdout.write("Every secret is under the newest key.")


def _rotate(model: type[models.Model], progress: TerminalProgress, *, is_dry_run: bool) -> str:
    task = progress.add_task(model._meta.label, total=model._base_manager.count())
    rows = rotated = 0
    for batch in rotation.rotate(model, is_dry_run=is_dry_run):
        rows += batch.rows
        rotated += batch.rotated
        progress.update(task, completed=rows)
    return f"{model._meta.label}: {rows} rows, {rotated} {'to be encrypted' if is_dry_run else 'encrypted'} anew"


def _line(fault: rotation.Fault) -> str:
    where = f"{fault.model._meta.label} {fault.pk}: {fault.field}"
    if fault.is_lost:
        return f"{where} cannot be decrypted: is a key missing from FERNET_KEYS? If not, the person has to link again."
    return f"{where} was written under an older key meanwhile: restart what still uses it, then run this again."
