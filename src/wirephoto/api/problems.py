"""Errors as answers: RFC 9457 problem documents with a stable `code` and the fields at fault."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.params import ParameterKwarg

from wirephoto.api.auth import Forbidden, Unauthorized
from wirephoto.api.bodies import MalformedJson
from wirephoto.api.patience import RequestTooSlow
from wirephoto.errors import (
    Fault,
    MediaRefused,
    RequestRefused,
    StorageUnavailable,
    StoreUnavailable,
)
from wirephoto.telemetry import LogEvent, get_log

_log = get_log()

MEDIA_TYPE = "application/problem+json"
TYPE = "https://wirephoto.dev/problems/"


class ProblemError(msgspec.Struct):
    """One field and the rule that it breaks."""

    field: str
    code: str
    message: str


class Problem(msgspec.Struct, omit_defaults=True):
    """An RFC 9457 problem document; `code` is for machines and never changes its meaning."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[ProblemError] = []


CODES: dict[str, tuple[int, str]] = {
    "malformed_json": (400, "The body is not valid JSON"),
    "malformed_header": (400, "A header is malformed"),
    "unauthorized": (401, "A valid API key is required"),
    "forbidden": (403, "The API key may not do this"),
    "not_found": (404, "There is no such thing"),
    "method_not_allowed": (405, "The method is not allowed here"),
    "too_slow": (408, "The body came too slowly"),
    "not_hosted": (409, "This gateway hosts no files"),
    "not_cancelable": (409, "The message can no longer be canceled"),
    "not_resolvable": (409, "The message is not in doubt"),
    "not_rotatable": (409, "The API key cannot be replaced now"),
    "key_in_use": (409, "A request with this idempotency key is still running"),
    "too_large": (413, "The body is too large"),
    "unsupported_media_type": (415, "The body has the wrong media type"),
    "invalid": (422, "The request breaks a rule"),
    "media_refused": (422, "A picture cannot be sent"),
    "key_reused": (422, "The idempotency key was used for another request"),
    "internal": (500, "Something is wrong here"),
    "unavailable": (503, "Storage is unavailable now"),
    "streams_full": (503, "There are as many streams as this process may have"),
    "webhook_unverified": (503, "The webhook cannot be verified"),
}
"""Every error code with its HTTP status and its title."""

HEADERS: dict[str, dict[str, str]] = {
    "unauthorized": {"WWW-Authenticate": "Bearer"},
    "too_slow": {"Connection": "close"},
    "unavailable": {"Retry-After": "1"},
    "key_in_use": {"Retry-After": "1"},
    "streams_full": {"Retry-After": "5"},
    "webhook_unverified": {"Retry-After": "60"},
}
"""What an answer with an error code tells in headers."""


def problem(
    code: str,
    detail: str,
    *,
    faults: Sequence[Fault] = (),
    headers: dict[str, str] | None = None,
) -> Response[bytes]:
    """Return the answer for an error."""
    status, _ = CODES[code]
    return Response(
        msgspec.json.encode(problem_document(code, detail, faults=faults)),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers={**HEADERS.get(code, {}), **(headers or {})},
    )


def problem_document(code: str, detail: str, *, faults: Sequence[Fault] = ()) -> Problem:
    """Return the document for an error."""
    status, title = CODES[code]
    errors = [ProblemError(fault.field, fault.code, fault.message) for fault in faults]
    return Problem(TYPE + code, title, status, code, detail, errors)


def handle(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Return the problem document for an exception; what nobody foresaw is logged whole."""
    code, detail, faults = described(error)
    if code == "internal":
        _log.error(LogEvent.REQUEST_FAILED, path=request.scope["path"], exc_info=error)
    elif code == "unavailable":
        _log.error(LogEvent.DATABASE_UNAVAILABLE, path=request.scope["path"], error=str(error))
    if isinstance(error, ValidationException):
        faults = [_as_written(fault, request) for fault in faults]
    return problem(code, detail, faults=faults, headers=own_headers(error))


def _as_written(fault: Fault, request: Request[Any, Any, Any]) -> Fault:
    """Return the fault with the parameter's name in the URL, not the one that Python allows."""
    parameters = request.route_handler.parsed_fn_signature.parameters
    kwarg = parameters[fault.field].kwarg_definition if fault.field in parameters else None
    name = kwarg.name if isinstance(kwarg, ParameterKwarg) else None
    return replace(fault, field=name or fault.field)


def own_headers(error: Exception) -> dict[str, str]:
    """Return what the error itself wants to be told: the methods that are allowed (`Allow`)."""
    return dict(error.headers or {}) if isinstance(error, HTTPException) else {}


_BY_STATUS = {
    400: "malformed_header",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}


def described(error: Exception) -> tuple[str, str, Sequence[Fault]]:
    """Return the code, a sentence and the faults of an exception."""
    if isinstance(error, RequestRefused):
        header = error.faults[0].field == "Idempotency-Key"
        return "malformed_header" if header else "invalid", str(error), error.faults
    if isinstance(error, MalformedJson):
        return "malformed_json", str(error), ()
    if isinstance(error, Unauthorized):
        return "unauthorized", str(error), ()
    if isinstance(error, Forbidden):
        return "forbidden", str(error), ()
    if isinstance(error, RequestTooSlow):
        return "too_slow", str(error), ()
    if isinstance(error, MediaRefused):
        return "media_refused", str(error), (Fault("media", error.reason, str(error)),)
    if isinstance(error, StoreUnavailable):
        return "unavailable", "Files cannot be kept now: try again.", ()
    if isinstance(error, StorageUnavailable):
        return "unavailable", "Nothing is known to be stored: repeat with the same key.", ()
    if isinstance(error, ValidationException):
        faults = _faults(error)
        return "invalid", "A parameter breaks a rule.", faults
    if isinstance(error, HTTPException) and error.status_code in _BY_STATUS:
        code = _BY_STATUS[error.status_code]
        return code, CODES[code][1] + ".", ()
    return "internal", "Something is wrong here; the log says what.", ()


def _faults(error: ValidationException) -> list[Fault]:
    extra = error.extra if isinstance(error.extra, list) else []
    return [
        Fault(str(item.get("key", "query")), "invalid", str(item.get("message", "")))
        for item in extra
        if isinstance(item, dict)
    ]
