"""Errors to Sentry: what went wrong, where in our code, and nothing of whom it concerned.

A report is made of the line of the log that tells of the error, and goes through the same masking.
It has no variables of the code, no body of a request, no name of the machine; the library adds
nothing on its own, for none of its integrations is switched on.

This module needs the extra `sentry`: it is imported only where errors are to be reported.
"""

from collections.abc import Mapping
from typing import Any, Final

from sentry_sdk import Client
from sentry_sdk.transport import Transport
from sentry_sdk.utils import BadDsn, event_from_exception

from wirephoto import __version__
from wirephoto.errors import SettingsInvalid
from wirephoto.telemetry import ErrorInfo, LogEvent, redacted

CLOSE_S: Final = 2.0
"""How long a stopping process waits for the last reports to leave."""
DEPTH: Final = 12
"""Nesting of a report that is looked into: a frame of a traceback lies at the eighth level."""
REPORTS_MAX: Final = 20
"""Reports of one kind of error that leave a process, so that a fault in a loop is no flood."""


class ErrorTracker:
    """Reports errors to one project; `transport` is handed in by tests."""

    def __init__(self, dsn: str, *, transport: type[Transport] | None = None) -> None:
        """Prepare, without touching the network.

        Raises:
            SettingsInvalid: the DSN is no good.
        """
        self._told: dict[tuple[str, str], int] = {}
        try:
            self._client = Client(
                dsn=dsn,
                release=f"wirephoto@{__version__}",
                default_integrations=False,
                auto_enabling_integrations=False,
                include_local_variables=False,
                include_source_context=False,
                max_request_body_size="never",
                server_name="",
                auto_session_tracking=False,
                send_client_reports=False,
                before_send=_masked,
                transport=transport,
            )
        except BadDsn as error:
            raise SettingsInvalid(["SENTRY_DSN: must be the project's DSN"]) from error

    def report(self, event: str, error: ErrorInfo, fields: Mapping[str, Any]) -> None:
        """Report an error that a line of the log tells of: its event, and its other fields."""
        # A library's line is its whole text, with names of tasks and the like: it is known by who
        # wrote it.
        said = event if event in _OURS else str(fields.get("logger", "library"))
        kind = (said, error[0].__qualname__)
        self._told[kind] = self._told.get(kind, 0) + 1
        if self._told[kind] > REPORTS_MAX:
            return
        made, hint = event_from_exception(error, client_options=self._client.options)
        made["transaction"] = said
        made["logger"] = "wirephoto"
        made["extra"] = dict(fields)
        self._client.capture_event(made, hint)

    def close(self) -> None:
        """Hand over the last reports; takes up to `CLOSE_S` seconds."""
        self._client.close(timeout=CLOSE_S)


_OURS = frozenset(event.value for event in LogEvent)


def _masked(event: Any, _hint: Any) -> Any:
    return redacted(event, depth=DEPTH)
