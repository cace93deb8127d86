"""How often recipients have heard from a brand: counted with the move to `sending`, or not at all.

Whoever counts holds the row of the contact, so that two processes cannot both be the last that a
cap lets through. Messages are locked before contacts, as receipts do it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import msgspec
from sqlalchemy import Executable, Subquery, Table, Text, select, update
from sqlalchemy.dialects import postgresql, sqlite

from wirephoto.domain.frequency import Cap, Tally, counted_in, free_at
from wirephoto.domain.message import Message
from wirephoto.storage.database import Database, Transaction, rows_json
from wirephoto.storage.departures import read_tallies
from wirephoto.storage.messages import Transition, begin_sending, lock_messages
from wirephoto.storage.schema import campaigns
from wirephoto.storage.schema_recipients import contacts
from wirephoto.storage.tenancy import across_tenants

_JSON = msgspec.json.Encoder()
_Contact = tuple[str, str]
"""A brand and a recipient."""


@dataclass(frozen=True, slots=True)
class CappedMove:
    """A move to `sending` of a message that counts against caps."""

    move: Transition
    caps: tuple[Cap, ...]

    @property
    def message(self) -> Message:
        """Return the message as it leaves."""
        return self.move.message

    def free_at(self, tallies: Mapping[str, Tally]) -> datetime:
        """Return when it may leave: the instant of the move, or a later one."""
        return free_at(self.caps, self.message.category, tallies, self.message.updated_at)

    def counted_in(self, tallies: Mapping[str, Tally]) -> Mapping[str, Tally]:
        """Return the tallies once it has left."""
        return counted_in(self.caps, self.message.category, tallies, self.message.updated_at)


async def begin_within_caps(tx: Transaction, rows: Sequence[CappedMove]) -> list[bool | datetime]:
    """Record moves to `sending` as `begin_sending` does, within each recipient's caps.

    Return for each whether it was recorded; or, where a cap is reached, when it may be.
    """
    await lock_messages(tx, sorted({row.message.id for row in rows}))
    owners, tallies = await _lock_contacts(tx, [row.message for row in rows])
    until = _held_until(rows, owners, tallies)
    begun = await begin_sending(tx, [r.move for r, at in zip(rows, until, strict=True) if not at])
    answers = iter(begun)
    results = [at or next(answers) for at in until]
    left: dict[_Contact, Mapping[str, Tally]] = {}
    doubtful: set[_Contact] = set()
    for row, result in zip(rows, results, strict=True):
        owner = owners[row.message.id]
        if result is True:
            left[owner] = row.counted_in(left.get(owner, tallies[owner]))
        elif result is False:
            doubtful.add(owner)
    await _store(tx, left)
    # Who was held for one that has not left after all is looked at once more.
    return [
        result if result is True or owners[row.message.id] not in doubtful else False
        for row, result in zip(rows, results, strict=True)
    ]


def _held_until(
    rows: Sequence[CappedMove],
    owners: Mapping[str, _Contact],
    tallies: Mapping[_Contact, Mapping[str, Tally]],
) -> list[datetime | None]:
    """Return until when each must wait, None where it need not, if all of those before it leave."""
    planned, until = dict(tallies), list[datetime | None]()
    for row in rows:
        owner = owners[row.message.id]
        free = row.free_at(planned[owner])
        fits = free <= row.message.updated_at
        until.append(None if fits else free)
        if fits:
            planned[owner] = row.counted_in(planned[owner])
    return until


@across_tenants("each message carries its tenant, and its contact is that tenant's")
async def _lock_contacts(
    tx: Transaction, messages: Sequence[Message]
) -> tuple[Mapping[str, _Contact], dict[_Contact, Mapping[str, Tally]]]:
    """Lock the contact of each message; return which it is, and the tallies of each contact."""
    parameter = rows_json(
        [[each.id, each.campaign_id, each.recipient, each.tenant_id] for each in messages]
    )
    await tx.execute(_add, {"rows": parameter})
    owners: dict[str, _Contact] = {}
    tallies: dict[_Contact, Mapping[str, Tally]] = {}
    for row in await tx.execute(_lock, {"rows": parameter}):
        owner = (row.brand_id, row.recipient)
        owners[row.id] = owner
        tallies[owner] = read_tallies(row.tallies)
    return owners, tallies


def _asked(database: Database) -> Subquery:
    return database.json_rows(
        {"id": Text(), "campaign_id": Text(), "recipient": Text(), "tenant_id": Text()}
    )


def _add(database: Database) -> Executable:
    asked = _asked(database)
    fresh = _insert(database, contacts).from_select(
        ["brand_id", "recipient", "tenant_id"],
        select(campaigns.c.brand_id, asked.c.recipient, asked.c.tenant_id)
        .select_from(asked)
        .join(campaigns, campaigns.c.id == asked.c.campaign_id)
        .where(asked.c.recipient.is_not(None))
        .order_by(campaigns.c.brand_id, asked.c.recipient),
    )
    return fresh.on_conflict_do_nothing()


def _lock(database: Database) -> Executable:
    asked = _asked(database)
    is_contact = (contacts.c.brand_id == campaigns.c.brand_id) & (
        contacts.c.recipient == asked.c.recipient
    )
    return (
        select(asked.c.id, contacts.c.brand_id, contacts.c.recipient, contacts.c.tallies)
        .select_from(asked)
        .join(campaigns, campaigns.c.id == asked.c.campaign_id)
        .join(contacts, is_contact)
        .order_by(contacts.c.brand_id, contacts.c.recipient)
        .with_for_update(of=contacts)
    )


@across_tenants("the caller holds the locks of these rows")
async def _store(tx: Transaction, tallies: Mapping[_Contact, Mapping[str, Tally]]) -> None:
    if tallies:
        rows = [[*owner, _JSON.encode(each).decode()] for owner, each in sorted(tallies.items())]
        await tx.execute(_store_tallies, {"rows": rows_json(rows)})


def _store_tallies(database: Database) -> Executable:
    incoming = database.json_rows(
        {name: contacts.c[name].type for name in ("brand_id", "recipient", "tallies")}
    )
    here = (contacts.c.brand_id == incoming.c.brand_id) & (
        contacts.c.recipient == incoming.c.recipient
    )
    return update(contacts).where(here).values(tallies=incoming.c.tallies)


def _insert(database: Database, table: Table) -> postgresql.Insert:
    # Both kinds of statement have the same methods, and no common class that has them.
    insert_into = postgresql.insert if database.is_postgres else sqlite.insert
    return cast(postgresql.Insert, insert_into(table))
