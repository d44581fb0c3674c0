"""A person's duplicates, linked in the database: a stretch of their history at a time, and always the same way."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import QuerySet, Subquery

from providers import registry
from providers.history.duplicates import matching
from providers.history.duplicates.comparison import Play
from providers.history.duplicates.matching import Verdicts
from providers.history.duplicates.moments import REACH_MS, Marks
from providers.models import DuplicateVerdict, Listen, StatisticsScan

CHUNK = 5_000
"""How many listens are compared in one transaction: short enough for others who want to write meanwhile."""

_REACH = timedelta(milliseconds=REACH_MS)
_TICK = timedelta(microseconds=1)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_FIELDS = (
    "id", "provider_type", "source", "name", "artist", "album", "duration_ms", "played_at", "isrc", "duplicate_of_id",
)  # fmt: skip


def link(user_id: int, since: datetime, until: datetime) -> None:
    """Link the person's duplicates among the listens of this time, both ends included, as they are to be linked now.

    Whatever hangs together with these listens is looked at as a whole, so it does not matter in which stretches, and
    in which order, a history is linked. Nothing is written that is so already. What a person said stays true.
    """
    position = where_to_begin(user_id, since, until)
    while position is not None:
        rest = link_chunk(user_id, position, until)
        position = None if rest is None else where_to_begin(user_id, rest, until)


def where_to_begin(user_id: int, since: datetime, until: datetime) -> datetime | None:
    """Return where in this time there begins anything to compare; None where there is nothing.

    A stretch in which all listens came from one source is passed over in one query, be it a whole history.
    """
    listens = _listens(user_id, _earlier(since), _later(until)).order_by("played_at", "id")
    first = listens.values("provider_type", "source")[:1]
    others = listens.exclude(
        provider_type=Subquery(first.values("provider_type")), source=Subquery(first.values("source"))
    )
    begin = [_earlier(other) for other in others.values_list("played_at", flat=True)[:1]]
    said = DuplicateVerdict.objects.filter(user_id=user_id, is_duplicate=True)
    for side in ("first", "second"):
        moments = said.filter(**{f"{side}__played_at__range": (since, until)}).order_by(f"{side}__played_at")
        begin.extend(moments.values_list(f"{side}__played_at", flat=True)[:1])
    return max(since, min(begin)) if begin else None


def link_chunk(user_id: int, since: datetime, until: datetime) -> datetime | None:
    """Link the first listens of this time in one transaction; return where the rest begins, None where none is."""
    with transaction.atomic():
        lock(user_id)
        listens = _listens(user_id, since, until).order_by("played_at")
        end = next(iter(listens.values_list("played_at", flat=True)[CHUNK : CHUNK + 1]), until)
        link_around(user_id, [(since, end)])
    return end + _TICK if end < until else None


def lock(user_id: int) -> None:
    """Let nobody else link this person's listens until the transaction ends, nor say anything about them."""
    # No lock that a new listen of theirs would wait for.
    people = get_user_model()._default_manager.select_for_update(no_key=True)
    list(people.filter(pk=user_id).values_list("pk"))


class Span(NamedTuple):
    """A stretch of time, both ends included."""

    since: datetime
    until: datetime


def link_around(user_id: int, spans: Iterable[tuple[datetime, datetime]]) -> None:
    """Link what hangs together with the listens of these stretches. For callers that hold the `lock`."""
    neighbourhood = _Neighbourhood(user_id, [Span(*span) for span in spans])
    changes = [
        (canonical, id) for id, canonical in neighbourhood.links() if neighbourhood.duplicate_of[id] != canonical
    ]
    if changes:
        _write(changes)
        moments = [neighbourhood.plays[id].played_at for _, id in changes]
        StatisticsScan.note(user_id, min(moments), max(moments))


