"""Which services the site's forms may lead to."""

from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest, HttpResponseBase

from providers import registry


class LinkingCSPMiddleware(CSPMiddleware):
    """Lets forms lead to the services that people link.

    Linking posts here and is redirected to the service, which Chromium counts as where the form leads.
    """

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        """Add the services' origins to the policy of the settings, which cannot ask for them."""
        parts = super().get_policy_parts(request, response, report_only)
        origins = [origin for spec in registry.specs() for origin in spec.authorize_origins()]
        parts.update = {**(parts.update or {}), "form-action": origins}
        return parts
