"""The audit trail: who did what to which object. Rows are only ever added."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import CompoundSelect, insert, select

from wirephoto.storage.database import Transaction, is_storable
from wirephoto.storage.schema import audit


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act: `actor` is a key's id or `cli`, `act` a verb (`message.resolve`), `object` an id."""

    id: str
    tenant_id: str
    actor: str
    act: str
    object: str
    at: datetime
    detail: Mapping[str, str] = field(default_factory=dict)


async def insert_audit(tx: Transaction, rows: Sequence[AuditEntry]) -> None:
    """Add entries, in the transaction of what they tell of; each row carries its tenant."""
    if rows:
        values = [
            {name: getattr(row, name) for name in AuditEntry.__slots__}
            | {"detail": dict(row.detail) or None}
            for row in rows
        ]
        await tx.execute(insert(audit).values(values))


async def list_audit(
    tx: Transaction,
    tenant_id: str,
    *,
    objects: CompoundSelect[Any] | None = None,
    before_id: str | None,
    limit: int,
) -> list[AuditEntry]:
    """Return up to `limit` of a tenant's entries, the newest first, older than `before_id`.

    `objects` narrows them to what was done to objects whose ids it selects.
    """
    if not is_storable(before_id):
        return []
    query = select(audit).where(audit.c.tenant_id == tenant_id)
    if objects is not None:
        query = query.where(audit.c.object.in_(objects))
    if before_id:
        query = query.where(audit.c.id < before_id)
    rows = await tx.execute(query.order_by(audit.c.id.desc()).limit(limit))
    return [
        AuditEntry(**{**row._mapping, "detail": row.detail or {}})  # noqa: SLF001 - documented
        for row in rows
    ]
