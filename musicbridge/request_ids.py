"""A name for each request, by which its lines in the logs of the proxy and of the site are found together."""

import re
import uuid
from collections.abc import Callable

from django.conf import settings
from django.core.signals import request_finished
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

from providers.logcontext import log_only_about

HEADER = "X-Request-ID"
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestIdMiddleware:
    """Names the request as a trusted proxy did, or anew, in every line of its log and in its answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Log all of this request under its name, and send the name along with the answer."""
        told = request.headers.get(HEADER, "") if settings.TRUST_PROXY_HEADER else ""
        request_id = told if _WELL_FORMED.fullmatch(told) else uuid.uuid4().hex
        log_only_about(request=request_id)
        response = self._get_response(request)
        response[HEADER] = request_id
        return response


@receiver(request_finished)
def forget_the_request(**_: object) -> None:
    """Say no more that lines are about this request. Not sooner: Django logs a refusal after all middleware is done."""
    log_only_about()