class _Neighbourhood:
    """The listens of some stretches of time, and as much around them as they hang together with."""

    def __init__(self, user_id: int, spans: Sequence[Span]) -> None:
        self._user_id = user_id
        self.plays: dict[int, Play] = {}
        self.duplicate_of: dict[int, int | None] = {}
        self._loaded: list[Span] = []
        self._verdicts, self._said_of = _read_verdicts(user_id)
        # Twice as far, because most of what hangs together then needs no second look.
        missing = [Span(_earlier(_earlier(since)), _later(_later(until))) for since, until in spans]
        while missing:
            for span in missing:
                self._load(span)
            self._pairs = matching.find_pairs(self.plays)
            self._together = matching.hanging_together(self.plays, self._pairs)
            asked = [id for id, play in self.plays.items() if any(s <= play.played_at <= u for s, u in spans)]
            self._clusters = list(self._find_clusters(asked))
            missing = self._find_missing()

    def links(self) -> Iterator[tuple[int, int | None]]:
        """Yield each listen that was asked about, or hangs together with one, and what it duplicates."""
        for cluster in self._clusters:
            if len(cluster) == 1:
                yield cluster[0], None
            else:
                links = matching.link_to_canonical(cluster, self.plays, self._pairs, self._verdicts)
                yield from ((id, links.get(id)) for id in cluster)

    def _find_clusters(self, ids: Iterable[int]) -> Iterator[list[int]]:
        seen: set[int] = set()
        for start in ids:
            if start in seen:
                continue
            cluster = list(self._together[start])
            seen.update(cluster)
            for id in cluster:
                for partner in self._verdicts.partners.get(id, ()):
                    if partner not in seen and partner in self.plays:
                        cluster.extend(self._together[partner])
                        seen.update(self._together[partner])
            yield cluster

    def _find_missing(self) -> list[Span]:
        """Return what to load that could belong to a cluster and was not looked at."""
        missing = []
        for cluster in self._clusters:
            for id in cluster:
                if len(cluster) > 1:
                    missing.append(self._around(self.plays[id].played_at))
                missing.extend(self._around(self._said_of[other]) for other in self._verdicts.partners.get(id, ()))
        return _merged(span for span in missing if not self._is_loaded(span))

    def _around(self, moment: datetime) -> Span:
        return Span(_earlier(moment), _later(moment))

    def _is_loaded(self, span: Span) -> bool:
        return any(loaded.since <= span.since and span.until <= loaded.until for loaded in self._loaded)

    def _load(self, span: Span) -> None:
        rows = _listens(self._user_id, span.since, span.until).values_list(*_FIELDS)
        for id, provider_type, source, name, artist, album, duration_ms, played_at, isrc, duplicate_of in rows:
            self.duplicate_of[id] = duplicate_of
            self.plays[id] = _play(provider_type, source, name, artist, album, duration_ms, played_at, isrc)
        self._loaded = _merged([*self._loaded, span])


def play_of(listen: Listen) -> Play:
    """Return a listen as it is compared."""
    return _play(*(getattr(listen, name) for name in _FIELDS[1:-1]))


def _play(
    provider_type: str,
    source: str,
    name: str,
    artist: str,
    album: str,
    duration_ms: int,
    played_at: datetime,
    isrc: str,
) -> Play:
    label, marks = _told_by(provider_type)
    return Play(
        provider_type=provider_type,
        played_at=played_at,
        name=name,
        artist=artist,
        source=source,
        marks=marks,
        precision=_precision(played_at, source),
        album=album,
        duration_ms=duration_ms,
        isrc=isrc,
        label=label,
    )


def _told_by(provider_type: str) -> tuple[str, Marks]:
    """Return what people call a service, and which end of a play it tells."""
    try:
        spec = registry.get(provider_type)
    except registry.UnknownProviderError:
        # A service that is only known from files: those are of scrobblers, and scrobblers tell the start.
        return provider_type, "start"
    return spec.label, spec.played_at_marks


_MILLISECOND, _SECOND, _MINUTE = timedelta(milliseconds=1), timedelta(seconds=1), timedelta(minutes=1)


def _precision(played_at: datetime, source: str) -> timedelta:
    if played_at.microsecond:
        return _MILLISECOND
    # Some files tell minutes only. One listen in sixty of the others is taken for such a one, which does no harm.
    return _SECOND if played_at.second or source == "api" else _MINUTE


def _read_verdicts(user_id: int) -> tuple[Verdicts, dict[int, datetime]]:
    """Return what the person said, and when the listens were played that they said were the same."""
    rows = DuplicateVerdict.objects.filter(user_id=user_id).order_by("id")
    same, two, said_of = [], [], {}
    for first, second, is_duplicate, played_first, played_second in rows.values_list(
        "first_id", "second_id", "is_duplicate", "first__played_at", "second__played_at"
    ):
        if is_duplicate:
            same.append((first, second))
            said_of.update({first: played_first, second: played_second})
        else:
            two.append((first, second))
    return Verdicts(same=same, two=frozenset(two)), said_of


def _listens(user_id: int, since: datetime, until: datetime) -> QuerySet[Listen]:
    return Listen.objects.filter(user_id=user_id, played_at__gte=since, played_at__lte=until)


def _write(changes: list[tuple[int | None, int]]) -> None:
    # One prepared statement for all of them: `bulk_update` would spend seconds on writing SQL.
    quote = connection.ops.quote_name
    table, column = quote(Listen._meta.db_table), quote(Listen._meta.get_field("duplicate_of").column)
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE {table} SET {column} = %s WHERE id = %s", changes)  # noqa: S608, two quoted names


def _earlier(moment: datetime) -> datetime:
    return moment - min(_REACH, moment - _FIRST)


def _later(moment: datetime) -> datetime:
    return moment + min(_REACH, _LAST - moment)


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.since <= merged[-1].until:
            merged[-1] = Span(merged[-1].since, max(merged[-1].until, span.until))
        else:
            merged.append(span)
    return merged
