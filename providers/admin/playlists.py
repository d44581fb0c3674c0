"""Playlists that are carried across: mirrors, what people chose by hand, and the libraries that are known."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from providers.admin import display
from providers.admin.actions import Outcome, confirmed
from providers.admin.filters import ServiceFilter, SourceFilter, StandingFilter, TargetFilter
from providers.admin.rows import USERNAME, GoesWithItsPersonAdmin, ReadOnlyAdmin, WorkAdmin
from providers.models import LibraryIndex, ManualMatch, PlaylistMirror
from providers.playlists import mirrors
from providers.waiting import is_held

SHOWN_MISSING = 50
"""How many of a mirror's missing tracks its page names."""


def _will_be_carried(count: int) -> str:
    return ngettext(
        "%(count)d playlist is carried next, as its person left it set up. What the person stopped stays stopped.",
        "%(count)d playlists are carried next, as their people left them set up. What a person stopped stays stopped.",
        count,
    ) % {"count": count}


def _will_be_stopped(count: int) -> str:
    return ngettext(
        "%(count)d mirror is stopped: its list is carried no more, and stays as it is on both sides. "
        "The person can take it up again.",
        "%(count)d mirrors are stopped: their lists are carried no more, and stay as they are on both sides. "
        "The people can take them up again.",
        count,
    ) % {"count": count}


def _name_of_mirror(mirror: PlaylistMirror) -> str:
    names = {"playlist": mirror.name or mirror.source_playlist_id, "person": mirror.user.get_username()}
    return _("%(playlist)s of %(person)s") % names


@admin.register(PlaylistMirror)
class PlaylistMirrorAdmin(WorkAdmin):
    """Shows the playlists that are carried, and has them carried. What a run left behind is nothing to edit by hand."""

    read_only_because = gettext_lazy(
        "Workers write this. A deleted row would forget which list on the target is ours, and the next mirror would "
        "make a second one. To end a mirror, stop it in the list."
    )
    list_display = (
        "user",
        "shown_name",
        "source_service",
        "target_service",
        "state",
        "is_automatic",
        "found",
        "last_run_at",
        "due_at",
        "shown_detail",
    )
    list_display_links = ("user", "shown_name")
    list_filter = (
        "state",
        "is_automatic",
        StandingFilter,
        ("source__provider_type", SourceFilter),
        ("target__provider_type", TargetFilter),
    )
    list_select_related = ("user", "source", "target")
    date_hierarchy = "last_run_at"
    search_fields = (USERNAME, "name")
    search_help_text = gettext_lazy("A part of a person's or of a playlist's name.")
    ordering = (USERNAME, "name", "id")
    fields = (
        "user",
        "shown_name",
        "source_service",
        "source_playlist_id",
        "target_service",
        "target_playlist_id",
        "state",
        "shown_detail",
        "is_automatic",
        "found",
        "found_by",
        "missing_tracks",
        "last_run_at",
        "due_at",
        "failures",
    )
    actions = ("carry_now", "stop")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PlaylistMirror]:
        """Leave out what only runs need: it is as long as the lists are."""
        return super().get_queryset(request).defer("last_plan", "written", "writing", "known_ids")

    @admin.display(description=gettext_lazy("name"), ordering="name")
    def shown_name(self, mirror: PlaylistMirror) -> str:
        """Show the list's name, as far as there is room."""
        return display.foreign(mirror.name or mirror.source_playlist_id, 80)

    @admin.display(description=gettext_lazy("from"), ordering="source__provider_type")
    def source_service(self, mirror: PlaylistMirror) -> str:
        """Show where it is carried from."""
        return display.label_of(mirror.source.provider_type)

    @admin.display(description=gettext_lazy("to"), ordering="target__provider_type")
    def target_service(self, mirror: PlaylistMirror) -> str:
        """Show where it is carried to."""
        return display.label_of(mirror.target.provider_type)

    @admin.display(description=gettext_lazy("found"))
    def found(self, mirror: PlaylistMirror) -> str:
        """Show how many tracks there are, how many were found, and how many are no tracks."""
        figures = mirror.figures
        if not figures:
            return display.NOTHING
        all_parts = _("%(matched)d of %(total)d, %(missing)d missing, %(left_out)d left out")
        pattern = all_parts if figures["left_out"] else _("%(matched)d of %(total)d, %(missing)d missing")
        return str(pattern % figures)

    @admin.display(description=gettext_lazy("found by"))
    def found_by(self, mirror: PlaylistMirror) -> str:
        """Show by which methods the tracks were found."""
        by_method = mirror.figures.get("by_method", {})
        return ", ".join(f"{method}: {count}" for method, count in by_method.items()) or display.NOTHING

    @admin.display(description=gettext_lazy("missing"))
    def missing_tracks(self, mirror: PlaylistMirror) -> str:
        """Show what was not found, the first of it."""
        first = list(mirror.missing.filter(position__isnull=False)[: SHOWN_MISSING + 1])
        if not first:
            return display.NOTHING
        rows = ((row.place, display.foreign(str(row), 120)) for row in first[:SHOWN_MISSING])
        named = format_html_join("; ", "{}. {}", rows)
        return format_html(_("{tracks}; and more"), tracks=named) if len(first) > SHOWN_MISSING else named

    @admin.display(description=gettext_lazy("detail"))
    def shown_detail(self, mirror: PlaylistMirror) -> str:
        """Show what the last run said of itself."""
        return display.told(mirror.detail)

    @confirmed(
        description=gettext_lazy("Carry now"), announcement=_will_be_carried, is_harmless=True, name_of=_name_of_mirror
    )
    def carry_now(self, request: HttpRequest, mirror: PlaylistMirror) -> Outcome:
        """Make the mirror due: whoever watches carries it next. What a person stopped stays stopped."""
        if mirror.state == PlaylistMirror.State.STOPPED:
            return Outcome(_("was stopped by the person."), messages.WARNING, was_done=False)
        mirror.request()
        return Outcome(_("will be carried next."))

    @confirmed(description=gettext_lazy("Stop"), announcement=_will_be_stopped, name_of=_name_of_mirror)
    def stop(self, request: HttpRequest, mirror: PlaylistMirror) -> Outcome:
        """Carry the playlist no more, and leave both lists as they are."""
        if is_held(mirror):
            text = _("is being carried just now. Stop it when that is done: nothing is stopped yet.")
            return Outcome(text, messages.WARNING, was_done=False)
        mirrors.stop(mirror, delete_playlist=False)
        return Outcome(_("stopped."))


