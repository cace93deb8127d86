"""A log that cannot be written stops nobody."""

import errno
import io
import logging
import os
import sys

import pytest
import structlog

from wirephoto.telemetry import LogEvent, configure_logging, get_log


class FullDisk(io.StringIO):
    """A file that has no room for anything."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_log_on_a_full_disk_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk that the database has filled holds the log as well: duties must outlive that."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", root.handlers)
    monkeypatch.setattr(root, "level", root.level)
    monkeypatch.setattr(sys, "stderr", FullDisk())
    configure_logging("json")
    try:
        get_log().error(LogEvent.LOOP_FAILED, error="database: full")
        logging.getLogger("a.library").error("a line")
    finally:
        structlog.reset_defaults()
