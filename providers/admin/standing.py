"""How links and background work stand, as conditions: the same for the figures and for the lists that they lead to."""

from enum import StrEnum

from django.db.models import Model, Q
from django.utils.translation import gettext_lazy as _

from providers.models import HistoryImport, HistorySync, PlaylistMirror
from providers.scheduling import database_now


class Standing(StrEnum):
    """How a row of background work stands, where somebody may want to know."""

    DUE = "due"
    PARKED = "parked"
    FAILING = "failing"


NAMES = {Standing.DUE: _("Waiting for a worker"), Standing.PARKED: _("Parked"), Standing.FAILING: _("Failing")}


def standing(model: type[Model], which: Standing) -> Q:
    """Return the condition for rows of a kind that stand so."""
    return {Standing.DUE: _due, Standing.PARKED: _parked, Standing.FAILING: _failing}[which](model)


def _due(model: type[Model]) -> Q:
    is_free = Q(lease_until__isnull=True) | Q(lease_until__lte=database_now())
    return Q(due_at__lte=database_now()) & is_free


def _parked(model: type[Model]) -> Q:
    """What a service sent away for a while: nothing failed, and still something is told of the last time."""
    later = Q(due_at__gt=database_now(), failures=0)
    if model is HistorySync:
        return later & ~Q(last_error="")
    if model is PlaylistMirror:
        # A run that was parked hands on what the person wished of it, even where that is nothing.
        return later & ~Q(wishes={})
    return Q(pk__in=())


def _failing(model: type[Model]) -> Q:
    failing = Q(failures__gt=0)
    if model is PlaylistMirror:
        return failing | Q(state=PlaylistMirror.State.FAILED)
    if model is HistoryImport:
        return failing | Q(status=HistoryImport.Status.FAILED)
    return failing
