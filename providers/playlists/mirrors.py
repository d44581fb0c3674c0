"""Mirrors: a playlist of one service that is carried to another, now or again and again.

A run reads the source, finds its tracks among the target's songs, plans the fewest changes and applies them. It runs
under the lease of the mirror's row, so that two never write one list.
"""

import hashlib
import json
import logging
import traceback
from collections.abc import Callable, Sequence, Set
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, models, transaction
from django.utils import timezone

from providers import registry, scheduling, signals
from providers.contracts import PlaylistManager, PlaylistSyncer
from providers.counters import count
from providers.datatypes import LazyTracks, LeftOut, Playlist, Track
from providers.exceptions import (
    NotFoundError,
    ProviderError,
    RateLimitedError,
    ReauthorizationRequiredError,
    TransientError,
)
from providers.models import Alert, AlertKind, Connection, MissingTrack, PlaylistMirror
from providers.models.playlists import song_as_json
from providers.playlists import finding, library
from providers.playlists.apply import SongsVanishedError, apply, find_target
from providers.playlists.ends import End, NotAnEndError
from providers.playlists.plan import Plan, changes_between
from providers.playlists.reports import CarryOutcome, CarryReport
from providers.scheduling import Lease, LeaseLostError, jittered

logger = logging.getLogger(__name__)

INTERVAL = timedelta(hours=1)
"""The time between two runs of a mirror that is kept."""

FIRST_RETRY = timedelta(minutes=5)
LONGEST_RETRY = timedelta(hours=24)

MAX_SHRINK = 1 / 3
"""The part of a list that a run may remove without being told that it may."""

FAILURES_BEFORE_ALERT = 3
"""After so many in a row a person is told. A service that is away for a few minutes is nobody's business."""

SHOWN_CHANGES = 200
"""How many changes of its last plan a mirror keeps to show."""

