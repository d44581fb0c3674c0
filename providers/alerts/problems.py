"""Why a message did not arrive, as it is kept in rows and as people read it."""

from collections.abc import Mapping
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


class Problem(StrEnum):
    """The kinds of problem. `answered` is followed by the number that the service answered with."""

    MALFORMED = "malformed"
    NOT_ALLOWED = "not_allowed"
    READS_FILES = "reads_files"
    UNREACHABLE = "unreachable"
    ANSWERED = "answered"
    FAILED = "failed"
    TOO_SLOW = "too_slow"
    UNREADABLE = "unreadable"
    BROKEN = "broken"


_SENTENCES: Mapping[str, Promise] = {
    Problem.MALFORMED: gettext_lazy("No message can be sent to this address. The examples show what one looks like."),
    Problem.NOT_ALLOWED: gettext_lazy("Messages to this kind of service are not allowed on this site."),
    Problem.READS_FILES: gettext_lazy("This address has a file of the server read. That is not allowed on this site."),
    Problem.UNREACHABLE: gettext_lazy("The service could not be reached under this address."),
    Problem.FAILED: gettext_lazy("The service did not take the message."),
    Problem.TOO_SLOW: gettext_lazy("The service took too long to answer."),
    Problem.UNREADABLE: gettext_lazy("The stored address cannot be decrypted any more. Enter it once more."),
    Problem.BROKEN: gettext_lazy("Messages cannot be sent from this site just now. Tell who runs it."),
}

_REFUSALS: Mapping[int, Promise] = {
    401: gettext_lazy("The service did not accept the token, or the name and password, in the address (error 401)."),
    403: gettext_lazy("The service does not let this address send messages there (error 403)."),
    404: gettext_lazy("The service knows no such place: is the address complete? (error 404)"),
    429: gettext_lazy("The service has had too many messages for now (error 429)."),
    535: gettext_lazy("The mail server did not accept the name and password in the address (error 535)."),
}


def sentence(problem: str) -> str:
    """Return in plain words why a message did not arrive; empty where it did."""
    if not problem:
        return ""
    kind, _space, number = problem.partition(" ")
    if kind != Problem.ANSWERED:
        return str(_SENTENCES[kind])
    known = _REFUSALS.get(int(number))
    return str(known) if known else _("The service answered with error %(number)s.") % {"number": number}
