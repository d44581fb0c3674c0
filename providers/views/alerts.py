"""The page where people say where they want to be told that something needs them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from providers.alerts import delivery
from providers.alerts.problems import sentence
from providers.alerts.texts import headline_of
from providers.forms import AlertTargetForm
from providers.models import Alert, AlertKind, AlertTarget
from providers.views.access import SeeOther, personal
from providers.views.waiting import is_neglected

MAX_TARGETS = 10
"""How many targets one person may have."""

MAX_SHOWN = 20
"""How many alerts are shown, the latest ones."""

BETWEEN_TESTS = timedelta(seconds=10)
"""The time between two tests of a target: they are sent while the person waits, and not counted as alerts are."""


class State(StrEnum):
    """How a target stands, for the person whose it is."""

    UNTRIED = "untried"
    ARRIVING = "arriving"
    FAILED = "failed"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class ShownTarget:
    """One target, and what there is to say about it. Its address is never read."""

    row: AlertTarget

    @property
    def state(self) -> State:
        """The one state that matters most."""
        if not self.row.is_enabled:
            return State.PAUSED
        if self.row.problem:
            return State.FAILED
        return State.ARRIVING if self.row.tried_at else State.UNTRIED

    @property
    def problem(self) -> str:
        """Why the last message did not arrive, in plain words."""
        return sentence(self.row.problem)

    @property
    def kind_names(self) -> list[str]:
        """What is told there, in words."""
        return [str(kind.label) for kind in AlertKind if kind in self.row.kinds]

    @property
    def is_neglected(self) -> bool:
        """Whether alerts wait for so long that there may be nobody to send them."""
        return is_neglected(self.row)


@dataclass(frozen=True, slots=True)
class ShownAlert:
    """One alert, in words."""

    row: Alert
    headline: str


@personal
@require_http_methods(["GET", "HEAD", "POST"])
def alerts(request: HttpRequest) -> HttpResponse:
    """Show where the person is told, and what they were told lately; take another place."""
    rows = list(_targets_of(request))
    is_full = len(rows) >= MAX_TARGETS
    # To look into an address takes a process of its own: not for one that is not taken anyway.
    form = AlertTargetForm(request.POST if request.method == "POST" and not is_full else None)
    if request.method == "POST" and is_full:
        text = ngettext("You have %(count)d target already.", "You have %(count)d targets already.", len(rows))
        messages.error(request, text % {"count": len(rows)}, fail_silently=True)
    elif form.is_valid():
        user_id: Any = request.user.pk
        # Not by create(), whose arguments, the address among them, a traceback that shows variables would show.
        target = AlertTarget(user_id=user_id, due_at=None)
        _take_over(form, target)
        target.save()
        text = _("%(name)s is added. Send a test to see whether it arrives.") % {"name": target.label}
        messages.success(request, text, fail_silently=True)
        return _to_alerts()
    targets = [ShownTarget(row) for row in rows]
    shown = _alerts_of(request)
    context = {
        "form": form,
        "targets": targets,
        "is_full": is_full,
        "alerts": [ShownAlert(row, headline_of(row)) for row in shown],
        "is_under_way": any(row.told_at is None and row.given_up_at is None for row in shown),
        "is_neglected": any(target.is_neglected for target in targets),
    }
    return render(request, "providers/alerts.html", context)


@personal
@require_http_methods(["GET", "HEAD", "POST"])
def alert_target(request: HttpRequest, target_id: int) -> HttpResponse:
    """Show and change one target. Its address is not shown; a new one may be given."""
    row = _mine(request, target_id)
    initial = {"label": row.label, "kinds": row.kinds}
    form = AlertTargetForm(request.POST if request.method == "POST" else None, initial=initial)
    form.fields["url"].required = False
    if form.is_valid():
        _take_over(form, row)
        # Only what was said: the address stays unread where there is no new one. And who is sending something to the
        # old one just now loses the lease: what comes of that says nothing of the new one.
        of_address = ["url", "service", "problem", "lease_token", "lease_until"]
        row.save(update_fields=["label", "kinds", *(of_address if form.cleaned_data["url"] else [])])
        if form.cleaned_data["url"]:
            delivery.try_again(row)
        messages.success(request, _("%(name)s is changed.") % {"name": row.label}, fail_silently=True)
        return _to_alerts()
    return render(request, "providers/alerts_target.html", {"form": form, "target": ShownTarget(row)})


@personal
@require_POST
def test(request: HttpRequest, target_id: int) -> HttpResponse:
    """Send a message now, and say whether it was taken."""
    row = _mine(request, target_id)
    now = timezone.now()
    may_be_tested = Q(tried_at__isnull=True) | Q(tried_at__lt=now - BETWEEN_TESTS)
    if not AlertTarget.objects.filter(may_be_tested, pk=row.pk).update(tried_at=now):
        messages.warning(
            request, _("A message was sent there just now. Wait a few seconds before the next."), fail_silently=True
        )
        return _to_alerts()
    problem = delivery.try_out(row)
    names = {"name": row.label, "why": sentence(problem)}
    if problem:
        messages.error(request, _("The test to %(name)s failed. %(why)s") % names, fail_silently=True)
    else:
        text = _("%(name)s has taken the test. Look whether it arrived.") % names
        messages.success(request, text, fail_silently=True)
    return _to_alerts()


@personal
@require_POST
def pause(request: HttpRequest, target_id: int, answer: str) -> HttpResponse:
    """Tell a target nothing for a while (`on`), or what happens from now on again (`off`)."""
    row = _mine(request, target_id)
    if answer == "on":
        delivery.pause(row)
        text = _("%(name)s is paused: nothing is sent there until you resume it.")
    elif answer == "off":
        delivery.resume(row)
        text = _("%(name)s is told again what happens from now on.")
    else:
        raise Http404
    messages.success(request, text % {"name": row.label}, fail_silently=True)
    return _to_alerts()


@personal
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, target_id: int) -> HttpResponse:
    """Ask whether a target shall go, and delete it with its address."""
    row = _mine(request, target_id)
    if request.method != "POST":
        return render(request, "providers/alerts_delete.html", {"target": ShownTarget(row)})
    row.delete()
    messages.success(
        request, _("%(name)s is deleted, and its address with it.") % {"name": row.label}, fail_silently=True
    )
    return _to_alerts()


def _targets_of(request: HttpRequest) -> "Iterable[AlertTarget]":
    return delivery.rows().filter(user=request.user.pk)


def _alerts_of(request: HttpRequest) -> list[Alert]:
    rows = Alert.objects.filter(target__user=request.user.pk).select_related("target").defer("target__url")
    return list(rows.order_by("-pk")[:MAX_SHOWN])


def _mine(request: HttpRequest, target_id: int) -> AlertTarget:
    return get_object_or_404(delivery.rows(), pk=target_id, user=request.user.pk)


def _take_over(form: AlertTargetForm, row: AlertTarget) -> None:
    said = form.cleaned_data
    row.label, row.kinds = said["label"], said["kinds"]
    if said["url"]:
        row.url, row.service, row.problem = said["url"], form.service, ""
        row.lease_token, row.lease_until = "", None


def _to_alerts() -> HttpResponse:
    return SeeOther(reverse("providers:alerts"))
