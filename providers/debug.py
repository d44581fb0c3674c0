"""Error pages and error mails that tell no secret, whatever DEBUG says.

Django shows the variables of every frame, the query and the form of the request. Here those are tokens, passwords
and the codes that services hand to browsers. Set both of these::

    DEFAULT_EXCEPTION_REPORTER = "providers.debug.SecretsReporter"
    DEFAULT_EXCEPTION_REPORTER_FILTER = "providers.debug.SecretsReporterFilter"
"""

import logging
import re
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

from django.http import HttpRequest
from django.template.defaultfilters import pprint
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

_OUR_PACKAGE = __name__.partition(".")[0]
_USER_IN_ADDRESS = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_SHORTEST_SECRET = 4
_STARS = SafeExceptionReporterFilter.cleansed_substitute


class SecretsReporterFilter(SafeExceptionReporterFilter):
    """Hides what this app holds in variables and what browsers send, and does the rest as Django does."""

    def is_active(self, request: HttpRequest | None) -> bool:
        """Say that secrets are hidden with DEBUG as well: pages are shared, and a debug site has real accounts."""
        return True

    def cleanse_setting(self, key: Any, value: Any) -> Any:
        """Hide what Django hides, and the password in the address of a database or a broker."""
        cleansed = super().cleanse_setting(key, value)
        # A lazy object passes for a text here and not there.
        return _USER_IN_ADDRESS.sub(_STARS, str(cleansed)) if isinstance(cleansed, str) else cleansed

    def get_safe_request_meta(self, request: HttpRequest) -> dict[str, Any]:
        """Hide queries as well, the one of the page before included."""
        meta = super().get_safe_request_meta(request)
        for key, value in meta.items():
            if isinstance(value, str) and ("?" in value or tells(request, value)):
                meta[key] = _STARS
        return meta

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, Any]:
        """Show the names of cookies and no value."""
        return dict.fromkeys(request.COOKIES, _STARS) if request is not None else {}

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        """Show the names in a form and no value."""
        return dict.fromkeys(request.POST, _STARS) if request is not None else {}

    def get_cleansed_multivaluedict(self, request: HttpRequest, multivaluedict: Any) -> Any:
        """Show the names in a query or a form and no value."""
        return dict.fromkeys(multivaluedict, _STARS)

    def get_traceback_frame_variables(self, request: Any, tb_frame: Any) -> Any:
        """Show no variable of ours, nor of what we call, and elsewhere none that repeats what the browser sent."""
        if is_ours(tb_frame):
            return hidden(tb_frame)
        return [
            (name, _STARS if tells(request, pprint(value)) else value)
            for name, value in super().get_traceback_frame_variables(request, tb_frame)
        ]


class SecretsReporter(ExceptionReporter):
    """Reports an error without the query and without what lies below this app in the traceback."""

    def get_traceback_data(self) -> dict[str, Any]:
        """Return what the page shows."""
        data = super().get_traceback_data()
        # Around a character that could not be encoded there is the rest of the text.
        data["unicode_hint"] = ""
        if "exception_value" in data and tells(self.request, data["exception_value"]):
            data["exception_value"] = _STARS
        if self.request is not None:
            data["request_GET_items"] = [(name, _STARS) for name in self.request.GET]
            data["request_insecure_uri"] = data["request_insecure_uri"].partition("?")[0]
        return data

    def get_exception_traceback_frames(
        self, exc_value: BaseException | None, tb: TracebackType | None
    ) -> Iterator[dict[str, Any]]:
        """Yield the frames; below the first of ours no variable is shown, also where a generator hides its caller."""
        is_below_ours = False
        for frame in super().get_exception_traceback_frames(exc_value, tb):
            if frame["exc_cause"] is not None and tells(self.request, str(frame["exc_cause"])):
                frame["exc_cause"] = type(frame["exc_cause"]).__name__
            if frame["tb"] is not None:
                is_below_ours = is_below_ours or is_ours(frame["tb"].tb_frame)
                if is_below_ours:
                    frame["vars"] = hidden(frame["tb"].tb_frame)
            yield frame


def keep_contexts_out_of_logs() -> None:
    """Keep Django from logging, at DEBUG, the whole context of a page for every variable that the page lacks."""
    logging.getLogger("django.template").addFilter(_without_traceback)


def _without_traceback(record: logging.LogRecord) -> bool:
    record.exc_info = None
    return True


def hidden(frame: FrameType) -> list[tuple[str, str]]:
    """Return the names of a frame's variables and none of their values."""
    return [(name, _STARS) for name in frame.f_locals]


def is_ours(frame: FrameType | None) -> bool:
    """Tell whether a frame lies in this app or was called, directly or not, from a frame that does."""
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] == _OUR_PACKAGE:
            return True
        frame = frame.f_back
    return False


def tells(request: HttpRequest | None, text: str) -> bool:
    """Tell whether a text repeats the query, or a value of the query, the form or the cookies."""
    if request is None:
        return False
    sent = [request.META.get("QUERY_STRING", ""), request.get_full_path().partition("?")[2], *request.COOKIES.values()]
    for values in (request.GET, request.POST):
        sent += [value for _, listed in values.lists() for value in listed]
    return any(len(value) >= _SHORTEST_SECRET and value in text for value in sent)
