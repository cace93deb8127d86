"""Send, look up, cancel."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, QueryParameter

from wirephoto.api.answers import answer, conflict, json_answer, not_found, render_message
from wirephoto.api.auth import Requirement, caller_of
from wirephoto.api.bodies import read_body
from wirephoto.api.preflight import send_preflighted
from wirephoto.api.problems import Problem, problem, problem_document
from wirephoto.api.queries import (
    AnyRequest,
    check_query,
    instant,
    is_id,
    metadata_filters,
    page_cursor,
    phone_number,
    sender_number,
    storable,
)
from wirephoto.api.services import Services, services_of
from wirephoto.api.views import (
    MessageList,
    MessageView,
    Timeline,
    attempt_view,
    event_view,
    message_view,
)
from wirephoto.domain.api_key import Scope
from wirephoto.domain.idempotency import HEADER, parse_key
from wirephoto.domain.message import MessageState
from wirephoto.domain.request import AwareInstant, MessageRequest
from wirephoto.engine.moves import cancel
from wirephoto.engine.submission import (
    BATCH_MAX,
    Answered,
    BatchItem,
    Submitted,
)
from wirephoto.errors import RequestRefused
from wirephoto.storage.hosting import (
    list_fetches,
)
from wirephoto.storage.messages import (
    MessageFilter,
    get_message,
    list_attempts,
    list_events,
    list_messages,
)

BODY_BYTES_MAX = 1_000_000
BATCH_BYTES_MAX = 8_000_000
PAGE_MAX = 200


class BatchRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Up to 1,000 messages, each accepted or refused on its own."""

    messages: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=BATCH_MAX)]


