"""For pages of an admin: `{% load providers_admin %}{% providers_health %}` shows the state of everything at a glance.

The app's own page in the admin does. So may a site's index, which has to load `providers/admin.css` for it.
"""

from typing import Any

from django import template
from django.utils.module_loading import import_string

register = template.Library()


@register.inclusion_tag("providers/admin/health.html", takes_context=True)
def providers_health(context: template.RequestContext) -> dict[str, Any]:
    """Show how links and work stand, as far as whoever looks may see the lists of them."""
    # Not above: Django imports every library there is before the first page, also where there is no admin.
    health = import_string("providers.admin.health.health")
    return {"health": health(context["request"])}
