"""The playlists that a person carries across, and the page where they choose one to carry."""

from typing import NamedTuple

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from providers import registry
from providers.contracts import PlaylistManager
from providers.datatypes import Playlist
from providers.models import Connection, PlaylistMirror
from providers.playlists import mirrors
from providers.playlists.ends import End, can_be_source, can_be_target
from providers.registry import ProviderSpec
from providers.sentences import translated
from providers.views.access import SeeOther, personal, spec_or_404
from providers.views.mirrors import TROUBLES, ShownMirror, page_of

MIRRORS_AT_ONCE = 50
PLAYLISTS_AT_ONCE = 100


class ShownPlaylist(NamedTuple):
    """A playlist of a service.

    `mirrors` are where it is carried to already, `targets` where it could be besides. `carried_from` is the mirror that
    it is itself the target of, if it is.
    """

    playlist: Playlist
    mirrors: list[ShownMirror]
    targets: list[ProviderSpec]
    carried_from: ShownMirror | None


@personal
@require_safe
def playlists(request: HttpRequest) -> HttpResponse:
    """Show what the person mirrors, and where to begin. No service is asked for that."""
    rows = PlaylistMirror.objects.filter(user=request.user.pk).select_related("source", "target")
    rows = rows.defer("last_plan", "written", "writing", "known_ids")
    page = page_of(rows, request.GET.get("page"), MIRRORS_AT_ONCE)
    linked = {connection.provider_type for connection in _linked(request)}
    sources = [spec for spec in registry.specs() if can_be_source(spec)]
    targets = [spec for spec in registry.specs() if can_be_target(spec)]
    context = {
        "page": page,
        "mirrors": [ShownMirror(row) for row in page.object_list],
        "sources": get_text_list([spec.label for spec in sources], _("or")),
        "targets": get_text_list([spec.label for spec in targets], _("or")),
        "beginnings": [
            spec for spec in sources if spec.type in linked and any(_leads_to(spec, other, linked) for other in targets)
        ],
    }
    return render(request, "providers/playlists.html", context)


@personal
@require_safe
def playlists_of(request: HttpRequest, source_type: str) -> HttpResponse:
    """Ask a service for the person's playlists, and offer to carry each."""
    spec = spec_or_404(source_type)
    if not can_be_source(spec):
        raise Http404
    linked = {connection.provider_type: connection for connection in _linked(request)}
    connection = linked.get(spec.type)
    if connection is None:
        return _not_linked(request, spec)
    targets = [other for other in registry.specs() if can_be_target(other) and _leads_to(spec, other, set(linked))]
    context = {"spec": spec, "targets": targets}
    try:
        listed = _listed(connection)
    except TROUBLES as error:
        return render(request, "providers/playlists_of.html", {**context, "trouble": translated(str(error))})
    page = Paginator(listed, PLAYLISTS_AT_ONCE).get_page(request.GET.get("page"))
    return render(
        request,
        "providers/playlists_of.html",
        {**context, "page": page, "playlists": _shown(list(page.object_list), connection, targets)},
    )


@personal
@require_POST
def begin(request: HttpRequest, source_type: str, target_type: str) -> HttpResponse:
    """Begin to carry a playlist: it is planned at first, and nothing is written."""
    source_spec, target_spec = spec_or_404(source_type), spec_or_404(target_type)
    if source_spec is target_spec or not (can_be_source(source_spec) and can_be_target(target_spec)):
        raise Http404
    linked = {connection.provider_type: connection for connection in _linked(request)}
    for spec in (source_spec, target_spec):
        if spec.type not in linked:
            return _not_linked(request, spec)
    source, target = linked[source_spec.type], linked[target_spec.type]
    playlist_id = request.POST.get("playlist", "")
    try:
        playlist = next((one for one in _listed(source) if one.id == playlist_id), None)
    except TROUBLES as error:
        messages.error(
            request, _("Nothing was begun. %(reason)s") % {"reason": translated(str(error))}, fail_silently=True
        )
    else:
        if playlist is not None and playlist.is_readable:
            mirror = mirrors.begin(source, playlist.id, target, name=playlist.name)
            if mirror.last_run_at is None:
                mirror.request(only_plan=True)
            return SeeOther(reverse("providers:mirror", args=[mirror.pk]))
        messages.error(
            request,
            _("%(service)s no longer shows what is on that playlist. Choose another.") % {"service": source_spec.label},
            fail_silently=True,
        )
    return SeeOther(reverse("providers:playlists_of", args=[source_spec.type]))


def _linked(request: HttpRequest) -> list[Connection]:
    connections = Connection.objects.filter(user=request.user.pk).select_related("user")
    return list(connections.exclude(status=Connection.Status.DISCONNECTED))


def _leads_to(source: ProviderSpec, target: ProviderSpec, linked: set[str]) -> bool:
    return source.type != target.type and target.type in linked


def _not_linked(request: HttpRequest, spec: ProviderSpec) -> HttpResponse:
    messages.warning(request, _("%(service)s is not linked.") % {"service": spec.label}, fail_silently=True)
    return SeeOther(reverse("providers:playlists"))


def _listed(connection: Connection) -> list[Playlist]:
    """Ask a service for its playlists. Raises any of `TROUBLES`."""
    with End(connection, PlaylistManager).asked() as reader:
        listed: list[Playlist] = reader.get_playlists()
    return listed


def _shown(listed: list[Playlist], connection: Connection, targets: list[ProviderSpec]) -> list[ShownPlaylist]:
    rows = PlaylistMirror.objects.select_related("source", "target")
    rows = rows.defer("last_plan", "written", "writing", "known_ids")
    from_here: dict[str, list[ShownMirror]] = {}
    for row in rows.filter(source=connection, source_playlist_id__in=[one.id for one in listed]):
        from_here.setdefault(row.source_playlist_id, []).append(ShownMirror(row))
    to_here = {row.target_playlist_id: ShownMirror(row) for row in rows.filter(target=connection)}
    shown = []
    for playlist in listed:
        begun = from_here.get(playlist.id, [])
        taken = {mirror.row.target.provider_type for mirror in begun}
        free = [spec for spec in targets if spec.type not in taken]
        shown.append(ShownPlaylist(playlist, begun, free, to_here.get(playlist.id)))
    return shown
