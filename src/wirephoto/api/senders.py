"""Senders: which there are, which send, and whoever pauses one."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Response, get, patch
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, QueryParameter

from wirephoto.api.answers import json_answer
from wirephoto.api.auth import Requirement, caller_of
from wirephoto.api.bodies import read_body
from wirephoto.api.messages import BODY_BYTES_MAX, PAGE_MAX
from wirephoto.api.problems import problem
from wirephoto.api.queries import AnyRequest, check_query, sender_number
from wirephoto.api.services import services_of
from wirephoto.domain.api_key import Scope
from wirephoto.domain.phone import Refusal, parse_sender
from wirephoto.engine.operator import REASON_CHARS_MAX, Operator
from wirephoto.storage.campaigns import OwnSender

Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_CHARS_MAX)]


class SenderChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Pause a sender, or let it go on."""

    paused: bool
    reason: Reason | None = None


class SenderView(msgspec.Struct):
    """One of your numbers."""

    number: str
    kind: str
    campaign_id: str
    available: bool
    paused: bool
    paused_at: datetime | None
    pause_reason: str | None
    created_at: datetime


class SenderList(msgspec.Struct):
    """A page of senders, by number."""

    senders: list[SenderView]
    next_cursor: str | None


_CHANGE = msgspec.json.Decoder(SenderChange)


@get(
    "/v1/senders",
    before_request=Requirement(Scope.READ),
    operation_id="list_senders",
    summary="List senders",
    responses={200: ResponseSpec(SenderList, description="A page of them, by number")},
)
async def list_page(
    request: AnyRequest,
    cursor: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)] = 100,
) -> Response[Any]:
    """Return your senders."""
    check_query(request, ("cursor", "limit"))
    after = sender_number("cursor", cursor)
    found = await operator_of(request).senders(after=after, limit=limit + 1)
    page = found[:limit]
    following = page[-1].number if len(found) > limit else None
    return json_answer(SenderList([sender_view(sender) for sender in page], following))


@get(
    "/v1/senders/{number:str}",
    before_request=Requirement(Scope.READ),
    operation_id="get_sender",
    summary="Look up a sender",
    responses={200: ResponseSpec(SenderView, description="As it stands now")},
)
async def look_up(request: AnyRequest, number: FromPath[str]) -> Response[Any]:
    """Return one of your senders."""
    known = parse_sender(number)
    if isinstance(known, Refusal):
        return _no_sender()
    sender = await operator_of(request).sender(known)
    return json_answer(sender_view(sender)) if sender else _no_sender()


@patch(
    "/v1/senders/{number:str}",
    before_request=Requirement(Scope.MANAGE),
    request_max_body_size=BODY_BYTES_MAX,
    status_code=200,
    operation_id="change_sender",
    summary="Pause a sender, or let it go on",
    responses={200: ResponseSpec(SenderView, description="As it stands now")},
    opt={
        "body": SenderChange,
        "keyed": False,
        "problems": ("malformed_json", "too_large", "invalid"),
    },
)
async def change(request: AnyRequest, number: FromPath[str]) -> Response[Any]:
    """Pause a sender, or let it go on: its messages wait meanwhile, and may expire.

    What is about to leave leaves. Pools pass a paused sender over.
    """
    wanted = read_body(await request.body(), _CHANGE)
    known = parse_sender(number)
    if isinstance(known, Refusal):
        return _no_sender()
    sender = await operator_of(request).change_sender(
        known, paused=wanted.paused, reason=wanted.reason
    )
    services_of(request.app).directory.forget()
    return json_answer(sender_view(sender)) if sender else _no_sender()


def operator_of(request: AnyRequest) -> Operator:
    """Return the hands of whoever asks."""
    services, caller = services_of(request.app), caller_of(request)
    return Operator(
        services.database,
        tenant_id=caller.tenant_id,
        actor=caller.key_id,
        clock=services.clock,
        ids=services.ids,
    )


def sender_view(sender: OwnSender) -> SenderView:
    """Return what is told of a sender."""
    paused = sender.paused_at is not None
    return SenderView(
        number=sender.number,
        kind=sender.kind,
        campaign_id=sender.campaign_id,
        available=not (paused or sender.campaign_stopped),
        paused=paused,
        paused_at=sender.paused_at,
        pause_reason=sender.pause_reason,
        created_at=sender.created_at,
    )


def _no_sender() -> Response[Any]:
    return problem("not_found", "There is no such sender.")
