"""The address that a browser ended on, brought here by hand: from a box without a browser, or another machine."""

from django.core.exceptions import TooManyFieldsSent
from django.http import QueryDict
from django.utils.translation import gettext as _

from providers.linking.attempts import GRANT_PARAMETERS, MAX_PARAMETER_LENGTH

MAX_PASTED_LENGTH = 4 * MAX_PARAMETER_LENGTH
"""Far longer than any address that a service sends a browser to."""

_AROUND = "<>()[]{}\"'"


class NotAnAnswerError(ValueError):
    """What was pasted is no answer of a service. Says in plain words what it lacks; no attempt is used up."""


def pasted_answer(text: str) -> QueryDict:
    """Find in what was pasted what a service sent the browser back with, for `complete`.

    That is the address, only its query, or either within other words. Raises `NotAnAnswerError`.
    """
    if len(text) > MAX_PASTED_LENGTH:
        raise NotAnAnswerError(_("This is far too long for an address. Copy only what the address bar shows."))
    if not text.strip():
        raise NotAnAnswerError(_("Paste the address first."))
    params = _params_in(next((word for word in text.split() if "state" in word), ""))
    if not params.get("state") and "next" in params:
        # Nobody is signed in here in that browser: it was asked to, and would have gone on to the answer.
        params = _params_in(params.getlist("next")[-1])
    if not params.get("state"):
        raise NotAnAnswerError(
            _("This is not the address that the service sent your browser to: that one has “state=” in it.")
        )
    if not params.keys() & {*GRANT_PARAMETERS, "error"}:
        raise NotAnAnswerError(
            _(
                "This is not the whole address, or it is the one of the page on which you agree. "
                "Agree there first, then copy all of the address that your browser ends on."
            )
        )
    return params


def _params_in(address: str) -> QueryDict:
    address = address.strip(_AROUND).partition("#")[0]
    _before, mark, query = address.partition("?")
    try:
        return QueryDict(query if mark else address)
    except TooManyFieldsSent:
        return QueryDict()
