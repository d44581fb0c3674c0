"""A batch of tracks becomes rows, each listen exactly once, as fast as the database takes them.

`bulk_create` costs more than all the rest of an import: it makes an object of each row and asks each of its fields.
So the two databases that people run get what suits them, and any other gets `bulk_create`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

import orjson
from django.db import connection, models, transaction

from providers import signals
from providers.datatypes import Track
from providers.jsonvalues import is_storable, storable
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

_MAX_SQLITE_PARAMETERS = 999
"""What every SQLite takes in one statement."""

_Key = tuple[float, int]
"""What tells listens apart within one person's use of one service: moment, as Unix time, and fingerprint.

A number, because of a moment with a time zone the hash alone takes as long as all the rest of looking it up.
"""

_Offered = dict[_Key, Track]


def unstored(user_id: int, provider_type: str, tracks: Iterable[Track]) -> list[Track]:
    """Return those of the tracks that are not in the database yet, each listen once.

    Raises `ValueError` for a track that is no listen: without an aware `played_at`, or with None for a text.
    """
    offered = _by_key(tracks)
    known = _known(user_id, provider_type, offered)
    return [track for key, track in offered.items() if key not in known]


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
            _announce(user_id, new)
    return {batch: inserted.listens for batch, inserted in new.items()}


def _note(user_id: int, new: Iterable["_Inserted"]) -> None:
    """Have what was stored compared with what other sources tell."""
    spans = [(each.oldest, each.newest) for each in new if each.oldest is not None and each.newest is not None]
    if spans:
        DuplicateScan.note(user_id, min(oldest for oldest, _ in spans), max(newest for _, newest in spans))


def _announce(user_id: int, new: Mapping[tuple[str, str], "_Inserted"]) -> None:
    for (provider_type, source), inserted in new.items():
        if inserted.listens:
            facts = {"user_id": user_id, "provider_type": provider_type, "source": source, "count": inserted.listens}
            signals.announce(signals.listens_stored, Listen, **facts)


def _by_key(tracks: Iterable[Track]) -> _Offered:
    listens = list(tracks)
    for track in listens:
        moment = track.played_at
        if moment is None or (moment.tzinfo is not UTC and moment.utcoffset() is None):
            raise ValueError("a listen needs played_at, with a time zone")
    try:
        # One look at all of them: hardly any needs more.
        texts = "".join(chain.from_iterable(map(_texts_of, listens)))
    except TypeError:
        # SQLite ignores a row with NULL just as it ignores one that is there: it would be lost in silence.
        raise ValueError("a listen has texts, if empty ones, and never None") from None
    if not is_storable(texts):
        listens = list(map(_with_storable_texts, listens))
    return {(_moment_of(listen).timestamp(), fingerprint(listen.name, listen.artist)): listen for listen in listens}


_TEXTS = ("id", "name", "artist", "album", "url", "isrc")
"""The fields of a track that become texts of its row."""

_texts_of = attrgetter(*_TEXTS)


def _with_storable_texts(track: Track) -> Track:
    if is_storable("".join(_texts_of(track))):
        return track
    texts: dict[str, Any] = dict(zip(_TEXTS, map(storable, _texts_of(track)), strict=True))
    return replace(track, **texts)


def _moment_of(track: Track) -> datetime:
    assert track.played_at is not None  # noqa: S101, `_by_key` lets no other pass
    return track.played_at


def _known(user_id: int, provider_type: str, offered: _Offered) -> set[_Key]:
    """Find the listens of the moments offered: each is looked up, however far apart they lie."""
    rows = Listen.objects.filter(
        user_id=user_id, provider_type=provider_type, played_at__in=list(map(_moment_of, offered.values()))
    ).values_list("played_at", "fingerprint")
    return {(moment.timestamp(), track_fingerprint) for moment, track_fingerprint in rows}


class _Inserted(NamedTuple):
    """How many listens were new, and the span of time they are in."""

    listens: int
    oldest: datetime | None
    newest: datetime | None


_Batch = tuple[int, str, str]
"""The values of `BATCH_FIELDS`."""


def _insert_sqlite(batch: _Batch, offered: _Offered) -> _Inserted:
    texts = _as_sqlite_has_them(list(map(_moment_of, offered.values())))
    with connection.cursor() as cursor:
        known = _known_to_sqlite(cursor, batch, texts)
        new = [
            (text, track_fingerprint, track)
            for text, ((_, track_fingerprint), track) in zip(texts, offered.items(), strict=True)
            if (text, track_fingerprint) not in known
        ]
        if not new:
            return _Inserted(0, None, None)
        # The oldest first: told newest first, as services do it, they would leave the pages of the index half empty.
        new.sort(key=itemgetter(0, 1))
        rows = [batch + _values_of(track, text, track_fingerprint) for text, track_fingerprint, track in new]
        # As many in one statement as it takes parameters: each statement costs as much as several rows.
        size = _MAX_SQLITE_PARAMETERS // len(rows[0])
        rest = len(rows) - len(rows) % size
        inserted = _insert_rows(cursor, rows[:rest], size) + _insert_rows(cursor, rows[rest:], 1)
    moments = [_moment_of(track) for _, _, track in new]
    return _Inserted(inserted, min(moments), max(moments))


def _insert_rows(cursor: Any, rows: list[tuple[Any, ...]], size: int) -> int:
    """Insert rows, so many in one statement, and return how many were new."""
    if not rows:
        return 0
    columns = [_column(name) for name in BATCH_FIELDS + TRACK_FIELDS]
    row = f"({', '.join(['%s'] * len(columns))})"
    cursor.executemany(
        f"INSERT INTO {_table()} ({', '.join(columns)}) VALUES {', '.join([row] * size)} ON CONFLICT DO NOTHING",  # noqa: S608, all names are the model's
        [tuple(chain.from_iterable(rows[first : first + size])) for first in range(0, len(rows), size)],
    )
    count: int = cursor.rowcount
    return count


def _known_to_sqlite(cursor: Any, batch: _Batch, texts: list[str]) -> set[tuple[str, int]]:
    """Return moment, as text, and fingerprint of all listens stored at these moments, and perhaps of others."""
    user_id, provider_type, _ = batch
    # As text: Django's converter takes ten times as long. In the order of the index that it is all read from.
    keys = f"CAST({_column('played_at')} AS TEXT), {_column('fingerprint')}"
    where = f"{_column('user')} = %s AND {_column('provider_type')} = %s AND {_column('played_at')}"
    # What is offered lies close together, nearly always: then one stretch of the index tells what of it is known.
    at_most = 2 * len(texts)
    cursor.execute(
        f"SELECT {keys} FROM {_table()} WHERE {where} BETWEEN %s AND %s LIMIT {at_most + 1}",  # noqa: S608, as above
        [user_id, provider_type, min(texts), max(texts)],
    )
    rows = cursor.fetchall()
    if len(rows) > at_most:
        # CROSS JOIN is SQLite's word for "in this order", without which it may read the whole history instead.
        cursor.execute(
            f"SELECT {keys} FROM json_each(%s) AS moments CROSS JOIN {_table()} WHERE {where} = moments.value",  # noqa: S608, as above
            [orjson.dumps(texts).decode(), user_id, provider_type],
        )
        rows = cursor.fetchall()
    return set(rows)


def _as_sqlite_has_them(moments: list[datetime]) -> list[str]:
    """Write moments as Django does for SQLite, in the time zone of the database."""
    zone = connection.timezone
    if zone is UTC and all(moment.tzinfo is UTC for moment in moments):
        # All at once: one by one it would take several times as long, and of each listen nothing takes longer.
        written = orjson.dumps(moments, option=orjson.OPT_UTC_Z)
        texts: list[str] = orjson.loads(written.replace(b"T", b" ").replace(b"Z", b""))
        return texts
    return [moment.astimezone(zone).replace(tzinfo=None).isoformat(" ") for moment in moments]


def _insert_postgresql(batch: _Batch, offered: _Offered) -> _Inserted:
    batch_columns = ", ".join(_column(name) for name in BATCH_FIELDS)
    track_columns = ", ".join(_column(name) for name in TRACK_FIELDS)
    typed_columns = ", ".join(f"{_column(name)} {_field(name).db_type(connection)}" for name in TRACK_FIELDS)
    names = [_field(name).column for name in TRACK_FIELDS]
    # In one order: two processes that store the same listens wait for each other, but never both at once.
    rows = [
        dict(zip(names, _values_of(track, _moment_of(track), track_fingerprint), strict=True))
        for (_, track_fingerprint), track in sorted(offered.items(), key=itemgetter(0))
    ]
    with connection.cursor() as cursor:
        # One text for the whole batch: reading it costs the server less than a thousand parameters cost us.
        cursor.execute(
            f"WITH new AS (INSERT INTO {_table()} ({batch_columns}, {track_columns}) "  # noqa: S608, as above
            f"SELECT %s, %s, %s, {track_columns} FROM json_to_recordset(%s::json) AS offered({typed_columns}) "
            f"ON CONFLICT DO NOTHING RETURNING {_column('played_at')} AS moment) "
            "SELECT count(*), min(moment), max(moment) FROM new",
            [*batch, orjson.dumps(rows).decode()],
        )
        return _Inserted(*cursor.fetchone())


def _insert_anywhere(batch: _Batch, offered: _Offered) -> _Inserted:
    user_id, provider_type, _ = batch
    known = _known(user_id, provider_type, offered)
    new = {key: track for key, track in offered.items() if key not in known}
    if not new:
        return _Inserted(0, None, None)
    names = [_field(name).attname for name in BATCH_FIELDS + TRACK_FIELDS]
    # A second process may store the same listen between the look and the write; in one order, as above.
    Listen.objects.bulk_create(
        [
            Listen(**dict(zip(names, batch + _values_of(track, _moment_of(track), track_fingerprint), strict=True)))
            for (_, track_fingerprint), track in sorted(new.items(), key=itemgetter(0))
        ],
        ignore_conflicts=True,
    )
    moments = list(map(_moment_of, new.values()))
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


def _table() -> str:
    return connection.ops.quote_name(Listen._meta.db_table)


def _column(name: str) -> str:
    column = _field(name).column
    assert column is not None  # noqa: S101, each of these fields has one
    return connection.ops.quote_name(column)
