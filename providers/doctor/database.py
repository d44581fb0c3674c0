"""The database: there, up to date, writable, and in a place that is good for it."""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from django.db import Error, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from providers.doctor.findings import Finding, ok, problem, warning
from providers.models import EventCount

NETWORK_FILESYSTEMS = ("9p", "afs", "ceph", "cifs", "fuse.sshfs", "glusterfs", "nfs", "nfs4", "smb3", "smbfs")

MAX_SECONDS_APART = 30


def examine() -> Iterator[Finding]:
    """Connect, look at the migrations, write something and take it back."""
    # A host that does not answer would be waited for for minutes.
    os.environ.setdefault("PGCONNECT_TIMEOUT", "5")
    try:
        connection.ensure_connection()
    except Error as error:
        yield problem(
            f"The database is not to be had: {type(error).__name__}.",
            "Is it running, and are host, name, user and password in DATABASE_URL right? SQLite: may this user read "
            "the file and write in its folder?",
        )
        return
    yield ok(f"The database answers ({connection.display_name}).")
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        yield problem(f"{len(missing)} migrations are not applied.", "Run manage.py migrate, then restart everything.")
        return
    yield ok("Every migration is applied.")
    yield _written()
    if connection.vendor == "sqlite":
        yield from _sqlite(Path(connection.settings_dict["NAME"]))
    else:
        yield _clock()


def _written() -> Finding:
    try:
        with transaction.atomic():
            EventCount.objects.create(name="examination", labels="{}")
            transaction.set_rollback(True)
    except Error as error:
        return problem(
            f"The database cannot be written to: {type(error).__name__}.",
            "Is its disk full or read-only, or does another program hold it? May this user write the file and in its "
            "folder?",
        )
    return ok("It can be written to.")


def _sqlite(file: Path) -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        (mode,) = cursor.fetchone()
    if mode != "wal":
        yield warning(
            f"SQLite keeps its journal in mode {mode}: whoever writes holds up whoever reads.",
            'Set "init_command": "PRAGMA journal_mode=WAL;" among the OPTIONS of the database.',
        )
    kind = filesystem_of(file)
    if kind in NETWORK_FILESYSTEMS:
        yield problem(
            f"The file of the database is on a disk of the network ({kind}), where SQLite loses data.",
            "Move it to a disk of this machine, or use PostgreSQL.",
        )


def filesystem_of(file: Path) -> str:
    """Return what kind of file system a file is on; empty where the system does not tell."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return ""
    above = [(folder, kind) for folder, kind in mounts if file.resolve().is_relative_to(folder)]
    return max(above, key=lambda mount: len(mount[0]), default=("", ""))[1]


def _clock() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT CURRENT_TIMESTAMP")
        (theirs,) = cursor.fetchone()
    assert isinstance(theirs, datetime)  # noqa: S101, it is a database that knows zones
    apart = abs((timezone.now() - theirs).total_seconds())
    if apart > MAX_SECONDS_APART:
        return warning(
            f"This machine's clock and the database's are {apart:.0f} seconds apart.",
            "Have both set by NTP: one decides what is due, the other when.",
        )
    return ok("This machine's clock and the database's agree.")
