"""Consents: who agreed to hear from you, how that is proven, and when it ended."""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream

from wirephoto.api.answers import json_answer
from wirephoto.api.auth import Requirement, caller_of
from wirephoto.api.bodies import read_body
from wirephoto.api.messages import BODY_BYTES_MAX, PAGE_MAX
from wirephoto.api.opt_outs import CSV, csv_body
from wirephoto.api.queries import AnyRequest, check_query, page_cursor, phone_number
from wirephoto.api.services import services_of
from wirephoto.domain.api_key import Scope
from wirephoto.domain.consent import ConsentClass, ConsentMethod, ConsentReason
from wirephoto.domain.message import Category
from wirephoto.domain.request import AwareInstant
from wirephoto.engine.consent_list import COLUMNS, ConsentList, Wanted, as_cells
from wirephoto.engine.csv_rows import BYTES_MAX
from wirephoto.errors import Fault, RequestRefused
from wirephoto.storage.consents import StoredConsent

CONSENTS_MAX = 1_000
_EXPORT_PAGE = 1_000


class ConsentRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A consent to record."""

    recipient: str
    consent_class: ConsentClass
    method: ConsentMethod
    given_at: AwareInstant
    sender: str | None = None
    brand_id: str | None = None
    disclosure: str = ""
    disclosure_version: str = ""
    page_url: str | None = None
    ip: str | None = None
    user_agent: str | None = None
    inbound_id: str | None = None
    expires_at: AwareInstant | None = None
    zone: str | None = None
    state: str | None = None


class ConsentsRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Consents to record: all, or none."""

    consents: Annotated[list[ConsentRequest], msgspec.Meta(min_length=1, max_length=CONSENTS_MAX)]


class RevokeRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Whose consents end."""

    recipient: str
    sender: str | None = None
    brand_id: str | None = None
    consent_class: ConsentClass | None = None


class ConsentView(msgspec.Struct):
    """A consent, and what proves it."""

    id: str
    recipient: str | None
    brand_id: str
    consent_class: ConsentClass
    method: ConsentMethod
    given_at: datetime
    offset_minutes: int
    disclosure: str
    disclosure_version: str
    page_url: str | None
    ip: str | None
    user_agent: str | None
    inbound_id: str | None
    imported_by: str | None
    expires_at: datetime | None
    zone: str | None
    state: str | None
    created_at: datetime


class ConsentPage(msgspec.Struct):
    """A page of consents, the newest first; `next_cursor` is null on the last one."""

    consents: list[ConsentView]
    next_cursor: str | None


class Recorded(msgspec.Struct):
    """What was recorded."""

    consents: list[ConsentView]


class VerdictView(msgspec.Struct):
    """Whether a message of a category may go to a recipient, and why."""

    category: Category
    allowed: bool
    reason: ConsentReason
    consent_id: str | None
    warned: bool


class StandingView(msgspec.Struct):
    """What a recipient's records with a brand allow now."""

    brand_id: str
    verdicts: list[VerdictView]
    revoked_at: datetime | None


class StandingList(msgspec.Struct):
    """What a recipient's records allow, for each brand that has some."""

    standing: list[StandingView]


class Revoked(msgspec.Struct):
    """How many messages that waited are blocked."""

    blocked: int


class ConsentImport(msgspec.Struct):
    """What an import stored."""

    rows: int


_REQUEST = msgspec.json.Decoder(ConsentsRequest)
_REVOKE = msgspec.json.Decoder(RevokeRequest)
_OPT = {"keyed": False, "problems": ("malformed_json", "too_large", "invalid")}


@get(
    "/v1/consents",
    before_request=Requirement(Scope.READ),
    operation_id="list_consents",
    summary="List consents",
    responses={200: ResponseSpec(ConsentPage, description="A page, the newest first")},
)
async def list_page(
    request: AnyRequest,
    recipient: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)] = 50,
) -> Response[Any]:
    """Return the consents on record."""
    check_query(request, ("recipient", "cursor", "limit"))
    found = await consent_list_of(request).page(
        recipient=phone_number("recipient", recipient),
        before_id=page_cursor(cursor),
        limit=limit + 1,
    )
    page, more = found[:limit], len(found) > limit
    views = [consent_view(row) for row in page]
    return json_answer(ConsentPage(views, page[-1].consent.id if more else None))


