"""Named events as log lines, and the one place that masks phone numbers and secrets.

Everything that the process says, its libraries included, goes through `redact` and one renderer:
JSON for machines, or the console for people.
"""

import contextlib
import logging
import re
import sys
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from enum import Enum, StrEnum
from types import TracebackType
from typing import Final, Literal, TextIO, cast

import msgspec
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from wirephoto.clock import Clock, SystemClock

ErrorInfo = tuple[type[BaseException], BaseException, TracebackType | None]
Report = Callable[[str, ErrorInfo, Mapping[str, object]], None]
"""Hears of an error: the event of its line, the exception, and the other fields."""

LogFormat = Literal["auto", "json", "console"]
LogLevel = Literal["debug", "info", "warning", "error"]

DEPTH_MAX = 6
"""Nesting that is looked into; what lies deeper is named by its type only."""
_REDACTED = "[redacted]"


class LogEvent(StrEnum):
    """What a line of the log is about; `docs/logs.md` says what each means, and its fields."""

    GATEWAY_STARTING = "gateway_starting"
    GATEWAY_STARTED = "gateway_started"
    GATEWAY_STOPPING = "gateway_stopping"
    GATEWAY_STOPPED = "gateway_stopped"
    API_KEY_MISSING = "api_key_missing"
    CERTIFICATE_UNUSABLE = "certificate_unusable"
    DATABASE_MIGRATED = "database_migrated"
    DATABASE_UNAVAILABLE = "database_unavailable"
    LISTENER_LOST = "listener_lost"
    LISTENER_RESTORED = "listener_restored"
    CLOCK_CORRECTED = "clock_corrected"
    LOOP_FAILED = "loop_failed"
    LOOP_RECOVERED = "loop_recovered"
    REQUEST_FAILED = "request_failed"
    MESSAGES_RESCUED = "messages_rescued"
    MESSAGES_EXPIRED = "messages_expired"
    MESSAGES_RECKONED = "messages_reckoned"
    ROWS_PRUNED = "rows_pruned"
    MEDIA_REFUSED = "media_refused"
    MEDIA_STORE_UNAVAILABLE = "media_store_unavailable"
    MEDIA_MISSING = "media_missing"
    MEDIA_WORKER_SAID = "media_worker_said"
    MEDIA_WORKER_ENDED = "media_worker_ended"
    ATTEMPT_SUBMITTED = "attempt_submitted"
    ATTEMPT_REFUSED = "attempt_refused"
    ATTEMPT_UNCONFIRMED = "attempt_unconfirmed"
    ACCOUNT_SLOWED = "account_slowed"
    LINE_STOPPED = "line_stopped"
    LINE_RESUMED = "line_resumed"
    OPTED_OUT = "opted_out"
    OPTED_IN = "opted_in"
    CAMPAIGN_SLOWED = "campaign_slowed"
    DAILY_CAP_SPENT = "daily_cap_spent"
    CAMPAIGN_PAUSED = "campaign_paused"
    CAMPAIGN_RESUMED = "campaign_resumed"
    TOKEN_REUSE_DISABLED = "token_reuse_disabled"  # noqa: S105 - an event's name, not a password
    WEBHOOK_REFUSED = "webhook_refused"
    WEBHOOK_FAILED = "webhook_failed"
    RECEIPT_APPLIED = "receipt_applied"
    RECEIPT_UNMATCHED = "receipt_unmatched"
    RECEIPT_CONTRADICTED = "receipt_contradicted"
    RECEIPTS_OVERDUE = "receipts_overdue"
    DOUBT_SETTLED = "doubt_settled"
    DOUBT_REPEATED = "doubt_repeated"
    RECORDS_UNAVAILABLE = "records_unavailable"
    WEBHOOK_UNREADABLE = "webhook_unreadable"
    INBOUND_RECEIVED = "inbound_received"
    INBOUND_FILE_STORED = "inbound_file_stored"
    INBOUND_FILE_DELAYED = "inbound_file_delayed"
    INBOUND_FILE_GONE = "inbound_file_gone"
    LOOK_UP_UNAVAILABLE = "look_up_unavailable"
    LOOK_UPS_SPENT = "look_ups_spent"
    NUMBER_REFUSED = "number_refused"
    RECORDS_DOUBLED = "records_doubled"
    DELIVERY_DELAYED = "delivery_delayed"
    DELIVERY_GIVEN_UP = "delivery_given_up"
    ENDPOINT_DISABLED = "endpoint_disabled"
    ENDPOINT_UNREADABLE = "endpoint_unreadable"


def get_log(**context: object) -> FilteringBoundLogger:
    """Return a logger whose lines all carry `context`; below the level, a call costs nothing.

    The first argument of its methods is a `LogEvent`, the rest are fields:
    `log.info(LogEvent.LINE_STOPPED, reason="unauthorized")`.
    """
    return cast("FilteringBoundLogger", structlog.get_logger(**context))


