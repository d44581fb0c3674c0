"""Reading the histories that services and exporters hand out as files. No service is asked, no database is needed."""

from providers.history.dumps.reading import Dump, open_dump
from providers.history.dumps.rows import DumpError, LeftOut, Play, Refused, Row

__all__ = ["Dump", "DumpError", "LeftOut", "Play", "Refused", "Row", "open_dump"]
