"""A batch of tracks becomes rows, each listen exactly once, as fast as the database takes them.

`bulk_create` costs more than all the rest of an import: it makes an object of each row and asks each of its fields.
So the two databases that people run get what suits them, and any other gets `bulk_create`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
from django.db import connection, models, transaction

from providers.datatypes import Track
from providers.jsonvalues import storable
from providers.models import DuplicateScan, Listen
from providers.models.history import fingerprint

BATCH_FIELDS = ("user", "provider_type", "source")
"""The fields of a listen that all of a batch share."""

TRACK_FIELDS = (
    "played_at",
    "fingerprint",
    "remote_track_id",
    "name",
    "artist",
    "album",
    "duration_ms",
    "url",
    "isrc",
)
"""The fields that each listen has of its own, in the order of `_values_of`."""

_MAX_DURATION_MS = 2**31 - 1
"""What the column holds; a longer play is a mistake of the service."""

_Offered = dict[tuple[datetime, int], Track]
"""Listens by what tells them apart within one person's use of one service: moment and fingerprint."""


def unstored(user_id: int, provider_type: str, tracks: Iterable[Track]) -> list[Track]:
    """Return those of the tracks that are not in the database yet, each listen once.

    Raises `ValueError` for a track that is no listen: without an aware `played_at`, or with None for a text.
    """
    offered = _by_key(tracks)
    for key in _known_keys(user_id, provider_type, offered):
        offered.pop(key, None)
    return list(offered.values())


def store(user_id: int, provider_type: str, tracks: Iterable[Track], *, source: str = "api") -> int:
    """Store the listens that are new and return how many there were. Storing twice changes nothing.

    What no database stores is left out of texts, as `storable` does it. All is stored or nothing, within the
    caller's transaction where there is one. Raises `ValueError` as `unstored` does; nothing is stored then.
    """
    return store_all(user_id, {(provider_type, source): tracks})[provider_type, source]


def store_all(user_id: int, batches: Mapping[tuple[str, str], Iterable[Track]]) -> dict[tuple[str, str], int]:
    """Store listens by service and source, as `store` does, and return how many of each were new.

    What is stored in one transaction has to be stored by one call: whoever compares listens changes them first and the
    person's `DuplicateScan` last, and would wait for one who does it the other way round for ever.
    """
    insert = _INSERTS.get(connection.vendor, _insert_anywhere)
    offered = {batch: _by_key(tracks) for batch, tracks in sorted(batches.items())}
    new = dict.fromkeys(offered, _Inserted(0, None, None))
    if any(offered.values()):
        with transaction.atomic(savepoint=False):
            new.update((batch, insert((user_id, *batch), tracks)) for batch, tracks in offered.items() if tracks)
            _note(user_id, new.values())
    return {batch: inserted.listens for batch, inserted in new.items()}


def _note(user_id: int, new: Iterable["_Inserted"]) -> None:
    """Have what was stored compared with what other sources tell."""
    spans = [(each.oldest, each.newest) for each in new if each.oldest is not None and each.newest is not None]
    if spans:
        DuplicateScan.note(user_id, min(oldest for oldest, _ in spans), max(newest for _, newest in spans))


def _by_key(tracks: Iterable[Track]) -> _Offered:
    offered: _Offered = {}
    for track in tracks:
        if track.played_at is None or track.played_at.utcoffset() is None:
            raise ValueError("a listen needs played_at, with a time zone")
        texts = (track.id, track.name, track.artist, track.album, track.url, track.isrc)
        # SQLite ignores a row with NULL just as it ignores one that is there: it would be lost in silence.
        if None in texts:
            raise ValueError("a listen has texts, if empty ones, and never None")
        listen = track
        # One look at all of them: hardly any needs more.
        text = "".join(texts)
        if storable(text) != text:
            listen = _with_storable_texts(track)
        offered[track.played_at, fingerprint(listen.name, listen.artist)] = listen
    return offered


def _with_storable_texts(track: Track) -> Track:
    return replace(
        track,
        id=storable(track.id),
        name=storable(track.name),
        artist=storable(track.artist),
        album=storable(track.album),
        url=storable(track.url),
        isrc=storable(track.isrc),
    )


def _known_keys(user_id: int, provider_type: str, offered: _Offered) -> "models.QuerySet[Listen, tuple[datetime, int]]":
    """Find the listens of the moments offered: each is looked up, however far apart they lie."""
    return Listen.objects.filter(
        user_id=user_id, provider_type=provider_type, played_at__in=[moment for moment, _ in offered]
    ).values_list("played_at", "fingerprint")


class _Inserted(NamedTuple):
    """How many listens were new, and the span of time they are in."""

    listens: int
    oldest: datetime | None
    newest: datetime | None


_Batch = tuple[int, str, str]
"""The values of `BATCH_FIELDS`."""