Side = Literal["source", "target"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the person wants of one run.

    `allow_shrink`: the list may lose much of what is on it. `prefer`: which side wins where the list was changed on the
    target; "source" also has a list made again that was deleted there. `only_plan`: nothing is written.
    """

    allow_shrink: bool = False
    prefer: Side | None = None
    only_plan: bool = False


class RefusedError(Exception):
    """The run would do what a person has to want first. Says what, in plain words.

    `choices` are the wishes that a person could have, with each of which it would not be refused for this.
    """

    def __init__(self, detail: str, *choices: Wishes) -> None:
        super().__init__(detail)
        self.choices = choices


@dataclass(frozen=True, slots=True)
class _Ends:
    """What both services showed. `playlist` is the target's list, None where there is none yet."""

    source: End
    target: End
    source_playlist: Playlist
    tracks: tuple[Track, ...]
    left_out: tuple[LeftOut, ...]
    playlist: Playlist | None
    now: tuple[Track, ...]
    known: frozenset[str]


def rows() -> "models.QuerySet[PlaylistMirror]":
    """Return the rows that a worker claims: mirrors with all that a run needs to know of them."""
    return PlaylistMirror.objects.select_related("user", "source__user", "target__user")


def run(
    mirror: PlaylistMirror,
    wishes: Wishes | None = None,
    *,
    on_progress: Callable[[str], None] = lambda text: None,
) -> CarryReport:
    """Carry a playlist now, due or not, waiting while a worker does, and report.

    Never raises for what a service, a provider or a missing setting does. Raises `PlaylistMirror.DoesNotExist` where
    the mirror was deleted meanwhile.
    """
    lease = scheduling.claim(rows(), mirror.pk)
    if lease is None:
        raise PlaylistMirror.DoesNotExist
    with lease.renewed():
        return _run(lease, wishes or Wishes(), on_progress)


def begin(source: Connection, playlist_id: str, target: Connection, *, name: str = "") -> PlaylistMirror:
    """Return the mirror of a playlist on a target, made where there is none; it is not due."""
    mirror, _ = PlaylistMirror.objects.get_or_create(
        source=source,
        source_playlist_id=playlist_id,
        target=target,
        defaults={"user": source.user, "name": name, "due_at": None},
    )
    return mirror


def work(lease: Lease[PlaylistMirror], should_stop: Callable[[], bool]) -> None:
    """Carry a playlist that is due, and give its mirror back."""
    if should_stop():
        lease.release(due_at=lease.row.due_at, failures=lease.row.failures)
        return
    wishes = Wishes(**lease.row.wishes)
    if lease.row.wishes:
        # They are for one run; what is wished meanwhile is for the next.
        lease.update(wishes={})
    report = _run(lease, wishes, lambda text: None)
    logger.info("%s: %s", lease.row, report.outcome.replace("_", " "))


def preview(
    mirror: PlaylistMirror, wishes: Wishes | None = None, *, on_progress: Callable[[str], None] = lambda text: None
) -> CarryReport:
    """Plan what `run` would do, and keep nothing of it; the mirror need not be stored."""
    report = CarryReport(mirror, CarryOutcome.FAILED)
    return _attempt(report, lambda report: _only_plan(mirror, report, wishes or Wishes(), on_progress))


def _only_plan(mirror: PlaylistMirror, report: CarryReport, wishes: Wishes, on_progress: Callable[[str], None]) -> None:
    ends = _read(mirror, wishes)
    report.plan = _plan(ends, frozenset(), on_progress)
    _refuse(mirror, ends, report.plan, wishes)
    report.outcome = CarryOutcome.PLANNED


def keep(mirror: PlaylistMirror) -> None:
    """Carry a playlist again and again from now on."""
    rows().filter(pk=mirror.pk).update(is_automatic=True)
    mirror.request()


def keep_no_more(mirror: PlaylistMirror) -> None:
    """Carry a playlist only when somebody asks; what was asked for already is still done."""
    rows().filter(pk=mirror.pk).update(is_automatic=False)
    rows().filter(pk=mirror.pk, due_at__gt=timezone.now()).update(due_at=None)


def stop(mirror: PlaylistMirror, *, delete_playlist: bool) -> None:
    """Carry a playlist no more, and delete the target's list where that is wished. Raises `ProviderError` for that.

    The mirror stays with what it knows, so that it can be taken up again; without a list it begins anew. Waits while a
    worker carries it.
    """
    lease = scheduling.claim(rows(), mirror.pk)
    if lease is None:
        return
    changes: dict[str, Any] = {}
    try:
        with lease.renewed():
            if delete_playlist and lease.row.target_playlist_id:
                target = End(lease.row.target, PlaylistSyncer)
                with target.asked() as syncer:
                    syncer.delete_playlist(lease.row.target_playlist_id)
                changes = {"target_playlist_id": "", "written": None, "writing": None, "known_ids": None}
            lease.update(
                is_automatic=False, due_at=None, state=PlaylistMirror.State.STOPPED, detail="", choices=[], **changes
            )
            Alert.settle(lease.row.user_id, [_matter(lease.row)])
    finally:
        lease.release(due_at=None if lease.row.state == PlaylistMirror.State.STOPPED else lease.row.due_at)


def forget(mirror: PlaylistMirror) -> None:
    """Forget a mirror and all that is known of it. Both lists stay, and what was chosen by hand.

    Waits while a worker carries it.
    """
    lease = scheduling.claim(rows(), mirror.pk)
    if lease is not None:
        with transaction.atomic():
            Alert.settle(lease.row.user_id, [_matter(lease.row)])
            lease.row.delete()


def _run(lease: Lease[PlaylistMirror], wishes: Wishes, on_progress: Callable[[str], None]) -> CarryReport:
    mirror = lease.row
    try:
        report = _attempt(
            CarryReport(mirror, CarryOutcome.FAILED), lambda report: _carry(lease, report, wishes, on_progress)
        )
        _note(lease, report, wishes)
    except LeaseLostError:
        report = CarryReport(mirror, CarryOutcome.TAKEN_OVER, detail="Another worker goes on with it.")
    count("mirror_runs", outcome=report.outcome)
    return report


def _carry(
    lease: Lease[PlaylistMirror], report: CarryReport, wishes: Wishes, on_progress: Callable[[str], None]
) -> None:
    if wishes.only_plan:
        _only_plan(lease.row, report, wishes, on_progress)
        return
    gone: frozenset[str] = frozenset()
    while True:
        ends = _read(lease.row, wishes)
        if _stays_as_it_is(lease, ends, wishes):
            report.outcome = CarryOutcome.IN_STEP
            report.detail = f"The list on {ends.target.label} stays as it was changed there."
            return
        report.plan = _plan(ends, gone, on_progress)
        _refuse(lease.row, ends, report.plan, wishes)
        try:
            apply(lease, ends.target, report.plan, ends.playlist, ends.known)
        except SongsVanishedError as error:
            if error.ids <= gone:
                raise RefusedError(f"{ends.target.label} does not take the songs that it lists.") from None
            # Looked for once more, without them.
            gone |= error.ids
            library.forget(library.index_of(ends.target.connection), error.ids)
            continue
        break
    is_complete = not (report.plan.missing or report.plan.left_out)
    report.outcome = CarryOutcome.IN_STEP if is_complete else CarryOutcome.PARTLY


# --- reading and planning -----------------------------------------------------------------------------------


def _read(mirror: PlaylistMirror, wishes: Wishes) -> _Ends:
    source, target = End(mirror.source, PlaylistManager), End(mirror.target, PlaylistManager, PlaylistSyncer)
    with source.asked() as reader:
        listed = reader.get_playlists()
        source_playlist = next((one for one in listed if one.id == mirror.source_playlist_id), None)
        if source_playlist is None:
            raise RefusedError(f"The playlist is no longer on {source.label}. Nothing was changed on {target.label}.")
        if not source_playlist.is_readable:
            raise RefusedError(f"{source.label} does not show what is on this playlist.")
        tracks = tuple(source_playlist.tracks)
    lazy = source_playlist.tracks
    left_out = tuple(lazy.left_out) if isinstance(lazy, LazyTracks) else ()
    with target.asked() as reader:
        on_target = reader.get_playlists()
        try:
            playlist = find_target(mirror, on_target, _taken(mirror))
        except NotFoundError:
            if wishes.prefer != "source":
                raise RefusedError(
                    f"The list was deleted on {target.label}. Stop the mirror, or have the source win to make it anew.",
                    replace(wishes, prefer="source", only_plan=False),
                ) from None
            playlist = None
        now = tuple(playlist.tracks) if playlist is not None else ()
    known = frozenset(one.id for one in on_target)
    return _Ends(source, target, source_playlist, tracks, left_out, playlist, now, known)


def _taken(mirror: PlaylistMirror) -> set[str]:
    others = PlaylistMirror.objects.filter(target=mirror.target).exclude(pk=mirror.pk)
    return set(others.exclude(target_playlist_id="").values_list("target_playlist_id", flat=True))


def _plan(ends: _Ends, gone: Set[str], on_progress: Callable[[str], None]) -> Plan:
    verdicts = finding.find(ends.tracks, ends.source, ends.target, gone=gone, on_progress=on_progress)
    wanted = tuple(verdict.match.song for verdict in verdicts if verdict.match is not None)
    shown, playlist = ends.source_playlist, ends.playlist
    return Plan(
        name=shown.name,
        description=shown.description,
        verdicts=tuple(verdicts),
        left_out=ends.left_out,
        wanted=wanted,
        changes=changes_between(ends.now, wanted),
        was=len(ends.now),
        is_new=playlist is None,
        is_renamed=playlist is not None and (playlist.name, playlist.description) != (shown.name, shown.description),
    )


# --- what a person has to want first ------------------------------------------------------------------------


def _refuse(mirror: PlaylistMirror, ends: _Ends, plan: Plan, wishes: Wishes) -> None:
    label = ends.target.label
    if ends.playlist is not None and not ends.playlist.is_editable:
        raise RefusedError(f"The list on {label} is filled by {label} itself, or is somebody else's.")
    if wishes.prefer is None and _is_edited(mirror, ends):
        raise RefusedError(
            f"The list was changed on {label} since it was last written. "
            f"Say which side wins: the source, and the change is undone, or the target, and the list stays.",
            replace(wishes, prefer="source", only_plan=False),
            replace(wishes, prefer="target", only_plan=False),
        )
    if plan.removed > plan.was * MAX_SHRINK and not wishes.allow_shrink:
        raise RefusedError(
            f"{plan.removed} of {plan.was} songs would leave the list on {label}. Allow it to shrink.",
            replace(wishes, allow_shrink=True, only_plan=False),
        )


def _is_edited(mirror: PlaylistMirror, ends: _Ends) -> bool:
    """Tell whether somebody else changed the target's list since it was last written."""
    now = [song.id for song in ends.now]
    writing: list[str] | None = mirror.writing
    if writing is not None and writing[: len(now)] == now:
        # As far as a run came that was broken off.
        return False
    written: list[str] | None = mirror.written
    if written is None or written == now:
        # A list that was never finished is nobody's work but ours.
        return written is None and writing is None and bool(now)
    return not _lost_only_vanished_songs(written, now, ends.target)


def _lost_only_vanished_songs(written: Sequence[str], now: Sequence[str], target: End) -> bool:
    """Tell whether all that changed is that songs left the library, and with it the list."""
    index = library.index_of(target.connection)
    rest = iter(now)
    following = next(rest, None)
    for remote_id in written:
        if remote_id == following:
            following = next(rest, None)
        elif library.was_met(index, remote_id):
            return False
    return following is None


def _stays_as_it_is(lease: Lease[PlaylistMirror], ends: _Ends, wishes: Wishes) -> bool:
    """Tell whether a changed list stays as the person wished, and keep the wish until either side changes again."""
    if not _is_edited(lease.row, ends):
        return False
    state = [[track.id or track.name for track in ends.tracks], [song.id for song in ends.now]]
    digest = hashlib.sha256(json.dumps(state).encode()).hexdigest()
    if wishes.prefer == "target":
        lease.update(settled_digest=digest)
    return wishes.prefer != "source" and lease.row.settled_digest == digest


# --- how it went --------------------------------------------------------------------------------------------


def _attempt(report: CarryReport, act: Callable[[CarryReport], None]) -> CarryReport:
    """Do it, and have the report tell what goes wrong."""
    try:
        act(report)
    except LeaseLostError:
        raise
    except RefusedError as error:
        report.outcome, report.detail, report.needs_person = CarryOutcome.REFUSED, str(error), True
        report.choices = [asdict(choice) for choice in error.choices]
    except NotAnEndError as error:
        report.detail, report.needs_person = str(error), True
    except RateLimitedError as error:
        report.outcome, report.detail, report.resumes_at = CarryOutcome.PARKED, str(error), error.retry_at
    except ProviderError as error:
        report.outcome, report.detail = CarryOutcome.FAILED, str(error)
        report.needs_person = isinstance(error, ReauthorizationRequiredError)
        report.resumes_at = error.retry_at if isinstance(error, TransientError) else None
    except (ImproperlyConfigured, registry.UnknownProviderError) as error:
        report.outcome, report.detail = CarryOutcome.FAILED, str(error)
    except Error as error:
        report.outcome, report.detail = CarryOutcome.FAILED, f"The database refused: {type(error).__name__}."
        logger.error("%s could not be carried: %s", report.mirror, type(error).__name__)
    except Exception as error:  # noqa: BLE001, one provider's bug must not stop the other mirrors
        report.outcome, report.detail = CarryOutcome.FAILED, f"A bug in the provider: {type(error).__name__}."
        # Where it happened, but not what it says: a foreign exception's text may hold anything.
        logger.error(
            "%s failed with %s\n%s",
            report.mirror,
            type(error).__name__,
            "".join(traceback.format_tb(error.__traceback__)),
        )
    return report


_STATES = {
    CarryOutcome.IN_STEP: PlaylistMirror.State.IN_STEP,
    CarryOutcome.PARTLY: PlaylistMirror.State.PARTLY,
    CarryOutcome.PLANNED: PlaylistMirror.State.PLANNED,
}


def _note(lease: Lease[PlaylistMirror], report: CarryReport, wishes: Wishes) -> None:
    """Keep what the run came to where people see it, and give the mirror back."""
    mirror = lease.row
    changes: dict[str, Any] = {"detail": report.detail, "choices": report.choices, "last_run_at": timezone.now()}
    if report.outcome is CarryOutcome.PARKED:
        changes["wishes"] = asdict(wishes)
    else:
        changes["state"] = _STATES.get(report.outcome, PlaylistMirror.State.FAILED)
    if report.plan is not None:
        plan = report.plan.as_dict()
        changes["figures"] = report.plan.figures
        changes["last_plan"] = plan | {"changes": plan["changes"][:SHOWN_CHANGES], "all_changes": len(plan["changes"])}
    is_setback = report.outcome is CarryOutcome.FAILED
    failures = mirror.failures + 1 if is_setback else 0
    with transaction.atomic():
        lease.update(**changes)
        if report.plan is not None:
            _keep_missing(mirror, report.plan)
        _tell(mirror, report, failures)
    lease.release(due_at=_next_due(mirror, report, failures), failures=failures)
    mirror.failures = failures


def _tell(mirror: PlaylistMirror, report: CarryReport, failures: int) -> None:
    """Tell the person, and other apps, how it went; the person once, until it goes well again."""
    if report.outcome in (CarryOutcome.IN_STEP, CarryOutcome.PARTLY):
        Alert.settle(mirror.user_id, [_matter(mirror)])
        is_complete = report.outcome is CarryOutcome.IN_STEP
        signals.announce(signals.mirror_carried, PlaylistMirror, mirror=mirror, is_complete=is_complete)
    elif report.outcome in (CarryOutcome.REFUSED, CarryOutcome.FAILED):
        if _is_news(mirror, report, failures):
            Alert.note(
                mirror.user_id,
                AlertKind.MIRROR_FAILING,
                _matter(mirror),
                mirror=mirror.pk,
                playlist=mirror.name,
                source=mirror.source.provider_type,
                target=mirror.target.provider_type,
                detail=report.detail,
            )
        signals.announce(
            signals.mirror_failed,
            PlaylistMirror,
            mirror=mirror,
            detail=report.detail,
            needs_person=report.needs_person,
        )


def _is_news(mirror: PlaylistMirror, report: CarryReport, failures: int) -> bool:
    # Who carries a playlist by hand looks at what comes of it, and of a dead link they are told already.
    are_linked = all(end.status == Connection.Status.OK for end in (mirror.source, mirror.target))
    return mirror.is_automatic and are_linked and (report.needs_person or failures >= FAILURES_BEFORE_ALERT)


def _matter(mirror: PlaylistMirror) -> str:
    return f"mirror {mirror.pk}"


def _next_due(mirror: PlaylistMirror, report: CarryReport, failures: int) -> datetime | None:
    if report.outcome is CarryOutcome.PLANNED or not (mirror.is_automatic or report.resumes_at):
        return None
    now = timezone.now()
    if report.resumes_at is not None:
        return max(report.resumes_at, now) + jittered(timedelta(minutes=1))
    if report.needs_person:
        # Looked at now and then all the same: it may have been put right at the service.
        return now + jittered(LONGEST_RETRY)
    delay = min(FIRST_RETRY * 2 ** min(failures - 1, 16), LONGEST_RETRY) if failures else INTERVAL
    return now + jittered(delay)


def _keep_missing(mirror: PlaylistMirror, plan: Plan) -> None:
    mirror.missing.all().delete()
    missing = [
        MissingTrack(
            mirror=mirror,
            position=place,
            remote_track_id=verdict.track.id,
            name=verdict.track.name,
            artist=verdict.track.artist,
            album=verdict.track.album,
            duration_ms=verdict.track.duration_ms,
            isrc=verdict.track.isrc,
            url=verdict.track.url,
            reason=verdict.reason,
            candidates=[
                {"score": candidate.score, "reason": candidate.reason, "song": song_as_json(candidate.song)}
                for candidate in verdict.nearest
            ],
        )
        for place, verdict in plan.missing
    ]
    left_out = [
        MissingTrack(mirror=mirror, position=None, name=entry.name, reason=entry.reason) for entry in plan.left_out
    ]
    MissingTrack.objects.bulk_create([*missing, *left_out])
