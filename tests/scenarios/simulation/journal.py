"""What happened in a run, line by line: two runs of one seed write the same."""

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import structlog

from wirephoto.errors import StorageUnavailable
from wirephoto.telemetry import LogEvent

TAIL = 60
"""Lines that a failing run shows."""
_UNFORESEEN = frozenset({LogEvent.LOOP_FAILED, LogEvent.REQUEST_FAILED, LogEvent.WEBHOOK_FAILED})


class Journal:
    """Collects lines, and the faults that were found while the run went on."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self.lines: list[str] = []
        self.faults: list[str] = []

    def note(self, who: str, what: str) -> None:
        """Add a line."""
        self.lines.append(f"{self._time():12.6f} {who:9} {what}")

    def blame(self, fault: str) -> None:
        """Add a line about something that must never happen."""
        self.note("FAULT", fault)
        self.faults.append(fault)

    def tail(self) -> str:
        """Return the last lines."""
        return "\n".join(self.lines[-TAIL:])

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take the log's lines while the block runs; an error that nobody foresaw is a fault."""
        before = structlog.get_config()
        hearing = {
            "processors": [self._hear],
            "wrapper_class": structlog.make_filtering_bound_logger(logging.NOTSET),
            "cache_logger_on_first_use": False,
        }
        structlog.configure(**(before | hearing))
        _forget_loggers()
        try:
            yield
        finally:
            structlog.configure(**before)

    def _hear(self, _logger: Any, method: str, event: dict[str, Any]) -> Any:
        name, error = event.pop("event"), event.pop("exc_info", None)
        facts = " ".join(f"{key}={value}" for key, value in event.items())
        self.note("log", f"{method} {name} {facts}".rstrip())
        if name in _UNFORESEEN and error and not isinstance(error, StorageUnavailable):
            self.blame(f"{name}: {error!r}")
        raise structlog.DropEvent


def _forget_loggers() -> None:
    """Let every module's logger be made anew: one that was used keeps what was configured then."""
    for name, module in sorted(sys.modules.items()):
        if name.startswith("wirephoto.") and hasattr(module, "_log"):
            vars(module._log).pop("bind", None)
