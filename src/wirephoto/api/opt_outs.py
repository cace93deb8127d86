"""Opt-outs: who must not be written to, and how an operator adds to them."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Response, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream

from wirephoto.api.answers import json_answer
from wirephoto.api.auth import Requirement, caller_of
from wirephoto.api.bodies import read_body
from wirephoto.api.messages import BODY_BYTES_MAX, PAGE_MAX
from wirephoto.api.problems import problem
from wirephoto.api.queries import AnyRequest, check_query, is_id, page_cursor, phone_number
from wirephoto.api.services import services_of
from wirephoto.domain.api_key import Scope
from wirephoto.domain.opt_out import OptOutScope, OptOutSource
from wirephoto.engine.opt_out_list import (
    EXPORTED,
    IMPORT_BYTES_MAX,
    OptOutList,
    Wanted,
    as_cells,
)
from wirephoto.errors import Fault, RequestRefused
from wirephoto.storage.opt_outs import StoredOptOut

CSV = "text/csv"
_EXPORT_PAGE = 1000


class OptOutRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Somebody who must not be written to, and why."""

    recipient: str
    reason: str
    scope: OptOutScope | None = None
    sender: str | None = None


class OptOutView(msgspec.Struct):
    """An opt-out."""

    id: str
    recipient: str | None
    scope: OptOutScope
    sender: str | None
    brand_id: str
    reason: str
    source: OptOutSource
    created_at: datetime
    ended_at: datetime | None
    ended_by: str | None


class OptOutPage(msgspec.Struct):
    """A page of opt-outs, the newest first; `next_cursor` is null on the last one."""

    opt_outs: list[OptOutView]
    next_cursor: str | None


class OptOutImport(msgspec.Struct):
    """What an import found."""

    rows: int
    new: int


_REQUEST = msgspec.json.Decoder(OptOutRequest)
_NONE = "There is no such opt-out."


@get(
    "/v1/opt-outs",
    before_request=Requirement(Scope.READ),
    operation_id="list_opt_outs",
    summary="List opt-outs",
    responses={200: ResponseSpec(OptOutPage, description="A page, the newest first")},
)
async def list_page(
    request: AnyRequest,
    recipient: FromQuery[str | None] = None,
    ended: FromQuery[bool] = False,
    cursor: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)] = 50,
) -> Response[Any]:
    """Return your opt-outs; with `ended` those too that have been taken back."""
    check_query(request, ("recipient", "ended", "cursor", "limit"))
    found = await opt_out_list_of(request).page(
        recipient=phone_number("recipient", recipient),
        ended=ended,
        before_id=page_cursor(cursor),
        limit=limit + 1,
    )
    page, more = found[:limit], len(found) > limit
    views = [opt_out_view(row) for row in page]
    return json_answer(OptOutPage(views, page[-1].id if more else None))


@post(
    "/v1/opt-outs",
    before_request=Requirement(Scope.MANAGE),
    request_max_body_size=BODY_BYTES_MAX,
    status_code=200,
    operation_id="add_opt_out",
    summary="Opt somebody out",
    responses={200: ResponseSpec(OptOutView, description="It stands, and what waited is blocked")},
    opt={
        "body": OptOutRequest,
        "keyed": False,
        "problems": ("malformed_json", "too_large", "invalid"),
    },
)
async def add(request: AnyRequest) -> Response[Any]:
    """Opt somebody out. What waits for them is blocked; only you can lift it."""
    wanted = read_body(await request.body(), _REQUEST)
    row = await opt_out_list_of(request).add(
        Wanted(wanted.recipient, wanted.reason, wanted.scope, wanted.sender)
    )
    return json_answer(opt_out_view(row))


@delete(
    "/v1/opt-outs/{opt_out_id:str}",
    before_request=Requirement(Scope.MANAGE),
    status_code=200,
    operation_id="lift_opt_out",
    summary="Lift an opt-out",
    responses={200: ResponseSpec(OptOutView, description="It has ended, and is kept")},
    opt={"problems": ("invalid",)},
)
async def lift(
    request: AnyRequest, opt_out_id: FromPath[str], reason: FromQuery[str] = ""
) -> Response[Any]:
    """Lift an opt-out, whoever made it. Say what the recipient agreed to: you may be asked."""
    check_query(request, ("reason",))
    if not is_id(opt_out_id):
        return problem("not_found", _NONE)
    row = await opt_out_list_of(request).lift(opt_out_id, reason)
    return json_answer(opt_out_view(row)) if row else problem("not_found", _NONE)


@post(
    "/v1/opt-outs/import",
    before_request=Requirement(Scope.MANAGE),
    request_max_body_size=IMPORT_BYTES_MAX,
    status_code=200,
    operation_id="import_opt_outs",
    summary="Import opt-outs",
    responses={200: ResponseSpec(OptOutImport, description="All of them stand")},
    opt={"takes_csv": True, "problems": ("too_large", "invalid")},
)
async def import_csv(request: AnyRequest) -> Response[Any]:
    """Store every row of a CSV, or none: `recipient`; at will `reason`, `scope` and `sender`."""
    try:
        text = (await request.body()).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fault = Fault("body", "invalid", "The CSV is not UTF-8.")
        raise RequestRefused([fault]) from error
    rows, new = await opt_out_list_of(request).import_csv(io.StringIO(text, newline=""))
    return json_answer(OptOutImport(rows, new))


@get(
    "/v1/opt-outs/export",
    before_request=Requirement(Scope.READ),
    operation_id="export_opt_outs",
    summary="Export opt-outs",
    media_type=CSV,
)
async def export_csv(request: AnyRequest) -> Stream:
    """Return every opt-out that stands, as a CSV that `import` takes."""
    check_query(request, ())
    return Stream(_lines(opt_out_list_of(request)), media_type=CSV)


async def _lines(opt_outs: OptOutList) -> AsyncIterator[str]:
    yield _line(EXPORTED)
    before_id: str | None = None
    while page := await opt_outs.page(before_id=before_id, limit=_EXPORT_PAGE):
        yield "".join(_line(as_cells(row)) for row in page)
        before_id = page[-1].id


def _line(cells: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def opt_out_list_of(request: AnyRequest) -> OptOutList:
    """Return the list in the hands of whoever asks."""
    services, caller = services_of(request.app), caller_of(request)
    return OptOutList(
        services.database,
        directory=services.directory,
        numbers=services.numbers,
        tenant_id=caller.tenant_id,
        actor=caller.key_id,
        clock=services.clock,
        ids=services.ids,
    )


def opt_out_view(row: StoredOptOut) -> OptOutView:
    """Return what is told of an opt-out."""
    return OptOutView(
        id=row.id,
        recipient=row.recipient,
        scope=row.opt_out.scope,
        sender=row.opt_out.sender,
        brand_id=row.opt_out.brand_id,
        reason=row.opt_out.reason,
        source=row.opt_out.source,
        created_at=row.created_at,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
    )
