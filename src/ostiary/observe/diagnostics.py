"""The program's own warnings, as JSON lines on standard error, through the same bounded writer as every log.

Python's own handlers write in the event loop: a full pipe behind standard error would stop the traffic, and whoever
found a way to cause a warning could fill it. So would its hook for exceptions that it can raise nowhere, and a caller
can cause those: a name that is none in a TLS handshake is one, in the standard library.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec

from ostiary.observe.line import line

if TYPE_CHECKING:
    from ostiary.observe.writer import LineWriter

PER_SECOND: Final = 10
"""Lines written in a second; what is beyond is counted in the next line."""
_TRACE_CHARACTERS: Final = 3000


class DiagnosticRecord(msgspec.Struct, omit_defaults=True):
    """One warning. `trace` is the end of the traceback."""

    time: datetime
    level: str
    logger: str
    message: str
    worker: int
    trace: str = ""
    suppressed: int = 0


def install(writer: LineWriter, worker: int) -> None:
    """Have every warning of this process written by `writer`, and nothing by Python itself. On the loop's thread."""
    logging.getLogger().addHandler(DiagnosticHandler(writer, worker))
    sys.unraisablehook = log_unraisable


class DiagnosticHandler(logging.Handler):
    """Hands warnings and worse to `writer`, which belongs to the thread that this was made on: others' are counted."""

    def __init__(self, writer: LineWriter, worker: int) -> None:
        super().__init__(logging.WARNING)
        self._writer = writer
        self._worker = worker
        self._thread = threading.get_ident()
        self._second = 0
        self._written = 0
        self._suppressed = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; never raises."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._written = second, 0
        if self._written >= PER_SECOND or threading.get_ident() != self._thread:
            self._suppressed += 1
            return
        self._written += 1
        suppressed, self._suppressed = self._suppressed, 0
        try:
            message, trace = record.getMessage(), ""
            if record.exc_info:
                trace = logging.Formatter().formatException(record.exc_info)[-_TRACE_CHARACTERS:]
        except Exception:  # noqa: BLE001  # a warning that cannot be put into words still counts
            message, trace = str(record.msg), ""
        moment = datetime.fromtimestamp(record.created, UTC)
        self._writer.write(
            line(DiagnosticRecord(moment, record.levelname, record.name, message, self._worker, trace, suppressed))
        )


def log_unraisable(what: sys.UnraisableHookArgs) -> None:
    """Warn of an exception that Python could raise nowhere. For `sys.unraisablehook`."""
    trace = None if what.exc_value is None else (what.exc_type, what.exc_value, what.exc_traceback)
    logging.getLogger("ostiary").warning("An exception was ignored.", exc_info=trace)
