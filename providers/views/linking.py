"""The pages of linking: leave for the service, come back or paste its answer, say whether another account is meant."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from providers import conf, linking
from providers.linking import AnotherAccount, Linked, NotAnAnswerError, Outcome
from providers.registry import ProviderSpec
from providers.views.access import SeeOther, linkable_or_404, personal
from providers.views.link_troubles import TROUBLES, explain

MAX_NEXT_LENGTH = 2048


@personal
@require_POST
def connect(request: HttpRequest, provider_type: str) -> HttpResponse:
    """Send the person to the service, to be asked there."""
    spec = linkable_or_404(provider_type)
    try:
        return SeeOther(_begin(request, spec))
    except TROUBLES as error:
        return explain(request, spec, error)


@personal
@require_GET
def callback(request: HttpRequest, provider_type: str) -> HttpResponse:
    """Take the person back from the service, and link the account."""
    spec = linkable_or_404(provider_type)
    try:
        return _tell(request, spec, linking.complete(request.user, spec.type, request.GET))
    except TROUBLES as error:
        return explain(request, spec, error)


@personal
@require_http_methods(["GET", "HEAD", "POST"])
def paste(request: HttpRequest, provider_type: str) -> HttpResponse:
    """Tell the address of the service's page, to be opened anywhere; take the one that the browser ended on.

    For a site that the service cannot send that browser back to. What is pasted holds a code, and is shown to nobody.
    """
    spec = linkable_or_404(provider_type)
    try:
        if "answer" in request.POST:
            params = linking.pasted_answer(request.POST["answer"])
            return _tell(request, spec, linking.complete(request.user, spec.type, params))
        return _ask_for_answer(request, spec, consent_url=_begin(request, spec) if request.method == "POST" else "")
    except NotAnAnswerError as error:
        return _ask_for_answer(request, spec, error=str(error))
    except TROUBLES as error:
        return explain(request, spec, error, was_pasted=True)


@personal
@require_POST
def confirm(request: HttpRequest, provider_type: str) -> HttpResponse:
    """Take the answer whether another account is meant."""
    spec = linkable_or_404(provider_type)
    token = request.POST.get("token", "")
    try:
        if request.POST.get("answer") == "switch":
            return _tell(request, spec, linking.confirm(request.user, spec.type, token))
        linking.decline(request.user, spec.type, token)
    except TROUBLES as error:
        return explain(request, spec, error)
    messages.info(request, _("%(service)s stays linked as before.") % {"service": spec.label}, fail_silently=True)
    return SeeOther(reverse("providers:connections"))


def _begin(request: HttpRequest, spec: ProviderSpec) -> str:
    path = reverse("providers:callback", args=[spec.type])
    callback_url = conf.public_address(path) or request.build_absolute_uri(path)
    return linking.begin(request.user, spec.type, callback_url=callback_url, next_url=_safe_next(request))


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


def _ask_for_answer(request: HttpRequest, spec: ProviderSpec, **context: Any) -> HttpResponse:
    minutes = int(linking.LIFETIME.total_seconds()) // 60
    return render(request, "providers/paste.html", {"spec": spec, "minutes": minutes, **context})


def _tell(request: HttpRequest, spec: ProviderSpec, outcome: Outcome) -> HttpResponse:
    if isinstance(outcome, AnotherAccount):
        return render(request, "providers/another_account.html", {"spec": spec, "outcome": outcome})
    messages.success(request, _linked_text(spec, outcome), fail_silently=True)
    return SeeOther(outcome.next_url or reverse("providers:connections"))


def _linked_text(spec: ProviderSpec, outcome: Linked) -> str:
    account = outcome.connection.account_name
    if account:
        return _("%(service)s is linked as %(account)s.") % {"service": spec.label, "account": account}
    return _("%(service)s is linked.") % {"service": spec.label}
