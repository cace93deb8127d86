"""Consents and revocations: only ever added, read by recipient."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Row, and_, bindparam, exists, insert, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from wirephoto.domain.consent import (
    Consent,
    ConsentClass,
    ConsentMethod,
    Revocation,
    consent_needed,
)
from wirephoto.domain.message import Category
from wirephoto.storage.database import Transaction, is_storable
from wirephoto.storage.schema import campaigns
from wirephoto.storage.schema_consents import consents, revocations
from wirephoto.storage.schema_recipients import contacts

_CONSENT = tuple(name for name in Consent.__slots__ if name != "recipient")


@dataclass(frozen=True, slots=True)
class StoredConsent:
    """A consent as stored; its `recipient` is empty once the number was erased."""

    tenant_id: str
    recipient_hash: str
    consent: Consent
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StoredRevocation:
    """The end of a recipient's consents with a brand; `source` is `reply`, or who was told."""

    id: str
    tenant_id: str
    brand_id: str
    recipient: str | None
    recipient_hash: str
    revocation: Revocation
    source: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Records:
    """What is on record of one recipient with one brand."""

    consents: list[Consent] = field(default_factory=list)
    revocations: list[Revocation] = field(default_factory=list)


async def insert_consents(tx: Transaction, rows: Sequence[StoredConsent]) -> None:
    """Add consents; each row carries its tenant."""
    values = [
        {
            "tenant_id": row.tenant_id,
            "recipient_hash": row.recipient_hash,
            "recipient": row.consent.recipient,
            "created_at": row.created_at,
        }
        | {name: _plain(getattr(row.consent, name)) for name in _CONSENT}
        for row in rows
    ]
    if values:
        await tx.execute(insert(consents).values(values))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


async def insert_revocations(tx: Transaction, rows: Sequence[StoredRevocation]) -> None:
    """Add revocations; each row carries its tenant."""
    values = [
        {name: getattr(row, name) for name in StoredRevocation.__slots__ if name != "revocation"}
        | {
            "revoked_at": row.revocation.revoked_at,
            "consent_class": row.revocation.consent_class,
        }
        for row in rows
    ]
    if values:
        await tx.execute(insert(revocations).values(values))


async def load_records(
    tx: Transaction, tenant_id: str, hashes: Collection[str]
) -> Mapping[tuple[str, str], Records]:
    """Return what is on record of the numbers with these hashes, by brand and hash."""
    found: dict[tuple[str, str], Records] = {}
    if not hashes:
        return found
    for table in (consents, revocations):
        query = select(table).where(
            table.c.tenant_id == tenant_id,
            table.c.recipient_hash.in_(bindparam("hashes", expanding=True)),
        )
        for row in await tx.execute(query, {"hashes": sorted(hashes)}):
            records = found.setdefault((row.brand_id, row.recipient_hash), Records())
            if table is consents:
                records.consents.append(_read(row))
            else:
                records.revocations.append(_read_revocation(row))
    return found


def is_revoked(message: FromClause) -> ColumnElement[bool]:
    """Return the condition that a message's recipient took back the consent that it needs.

    As `judge_consent` says: a revocation of that class, or of all, is the last word unless
    something that could serve was given after it. An answer to a reply needs none.
    """
    ended = [
        and_(message.c.category == category.value, _is_last_word(message, needed))
        for category in Category
        if (needed := consent_needed(category))
    ]
    return and_(message.c.answer.is_(None), or_(*ended))


def _is_last_word(message: FromClause, needed: ConsentClass) -> ColumnElement[bool]:
    serving = sorted({needed.value, ConsentClass.MARKETING.value})
    later = exists().where(
        consents.c.recipient_hash == revocations.c.recipient_hash,
        consents.c.tenant_id == revocations.c.tenant_id,
        consents.c.brand_id == revocations.c.brand_id,
        consents.c.consent_class.in_(serving),
        consents.c.given_at > revocations.c.revoked_at,
    )
    brand_id = (
        select(campaigns.c.brand_id)
        .where(campaigns.c.id == message.c.campaign_id)
        .correlate(message)
        .scalar_subquery()
    )
    of_class = revocations.c.consent_class
    return (
        exists()
        .where(
            revocations.c.recipient == message.c.recipient,
            revocations.c.tenant_id == message.c.tenant_id,
            revocations.c.brand_id == brand_id,
            or_(of_class.is_(None), of_class == needed.value),
            ~later,
        )
        .correlate(message)
    )