@admin.register(ManualMatch)
class ManualMatchAdmin(ReadOnlyAdmin):
    """Shows what people chose by hand. Deleting one leaves the track to matching again."""

    read_only_because = gettext_lazy(
        "The person chose this song. A deleted choice leaves the track to matching again, from the next run on."
    )
    list_display = ("user", "source_service", "chosen_for", "target_service", "chosen_song", "decided_at")
    list_display_links = ("user", "chosen_for")
    list_filter = (("source_type", SourceFilter), ("target_type", TargetFilter))
    list_select_related = ("user",)
    date_hierarchy = "decided_at"
    search_fields = (USERNAME,)
    search_help_text = gettext_lazy("A part of a person's name.")
    ordering = ("-decided_at", "-id")
    fields = ("user", "source_service", "chosen_for", "source_key", "target_service", "chosen_song", "decided_at")

    @admin.display(description=gettext_lazy("from"), ordering="source_type")
    def source_service(self, match: ManualMatch) -> str:
        """Show where the track is."""
        return display.label_of(match.source_type)

    @admin.display(description=gettext_lazy("to"), ordering="target_type")
    def target_service(self, match: ManualMatch) -> str:
        """Show where the song is."""
        return display.label_of(match.target_type)

    @admin.display(description=gettext_lazy("track"))
    def chosen_for(self, match: ManualMatch) -> str:
        """Show the track."""
        return _names_of(match.track)

    @admin.display(description=gettext_lazy("song"))
    def chosen_song(self, match: ManualMatch) -> str:
        """Show the song that it is."""
        return _names_of(match.song)


@admin.register(LibraryIndex)
class LibraryIndexAdmin(GoesWithItsPersonAdmin):
    """Shows how much of which library is known, and since when."""

    read_only_because = gettext_lazy("Workers write this, whenever they read the library.")
    list_display = ("person", "service", "song_count", "refreshed_at", "walk")
    list_display_links = ("person", "service")
    list_filter = (("connection__provider_type", ServiceFilter),)
    list_select_related = ("connection__user",)
    search_fields = (f"connection__{USERNAME}",)
    search_help_text = gettext_lazy("A part of a person's name.")
    fields = ("connection", "song_count", "refreshed_at", "walk")

    @admin.display(description=gettext_lazy("person"))
    def person(self, index: LibraryIndex) -> str:
        """Show whose library it is."""
        return index.connection.user.get_username()

    @admin.display(description=gettext_lazy("service"))
    def service(self, index: LibraryIndex) -> str:
        """Show the name of the service that it is on."""
        return display.label_of(index.connection.provider_type)


def _names_of(song: dict[str, Any]) -> str:
    return display.foreign(f"{song.get('artist', '')}: {song.get('name', '')}", 120)