@post(
    "/v1/consents",
    before_request=Requirement(Scope.MANAGE),
    request_max_body_size=BODY_BYTES_MAX,
    status_code=200,
    operation_id="record_consents",
    summary="Record consents",
    responses={200: ResponseSpec(Recorded, description="All of them are on record")},
    opt={"body": ConsentsRequest} | _OPT,
)
async def record(request: AnyRequest) -> Response[Any]:
    """Record consents, all or none. Nothing changes them: what ends one is a revocation."""
    asked = read_body(await request.body(), _REQUEST)
    wanted = [Wanted(**msgspec.structs.asdict(one)) for one in asked.consents]
    rows = await consent_list_of(request).record(wanted)
    return json_answer(Recorded([consent_view(row) for row in rows]))


@get(
    "/v1/consents/standing",
    before_request=Requirement(Scope.READ),
    operation_id="get_consent_standing",
    summary="Look up what a recipient consented to",
    responses={200: ResponseSpec(StandingList, description="By brand")},
)
async def standing(request: AnyRequest, recipient: FromQuery[str | None] = None) -> Response[Any]:
    """Return which messages the records of a recipient, who must be named, allow now."""
    check_query(request, ("recipient",))
    number = phone_number("recipient", recipient)
    if number is None:
        raise RequestRefused([Fault("recipient", "required", "Name the recipient.")])
    found = await consent_list_of(request).standing(number)
    return json_answer(
        StandingList(
            [
                StandingView(
                    one.brand_id,
                    [
                        VerdictView(category, v.allowed, v.reason, v.consent_id, v.warned)
                        for category, v in one.verdicts.items()
                    ],
                    max((r.revoked_at for r in one.records.revocations), default=None),
                )
                for one in found
            ]
        )
    )


@post(
    "/v1/consents/revoke",
    before_request=Requirement(Scope.MANAGE),
    request_max_body_size=BODY_BYTES_MAX,
    status_code=200,
    operation_id="revoke_consents",
    summary="End a recipient's consents",
    responses={200: ResponseSpec(Revoked, description="They have ended; what waited is blocked")},
    opt={"body": RevokeRequest} | _OPT,
)
async def revoke(request: AnyRequest) -> Response[Any]:
    """End a recipient's consents with a brand: of one class, or all that were given until now."""
    asked = read_body(await request.body(), _REVOKE)
    blocked = await consent_list_of(request).revoke(
        asked.recipient,
        sender=asked.sender,
        brand_id=asked.brand_id,
        consent_class=asked.consent_class,
    )
    return json_answer(Revoked(blocked))


@post(
    "/v1/consents/import",
    before_request=Requirement(Scope.MANAGE),
    request_max_body_size=BYTES_MAX,
    status_code=200,
    operation_id="import_consents",
    summary="Import consents",
    responses={200: ResponseSpec(ConsentImport, description="All of them are on record")},
    opt={"takes_csv": True, "problems": ("too_large", "invalid")},
)
async def import_csv(request: AnyRequest) -> Response[Any]:
    """Store every row of a CSV, or none; the command takes larger files."""
    lines = csv_body(await request.body())
    return json_answer(ConsentImport(await consent_list_of(request).import_csv(lines)))


@get(
    "/v1/consents/export",
    before_request=Requirement(Scope.READ),
    operation_id="export_consents",
    summary="Export consents",
    media_type=CSV,
)
async def export_csv(request: AnyRequest) -> Stream:
    """Return every consent on record, as a CSV that `import` takes."""
    check_query(request, ())
    return Stream(_lines(consent_list_of(request)), media_type=CSV)


async def _lines(consents: ConsentList) -> AsyncIterator[str]:
    yield _line(COLUMNS)
    before_id: str | None = None
    while page := await consents.page(before_id=before_id, limit=_EXPORT_PAGE):
        yield "".join(_line(as_cells(row)) for row in page)
        before_id = page[-1].consent.id


def _line(cells: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def consent_list_of(request: AnyRequest) -> ConsentList:
    """Return the records in the hands of whoever asks."""
    services, caller = services_of(request.app), caller_of(request)
    return ConsentList(
        services.database,
        directory=services.directory,
        numbers=services.numbers,
        policy=services.consent_policy,
        tenant_id=caller.tenant_id,
        actor=caller.key_id,
        clock=services.clock,
        ids=services.ids,
    )


def consent_view(row: StoredConsent) -> ConsentView:
    """Return what is told of a consent."""
    fields = asdict(row.consent)
    del fields["double_opt_in_message_ids"]
    fields["recipient"] = row.consent.recipient or None
    return ConsentView(**fields, created_at=row.created_at)