def configure_logging(
    log_format: LogFormat = "auto",
    level: LogLevel = "info",
    *,
    stream: TextIO | None = None,
    clock: Clock | None = None,
    report: Report | None = None,
) -> None:
    """Send every line to `stream` (stderr); `auto` is `console` on a terminal and `json` elsewhere.

    `report` hears of each line that tells of an exception at level `error`, before it is masked.

    Lines of libraries that use the standard `logging` take the same way. Start uvicorn with
    `log_config=None`, so that it adds no handlers of its own.
    """
    out = _Stderr() if stream is None else stream
    number = logging.getLevelNamesMapping()[level.upper()]
    before = _steps_before(clock or SystemClock(), report)
    after = _steps_after(log_format, terminal=out.isatty())
    structlog.configure(
        processors=[*before, *after],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", out)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *before],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *after],
        )
    )
    _take_over_standard_logging(handler, number)


class _Stderr:
    """Whatever `sys.stderr` is at the time of writing: loggers outlive a redirection of it.

    A line that cannot be written (the disk is full, the reader is gone) is lost: whoever reports a
    failure would else fail of reporting it, and not go on.
    """

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr.isatty()


def _steps_before(clock: Clock, report: Report | None) -> list[Processor]:
    def stamp(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["at"] = clock.now().isoformat(timespec="milliseconds")
        return event

    def tell(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        error = _error_info(event.get("exc_info"))
        if report and error and event["level"] in ("error", "critical"):
            with contextlib.suppress(Exception):  # whoever reports a failure must not fail of it
                fields = {key: each for key, each in event.items() if key not in _NOT_TOLD}
                report(str(event.get("event", "")), error, fields)
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        stamp,
        tell,
        structlog.processors.format_exc_info,
    ]


_NOT_TOLD: Final = frozenset({"exc_info", "event", "at", "_record", "_from_structlog"})


def _error_info(given: object) -> ErrorInfo | None:
    """Return the exception that a line was given: itself, as a triple, or the one at hand."""
    if isinstance(given, BaseException):
        return type(given), given, given.__traceback__
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else None
    return _error_info(error) if isinstance(error, BaseException) else None


def _steps_after(log_format: LogFormat, *, terminal: bool) -> list[Processor]:
    if log_format == "json" or (log_format == "auto" and not terminal):
        return [redact, _render_json]
    # A traceback in colours would show the values of local variables, past the redaction.
    plain = structlog.dev.plain_traceback
    renderer = structlog.dev.ConsoleRenderer(
        colors=terminal, timestamp_key="at", exception_formatter=plain
    )
    return [redact, renderer]


def _render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    head = {name: event.pop(name, None) for name in ("at", "level", "event")}
    return msgspec.json.encode({**head, **event}).decode()


def _take_over_standard_logging(handler: logging.Handler, level: int) -> None:
    """Libraries speak up from `warning` on, and from `info` on while we debug."""
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO if level <= logging.DEBUG else max(level, logging.WARNING))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    # At `info` it writes every statement with its parameters: captions among them.
    logging.getLogger("sqlalchemy.engine").setLevel(logging.WARNING)


