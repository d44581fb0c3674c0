"""How work in the background stands, as conditions: the same for figures, metrics and the lists that they lead to."""

from enum import StrEnum

from django.db.models import Model, Q

from providers.models import HistoryImport, HistorySync, PlaylistMirror
from providers.scheduling import database_now, is_due


class Standing(StrEnum):
    """How a row of background work stands, where somebody may want to know."""

    DUE = "due"
    PARKED = "parked"
    FAILING = "failing"


def standing(model: type[Model], which: Standing) -> Q:
    """Return the condition for rows of a kind that stand so."""
    if which is Standing.DUE:
        return is_due()
    return _parked(model) if which is Standing.PARKED else _failing(model)


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
