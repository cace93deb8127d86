"""The simple door, `POST /send-mms`: one call that waits until the provider has answered."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

import msgspec
from litestar import Request, Response, post
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec

from wirephoto.api.answers import JSON
from wirephoto.api.auth import Requirement, caller_of
from wirephoto.api.bodies import MalformedJson, read_body
from wirephoto.api.messages import BODY_BYTES_MAX, idempotency_key
from wirephoto.api.problems import CODES, HEADERS, described, own_headers
from wirephoto.api.queries import AnyRequest
from wirephoto.api.services import Services, services_of
from wirephoto.domain.api_key import Scope
from wirephoto.domain.message import Attempt, AttemptState, Message, MessageState
from wirephoto.domain.number_facts import REASONS
from wirephoto.domain.request import MediaRequest, MessageRequest
from wirephoto.engine.dispatcher import SLOT_MISSED
from wirephoto.engine.moves import wait_until
from wirephoto.engine.submission import ROUTE_SIMPLE, Answered, Unanswered
from wirephoto.errors import Fault, RequestRefused
from wirephoto.storage.messages import list_attempts
from wirephoto.telemetry import LogEvent, get_log

_log = get_log()

SENT = "MMS sending initiated successfully."
NOT_SENT = "Failed to send MMS. Check server logs for details."
UNDER_WAY = "The message is stored and may still go out, or has; look it up by its id."
_FIELDS = {"to": "recipient", "media[0].url": "imageUrl", "text": "caption", "media": "imageUrl"}
_ANSWERED = frozenset(
    {
        MessageState.SUBMITTED,
        MessageState.DELIVERED,
        MessageState.READ,
        MessageState.REJECTED,
        MessageState.UNDELIVERABLE,
    }
)
"""The provider has taken it: the tutorial's success, whatever the carrier says afterwards."""
_MAY_HAVE_GONE = frozenset(
    {
        AttemptState.SENDING,
        AttemptState.UNCONFIRMED,
        AttemptState.SUBMITTED,
        AttemptState.DELIVERED,
    }
)
"""Attempts that keep a message from being certainly not sent, whatever ended it."""
_KEY_MARGIN_S = 5.0


class SimpleRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The tutorial's request."""

    recipient: str
    imageUrl: str  # noqa: N815 - the tutorial's name
    caption: str | None = None


class SimpleAnswer(msgspec.Struct, omit_defaults=True):
    """The tutorial's answer, for success and for failure."""

    success: bool
    id: str | None = None
    state: str | None = None
    message: str | None = None
    message_uuid: str | None = None
    error: str | None = None


_STATUSES = {
    200: "The provider took it",
    202: "It may still go, or may have gone",
    400: "Refused before sending: a field, the number, the picture, a header",
    401: "A valid API key is required",
    403: "The API key may not do this",
    409: "A request with this idempotency key is still running",
    413: "The body is too large",
    422: "The idempotency key was used for another request",
    500: "It is certain that it will not go; the log says why",
    503: "Storage is unavailable now: repeat with the same key",
}
_REQUEST = msgspec.json.Decoder(SimpleRequest)


