"""What happened in a run, line by line: two runs of one seed write the same."""

import contextlib
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
        processors = structlog.get_config()["processors"]
        before = list(processors)
        # In place, for loggers that exist keep the list that they got.
        processors[:] = [self._hear]
        try:
            yield
        finally:
            processors[:] = before

    def _hear(self, _logger: Any, method: str, event: dict[str, Any]) -> Any:
        name, error = event.pop("event"), event.pop("exc_info", None)
        facts = " ".join(f"{key}={value}" for key, value in event.items())
        self.note("log", f"{method} {name} {facts}".rstrip())
        if name in _UNFORESEEN and error and not isinstance(error, StorageUnavailable):
            self.blame(f"{name}: {error!r}")
        raise structlog.DropEvent
