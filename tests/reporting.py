"""A log in a test's hands, and what would have been reported of its errors."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import structlog
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from wirephoto.error_tracking import ErrorTracker
from wirephoto.telemetry import LogLevel, configure_logging

DSN = "https://key@errors.example.com/7"


@contextmanager
def reporting(
    stream: TextIO, level: LogLevel = "info", *, breaks: bool = False
) -> Iterator[list[Envelope]]:
    """Send the log into `stream`; give the reports of errors. Put everything back afterwards.

    Where it `breaks`, no report can leave.
    """
    envelopes: list[Envelope] = []

    class Captured(Transport):
        def capture_envelope(self, envelope: Envelope) -> None:
            if breaks:
                raise OSError("no network")
            envelopes.append(envelope)

    root = logging.getLogger()
    handlers, root_level = root.handlers, root.level
    tracker = ErrorTracker(DSN, transport=Captured)
    configure_logging("json", level, stream=stream, report=tracker.report)
    # Loggers of modules outlive the test: one that is kept would write into this stream for ever.
    structlog.configure(cache_logger_on_first_use=False)
    try:
        yield envelopes
    finally:
        tracker.close()
        root.handlers, root.level = handlers, root_level
        structlog.reset_defaults()
