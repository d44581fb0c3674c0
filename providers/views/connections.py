"""The pages that show what is linked, and how it is: all services, and one."""

from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from providers import conf, link_health, registry
from providers.exceptions import ProviderError, RateLimitedError, ReauthorizationRequiredError, TransientError
from providers.models import Connection, HistorySync, OAuthTokens, credential_model
from providers.moments import as_time
from providers.registry import ProviderSpec
from providers.views.access import SeeOther, personal, spec_or_404
from providers.views.cards import cards_of

CHECKED_RECENTLY = timedelta(seconds=10)
"""How old a check may be to answer for a second one: services limit how often they are asked."""


@personal
@require_safe
def connections(request: HttpRequest) -> HttpResponse:
    """Show every service there is, linked or not."""
    return render(request, "providers/connections.html", {"cards": cards_of(request.user, registry.specs())})


@personal
@require_safe
def connection(request: HttpRequest, provider_type: str) -> HttpResponse:
    """Show all there is to know of one service's link."""
    spec = spec_or_404(provider_type)
    (card,) = cards_of(request.user, [spec])
    context = {"card": card, "spec": spec, "connection": card.connection, "state": card.state}
    if card.is_linked:
        context["scopes"] = _granted_scopes(request.user.pk, spec)
    return render(request, "providers/connection.html", context)


@personal
@require_POST
def fetch(request: HttpRequest, provider_type: str) -> HttpResponse:
    """Have a service fetched as soon as a worker is free."""
    spec = spec_or_404(provider_type)
    HistorySync.request(_linked_or_404(request, spec))
    told = _("%(service)s is fetched next. What is new appears in your history.") % {"service": spec.label}
    messages.success(request, told, fail_silently=True)
    return _back(request, spec)


@personal
@require_POST
def check(request: HttpRequest, provider_type: str) -> HttpResponse:
    """Ask the service whether the link works, and tell the person."""
    spec = spec_or_404(provider_type)
    connection = _linked_or_404(request, spec)
    service = {"service": spec.label}
    try:
        if _was_checked_just_now(connection):
            works = connection.status == Connection.Status.OK
        else:
            works = link_health.check(connection)
    except ReauthorizationRequiredError:
        works = False
    except RateLimitedError as error:
        told = _("%(service)s asked for a pause, and can be asked again later.") % service
        if error.retry_at is not None:
            pause = _("{service} asked for a pause until {time}, and can be asked again then.")
            told = format_html(pause, service=spec.label, time=as_time(error.retry_at))
        messages.warning(request, told, fail_silently=True)
        return _back(request, spec)
    except TransientError:
        told = _("%(service)s cannot be reached just now. The link may well be in order: try again later.") % service
        messages.warning(request, told, fail_silently=True)
        return _back(request, spec)
    except (ProviderError, conf.ProviderConfigurationError):
        told = _("%(service)s could not be asked. Show this to whoever runs this site.") % service
        messages.error(request, told, fail_silently=True)
        return _back(request, spec)
    if works:
        messages.success(request, _("The link to %(service)s works.") % service, fail_silently=True)
    else:
        messages.error(request, _("The link to %(service)s does not work any more.") % service, fail_silently=True)
    return _back(request, spec)


def _linked_or_404(request: HttpRequest, spec: ProviderSpec) -> Connection:
    linked = Connection.objects.exclude(status=Connection.Status.DISCONNECTED).select_related("user")
    return get_object_or_404(linked, user=request.user.pk, provider_type=spec.type)


def _was_checked_just_now(connection: Connection) -> bool:
    checked_at = connection.last_checked_at
    return checked_at is not None and timezone.now() - checked_at < CHECKED_RECENTLY


def _granted_scopes(user_id: int | None, spec: ProviderSpec) -> list[str]:
    """Return what the service allowed us to do, as it calls it; nothing where it does not say."""
    model = credential_model(spec.credential_model)
    if not issubclass(model, OAuthTokens):
        return []
    scopes = model._default_manager.filter(user=user_id).values_list("scopes", flat=True).first()
    return sorted((scopes or "").split())


def _back(request: HttpRequest, spec: ProviderSpec) -> HttpResponse:
    """Return to the page on which the button was."""
    if request.POST.get("from") == "connection":
        return SeeOther(reverse("providers:connection", args=[spec.type]))
    return SeeOther(reverse("providers:connections"))
