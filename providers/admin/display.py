"""How rows are written out in lists, on pages and in messages, whatever services and people named them."""

from datetime import datetime

from django.contrib.admin.utils import display_for_value
from django.template.defaultfilters import truncatechars
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from providers import registry
from providers.models import Connection
from providers.sentences import translated

NOTHING = "-"
"""What stands where there is nothing to show, as in the lists of any admin."""


def label_of(provider_type: str) -> str:
    """Return a service's name, or its bare type where its package is no longer installed."""
    try:
        return registry.get(provider_type).label
    except registry.UnknownProviderError:
        return _("%(type)s (not installed)") % {"type": provider_type}


def name_of(connection: Connection) -> str:
    """Return what a connection is called in a sentence."""
    names = {"service": label_of(connection.provider_type), "person": connection.user.get_username()}
    return _("%(service)s of %(person)s") % names


def foreign(text: str, length: int = 200) -> SafeString | str:
    """Write out a text that others wrote, as far as there is room: it stays text, and turns no other text around."""
    return format_html("<bdi>{}</bdi>", truncatechars(text, length)) if text else NOTHING


def told(detail: str) -> SafeString | str:
    """Write out what a worker kept in English, in the language of whoever reads it."""
    return foreign(translated(detail))


def moment(value: datetime | None) -> str:
    """Write a time as the admin writes those of fields; on a row's own page it would print ours as Python does."""
    return display_for_value(value, NOTHING)
