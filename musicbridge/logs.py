"""What is kept out of the site's log."""

import logging
import re

_QUERY = re.compile(r"\?[^\s\"']*")


class WithoutQueries(logging.Filter):
    """Cuts the query off every address: the one a service sends a browser back with holds state and code."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, its arguments cleaned."""
        if isinstance(record.args, tuple):
            record.args = tuple(_QUERY.sub("", arg) if isinstance(arg, str) else arg for arg in record.args)
        return True
