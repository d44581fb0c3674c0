"""The pages of linking: leave for the service, come back, answer whether another account is meant, disconnect."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from providers import conf, linking
from providers.exceptions import ProviderError, TransientError
from providers.linking import AnotherAccount, InvalidStateError, LinkDeniedError, Linked, Problem
from providers.models import Connection
from providers.registry import ProviderSpec
from providers.views.access import SeeOther, linkable_or_404, personal

logger = logging.getLogger(__name__)

MAX_NEXT_LENGTH = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class _Explanation:
    """What a person reads when linking came to nothing: what happened, and what to do. `{service}` is its name."""

    title: str
    happened: str
    advice: str
    status: int
    can_try_again: bool = True


_PROBLEMS: Mapping[Problem, _Explanation] = {
    Problem.EXPIRED: _Explanation(
        title="That took too long",
        happened="For your safety, a link to {service} has to be finished within ten minutes. This one was not.",
        advice="Start again; it takes a minute.",
        status=400,
    ),
    Problem.REPEATED: _Explanation(
        title="This was opened before",
        happened="An answer of {service} can be used once, and this one has been: perhaps in another tab, or because"
        " the page was loaded a second time.",
        advice="Look at your connections: {service} may well be linked already. If it is not, start again.",
        status=400,
    ),
    Problem.FOREIGN: _Explanation(
        title="This belongs to somebody else",
        happened="The answer that arrived here was meant for another person's link, or for another service.",
        advice="If you followed an address that someone sent you, do not do so again: it may have been a try to slip"
        " you their account. If you use several accounts here, sign in with the one you began with and start again.",
        status=400,
    ),
    Problem.MANGLED: _Explanation(
        title="Something is missing in that address",
        happened="The address that led here is not complete, or has been changed, so that it cannot be told which"
        " link to {service} it belongs to.",
        advice="Start again, and let {service} bring you back by itself instead of copying the address.",
        status=400,
    ),
}
# A person's own choice is no error, so the page that tells of it has an ordinary status.
_DENIED = _Explanation(
    title="You did not let us in",
    happened="{service} says that you cancelled.",
    advice="If that was a slip, start again and agree this time.",
    status=200,
)
_UNAVAILABLE = _Explanation(
    title="{service} cannot be reached",
    happened="{service} is down, busy, or does not answer in time. Nothing is wrong on your side.",
    advice="Try again in a few minutes.",
    status=503,
)
_REFUSED = _Explanation(
    title="{service} refused",
    happened="{service} brought you back but would not finish the link.",
    advice="Start again. If it happens a second time, show your administrator what {service} said.",
    status=502,
)
_NOT_SET_UP = _Explanation(
    title="{service} is not set up here",
    happened="Before anybody can link {service}, this site has to be introduced to it.",
    advice="Ask your administrator: the site's checks tell them what is missing.",
    status=503,
    can_try_again=False,
)


@personal
@require_POST
def connect(request: HttpRequest, provider_type: str) -> HttpResponse:
    """Send the person to the service, to be asked there."""
    spec = linkable_or_404(provider_type)
    try:
        address = linking.begin(
            request.user, spec.type, callback_url=_callback_url(request, spec), next_url=_safe_next(request)
        )
    except conf.ProviderConfigurationError as error:
        return _not_set_up(request, spec, error)
    except ProviderError as error:
        return _service_failed(request, spec, error)
    return SeeOther(address)


@personal
@require_GET
def callback(request: HttpRequest, provider_type: str) -> HttpResponse:
    """Take the person back from the service, and link the account."""
    spec = linkable_or_404(provider_type)
    try:
        outcome = linking.complete(request.user, spec.type, request.GET)
    except InvalidStateError as error:
        return _state_is_invalid(request, spec, error)
    except LinkDeniedError:
        return _explain(request, spec, _DENIED)
    except conf.ProviderConfigurationError as error:
        return _not_set_up(request, spec, error)
    except ProviderError as error:
        return _service_failed(request, spec, error)
    if isinstance(outcome, AnotherAccount):
        return render(request, "providers/another_account.html", {"spec": spec, "outcome": outcome})
    return _linked(request, spec, outcome)


@personal
@require_POST
def confirm(request: HttpRequest, provider_type: str) -> HttpResponse:
    """Take the answer whether another account is meant."""
    spec = linkable_or_404(provider_type)
    token = request.POST.get("token", "")
    try:
        if request.POST.get("answer") == "switch":
            return _linked(request, spec, linking.confirm(request.user, spec.type, token))
        linking.decline(request.user, spec.type, token)
    except InvalidStateError as error:
        return _state_is_invalid(request, spec, error)
    except conf.ProviderConfigurationError as error:
        return _not_set_up(request, spec, error)
    messages.info(request, f"{spec.label} stays linked as before.", fail_silently=True)
    return SeeOther(reverse("providers:connections"))


@personal
@require_http_methods(["GET", "HEAD", "POST"])
def disconnect(request: HttpRequest, provider_type: str) -> HttpResponse:
    """Ask first; forget the credentials when the answer is posted."""
    spec = linkable_or_404(provider_type)
    if request.method == "POST":
        linking.disconnect(request.user, spec.type)
        messages.success(request, f"{spec.label} is disconnected. Your listens stay.", fail_silently=True)
        return SeeOther(reverse("providers:connections"))
    connection = Connection.objects.filter(user=request.user.pk, provider_type=spec.type).first()
    if connection is None or not connection.is_linked:
        messages.info(request, f"{spec.label} is not linked.", fail_silently=True)
        return SeeOther(reverse("providers:connections"))
    return render(request, "providers/disconnect.html", {"spec": spec, "connection": connection})


def _callback_url(request: HttpRequest, spec: ProviderSpec) -> str:
    base = conf.get("PUBLIC_URL") or request.build_absolute_uri("/")
    return urljoin(base, reverse("providers:callback", args=[spec.type]))


def _safe_next(request: HttpRequest) -> str:
    """Return where the person wants to go afterwards, if that is a page of this site; else nothing."""
    address = request.POST.get("next", "")
    is_safe = (
        len(address) <= MAX_NEXT_LENGTH
        and address.isprintable()
        and url_has_allowed_host_and_scheme(
            address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        )
    )
    return address if is_safe else ""


def _linked(request: HttpRequest, spec: ProviderSpec, outcome: Linked) -> HttpResponse:
    account = outcome.connection.account_name
    messages.success(request, f"{spec.label} is linked{f' as {account}' if account else ''}.", fail_silently=True)
    return SeeOther(outcome.next_url or reverse("providers:connections"))


def _state_is_invalid(request: HttpRequest, spec: ProviderSpec, error: InvalidStateError) -> HttpResponse:
    logger.warning("Person %s: %s (%s)", request.user.pk, error, spec.type)
    return _explain(request, spec, _PROBLEMS[error.problem])


def _not_set_up(request: HttpRequest, spec: ProviderSpec, error: conf.ProviderConfigurationError) -> HttpResponse:
    logger.error("%s cannot be linked: %s", spec.label, error)
    return _explain(request, spec, _NOT_SET_UP)


def _service_failed(request: HttpRequest, spec: ProviderSpec, error: ProviderError) -> HttpResponse:
    logger.warning("Person %s could not link %s: %s", request.user.pk, spec.type, error)
    explanation = _UNAVAILABLE if isinstance(error, TransientError) else _REFUSED
    return _explain(request, spec, explanation, detail=str(error))


def _explain(request: HttpRequest, spec: ProviderSpec, explanation: _Explanation, detail: str = "") -> HttpResponse:
    context = {
        "spec": spec,
        "title": explanation.title.format(service=spec.label),
        "happened": explanation.happened.format(service=spec.label),
        "advice": explanation.advice.format(service=spec.label),
        "can_try_again": explanation.can_try_again,
        "detail": detail,
    }
    return render(request, "providers/problem.html", context, status=explanation.status)
