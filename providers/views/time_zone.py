"""The page where people choose in which zone's time they see everything."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from providers.forms import TimeZoneForm
from providers.views.access import SeeOther, personal
from providers.zones import CHOSEN_ZONE_COOKIE, chosen_zone

YEAR_SECONDS = 365 * 24 * 60 * 60


@personal
@require_http_methods(["GET", "HEAD", "POST"])
def time_zone(request: HttpRequest) -> HttpResponse:
    """Show what is chosen; keep what is chosen anew in this browser, for a year."""
    form = TimeZoneForm(request.POST if request.method == "POST" else None, initial={"zone": chosen_zone(request)})
    if not form.is_valid():
        return render(request, "providers/time_zone.html", {"form": form})
    response = SeeOther(reverse("providers:time_zone"))
    path = f"{request.META.get('SCRIPT_NAME', '')}/"
    if zone := form.cleaned_data["zone"]:
        response.set_cookie(
            CHOSEN_ZONE_COOKIE,
            zone,
            max_age=YEAR_SECONDS,
            path=path,
            secure=request.is_secure(),
            httponly=True,
            samesite="Lax",
        )
    else:
        response.delete_cookie(CHOSEN_ZONE_COOKIE, path=path, samesite="Lax")
    return response
