"""What a person reads when linking came to nothing."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from providers import conf
from providers.exceptions import ProviderError, TransientError
from providers.linking import InvalidStateError, LinkDeniedError, Problem
from providers.registry import ProviderSpec

logger = logging.getLogger(__name__)

LinkTrouble = InvalidStateError | LinkDeniedError | conf.ProviderConfigurationError | ProviderError
TROUBLES = (InvalidStateError, LinkDeniedError, conf.ProviderConfigurationError, ProviderError)
"""What linking raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Explanation:
    """What a person reads when linking came to nothing: what happened, and what to do. `%(service)s` is its name."""

    title: str | Promise
    happened: str | Promise
    advice: str | Promise
    status: int
    can_try_again: bool = True


_PROBLEMS: Mapping[Problem, _Explanation] = {
    Problem.EXPIRED: _Explanation(
        title=_("That took too long"),
        happened=_("For your safety, a link to %(service)s has to be finished within ten minutes. This one was not."),
        advice=_("Start again; it takes a minute."),
        status=400,
    ),
    Problem.REPEATED: _Explanation(
        title=_("This was opened before"),
        happened=_(
            "An answer of %(service)s can be used once, and this one has been: perhaps in another tab, or because the "
            "page was loaded a second time."
        ),
        advice=_(
            "Look at your connections: %(service)s may well be linked already. If it is not, start again.",
        ),
        status=400,
    ),
    Problem.FOREIGN: _Explanation(
        title=_("This belongs to somebody else"),
        happened=_("The answer that arrived here was meant for another person's link, or for another service."),
        advice=_(
            "If you followed an address that someone sent you, do not do so again: it may have been a try to slip you "
            "their account. If you use several accounts here, sign in with the one you began with and start again."
        ),
        status=400,
    ),
    Problem.MANGLED: _Explanation(
        title=_("Something is missing in that address"),
        happened=_(
            "The address that led here is not complete, or has been changed, so that it cannot be told which link to "
            "%(service)s it belongs to."
        ),
        advice=_("Start again, and let %(service)s bring you back by itself instead of copying the address."),
        status=400,
    ),
}
_PASTED_MANGLED = replace(
    _PROBLEMS[Problem.MANGLED],
    happened=_(
        "The address that you pasted is not complete, or has been changed, so that it cannot be told which link to "
        "%(service)s it belongs to."
    ),
    advice=_("Start again, and copy all of the address that your browser ends on."),
)
# A person's own choice is no error, so the page that tells of it has an ordinary status.
_DENIED = _Explanation(
    title=_("You did not let us in"),
    happened=_("%(service)s says that you cancelled."),
    advice=_("If that was a slip, start again and agree this time."),
    status=200,
)
_UNAVAILABLE = _Explanation(
    title=_("%(service)s cannot be reached"),
    happened=_("%(service)s is down, busy, or does not answer in time. Nothing is wrong on your side."),
    advice=_("Try again in a few minutes."),
    status=503,
)
_REFUSED = _Explanation(
    title=_("%(service)s refused"),
    happened=_("%(service)s brought you back but would not finish the link."),
    advice=_("Start again. If it happens a second time, show your administrator what %(service)s said."),
    status=502,
)
_NOT_SET_UP = _Explanation(
    title=_("%(service)s is not set up here"),
    happened=_("Before anybody can link %(service)s, this site has to be introduced to it."),
    advice=_("Ask your administrator: the site's checks tell them what is missing."),
    status=503,
    can_try_again=False,
)


def explain(request: HttpRequest, spec: ProviderSpec, error: LinkTrouble, *, was_pasted: bool = False) -> HttpResponse:
    """Return the page that says what happened, and what to do: paste again, where the answer was pasted."""
    explanation, detail = _explanation_of(error, was_pasted=was_pasted), ""
    match error:
        case InvalidStateError():
            logger.warning("Person %s: %s (%s)", request.user.pk, error, spec.type)
        case conf.ProviderConfigurationError():
            logger.error("%s cannot be linked: %s", spec.label, error)
        case ProviderError():
            logger.warning("Person %s could not link %s: %s", request.user.pk, spec.type, error)
            detail = str(error)
    context = {
        "spec": spec,
        "title": str(explanation.title) % {"service": spec.label},
        "happened": str(explanation.happened) % {"service": spec.label},
        "advice": str(explanation.advice) % {"service": spec.label},
        "can_try_again": explanation.can_try_again,
        "was_pasted": was_pasted,
        "detail": detail,
    }
    return render(request, "providers/problem.html", context, status=explanation.status)


def _explanation_of(error: LinkTrouble, *, was_pasted: bool) -> _Explanation:
    match error:
        case InvalidStateError(problem=Problem.MANGLED) if was_pasted:
            return _PASTED_MANGLED
        case InvalidStateError():
            return _PROBLEMS[error.problem]
        case LinkDeniedError():
            return _DENIED
        case conf.ProviderConfigurationError():
            return _NOT_SET_UP
        case TransientError():
            return _UNAVAILABLE
        case _:
            return _REFUSED
