"""What somebody does to a tenant's things, written down in the transaction that does it."""

from collections.abc import Mapping
from dataclasses import dataclass

from wirephoto.clock import Clock
from wirephoto.ids import Ids
from wirephoto.storage.audit import AuditEntry, insert_audit
from wirephoto.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class AuditTrail:
    """The trail of what `actor` (a key's id, or `cli`) does to a tenant's things."""

    tenant_id: str
    actor: str
    clock: Clock
    ids: Ids

    async def note(
        self, tx: Transaction, act: str, object_: str, detail: Mapping[str, str] | None = None
    ) -> None:
        """Add that `act` was done to an object."""
        now = self.clock.now()
        entry = AuditEntry(
            id=self.ids.new("aud", now),
            tenant_id=self.tenant_id,
            actor=self.actor,
            act=act,
            object=object_,
            at=now,
            detail=detail or {},
        )
        await insert_audit(tx, [entry])
