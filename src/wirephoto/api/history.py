"""Everything that is known of one recipient, and why each message was allowed or was not."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, QueryParameter

from wirephoto.api.answers import json_answer
from wirephoto.api.auth import Requirement, caller_of
from wirephoto.api.consents import ConsentView, consent_view
from wirephoto.api.inbound_views import InboundView, inbound_view
from wirephoto.api.messages import PAGE_MAX
from wirephoto.api.opt_outs import OptOutView, opt_out_view
from wirephoto.api.queries import AnyRequest, check_query, page_cursor, phone_number
from wirephoto.api.services import services_of
from wirephoto.api.views import MessageView, message_view
from wirephoto.domain.api_key import Scope
from wirephoto.domain.consent import ConsentClass
from wirephoto.domain.inbound_file import InboundFile
from wirephoto.domain.keyed_hash import NumberHash
from wirephoto.domain.message import Message
from wirephoto.engine.blocking import OPTED_OUT
from wirephoto.storage.audit import AuditEntry
from wirephoto.storage.consents import StoredConsent, StoredRevocation
from wirephoto.storage.database import Transaction
from wirephoto.storage.history import (
    Contact,
    HistoryEntry,
    entry_id,
    list_contacts,
    list_history,
)
from wirephoto.storage.inbound_files import list_inbound_files
from wirephoto.storage.opt_outs import StoredOptOut

OptOutGround = Literal["clear", "standing", "answer"]


class ContactView(msgspec.Struct):
    """When a brand and a recipient first and last heard from each other."""

    brand_id: str
    first_in_at: datetime | None
    last_in_at: datetime | None
    first_out_at: datetime | None
    last_out_at: datetime | None


class GroundsView(msgspec.Struct):
    """Why a message was allowed, or was not: which consent, which window, which list."""

    consent: str | None
    consent_id: str | None
    window_closes_at: datetime | None
    hours_digest: str | None
    zone: str | None
    state: str | None
    opt_outs: OptOutGround


class RevocationView(msgspec.Struct):
    """The end of consents."""

    id: str
    brand_id: str
    consent_class: ConsentClass | None
    revoked_at: datetime
    source: str


class AuditView(msgspec.Struct):
    """What somebody did."""

    id: str
    at: datetime
    actor: str
    act: str
    object: str
    detail: Mapping[str, str]


class HistoryEntryView(msgspec.Struct, kw_only=True):
    """One thing that is known of a recipient: the one of its fields that is not null."""

    at: datetime
    message: MessageView | None = None
    grounds: GroundsView | None = None
    inbound: InboundView | None = None
    opt_out: OptOutView | None = None
    consent: ConsentView | None = None
    revocation: RevocationView | None = None
    audit: AuditView | None = None


class History(msgspec.Struct):
    """A page of what is known of a recipient, the newest first."""

    recipient: str
    contacts: list[ContactView]
    entries: list[HistoryEntryView]
    next_cursor: str | None


@get(
    "/v1/recipients/{number:str}/history",
    before_request=Requirement(Scope.READ),
    operation_id="get_history",
    summary="A recipient's history",
    responses={200: ResponseSpec(History, description="A page, the newest first")},
)
async def read(
    request: AnyRequest,
    number: FromPath[str],
    cursor: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)] = 50,
) -> Response[Any]:
    """Return what was sent to somebody and why, what they said, agreed to and took back."""
    check_query(request, ("cursor", "limit"))
    recipient = phone_number("number", number)
    assert recipient, "the path has one"
    services = services_of(request.app)
    async with services.database.read() as tx:
        history = await load_history(
            tx,
            caller_of(request).tenant_id,
            recipient,
            numbers=services.numbers,
            before_id=page_cursor(cursor),
            limit=limit,
        )
    return json_answer(history)


async def load_history(
    tx: Transaction,
    tenant_id: str,
    recipient: str,
    *,
    numbers: NumberHash,
    before_id: str | None,
    limit: int,
) -> History:
    """Return a page of a recipient's history as it looks from outside."""
    found = await list_history(
        tx,
        tenant_id,
        recipient,
        hashes=numbers.all_of(recipient),
        before_id=before_id,
        limit=limit + 1,
    )
    page, more = found[:limit], len(found) > limit
    files = await list_inbound_files(tx, tenant_id, [entry_id(entry) for entry in page])
    return History(
        recipient=recipient,
        contacts=[_contact(each) for each in await list_contacts(tx, tenant_id, recipient)],
        entries=[_entry(entry, files.get(entry_id(entry), ())) for entry in page],
        next_cursor=entry_id(page[-1]) if more else None,
    )


def audit_view(entry: AuditEntry) -> AuditView:
    """Return what is told of an act."""
    return AuditView(
        id=entry.id,
        at=entry.at,
        actor=entry.actor,
        act=entry.act,
        object=entry.object,
        detail=entry.detail,
    )


def _contact(contact: Contact) -> ContactView:
    return ContactView(
        brand_id=contact.brand_id,
        first_in_at=contact.first_in_at,
        last_in_at=contact.last_in_at,
        first_out_at=contact.first_out_at,
        last_out_at=contact.last_out_at,
    )


def _entry(entry: HistoryEntry, files: Sequence[InboundFile]) -> HistoryEntryView:
    match entry:
        case Message():
            return HistoryEntryView(
                at=entry.created_at, message=message_view(entry), grounds=_grounds(entry)
            )
        case StoredOptOut():
            return HistoryEntryView(at=entry.created_at, opt_out=opt_out_view(entry))
        case StoredConsent():
            return HistoryEntryView(at=entry.created_at, consent=consent_view(entry))
        case StoredRevocation():
            return HistoryEntryView(at=entry.created_at, revocation=_revocation(entry))
        case AuditEntry():
            return HistoryEntryView(at=entry.at, audit=audit_view(entry))
        case _:
            return HistoryEntryView(at=entry.received_at, inbound=inbound_view(entry, files))


def _grounds(message: Message) -> GroundsView:
    allowed_by = message.allowed_by or {}
    opt_outs: OptOutGround = "standing" if message.reason == OPTED_OUT else "clear"
    return GroundsView(
        consent=allowed_by.get("consent"),
        consent_id=allowed_by.get("consent_id"),
        window_closes_at=message.window_closes_at,
        hours_digest=message.hours_digest,
        zone=message.recipient_zone,
        state=message.recipient_state,
        opt_outs="answer" if message.answer else opt_outs,
    )


def _revocation(row: StoredRevocation) -> RevocationView:
    return RevocationView(
        id=row.id,
        brand_id=row.brand_id,
        consent_class=row.revocation.consent_class,
        revoked_at=row.revocation.revoked_at,
        source=row.source,
    )
