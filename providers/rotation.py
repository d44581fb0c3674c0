"""Bringing every stored secret under the newest of `FERNET_KEYS`, while the site runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models, transaction

from providers.fields import ciphertexts, is_decryptable, is_under_newest_key, secret_names

BATCH_ROWS = 100
"""How many rows are read, and at most locked, at a time. A refresh waits for no more than that."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What came of a few rows: how many there were, and how many were, or would be, encrypted anew."""

    rows: int
    rotated: int


@dataclass(frozen=True, slots=True)
class Fault:
    """A secret that is not under the newest key, named without its content."""

    model: type[models.Model]
    pk: Any
    field: str
    is_lost: bool
    """Whether no key decrypts it. If not, someone wrote it under an older key since it was rotated."""


def encrypted_models() -> list[type[models.Model]]:
    """Return every model of the site that stores a secret, this app's and others'."""
    return [model for model in apps.get_models() if secret_names(model) and not model._meta.proxy]


def rotate(model: type[models.Model], *, is_dry_run: bool = False) -> Iterator[Batch]:
    """Encrypt a model's secrets anew, batch by batch. Rows under the newest key are left alone.

    It can be stopped at any time and run again. What cannot be decrypted is left as it is.
    """
    for batch in _batches(model):
        stale = [pk for pk, *secrets in batch if any(map(_can_be_rotated, secrets))]
        if stale and not is_dry_run:
            _rotate_rows(model, stale)
        yield Batch(rows=len(batch), rotated=len(stale))


def find_faults(model: type[models.Model]) -> Iterator[Fault]:
    """Read every secret of a model again and tell which of them are not under the newest key."""
    for batch in _batches(model):
        for pk, *secrets in batch:
            for name, stored in zip(secret_names(model), secrets, strict=True):
                if not is_under_newest_key(stored):
                    yield Fault(model, pk, name, is_lost=not is_decryptable(stored))


def _batches(model: type[models.Model]) -> Iterator[list[tuple[Any, ...]]]:
    """Yield primary keys and ciphertexts, in the order of the keys: rows that come and go shift nothing."""
    rows = model._base_manager.order_by("pk")
    batch = list(ciphertexts(rows, "pk")[:BATCH_ROWS])
    while batch:
        yield batch
        batch = list(ciphertexts(rows.filter(pk__gt=batch[-1][0]), "pk")[:BATCH_ROWS])


def _can_be_rotated(stored: Any) -> bool:
    return not is_under_newest_key(stored) and is_decryptable(stored)


def _rotate_rows(model: type[models.Model], pks: list[Any]) -> None:
    names = secret_names(model)
    with transaction.atomic():
        # Read anew under the lock: a refresh may have written since, and what it wrote must stay.
        for pk, *secrets in list(ciphertexts(model._base_manager.select_for_update().filter(pk__in=pks), "pk")):
            stale = [name for name, stored in zip(names, secrets, strict=True) if _can_be_rotated(stored)]
            row = model._base_manager.filter(pk=pk)
            if stale:
                # Writing a value encrypts it under the newest key; no other column is touched.
                row.update(**dict(zip(stale, row.values_list(*stale).get(), strict=True)))
