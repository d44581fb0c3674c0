"""What the site's log says and what is kept out of it."""

import json
import logging
import re
from datetime import UTC, datetime

_QUERY = re.compile(r"\?[^\s\"']*")


class WithoutQueries(logging.Filter):
    """Cuts the query off every address: the one a service sends a browser back with holds state and code."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, its arguments cleaned."""
        if isinstance(record.args, tuple):
            record.args = tuple(_QUERY.sub("", arg) if isinstance(arg, str) else arg for arg in record.args)
        return True


class LineFormatter(logging.Formatter):
    """A line for people; what it is about (`providers.logcontext`) stands in brackets."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802, logging's name
        """Return the line without the traceback."""
        context = getattr(record, "context", {})
        about = f" [{' '.join(f'{name}={value}' for name, value in context.items())}]" if context else ""
        return f"{self.formatTime(record)} {record.levelname} {record.name}{about}: {record.message}"


class JsonFormatter(logging.Formatter):
    """A JSON object on a line of its own, for programs: whatever is logged, nobody forges a second line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return time (UTC), level, logger and message, what it is about, and the traceback where there is one."""
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "context", {}),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)
