"""What every page has in common: whose it is, and who may keep or pass on a copy."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone

from providers import registry
from providers.registry import ProviderSpec
from providers.zones import zone_of

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


class SeeOther(HttpResponseRedirect):
    """A redirect after which the browser asks with GET, whatever it came with."""

    status_code = 303


def personal(view: View[P]) -> View[P]:
    """Show the page to whom it belongs only, in their time zone, let nobody store it, and tell nobody its address.

    `strict-origin` and not `no-referrer`: with that, browsers send the Origin `null`, which Django's protection
    against forged requests refuses.
    """

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        response: HttpResponseBase
        if request.user.is_authenticated:
            with timezone.override(zone_of(request)):
                response = view(request, *args, **kwargs)
        else:
            # What was to be posted is lost on the way, so its address would be of no use.
            is_reading = request.method in ("GET", "HEAD")
            response = redirect_to_login(request.get_full_path() if is_reading else reverse("providers:connections"))
            if "HX-Request" in request.headers:
                # The live part of a page: the whole page goes to sign in, not that part.
                response = HttpResponse(headers={"HX-Redirect": response.url})
        response["Cache-Control"] = "private, no-store"
        response["Referrer-Policy"] = "strict-origin"
        return response

    return guarded


def shown_anew_when_over(request: HttpRequest, response: HttpResponse, *, is_over: bool) -> HttpResponse:
    """Have a page that looks for news by itself loaded as a whole, once there are none to come."""
    if is_over and "HX-Request" in request.headers:
        response.headers["HX-Refresh"] = "true"
    return response


def spec_or_404(provider_type: str) -> ProviderSpec:
    """Return a service. Raises `Http404` where there is none of this type."""
    try:
        return registry.get(provider_type)
    except registry.UnknownProviderError:
        raise Http404 from None


def linkable_or_404(provider_type: str) -> ProviderSpec:
    """Return a service that people link themselves. Raises `Http404` for any other."""
    spec = spec_or_404(provider_type)
    if spec.authenticator_factory is None:
        raise Http404
    return spec
