"""Tenants: made with what each needs to send; each act stands in the audit trail."""

from collections.abc import Sequence

from wirephoto.clock import Clock
from wirephoto.domain.api_key import NAME_CHARS_MAX
from wirephoto.domain.phone import parse_sender, sender_kind
from wirephoto.errors import Fault, RequestRefused
from wirephoto.ids import Ids
from wirephoto.storage.audit import AuditEntry, insert_audit
from wirephoto.storage.database import Database, Transaction
from wirephoto.storage.registrations import (
    StoredBrand,
    StoredCampaign,
    save_brands,
    save_campaigns,
    save_senders,
)
from wirephoto.storage.schema import DEFAULT_ACCOUNT
from wirephoto.storage.senders import Sender, load_senders
from wirephoto.storage.tenants import Tenant, insert_tenant, list_tenants


class Tenancies:
    """All tenants of the gateway, in the hands of `actor`: the operator's affair alone."""

    def __init__(self, database: Database, *, actor: str, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._actor = actor
        self._clock = clock
        self._ids = ids

    async def tenants(self) -> list[Tenant]:
        """Return every tenant, the oldest first."""
        async with self._database.read() as tx:
            return await list_tenants(tx)

    async def create(self, name: str, senders: Sequence[str], *, rate: float) -> Tenant:
        """Make a tenant, its brand, and its campaign of `rate` messages a second for `senders`.

        Raises:
            RequestRefused: the name is none, or a sender is none or somebody's already.
        """
        now = self._clock.now()
        faults = []
        if not name.strip() or len(name) > NAME_CHARS_MAX or "\x00" in name:
            faults.append(Fault("name", "length", f"A name has 1 to {NAME_CHARS_MAX} characters."))
        tenant = Tenant(self._ids.new("tnt", now), name, now)
        brand = StoredBrand(self._ids.new("brd", now), tenant.id, name, None, None)
        campaign = StoredCampaign(
            id=self._ids.new("cmp", now),
            tenant_id=tenant.id,
            account_id=DEFAULT_ACCOUNT,
            brand_id=brand.id,
            name=name,
            provider_id=None,
            rate=rate,
            att_class=None,
        )
        async with self._database.transaction() as tx:
            taken = {sender.number for sender in await load_senders(tx)}
            rows = [_sender(typed, campaign, taken, faults) for typed in dict.fromkeys(senders)]
            if faults:
                raise RequestRefused(faults)
            await insert_tenant(tx, tenant)
            await save_brands(tx, [brand], now)
            await save_campaigns(tx, [campaign], now)
            await save_senders(tx, rows, now)
            await self._note(tx, tenant, [row.number for row in rows])
        return tenant

    async def _note(self, tx: Transaction, tenant: Tenant, numbers: Sequence[str]) -> None:
        entry = AuditEntry(
            id=self._ids.new("aud", tenant.created_at),
            tenant_id=tenant.id,
            actor=self._actor,
            act="tenant.create",
            object=tenant.id,
            at=tenant.created_at,
            detail={"name": tenant.name, "senders": ",".join(numbers)},
        )
        await insert_audit(tx, [entry])


def _sender(typed: str, campaign: StoredCampaign, taken: set[str], faults: list[Fault]) -> Sender:
    number = parse_sender(typed)
    kind = sender_kind(number) if isinstance(number, str) else None
    if not isinstance(number, str) or kind is None:
        message = f"{typed} is no US or Canadian number and no short code."
        faults.append(Fault("sender", "not_a_sender", message))
    elif number in taken:
        faults.append(Fault("sender", "taken", f"{number} sends for somebody already."))
    return Sender(str(number), campaign.tenant_id, campaign.id, campaign.account_id, str(kind))
