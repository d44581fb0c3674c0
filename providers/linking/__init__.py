"""Linking an account, whichever way its answer comes back, through whoever's application, and the end of a link."""

from providers.linking.applications import (
    can_link,
    client_id_in_use,
    forget_application,
    missing_settings,
    own_client_id,
    own_client_ids,
    takes_own_application,
    use_application,
)
from providers.linking.attempts import (
    LIFETIME,
    AnotherAccount,
    InvalidStateError,
    LinkDeniedError,
    Linked,
    Outcome,
    Problem,
    begin,
    complete,
    confirm,
    decline,
)
from providers.linking.disconnecting import disconnect
from providers.linking.pasted import MAX_PASTED_LENGTH, NotAnAnswerError, pasted_answer

__all__ = [
    "LIFETIME",
    "MAX_PASTED_LENGTH",
    "AnotherAccount",
    "InvalidStateError",
    "LinkDeniedError",
    "Linked",
    "NotAnAnswerError",
    "Outcome",
    "Problem",
    "begin",
    "can_link",
    "client_id_in_use",
    "complete",
    "confirm",
    "decline",
    "disconnect",
    "forget_application",
    "missing_settings",
    "own_client_id",
    "own_client_ids",
    "pasted_answer",
    "takes_own_application",
    "use_application",
]