def failed(_: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Return an error of this route: always `success` and `error`."""
    code, detail, _faults = described(error)
    if code == "internal":
        _log.error(LogEvent.REQUEST_FAILED, path=ROUTE_SIMPLE, exc_info=error)
    status = 400 if isinstance(error, RequestRefused) else CODES[code][0]
    said = _said(error) if isinstance(error, RequestRefused) else detail
    headers = {**HEADERS.get(code, {}), **own_headers(error)}
    error_said = NOT_SENT if status == 500 else said
    return _answer(status, SimpleAnswer(False, error=error_said), headers)


@post(
    "/send-mms",
    before_request=Requirement(Scope.SEND),
    request_max_body_size=BODY_BYTES_MAX,
    status_code=200,
    operation_id="send_mms",
    summary="Send a picture and wait for the provider's answer",
    responses={
        status: ResponseSpec(SimpleAnswer, description=said) for status, said in _STATUSES.items()
    },
    exception_handlers={HTTPException: failed, Exception: failed},
    opt={"body": SimpleRequest},
)
async def send_mms(request: AnyRequest) -> Response[Any]:
    """Send one picture through the same queue as every other message, and wait."""
    key = idempotency_key(request)
    wanted = await _read(request)
    services = services_of(request.app)
    message = MessageRequest(
        to=wanted.recipient,
        media=[MediaRequest(wanted.imageUrl)],
        text=wanted.caption or None,
    )
    wait_s = services.sync_wait.total_seconds()
    submitted = await services.submissions.submit_unanswered(
        caller_of(request), message, route=ROUTE_SIMPLE, key=key, running_s=wait_s + _KEY_MARGIN_S
    )
    if isinstance(submitted, Answered):
        headers = {"Idempotent-Replayed": "true"}
        return Response(
            submitted.body.encode(), status_code=submitted.status, media_type=JSON, headers=headers
        )
    if not isinstance(submitted, Unanswered):
        code = "key_reused" if submitted.reused else "key_in_use"
        status, title = CODES[code]
        return _answer(status, SimpleAnswer(False, error=f"{title}."), HEADERS.get(code))
    return await _wait(services, caller_of(request).tenant_id, submitted)


async def _read(request: AnyRequest) -> SimpleRequest:
    body = await request.body()
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "multipart/form-data":
        raise MalformedJson("Send JSON or a form in application/x-www-form-urlencoded.")
    if content_type != "application/x-www-form-urlencoded":
        return read_body(body, _REQUEST)
    try:
        form = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=16)
    except ValueError as error:
        raise MalformedJson("The body is not a valid form in UTF-8.") from error
    fields = {name: values[-1] for name, values in form.items()}
    return read_body(msgspec.json.encode(fields), _REQUEST)


async def _wait(services: Services, tenant_id: str, submitted: Unanswered) -> Response[Any]:
    message = await wait_until(
        services.database,
        services.clock,
        tenant_id=tenant_id,
        message_id=submitted.message_id,
        done=_is_answered,
        patience=services.sync_wait,
    )
    assert message is not None, "a message is not deleted while its request waits"
    async with services.database.read() as tx:
        attempts = await list_attempts(tx, tenant_id, message.id)
    status, body = _outcome(message, attempts)
    if submitted.keyed:
        stored = msgspec.json.encode(body).decode()
        await services.submissions.answer(submitted.keyed, status=status, body=stored)
    return _answer(status, body)


def _is_answered(message: Message) -> bool:
    """Tell whether waiting longer can tell the caller nothing more."""
    retried = message.attempts > 0 and message.reason != SLOT_MISSED.reason
    held = message.state is MessageState.QUEUED and (retried or message.hold_reason is not None)
    in_doubt = message.state is MessageState.UNCONFIRMED
    return message.state in _ANSWERED or message.state.is_final or in_doubt or held


def _outcome(message: Message, attempts: Sequence[Attempt]) -> tuple[int, SimpleAnswer]:
    uuid = message.provider_message_id
    if message.state in _ANSWERED and uuid:
        return 200, SimpleAnswer(True, id=message.id, message=SENT, message_uuid=uuid)
    # Somebody may have settled or given up what is in doubt, or it may have been repeated.
    may_have_gone = any(attempt.state in _MAY_HAVE_GONE for attempt in attempts)
    if not message.state.is_final or may_have_gone:
        state = message.state.value
        return 202, SimpleAnswer(True, id=message.id, state=state, message=UNDER_WAY)
    if message.attempts == 0:
        why = message.detail or f"The message is {message.state}."
        if message.state is MessageState.FAILED:
            why = f"{'recipient' if message.reason in REASONS else 'imageUrl'}: {why}"
        return 400, SimpleAnswer(False, id=message.id, error=why)
    return 500, SimpleAnswer(False, id=message.id, error=NOT_SENT)


def _said(refused: RequestRefused) -> str:
    return " ".join(f"{_field(fault)}: {fault.message}" for fault in refused.faults)


def _field(fault: Fault) -> str:
    # What the caller misspelled stands as written; the rest is the message's name of a field.
    return fault.field if fault.code == "unknown_field" else _FIELDS.get(fault.field, fault.field)


def _answer(
    status: int, body: SimpleAnswer, headers: Mapping[str, str] | None = None
) -> Response[Any]:
    encoded = msgspec.json.encode(body)
    return Response(encoded, status_code=status, media_type=JSON, headers=headers)