def _insert_sqlite(batch: _Batch, offered: _Offered) -> _Inserted:
    table = connection.ops.quote_name(Listen._meta.db_table)
    columns = {name: _column(name) for name in BATCH_FIELDS + TRACK_FIELDS}
    user_id, provider_type, _ = batch
    keys = dict(zip(_written_for_sqlite(offered), offered, strict=True))
    with connection.cursor() as cursor:
        moments = [moment for moment, _ in keys]
        span = (user_id, provider_type, min(moments), max(moments))
        where = f"{columns['user']} = %s AND {columns['provider_type']} = %s AND {columns['played_at']}"
        # Nothing of a first import is known, which one look at its span tells.
        cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {table} WHERE {where} BETWEEN %s AND %s)", span)  # noqa: S608, all names are the model's
        if cursor.fetchone()[0]:
            # CROSS JOIN is SQLite's word for "in this order", without which it may read the whole history instead.
            cursor.execute(
                f"SELECT moments.value, {columns['fingerprint']} "  # noqa: S608, as above
                f"FROM json_each(%s) AS moments CROSS JOIN {table} WHERE {where} = moments.value",
                [orjson.dumps(moments).decode(), user_id, provider_type],
            )
            for known in cursor.fetchall():
                keys.pop(known, None)
        if not keys:
            return _Inserted(0, None, None)
        cursor.executemany(
            f"INSERT INTO {table} ({', '.join(columns.values())}) "  # noqa: S608, all names are the model's
            f"VALUES ({', '.join(['%s'] * len(columns))}) ON CONFLICT DO NOTHING",
            [batch + _values_of(offered[key], *written) for written, key in keys.items()],
        )
        new = [moment for moment, _ in keys.values()]
        return _Inserted(cursor.rowcount, min(new), max(new))


def _written_for_sqlite(offered: _Offered) -> Iterator[tuple[str, int]]:
    """Write the moments of keys as Django does for SQLite, in a third of the time."""
    zone = connection.timezone
    for moment, track_fingerprint in offered:
        if moment.tzinfo is zone is UTC:
            # All but "+00:00".
            yield moment.isoformat(" ")[:-6], track_fingerprint
        else:
            yield moment.astimezone(zone).replace(tzinfo=None).isoformat(" "), track_fingerprint


def _insert_postgresql(batch: _Batch, offered: _Offered) -> _Inserted:
    table = connection.ops.quote_name(Listen._meta.db_table)
    batch_columns = ", ".join(_column(name) for name in BATCH_FIELDS)
    track_columns = ", ".join(_column(name) for name in TRACK_FIELDS)
    typed_columns = ", ".join(f"{_column(name)} {_field(name).db_type(connection)}" for name in TRACK_FIELDS)
    names = [_field(name).column for name in TRACK_FIELDS]
    # In one order: two processes that store the same listens wait for each other, but never both at once.
    rows = [dict(zip(names, _values_of(offered[key], *key), strict=True)) for key in sorted(offered)]
    with connection.cursor() as cursor:
        # One text for the whole batch: reading it costs the server less than a thousand parameters cost us.
        cursor.execute(
            f"WITH new AS (INSERT INTO {table} ({batch_columns}, {track_columns}) "  # noqa: S608, as above
            f"SELECT %s, %s, %s, {track_columns} FROM json_to_recordset(%s::json) AS offered({typed_columns}) "
            f"ON CONFLICT DO NOTHING RETURNING {_column('played_at')} AS moment) "
            "SELECT count(*), min(moment), max(moment) FROM new",
            [*batch, orjson.dumps(rows).decode()],
        )
        return _Inserted(*cursor.fetchone())


def _insert_anywhere(batch: _Batch, offered: _Offered) -> _Inserted:
    user_id, provider_type, _ = batch
    known = set(_known_keys(user_id, provider_type, offered))
    new = [key for key in offered if key not in known]
    if not new:
        return _Inserted(0, None, None)
    names = [_field(name).attname for name in BATCH_FIELDS + TRACK_FIELDS]
    # A second process may store the same listen between the look and the write.
    Listen.objects.bulk_create(
        [Listen(**dict(zip(names, batch + _values_of(offered[key], *key), strict=True))) for key in new],
        ignore_conflicts=True,
    )
    moments = [moment for moment, _ in new]
    return _Inserted(len(new), min(moments), max(moments))


_INSERTS: dict[str, Callable[[_Batch, _Offered], _Inserted]] = {
    "sqlite": _insert_sqlite,
    "postgresql": _insert_postgresql,
}


def _values_of(track: Track, moment: datetime | str, track_fingerprint: int) -> tuple[datetime | str | int, ...]:
    duration_ms = track.duration_ms
    # To look first is cheaper than to call two functions for every listen there is.
    if not 0 <= duration_ms <= _MAX_DURATION_MS:
        duration_ms = min(max(duration_ms, 0), _MAX_DURATION_MS)
    return (
        moment,
        track_fingerprint,
        track.id,
        track.name,
        track.artist,
        track.album,
        duration_ms,
        track.url,
        track.isrc,
    )


def _field(name: str) -> "models.Field[Any, Any]":
    field = Listen._meta.get_field(name)
    assert isinstance(field, models.Field)  # noqa: S101, a listen has no relations but its own
    return field


def _column(name: str) -> str:
    column = _field(name).column
    assert column is not None  # noqa: S101, each of these fields has one
    return connection.ops.quote_name(column)
