"""One mirror: how it stands, what would be done, and what the person says to that."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

from django.contrib import messages
from django.core.exceptions import ImproperlyConfigured
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from providers import registry
from providers.datatypes import Track
from providers.exceptions import ProviderError
from providers.forms import SearchForm, WishesForm
from providers.jsonvalues import storable
from providers.models import ManualMatch, MissingTrack, PlaylistMirror
from providers.playlists import library, manual, mirrors
from providers.playlists.ends import NotAnEndError
from providers.playlists.matching import Method
from providers.playlists.missing import as_csv, as_jspf
from providers.sentences import translated
from providers.views.access import SeeOther, personal, shown_anew_when_over
from providers.waiting import is_held, is_neglected, is_waiting

MISSING_AT_ONCE = 15
"""How many missing tracks a page shows."""

MAX_NEAREST = 3
"""How many of the nearest songs are shown beside a missing track; on its own page, all that are known."""

CHOSEN_AT_ONCE = 10
"""How many of the songs that were chosen by hand a page shows."""

MAX_CHANGES = 50
"""How many changes of a plan are shown."""

MAX_LEFT_OUT = 50
"""How many entries are shown that are no tracks."""

TROUBLES = (ProviderError, NotAnEndError, ImproperlyConfigured, registry.UnknownProviderError)
"""What asking a service raises; each says in plain words what is wrong."""

METHOD_NAMES: Mapping[str, str] = {
    Method.MANUAL: gettext_noop("Chosen by hand"),
    Method.ISRC: gettext_noop("By recording code"),
    Method.MBID: gettext_noop("By MusicBrainz recording"),
    Method.EXACT: gettext_noop("By the same names"),
    Method.FUZZY: gettext_noop("By names that are nearly the same"),
}

Row = TypeVar("Row", bound=Model)


class State(StrEnum):
    """Where a mirror stands, for the person whose it is."""

    CARRYING = "carrying"
    WAITING = "waiting"
    PENDING = "pending"
    PLANNED = "planned"
    IN_STEP = "in_step"
    PARTLY = "partly"
    FAILED = "failed"
    STOPPED = "stopped"


class ShownSong(NamedTuple):
    """A song of the target, with what speaks for it, where that is known."""

    song: Track
    reason: str = ""
    percent: int | None = None

    @property
    def length(self) -> str:
        """How long it is."""
        return length_of(self.song.duration_ms)


class ShownMissing(NamedTuple):
    """A track that was not found when the list was last looked at, and the song that the person chose for it."""

    row: MissingTrack
    chosen: ManualMatch | None
    looked_at: datetime | None

    @property
    def is_settled(self) -> bool:
        """Whether a song was chosen since, which the next run takes."""
        return self.chosen is not None and (self.looked_at is None or self.chosen.decided_at > self.looked_at)

    @property
    def length(self) -> str:
        """How long it is."""
        return length_of(self.row.duration_ms)

    @property
    def candidates(self) -> list[ShownSong]:
        """The nearest songs, nearest first."""
        return [
            ShownSong(Track(**candidate["song"]), candidate["reason"], round(100 * candidate["score"]))
            for candidate in self.row.candidates
        ]

    @property
    def nearest(self) -> list[ShownSong]:
        """The first of them."""
        return self.candidates[:MAX_NEAREST]


class Choice(NamedTuple):
    """Something a person could want, in words, and the wishes that say so."""

    button: str
    wishes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ShownMirror:
    """A mirror, and what there is to say about it."""

    row: PlaylistMirror

    @property
    def state(self) -> State:
        """The one state that matters most."""
        if is_held(self.row):
            return State.CARRYING
        return State.WAITING if is_waiting(self.row) else State(self.row.state)

    @property
    def is_under_way(self) -> bool:
        """Whether it changes by itself while one looks."""
        return self.state in (State.CARRYING, State.WAITING)

    @property
    def is_neglected(self) -> bool:
        """Whether it waits for so long that there may be nobody to carry it."""
        return is_neglected(self.row)

    @property
    def source(self) -> str:
        """The service that it is carried from."""
        return registry.label_of(self.row.source.provider_type)

    @property
    def target(self) -> str:
        """The service that it is carried to."""
        return registry.label_of(self.row.target.provider_type)

    @property
    def next_run_at(self) -> datetime | None:
        """When it is carried next; None where that is not planned, or due already."""
        return self.row.due_at if self.row.due_at is not None and self.row.due_at > timezone.now() else None

    @property
    def found_by(self) -> list[tuple[str, int]]:
        """By which methods how many tracks were found, in words."""
        by_method: dict[str, int] = self.row.figures.get("by_method", {})
        return [(_(METHOD_NAMES.get(method, method)), count) for method, count in by_method.items()]

    @property
    def choices(self) -> list[Choice]:
        """What the person can say to a run that was refused."""
        return [Choice(self._words_for(wishes), wishes) for wishes in self.row.choices]

    def _words_for(self, wishes: Mapping[str, Any]) -> str:
        winner = {"source": self.source, "target": self.target}.get(wishes["prefer"] or "")
        if winner and wishes["allow_shrink"]:
            return _("Let %(service)s win, and the list shrink") % {"service": winner}
        if winner:
            return _("Let %(service)s win") % {"service": winner}
        return _("Let the list shrink") if wishes["allow_shrink"] else _("Carry it now")

    @property
    def changes(self) -> list[dict[str, Any]]:
        """The first changes of the last plan."""
        changes: list[dict[str, Any]] = self.row.last_plan.get("changes", [])
        return changes[:MAX_CHANGES]

    @property
    def changes_beyond(self) -> int:
        """How many changes there are besides those that are shown."""
        all_changes: int = self.row.last_plan.get("all_changes", 0)
        return all_changes - len(self.changes)


def length_of(duration_ms: int) -> str:
    """Return a length in minutes and seconds; empty where it is not known."""
    minutes, seconds = divmod(round(duration_ms / 1000), 60)
    return f"{minutes}:{seconds:02}" if duration_ms else ""


def page_of(rows: QuerySet[Row], number: str | None, size: int) -> Page[Row]:
    """Return a page of rows; the first or the last one for a number that is none."""
    return Paginator(rows, size).get_page(number)


@personal
@require_safe
def mirror(request: HttpRequest, mirror_id: int) -> HttpResponse:
    """Show a mirror: its state, its plan, what is missing, and what was chosen by hand.

    `page` tells how far to go on in what is missing, `chosen` in what was chosen.
    """
    row = _mine(request, mirror_id)
    missing = page_of(row.missing.filter(position__isnull=False), request.GET.get("page"), MISSING_AT_ONCE)
    shown = list(missing.object_list)
    said = _said_of(row, shown)
    chosen = _chosen(row).order_by("-decided_at", "-pk")
    left_out = list(row.missing.filter(position__isnull=True)[:MAX_LEFT_OUT])
    tracks = [ShownMissing(one, said.get(_key_of(one)), row.last_run_at) for one in shown]
    shown_mirror = ShownMirror(row)
    context = {
        "mirror": shown_mirror,
        "only_plan": {"only_plan": True},
        "missing": missing,
        "missing_tracks": tracks,
        "has_settled": any(track.is_settled for track in tracks),
        "left_out": left_out,
        "left_out_beyond": row.figures.get("left_out", 0) - len(left_out),
        "chosen": page_of(chosen, request.GET.get("chosen"), CHOSEN_AT_ONCE),
    }
    response = render(request, "providers/mirror.html", context)
    return shown_anew_when_over(request, response, is_over=not shown_mirror.is_under_way)


@personal
@require_POST
def carry(request: HttpRequest, mirror_id: int) -> HttpResponse:
    """Have it carried, or only planned, as soon as a worker is free."""
    row = _mine(request, mirror_id)
    form = WishesForm(request.POST)
    if not form.is_valid():
        raise Http404
    row.request(**form.wishes)
    is_plan = form.wishes.get("only_plan")
    text = _("It is looked at next. Nothing is written.") if is_plan else _("It is carried next.")
    messages.success(request, text, fail_silently=True)
    return _to(row)


@personal
@require_POST
def keep(request: HttpRequest, mirror_id: int, answer: str) -> HttpResponse:
    """Carry it again and again from now on (`on`), or only when asked (`off`)."""
    row = _mine(request, mirror_id)
    if answer == "on":
        mirrors.keep(row)
        text = _("It is kept: carried next, and again every hour.")
    elif answer == "off":
        mirrors.keep_no_more(row)
        text = _("It is no longer kept. The list stays as it is until you have it carried.")
    else:
        raise Http404
    messages.success(request, text, fail_silently=True)
    return _to(row)


@personal
@require_http_methods(["GET", "HEAD", "POST"])
def stop(request: HttpRequest, mirror_id: int) -> HttpResponse:
    """Ask whether the list on the target shall stay, and stop the mirror, or forget it."""
    row = _mine(request, mirror_id)
    if request.method != "POST":
        return render(request, "providers/stop_mirror.html", {"mirror": ShownMirror(row)})
    answer = request.POST.get("list")
    if answer not in ("keep", "delete", "forget"):
        raise Http404
    if is_held(row):
        messages.warning(
            request,
            _("It is being carried just now. Stop it when that is done: nothing is stopped yet."),
            fail_silently=True,
        )
        return _to(row)
    if answer == "forget":
        mirrors.forget(row)
        has_list = bool(row.target_playlist_id)
        text = _("The mirror is forgotten, and both lists stay.") if has_list else _("The mirror is forgotten.")
        messages.success(request, text, fail_silently=True)
        return SeeOther(reverse("providers:playlists"))
    try:
        mirrors.stop(row, delete_playlist=answer == "delete")
    except TROUBLES as error:
        text = _("The list was not deleted, and nothing is stopped. %(reason)s") % {"reason": translated(str(error))}
        messages.error(request, text, fail_silently=True)
    else:
        is_deleted = answer == "delete"
        text = (
            _("The mirror is stopped, and the list is deleted.")
            if is_deleted
            else _("The mirror is stopped, and the list stays.")
        )
        messages.success(request, text, fail_silently=True)
    return _to(row)


@personal
@require_http_methods(["GET", "HEAD", "POST"])
def missing_track(request: HttpRequest, mirror_id: int, missing_id: int) -> HttpResponse:
    """Show a track that was not found, with the nearest songs and those that a search finds; keep which one it is.

    `q` are the words to search for, at first those of its title.
    """
    row = _mine(request, mirror_id)
    missing = row.missing.filter(pk=missing_id, position__isnull=False).first()
    if missing is None:
        # Each run makes the list anew.
        messages.warning(
            request, _("That track is no longer on this list of what is missing: it was made anew."), fail_silently=True
        )
        return _to(row)
    if request.method == "POST":
        return _choose(request, row, missing)
    said = _said_of(row, [missing])
    form = SearchForm({"q": request.GET.get("q", missing.name[:200])})
    index = library.index_of(row.target)
    text = form.cleaned_data["q"] if form.is_valid() else ""
    context = {
        "mirror": ShownMirror(row),
        "missing": ShownMissing(missing, said.get(_key_of(missing)), row.last_run_at),
        "form": form,
        "text": text,
        "found": [ShownSong(song) for song in library.search(index, text)] if text else [],
        "index": index,
    }
    return render(request, "providers/missing_track.html", context)


@personal
@require_POST
def withdraw(request: HttpRequest, mirror_id: int, match_id: int) -> HttpResponse:
    """Leave a track to matching again that a song was chosen for."""
    row = _mine(request, mirror_id)
    deleted, _by_model = _chosen(row).filter(pk=match_id).delete()
    text = _("Your choice is withdrawn, from the next run on.") if deleted else _("That choice was withdrawn before.")
    messages.success(request, text, fail_silently=True)
    return _to(row)


@personal
@require_safe
def export_missing(request: HttpRequest, mirror_id: int, export_format: str) -> HttpResponseBase:
    """Send what is missing as a file."""
    row = _mine(request, mirror_id)
    response: HttpResponseBase
    if export_format == "csv":
        response = StreamingHttpResponse(as_csv(row), content_type="text/csv; charset=utf-8")
    elif export_format == "jspf":
        response = HttpResponse(as_jspf(row), content_type="application/jspf+json")
    else:
        raise Http404
    name = slugify(row.name, allow_unicode=True)[:80] or "playlist"
    response["Content-Disposition"] = content_disposition_header(
        as_attachment=True, filename=f"missing-from-{name}.{export_format}"
    )
    return response


def _choose(request: HttpRequest, row: PlaylistMirror, missing: MissingTrack) -> HttpResponse:
    try:
        manual.choose(row, manual.track_of(missing), storable(request.POST.get("song", "")))
    except manual.NoSuchSongError:
        messages.error(request, _("That song is no longer in the library. Choose another."), fail_silently=True)
        return SeeOther(reverse("providers:missing_track", args=[row.pk, missing.pk]))
    messages.success(
        request, _("Your choice is kept. It is used when the list is carried next, and ever after."), fail_silently=True
    )
    # Back to the page of the list that it is on.
    before = row.missing.filter(position__lt=missing.position).count()
    return SeeOther(f"{_address(row)}?page={before // MISSING_AT_ONCE + 1}#missing-{missing.pk}")


def _mine(request: HttpRequest, mirror_id: int) -> PlaylistMirror:
    rows = mirrors.rows().defer("written", "writing", "known_ids")
    return get_object_or_404(rows, pk=mirror_id, user=request.user.pk)


def _chosen(row: PlaylistMirror) -> QuerySet[ManualMatch]:
    """Return what the person chose between these two services, for this list or another."""
    return ManualMatch.objects.filter(
        user=row.user_id, source_type=row.source.provider_type, target_type=row.target.provider_type
    )


def _said_of(row: PlaylistMirror, missing: list[MissingTrack]) -> dict[str, ManualMatch]:
    """Return what was chosen for these tracks, by their keys."""
    return {match.source_key: match for match in _chosen(row).filter(source_key__in=map(_key_of, missing))}


def _key_of(missing: MissingTrack) -> str:
    return ManualMatch.key_of(manual.track_of(missing))


def _address(row: PlaylistMirror) -> str:
    return reverse("providers:mirror", args=[row.pk])


def _to(row: PlaylistMirror) -> HttpResponse:
    return SeeOther(_address(row))