async def list_consents(
    tx: Transaction,
    tenant_id: str,
    *,
    hashes: Collection[str] | None = None,
    before_id: str | None = None,
    limit: int,
) -> list[StoredConsent]:
    """Return up to `limit` of a tenant's consents, the newest first, older than `before_id`."""
    if not is_storable(before_id):
        return []
    query = select(consents).where(consents.c.tenant_id == tenant_id)
    if hashes is not None:
        query = query.where(consents.c.recipient_hash.in_(hashes))
    if before_id:
        query = query.where(consents.c.id < before_id)
    found = await tx.execute(query.order_by(consents.c.id.desc()).limit(limit))
    return [
        StoredConsent(row.tenant_id, row.recipient_hash, _read(row), row.created_at)
        for row in found
    ]


async def list_revocations(
    tx: Transaction,
    tenant_id: str,
    *,
    hashes: Collection[str],
    before_id: str | None = None,
    limit: int,
) -> list[StoredRevocation]:
    """Return up to `limit` revocations of one number, the newest first, older than `before_id`."""
    if not is_storable(before_id):
        return []
    query = select(revocations).where(
        revocations.c.tenant_id == tenant_id, revocations.c.recipient_hash.in_(hashes)
    )
    if before_id:
        query = query.where(revocations.c.id < before_id)
    found = await tx.execute(query.order_by(revocations.c.id.desc()).limit(limit))
    return [
        StoredRevocation(
            id=row.id,
            tenant_id=row.tenant_id,
            brand_id=row.brand_id,
            recipient=row.recipient,
            recipient_hash=row.recipient_hash,
            revocation=_read_revocation(row),
            source=row.source,
            created_at=row.created_at,
        )
        for row in found
    ]


@dataclass(frozen=True, slots=True)
class Worded:
    """A recipient whom a message to them tells how to opt out."""

    tenant_id: str
    brand_id: str
    recipient: str
    at: datetime


async def store_worded(tx: Transaction, rows: Sequence[Worded]) -> None:
    """Store when recipients were told how to opt out; each row carries its tenant."""
    if not rows:
        return
    latest = {(row.brand_id, row.recipient): row for row in rows}
    insert_into = postgresql.insert if tx.database.is_postgres else sqlite.insert
    fresh = insert_into(contacts).values(
        [
            {
                "brand_id": row.brand_id,
                "recipient": row.recipient,
                "tenant_id": row.tenant_id,
                "wording_at": row.at,
            }
            # In one order, so that two processes wait for each other, never both.
            for _, row in sorted(latest.items())
        ]
    )
    await tx.execute(
        fresh.on_conflict_do_update(
            index_elements=[contacts.c.brand_id, contacts.c.recipient],
            set_={"wording_at": fresh.excluded.wording_at},
        )
    )


async def worded_at(
    tx: Transaction, tenant_id: str, recipients: Collection[str]
) -> Mapping[tuple[str, str], datetime]:
    """Return when recipients were last told how to opt out, by brand and number."""
    if not recipients:
        return {}
    query = select(contacts.c.brand_id, contacts.c.recipient, contacts.c.wording_at).where(
        contacts.c.tenant_id == tenant_id,
        contacts.c.recipient.in_(bindparam("recipients", expanding=True)),
        contacts.c.wording_at.is_not(None),
    )
    found = await tx.execute(query, {"recipients": sorted(recipients)})
    return {(row.brand_id, row.recipient): row.wording_at for row in found}


def _read_revocation(row: Row[Any]) -> Revocation:
    kind = row.consent_class and ConsentClass(row.consent_class)
    return Revocation(row.revoked_at, kind)


def _read(row: Row[Any]) -> Consent:
    fields = {name: getattr(row, name) for name in _CONSENT}
    fields |= {
        "consent_class": ConsentClass(row.consent_class),
        "method": ConsentMethod(row.method),
        "double_opt_in_message_ids": tuple(row.double_opt_in_message_ids),
        "recipient": row.recipient or "",
    }
    return Consent(**fields)