_SECRET_KEYS: Final = frozenset(
    {"authorization", "cookie", "set_cookie", "token", "secret", "password", "jwt", "pem"}
)
_SECRET_ENDINGS: Final = ("_token", "_secret", "_password", "private_key", "api_key", "apikey")
_PRIVATE_KEYS: Final = frozenset({"text", "caption", "body", "raw"})


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask phone numbers and secrets, and leave nothing that a renderer could still expand.

    A key that names a secret or what somebody wrote loses its value; in any other text, phone
    numbers keep their first and last four digits (`+1212***0123`) and credentials go.
    """
    return redacted(event)


def redacted(fields: Mapping[str, object], *, depth: int = DEPTH_MAX) -> dict[str, object]:
    """Return fields masked as those of a line are, nested up to `depth`."""
    return {key: _redact_field(key, value, depth) for key, value in fields.items()}


def _redact_field(key: object, value: object, depth: int) -> object:
    if value is None or isinstance(value, bool):
        return value
    name = str(key).lower().replace("-", "_")
    if name in _SECRET_KEYS or name in _PRIVATE_KEYS or name.endswith(_SECRET_ENDINGS):
        return _REDACTED
    return _redact(value, depth)


def _redact(value: object, depth: int) -> object:
    match value:
        case None | bool() | float():
            return value
        case Enum():
            return _redact(value.value, depth)
        case int():
            return value if abs(value) < _INT_LIKE_PHONE else redact_text(str(value))
        case str():
            return redact_text(value)
        case bytes() | bytearray() | memoryview():
            return f"<{len(value)} bytes>"
        case date():  # and datetime
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case BaseException():
            return redact_text(f"{type(value).__name__}: {value}")
    return _redact_inside(value, depth)


def _redact_inside(value: object, depth: int) -> object:
    if depth == 0:
        return f"<{type(value).__name__}>"
    match value:
        case Mapping():
            return {
                redact_text(str(key)): _redact_field(key, each, depth - 1)
                for key, each in value.items()
            }
        case list() | tuple() | set() | frozenset():
            return [_redact(each, depth - 1) for each in value]
    # An object's repr may hold a caption; log the fields that matter instead of objects.
    speaks = type(value).__str__ is not object.__str__
    return redact_text(str(value)) if speaks else f"<{type(value).__name__}>"


TEXT_CHARS_MAX: Final = 32_768
"""Longest text that a field keeps."""
_INT_LIKE_PHONE: Final = 10**9
_DIGITS_SHOWN: Final = 4
_DIGITS_HIDDEN_MIN: Final = 3

_BETWEEN_DIGITS: Final = r"[ \u00a0\u2010-\u2015.()-]{0,3}"
_NUMBER: Final = re.compile(
    rf"""
      (?P<uuid>  \b[0-9a-fA-F]{{8}}(?:-[0-9a-fA-F]{{4}}){{3}}-[0-9a-fA-F]{{12}}\b )
    | (?P<time>  \b\d{{4}}-\d\d-\d\d
                 (?:[ T]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:[+-]\d\d:\d\d)?)? )
    | (?P<ip>    \b\d{{1,3}}(?:\.\d{{1,3}}){{3}}\b )
    | (?P<phone> (?:\+|%2[Bb]) \(?\d (?:{_BETWEEN_DIGITS}\d){{6,}}
               | (?<![A-Za-z0-9]) \(?\d (?:{_BETWEEN_DIGITS}\d){{9,}} )
    """,
    re.VERBOSE,
)
_MANY_DIGITS: Final = re.compile(rf"\d(?:{_BETWEEN_DIGITS}\d){{6}}")
_SECRET: Final = re.compile(
    r"""
      (?P<pem>    -----begin[ a-z]*private\ key-----
                  (?s:.*?) (?:-----end[ a-z]*private\ key-----|\Z) )
    | (?P<jwt>    \beyj[\w-]{1,1000}\.[\w-]{1,8000}\.[\w-]* )
    | (?P<bearer> \bbearer\s+ ) [\w.~+/=-]+
    | (?P<basic>  \bbasic\s+ ) (?=\S*[0-9=]) [\w+/=-]{8,}
    | (?P<key>    wp_(?:live|test)_ ) \w+
    | (?P<signs>  whsec_ ) [\w+/=]+
    | (?P<login>  :// ) [^/\s@:]*:[^/\s@]*@
    | (?P<query>  [?&](?:api_key|api_secret|key|token|secret|password|sig|signature)= ) [^&\s]+
    | (?P<sql>    \[parameters:\  ) [^\n]*
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SECRET_MARKS: Final = (
    "-----",
    "eyj",
    "bearer",
    "basic",
    "wp_",
    "whsec_",
    "://",
    "=",
    "[parameters",
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def redact_text(text: str) -> str:
    """Return `text` without phone numbers, credentials and control characters.

    It is cut at `TEXT_CHARS_MAX`. Most texts hold none of these: cheap looks come first.
    """
    if len(text) > TEXT_CHARS_MAX:
        text = text[:TEXT_CHARS_MAX] + "…"
    lower = text.lower()
    for mark in _SECRET_MARKS:
        if mark in lower:
            text = _SECRET.sub(_mask_secret, text)
            break
    if _MANY_DIGITS.search(text):
        text = _NUMBER.sub(_mask_number, text)
    if not text.isprintable():  # line ends included, which stay
        text = _CONTROL.sub(lambda match: repr(match.group())[1:-1], text)
    return text


def _mask_secret(match: re.Match[str]) -> str:
    kind = match.lastgroup or ""
    if kind in ("pem", "jwt"):
        return _REDACTED
    end = {"login": "@", "sql": "]"}.get(kind, "")
    return f"{match[kind]}{_REDACTED}{end}"


def _mask_number(match: re.Match[str]) -> str:
    # The others are made of digits and dashes as well, but are nobody's number.
    return mask_phone(match.group()) if match.lastgroup == "phone" else match.group()


def mask_phone(number: str) -> str:
    """Return a phone number with its middle hidden: `+1212***0123`.

    At least three digits are hidden, at the cost of the first ones where the number is short.
    """
    international = number.startswith(("+", "%"))
    digits = re.sub(r"\D", "", number.removeprefix("%2B").removeprefix("%2b"))
    head = max(0, min(_DIGITS_SHOWN, len(digits) - _DIGITS_SHOWN - _DIGITS_HIDDEN_MIN))
    return f"{'+' * international}{digits[:head]}***{digits[-_DIGITS_SHOWN:]}"
