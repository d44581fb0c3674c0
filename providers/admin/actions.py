"""Actions on chosen rows: announced, confirmed, done row by row, and kept in the history of each row."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, NamedTuple, cast

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

MAX_NAMED = 10
"""How many rows are named, on the page that asks and in what is told afterwards."""

MAX_ROWS = 500
"""How many rows one action takes. As many fit into a form, and are written while the administrator waits."""

CONFIRMED = "confirmed"


class Outcome(NamedTuple):
    """What became of a row, as the end of a sentence. Where nothing `was_done`, its history keeps nothing."""

    text: str
    level: int = messages.SUCCESS
    was_done: bool = True
    flag: int = CHANGE


Act = Callable[[Any, HttpRequest, Any], Outcome]
Action = Callable[[Any, HttpRequest, QuerySet[Any]], HttpResponse | None]


def confirmed(
    *,
    description: Any,
    announcement: Callable[[int], str],
    name_of: Callable[[Any], str],
    at_most: int = MAX_ROWS,
    is_harmless: bool = False,
) -> Callable[[Act], Action]:
    """Make what is done with one row an action on all that are chosen, which asks first.

    `announcement` says what will happen to so many rows; `name_of` names one. What `is_harmless` takes nothing away.
    """

    def decorate(act: Act) -> Action:
        @admin.action(description=description, permissions=["act"])
        @wraps(act)
        def action(model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
            rows = list(queryset[: at_most + 1])
            if len(rows) > at_most:
                text = _("“%(action)s” takes at most %(count)d rows at a time. More were chosen, so nothing was done.")
                model_admin.message_user(request, text % {"action": description, "count": at_most}, messages.ERROR)
                return None
            if not rows:
                text = _("What was chosen is no longer on this list. Nothing was done.")
                model_admin.message_user(request, text, messages.WARNING)
                return None
            if CONFIRMED not in request.POST:
                asked = {
                    "title": description,
                    "announcement": announcement(len(rows)),
                    "named": [name_of(row) for row in rows[:MAX_NAMED]],
                    "beyond": len(rows) - MAX_NAMED,
                    # Those that are named and counted here, whatever else meets the same filter by then.
                    "ids": [row.pk for row in rows],
                    "action": act.__name__,
                    "is_harmless": is_harmless,
                }
                return _ask(model_admin, request, asked)
            told: dict[Outcome, list[str]] = {}
            for row in rows:
                outcome = act(model_admin, request, row)
                if outcome.was_done:
                    _keep(request, row, outcome.flag, f"{description}: {outcome.text}")
                told.setdefault(outcome, []).append(name_of(row))
            for outcome, names in told.items():
                model_admin.message_user(request, _sentence(names, outcome.text), outcome.level)
            return None

        return action

    return decorate


def _ask(model_admin: Any, request: HttpRequest, asked: dict[str, Any]) -> HttpResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        **asked,
        "opts": model_admin.opts,
        "media": model_admin.media,
        "confirmed": CONFIRMED,
        "action_checkbox_name": helpers.ACTION_CHECKBOX_NAME,
        "back": request.get_full_path(),
    }
    request.current_app = model_admin.admin_site.name  # as every page of an admin does
    return TemplateResponse(request, "providers/admin/confirm.html", context)


def _keep(request: HttpRequest, row: Any, flag: int, text: str) -> None:
    # Row by row, so that of an action that breaks off those are kept that were done.
    LogEntry.objects.log_actions(cast(int, request.user.pk), [row], flag, text, single_object=True)


def _sentence(names: Sequence[str], text: str) -> SafeString:
    named = format_html_join(", ", "<bdi>{}</bdi>", ((name,) for name in names[:MAX_NAMED]))
    beyond = len(names) - MAX_NAMED
    if beyond > 0:
        pattern = ngettext("{names} and {count} more", "{names} and {count} more", beyond)
        named = format_html(pattern, names=named, count=beyond)
    return format_html("{}: {}", named, text)
