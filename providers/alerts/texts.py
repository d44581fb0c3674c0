"""What alerts say: plain text, in the language of the site, made when it is sent."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from providers import conf, registry
from providers.alerts.sending import Message
from providers.models import Alert, AlertKind
from providers.sentences import translated

MAX_TOLD = 10
"""How many alerts one message tells; of the others it tells how many there are."""

MAX_NAME = 100
MAX_DETAIL = 300

# What chats take for markup, for somebody to be called, or for the beginning of a link.
_LOOKALIKES = str.maketrans({"<": "(", ">": ")", "[": "(", "]": ")", "@": "(at)", "`": "'"})


def message_of(alerts: Sequence[Alert]) -> Message:
    """Return the message that tells these alerts: of one all there is to say, of several a line each."""
    with translation.override(conf.get("LANGUAGE_CODE")):
        told = [_TEXTS[AlertKind(alert.kind)](alert.facts) for alert in alerts[:MAX_TOLD]]
        if len(alerts) == 1:
            return Message(told[0].title, _with_link(told[0].body, _page_of(alerts[0])))
        lines = [f"{each.title}: {each.body}" for each in told]
        if beyond := len(alerts) - len(told):
            lines.append(ngettext("And %(count)d more.", "And %(count)d more.", beyond) % {"count": beyond})
        title = ngettext("%(count)d thing needs a look", "%(count)d things need a look", len(alerts))
        return Message(title % {"count": len(alerts)}, _with_link("\n\n".join(lines), reverse("providers:connections")))


def trial_message() -> Message:
    """Return what the button for a test sends."""
    with translation.override(conf.get("LANGUAGE_CODE")):
        body = _("This is a test. Alerts arrive here when something needs you.")
        return Message(_("Alerts from musicbridge work"), _with_link(body, reverse("providers:alerts")))


def inert(text: str, max_length: int = MAX_NAME) -> str:
    """Return a text from elsewhere so that it is nothing but text: one line, no markup, nothing that turns it round."""
    plain = "".join(" " if character.isspace() else character for character in text)
    shown = "".join(character for character in plain if not unicodedata.category(character).startswith("C"))
    line = " ".join(shown.translate(_LOOKALIKES).replace("://", ": ").split())
    return line if len(line) <= max_length else f"{line[: max_length - 1]}…"


def _needs_reauth(facts: dict[str, Any]) -> Message:
    label = registry.label_of(facts["service"])
    why = _sentence(facts["detail"]) or _("The service does not accept the link any more.")
    body = _("%(why)s Link it again, and everything goes on where it stopped.") % {"why": why}
    return Message(_("%(service)s needs you") % {"service": label}, body)


def _link_expires(facts: dict[str, Any]) -> Message:
    label, days = registry.label_of(facts["service"]), facts["days"]
    title = ngettext(
        "Your link to %(service)s expires in %(days)d day", "Your link to %(service)s expires in %(days)d days", days
    )
    body = _("It ends on %(date)s, as the service wants it. Link it again before, and nothing is missed.")
    return Message(
        title % {"service": label, "days": days},
        body % {"date": _date(facts["expires_at"], pgettext("format of a date", "j M Y"))},
    )


def _gap_opened(facts: dict[str, Any]) -> Message:
    label = registry.label_of(facts["service"])
    body = _(
        "It could no longer tell what you played between %(since)s and %(until)s UTC. If it gives you a file of your "
        "data, import it to fill the gap."
    )
    span = {name: _date(facts[name], pgettext("format of a time", "j M Y, H:i")) for name in ("since", "until")}
    return Message(_("Listens are missing from %(service)s") % {"service": label}, body % span)


def _mirror_failing(facts: dict[str, Any]) -> Message:
    name = inert(facts["playlist"]) or _("(without a name)")
    ends = {"source": registry.label_of(facts["source"]), "target": registry.label_of(facts["target"])}
    body = _("It is carried from %(source)s to %(target)s no more. %(why)s")
    return Message(
        _("The playlist “%(name)s” is not kept in step") % {"name": name},
        (body % {**ends, "why": _sentence(facts["detail"])}).rstrip(),
    )


_TEXTS: Mapping[AlertKind, Callable[[dict[str, Any]], Message]] = {
    AlertKind.NEEDS_REAUTH: _needs_reauth,
    AlertKind.LINK_EXPIRES: _link_expires,
    AlertKind.GAP_OPENED: _gap_opened,
    AlertKind.MIRROR_FAILING: _mirror_failing,
}


def headline_of(alert: Alert) -> str:
    """Return an alert in a few words, in the language of who looks."""
    return _TEXTS[AlertKind(alert.kind)](alert.facts).title


def _sentence(detail: str) -> str:
    return inert(translated(detail), MAX_DETAIL)


def _date(moment: str, form: str) -> str:
    return date_format(datetime.fromisoformat(moment), form)


def _page_of(alert: Alert) -> str:
    if alert.kind == AlertKind.MIRROR_FAILING:
        return reverse("providers:mirror", args=[alert.facts["mirror"]])
    return reverse("providers:connections")


def _with_link(text: str, path: str) -> str:
    address = conf.public_address(path)
    return f"{text}\n\n{address}" if address else text
