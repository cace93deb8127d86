"""When messages leave by quiet hours, and what of their recipients that depends on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Executable, Row, Select, Text, literal, select, tuple_, update

from wirephoto.domain.departure import Departure, Person
from wirephoto.domain.frequency import Tally
from wirephoto.domain.message import Category, MessageState
from wirephoto.storage.database import Database, Transaction, rows_json
from wirephoto.storage.queue import free_rows
from wirephoto.storage.schema import campaigns, messages
from wirephoto.storage.schema_recipients import contacts
from wirephoto.storage.tenancy import across_tenants
from wirephoto.storage.types import is_state

Place = tuple[str, int, str, datetime, str]
"""Where a message stands in the order of the queue's index."""
_ORDER = (
    messages.c.campaign_id,
    messages.c.priority,
    messages.c.fair_key,
    messages.c.due_at,
    messages.c.id,
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A queued message, as far as it decides when it leaves."""

    id: str
    person: Person
    category: Category
    due_at: datetime
    expires_at: datetime
    hold_reason: str | None
    held_from: datetime | None
    hours_digest: str | None
    is_answer: bool
    place: Place


async def people(
    tx: Transaction, tenant_id: str, recipients: Sequence[str]
) -> Mapping[tuple[str, str], Person]:
    """Return what is known of recipients, by brand and number."""
    found = await tx.execute(
        select(contacts.c.brand_id, contacts.c.recipient, *_KNOWN).where(
            contacts.c.tenant_id == tenant_id, contacts.c.recipient.in_(recipients)
        )
    )
    return {
        (row.brand_id, row.recipient): Person(
            number=row.recipient,
            zone=row.zone,
            state=row.state,
            last_in_at=row.last_in_at,
            tallies=read_tallies(row.tallies),
        )
        for row in found
    }


_KNOWN = (contacts.c.zone, contacts.c.state, contacts.c.last_in_at, contacts.c.tallies)


def read_tallies(stored: Any) -> Mapping[str, Tally]:
    """Return the tallies that a contact's row holds."""
    return msgspec.convert(stored or {}, dict[str, Tally])


@across_tenants("the caller holds the campaigns, which serve several tenants")
async def waiting_by_id(tx: Transaction, ids: Sequence[str]) -> list[Waiting]:
    """Return these messages, as far as they are queued."""
    rows = rows_json([[id_] for id_ in ids])
    return [_waiting(row) for row in await tx.execute(_by_id, {"rows": rows})]


def _by_id(database: Database) -> Executable:
    asked = database.json_rows({"id": Text()})
    return _queued().where(messages.c.id.in_(select(asked.c.id)))


@across_tenants("rules change for all tenants")
async def waiting_behind(tx: Transaction, place: Place | None, *, limit: int) -> list[Waiting]:
    """Return the next `limit` queued messages behind `place`, in the order of the queue's index."""
    query = _queued()
    if place:
        behind = [literal(at, column.type) for at, column in zip(place, _ORDER, strict=True)]
        query = query.where(tuple_(*_ORDER) > tuple_(*behind))
    found = await tx.execute(query.order_by(*_ORDER).limit(limit))
    return [_waiting(row) for row in found]


def _queued() -> Select[Any]:
    is_contact = (contacts.c.brand_id == campaigns.c.brand_id) & (
        contacts.c.recipient == messages.c.recipient
    )
    return (
        select(
            *_ORDER,
            messages.c.recipient,
            messages.c.recipient_zone,
            messages.c.recipient_state,
            messages.c.category,
            messages.c.expires_at,
            messages.c.hold_reason,
            messages.c.held_from,
            messages.c.hours_digest,
            messages.c.answer,
            contacts.c.last_in_at,
        )
        .select_from(messages)
        .join(campaigns, campaigns.c.id == messages.c.campaign_id)
        .outerjoin(contacts, is_contact)
        .where(is_state(messages.c.state, MessageState.QUEUED))
    )


def _waiting(row: Row[Any]) -> Waiting:
    return Waiting(
        id=row.id,
        person=Person(
            number=row.recipient or "",
            zone=row.recipient_zone,
            state=row.recipient_state,
            last_in_at=row.last_in_at,
        ),
        category=Category(row.category),
        due_at=row.due_at,
        expires_at=row.expires_at,
        hold_reason=row.hold_reason,
        held_from=row.held_from,
        hours_digest=row.hours_digest,
        is_answer=row.answer is not None,
        place=(row.campaign_id, row.priority, row.fair_key, row.due_at, row.id),
    )


@across_tenants("the caller read these messages, whose tenants it serves in one order")
async def store_departures(tx: Transaction, rows: Sequence[tuple[Waiting, Departure]]) -> None:
    """Store when queued messages leave, as far as nobody has changed that since they were read.

    Those that somebody has locked stay as they are: the caller holds locks of other messages
    already, and must wait for no more of them.
    """
    if rows:
        instant = tx.database.instant
        values = [
            [
                each.id,
                instant(each.due_at),
                instant(to.due_at),
                to.hold_reason,
                instant(to.held_from),
                instant(to.window_closes_at),
                to.hours_digest,
            ]
            for each, to in rows
        ]
        await tx.execute(_store, {"rows": rows_json(values)})


def _store(database: Database) -> Executable:
    names = ("due_at", "hold_reason", "held_from", "window_closes_at", "hours_digest")
    incoming = database.json_rows(
        {"id": messages.c.id.type, "was_due_at": messages.c.due_at.type}
        | {name: messages.c[name].type for name in names}
    )
    free = free_rows(incoming, incoming.c.was_due_at, *[incoming.c[name] for name in names])
    stored = update(messages).where(
        messages.c.id == free.c.id, messages.c.due_at == free.c.was_due_at
    )
    changes = {name: free.c[name] for name in names}
    return stored.values(changes | {"version": messages.c.version + 1})