class BatchMessage(MessageRequest, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A message of a batch, with an idempotency key of its own if it shall have one."""

    idempotency_key: str | None = None


class BatchResult(msgspec.Struct, omit_defaults=True):
    """What became of one message of a batch: its HTTP status with the message, or the problem."""

    status: int
    message: MessageView | None = None
    problem: Problem | None = None
    replayed: bool = False


class BatchAnswer(msgspec.Struct):
    """A result for each message of a batch, in their order."""

    results: list[BatchResult]


class _RenderedResult(msgspec.Struct, omit_defaults=True):
    """A `BatchResult` whose message is JSON already."""

    status: int
    message: msgspec.Raw | None = None
    problem: Problem | None = None
    replayed: bool = False


_FILTERS = frozenset({"to", "from", "state", "reference", "since", "until", "cursor", "limit"})
_REQUEST = msgspec.json.Decoder(MessageRequest)
_BATCH = msgspec.json.Decoder(BatchRequest)
_BATCH_MESSAGE = msgspec.json.Decoder(BatchMessage)
_ENCODER = msgspec.json.Encoder()


def idempotency_key(request: AnyRequest) -> str | None:
    """Return the request's idempotency key, if it has one.

    Raises:
        RequestRefused: the header is malformed.
    """
    header = request.headers.get(HEADER)
    return parse_key(header) if header is not None else None


@post(
    "/v1/messages",
    before_request=Requirement(Scope.SEND),
    request_max_body_size=BODY_BYTES_MAX,
    status_code=202,
    operation_id="send_message",
    summary="Send a message",
    responses={202: ResponseSpec(MessageView, description="Accepted and stored")},
    opt={"body": MessageRequest, "problems": ("media_refused",)},
)
async def send(request: AnyRequest) -> Response[Any]:
    """Accept a message. With an `Idempotency-Key`, a repeated request gets the first answer."""
    key = idempotency_key(request)
    wanted = read_body(await request.body(), _REQUEST)
    services, caller = services_of(request.app), caller_of(request)
    if wanted.preflight:
        return await send_preflighted(services, caller, wanted, key=key)
    submitted = await services.submissions.submit(caller, wanted, key=key, render=render_message)
    return answer(submitted)


@post(
    "/v1/messages/batch",
    before_request=Requirement(Scope.SEND),
    request_max_body_size=BATCH_BYTES_MAX,
    status_code=200,
    operation_id="send_batch",
    summary="Send up to 1,000 messages",
    responses={200: ResponseSpec(BatchAnswer, description="A result for each")},
    opt={"body": BatchRequest},
)
async def send_batch(request: AnyRequest) -> Response[Any]:
    """Accept or refuse each message on its own; the results are in the order of the messages."""
    key = idempotency_key(request)
    batch = read_body(await request.body(), _BATCH)
    services = services_of(request.app)
    submitted = await services.submissions.submit_batch(
        caller_of(request),
        [_item(raw) for raw in batch.messages],
        key=key,
        render=render_message,
        render_batch=_render_batch,
    )
    return answer(submitted)


def _item(raw: msgspec.Raw) -> BatchItem:
    """Return one message of a batch, or why it is refused.

    Raises:
        MalformedJson: it is not JSON in UTF-8, and so the whole body is not.
    """
    try:
        wanted = read_body(raw, _BATCH_MESSAGE)
    except RequestRefused as refused:
        return BatchItem(refused)
    try:
        key = parse_key(wanted.idempotency_key) if wanted.idempotency_key is not None else None
    except RequestRefused as refused:
        faults = [replace(fault, field="idempotency_key") for fault in refused.faults]
        return BatchItem(RequestRefused(faults))
    return BatchItem(wanted if key is None else _without_key(wanted), key)


def _without_key(wanted: BatchMessage) -> MessageRequest:
    """Return the message itself: alone or in a batch, under its key it asks for the same."""
    fields = MessageRequest.__struct_fields__
    return MessageRequest(**{name: getattr(wanted, name) for name in fields})


def _render_batch(results: Sequence[Submitted | RequestRefused]) -> str:
    return _ENCODER.encode({"results": [_batch_result(result) for result in results]}).decode()


def _batch_result(result: Submitted | RequestRefused) -> _RenderedResult:
    if isinstance(result, Answered):
        body = msgspec.Raw(result.body.encode())
        return _RenderedResult(result.status, message=body, replayed=result.replayed)
    if isinstance(result, RequestRefused):
        document = problem_document("invalid", "The message breaks a rule.", faults=result.faults)
        return _RenderedResult(document.status, problem=document)
    document = problem_document(*conflict(result))
    return _RenderedResult(document.status, problem=document)


@get(
    "/v1/messages",
    before_request=Requirement(Scope.READ),
    operation_id="list_messages",
    summary="List messages",
    responses={200: ResponseSpec(MessageList, description="A page, the newest first")},
)
async def list_page(
    request: AnyRequest,
    recipient: Annotated[str | None, QueryParameter(name="to")] = None,
    sender: Annotated[str | None, QueryParameter(name="from")] = None,
    in_state: Annotated[MessageState | None, QueryParameter(name="state")] = None,
    reference: FromQuery[str | None] = None,
    since: FromQuery[AwareInstant | None] = None,
    until: FromQuery[AwareInstant | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)] = 50,
) -> Response[Any]:
    """List by state, recipient, sender, reference, time of acceptance and `metadata.KEY=VALUE`."""
    check_query(request, _FILTERS, metadata=True)
    wanted = MessageFilter(
        state=in_state,
        recipient=phone_number("to", recipient),
        sender=sender_number("from", sender),
        reference=storable("reference", reference),
        since=instant("since", since, request),
        until=instant("until", until, request),
        metadata=metadata_filters(request),
    )
    before_id = page_cursor(cursor)
    async with services_of(request.app).database.read() as tx:
        found = await list_messages(
            tx, caller_of(request).tenant_id, wanted, before_id=before_id, limit=limit + 1
        )
    page, more = found[:limit], len(found) > limit
    views = [message_view(message) for message in page]
    return json_answer(MessageList(views, page[-1].id if more else None))


@get(
    "/v1/messages/{message_id:str}",
    before_request=Requirement(Scope.READ),
    operation_id="get_message",
    summary="Look up a message",
    responses={200: ResponseSpec(MessageView, description="The message as it stands")},
)
async def look_up(request: AnyRequest, message_id: FromPath[str]) -> Response[Any]:
    """Return one message."""
    if not is_id(message_id):
        return not_found()
    async with services_of(request.app).database.read() as tx:
        message = await get_message(tx, caller_of(request).tenant_id, message_id)
    return json_answer(message_view(message)) if message else not_found()


@get(
    "/v1/messages/{message_id:str}/events",
    before_request=Requirement(Scope.READ),
    operation_id="get_timeline",
    summary="A message's timeline",
    responses={200: ResponseSpec(Timeline, description="Its events and attempts")},
)
async def timeline(
    request: AnyRequest,
    message_id: FromPath[str],
    cursor: Annotated[int, QueryParameter(ge=0, le=2**62)] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)] = 100,
) -> Response[Any]:
    """Return what became of a message, in order."""
    check_query(request, ("cursor", "limit"))
    if not is_id(message_id):
        return not_found()
    tenant_id = caller_of(request).tenant_id
    async with services_of(request.app).database.read() as tx:
        message = await get_message(tx, tenant_id, message_id)
        events = await list_events(tx, tenant_id, message_id, after_seq=cursor, limit=limit + 1)
        attempts = await list_attempts(tx, tenant_id, message_id)
        fetches = await list_fetches(tx, tenant_id, message_id)
    if message is None:
        return not_found()
    page = events[:limit]
    return json_answer(
        Timeline(
            [event_view(event) for _, event in page],
            [attempt_view(attempt, fetches) for attempt in attempts],
            str(page[-1][0]) if len(events) > limit else None,
        )
    )


@post(
    "/v1/messages/{message_id:str}/cancel",
    before_request=Requirement(Scope.SEND),
    status_code=200,
    operation_id="cancel_message",
    summary="Cancel a message of which nothing has left",
    responses={200: ResponseSpec(MessageView, description="Canceled")},
    opt={"problems": ("not_cancelable",)},
)
async def cancel_message(request: AnyRequest, message_id: FromPath[str]) -> Response[Any]:
    """Cancel a message; 409 when it has left or is final."""
    if not is_id(message_id):
        return not_found()
    services: Services = services_of(request.app)
    message, canceled = await cancel(
        services.database,
        services.commits,
        tenant_id=caller_of(request).tenant_id,
        message_id=message_id,
        clock=services.clock,
        ids=services.ids,
    )
    if message is None:
        return not_found()
    if not canceled and message.state is not MessageState.CANCELED:
        return problem("not_cancelable", f"The message is {message.state} already.")
    return json_answer(message_view(message))
