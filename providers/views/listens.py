"""One listen: who tells of it, why these are taken for the same, and what the person says of that."""

from datetime import timedelta
from typing import NamedTuple

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from providers import registry
from providers.history import duplicates
from providers.models import DuplicateVerdict, Listen
from providers.views.access import SeeOther, personal

NEARBY = timedelta(minutes=15)
"""How far around a listen others are shown that might be the same after all."""

MAX_NEARBY = 20

_SAME, _TWO, _WITHDRAWN = "same", "two", "withdrawn"


class Told(NamedTuple):
    """A listen as one source tells it, with the reason why it is linked, if it is."""

    listen: Listen
    service: str
    reason: str = ""


@personal
@require_safe
def listen(request: HttpRequest, listen_id: int) -> HttpResponse:
    """Show what is told of one play, and what else was told around that time."""
    asked_for = get_object_or_404(Listen.objects.select_related("duplicate_of"), pk=listen_id, user=request.user.pk)
    canonical = asked_for.duplicate_of or asked_for

    def told(other: Listen, reason: str = "") -> Told:
        return Told(other, registry.label_of(other.provider_type), reason)

    linked = duplicates.explain_all([canonical]).get(canonical.pk, [])
    group = {canonical.pk, *(other.pk for other, _ in linked)}
    verdicts = DuplicateVerdict.objects.filter(Q(first__in=group) | Q(second__in=group)).select_related(
        "first", "second"
    )
    said_two = {
        other.pk: (mine, other)
        for verdict in verdicts
        if not verdict.is_duplicate
        for mine, other in ((verdict.first, verdict.second), (verdict.second, verdict.first))
        if mine.pk in group
    }
    nearby = Listen.objects.filter(
        user=request.user.pk,
        duplicate_of__isnull=True,
        played_at__range=(canonical.played_at - NEARBY, canonical.played_at + NEARBY),
    ).exclude(pk__in=[*group, *said_two])
    context = {
        "canonical": told(canonical),
        "linked": [told(other, reason) for other, reason in linked],
        "said_two": [(mine, told(other)) for mine, other in said_two.values()],
        "nearby": [told(other) for other in nearby.order_by("played_at", "pk")[:MAX_NEARBY]],
        "nearby_minutes": NEARBY // timedelta(minutes=1),
    }
    return render(request, "providers/listen.html", context)


@personal
@require_POST
def verdict(request: HttpRequest, listen_id: int) -> HttpResponse:
    """Keep what the person says of this listen and another: the same, two, or nothing any more."""
    mine = Listen.objects.filter(user=request.user.pk).select_related("user")
    one = get_object_or_404(mine, pk=listen_id)
    try:
        other = get_object_or_404(mine, pk=int(request.POST.get("other", "")))
    except (ValueError, OverflowError):
        raise Http404 from None
    said = request.POST.get("said")
    try:
        if said == _WITHDRAWN:
            duplicates.withdraw(one.user, one, other)
        elif said in (_SAME, _TWO):
            duplicates.decide(one.user, one, other, is_duplicate=said == _SAME)
        else:
            raise Http404
    except duplicates.ContradictionError as error:
        messages.error(request, str(error), fail_silently=True)
    except ValueError:
        raise Http404 from None
    else:
        messages.success(request, _("Your word is kept, and stands above whatever is worked out."), fail_silently=True)
    return SeeOther(reverse("providers:listen", args=[listen_id]))
