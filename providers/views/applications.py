"""The page on which a person brings an application of their own to link through."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from providers import conf, linking
from providers.models import Connection
from providers.registry import ProviderSpec
from providers.views.access import SeeOther, linkable_or_404, personal
from providers.views.link_troubles import explain

MAX_SHOWN = 100
"""How much of a client id that cannot be one is shown again, to be mended."""


@personal
@require_http_methods(["GET", "HEAD", "POST"])
def own_application(request: HttpRequest, provider_type: str) -> HttpResponse:
    """Say step by step how to register one; keep its client id, or forget it."""
    spec = linkable_or_404(provider_type)
    if spec.application_guide is None:
        raise Http404
    if not linking.takes_own_application(spec):
        missing = " and ".join(spec.missing_settings)
        return explain(request, spec, conf.ProviderConfigurationError(f"It needs {missing} to be set."))
    if request.method != "POST":
        return _show(request, spec)
    if "remove" in request.POST:
        linking.forget_application(request.user, spec.type)
        text = _("Your application is forgotten. A link that was made through it goes on until you link again.")
    else:
        typed = request.POST.get("client_id", "")
        try:
            linking.use_application(request.user, spec.type, typed)
        except ValueError as error:
            return _show(request, spec, typed=typed[:MAX_SHOWN], error=str(error))
        text = _("Your application is kept. It is used from the next time on that you link %(service)s.")
    messages.success(request, text % {"service": spec.label}, fail_silently=True)
    return SeeOther(reverse("providers:own_application", args=[spec.type]))


def _show(request: HttpRequest, spec: ProviderSpec, *, typed: str = "", error: str = "") -> HttpResponse:
    guide = spec.application_guide
    own = linking.own_client_id(request.user, spec)
    connection = Connection.objects.filter(user=request.user.pk, provider_type=spec.type).first()
    is_linked = connection is not None and connection.is_linked
    context = {
        "spec": spec,
        "guide": guide,
        "redirect_uri": guide.redirect_uri() if guide else "",
        "own_client_id": own,
        "typed": typed or own,
        "error": error,
        "is_linked": is_linked,
        "is_in_use": is_linked and own == linking.client_id_in_use(request.user, spec),
        "has_sites_application": not spec.missing_settings,
    }
    return render(request, "providers/own_application.html", context)
