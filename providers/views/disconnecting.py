"""The end of a link: disconnect, and have the listens deleted too where that is wished."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from providers import linking
from providers.history import deletion
from providers.models import Connection
from providers.views.access import SeeOther, linkable_or_404, personal


@personal
@require_http_methods(["GET", "HEAD", "POST"])
def disconnect(request: HttpRequest, provider_type: str) -> HttpResponse:
    """Say what stays; forget the credentials when the answer is posted."""
    spec = linkable_or_404(provider_type)
    if request.method == "POST":
        linking.disconnect(request.user, spec.type)
        text = _("%(service)s is disconnected. Your listens stay.") % {"service": spec.label}
        messages.success(request, text, fail_silently=True)
        return SeeOther(reverse("providers:connections"))
    connection = _connection(request, spec.type)
    if connection is None or not connection.is_linked:
        messages.info(request, _("%(service)s is not linked.") % {"service": spec.label}, fail_silently=True)
        return SeeOther(reverse("providers:connections"))
    return render(request, "providers/disconnect.html", {"spec": spec, "connection": connection})


@personal
@require_http_methods(["GET", "HEAD", "POST"])
def delete_history(request: HttpRequest, provider_type: str) -> HttpResponse:
    """Say what goes for good; disconnect and have it deleted when the answer is posted."""
    spec = linkable_or_404(provider_type)
    connection = _connection(request, spec.type)
    if connection is None:
        messages.info(request, _("%(service)s was never linked.") % {"service": spec.label}, fail_silently=True)
        return SeeOther(reverse("providers:connections"))
    if request.method == "POST":
        linking.disconnect(request.user, spec.type, deletes_history=True)
        text = _("%(service)s is disconnected. Its listens are being deleted, which takes a moment.")
        messages.success(request, text % {"service": spec.label}, fail_silently=True)
        return SeeOther(reverse("providers:connections"))
    context = {
        "spec": spec,
        "connection": connection,
        "is_under_way": deletion.pending(connection.user_id).filter(provider_type=spec.type).exists(),
    }
    return render(request, "providers/delete_history.html", context)


def _connection(request: HttpRequest, provider_type: str) -> Connection | None:
    return Connection.objects.filter(user=request.user.pk, provider_type=provider_type).first()
