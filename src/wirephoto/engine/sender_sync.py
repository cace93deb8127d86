"""Bring brands, campaigns and senders to what is registered at the provider.

First a plan, which changes nothing and can be shown; then, if somebody wants it, all of it in one
transaction. Nothing is ever deleted, and a number that cannot send changes nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Protocol, TypeVar

from wirephoto.clock import Clock
from wirephoto.domain.registration import (
    OwnedNumber,
    Proposal,
    ProposedBrand,
    ProposedCampaign,
    RegisteredBrand,
    RegisteredCampaign,
    propose,
)
from wirephoto.ids import Ids
from wirephoto.storage.audit import AuditEntry, insert_audit
from wirephoto.storage.database import Database
from wirephoto.storage.registrations import (
    Registrations,
    StoredBrand,
    StoredCampaign,
    load_registrations,
    lock_registrations,
    save_brands,
    save_campaigns,
    save_senders,
)
from wirephoto.storage.schema import DEFAULT_BRAND
from wirephoto.storage.senders import Sender

_AUDITED_AT_ONCE = 500

Row = TypeVar("Row", StoredBrand, StoredCampaign, Sender)


class Registry(Protocol):
    """What the account has at the provider; `vonage.account.AccountClient` asks it."""

    async def numbers(self) -> list[OwnedNumber]:
        """Return the account's numbers."""

    async def registration(self) -> tuple[list[RegisteredBrand], list[RegisteredCampaign]]:
        """Return its brands, and all their campaigns."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one row that the plan sets: `before` is None where it has no value yet.

    `kind` is `brand`, `campaign` or `sender`, `id` the row's id or number.
    """

    kind: str
    id: str
    field: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True)
class SyncLine:
    """What becomes of a number; `rate_now` and `cap_now` are None where it has none yet."""

    proposal: Proposal
    rate_now: float | None
    cap_now: int | None


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What a sync would change: the rows as they would be, beside those that are stored.

    `vanished` are stored senders that the account has no more; they are kept.
    """

    tenant_id: str
    account_id: str
    stored: Registrations
    wanted: Registrations
    proposals: tuple[Proposal, ...]
    vanished: tuple[str, ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every change, field by field."""
        wanted, stored = self.wanted, self.stored
        return (
            *_changes("brand", wanted.brands, stored.brands),
            *_changes("campaign", wanted.campaigns, stored.campaigns),
            *_changes("sender", wanted.senders, stored.senders),
        )

    def lines(self) -> Iterator[SyncLine]:
        """Yield what becomes of each number, beside what it has now."""
        caps = {brand.id: brand.daily_cap for brand in self.stored.brands}
        campaigns = {campaign.id: campaign for campaign in self.stored.campaigns}
        campaign_of = {each.number: campaigns[each.campaign_id] for each in self.stored.senders}
        for proposal in self.proposals:
            campaign = campaign_of.get(proposal.number)
            yield SyncLine(
                proposal,
                rate_now=campaign.rate if campaign else None,
                cap_now=caps[campaign.brand_id] if campaign else None,
            )


async def plan_sync(
    database: Database,
    registry: Registry,
    *,
    tenant_id: str,
    account_id: str,
    application_id: str | None,
    ids: Ids,
    now: datetime,
) -> SyncPlan:
    """Ask the provider, compare with what is stored, and return what should change.

    Raises:
        AccountUnavailable: the provider did not tell.
    """
    numbers = await registry.numbers()
    brands, campaigns = await registry.registration()
    proposals = propose(numbers, campaigns, brands, application_id=application_id)
    async with database.read() as tx:
        stored = await load_registrations(tx, tenant_id, account_id)
    owned = {number.number for number in numbers}
    return SyncPlan(
        tenant_id=tenant_id,
        account_id=account_id,
        stored=stored,
        wanted=_Rows(stored, tenant_id, account_id, ids, now).after(proposals),
        proposals=tuple(proposals),
        vanished=tuple(each.number for each in stored.senders if each.number not in owned),
    )


async def apply_plan(
    database: Database, plan: SyncPlan, *, actor: str, clock: Clock, ids: Ids
) -> bool:
    """Store what a plan changes, with who did it; False if the rows have changed meanwhile.

    What somebody agreed to is what they saw, so a plan from other rows is not applied.
    """
    now = clock.now()
    async with database.transaction() as tx:
        if await lock_registrations(tx, plan.tenant_id, plan.account_id) != plan.stored:
            return False
        await save_brands(tx, _new(plan.wanted.brands, plan.stored.brands), now)
        await save_campaigns(tx, _new(plan.wanted.campaigns, plan.stored.campaigns), now)
        await save_senders(tx, _new(plan.wanted.senders, plan.stored.senders), now)
        entries = list(_audit(plan, actor, ids, now))
        for start in range(0, len(entries), _AUDITED_AT_ONCE):
            await insert_audit(tx, entries[start : start + _AUDITED_AT_ONCE])
    return True


class _Rows:
    """The rows as they stand while one proposal after the other is put into them.

    What is stored keeps its id: a row that has the provider's id already, else the one that the
    number sends under, if that is not known at the provider yet. So the first sync takes over the
    campaign of the settings with what is queued for it, and the default brand with its opt-outs.
    """

    def __init__(
        self, stored: Registrations, tenant_id: str, account_id: str, ids: Ids, now: datetime
    ) -> None:
        self._brands = {row.id: row for row in stored.brands}
        self._campaigns = {row.id: row for row in stored.campaigns}
        self._senders = {row.number: row for row in stored.senders}
        self._brand_ids = {row.provider_id: row.id for row in stored.brands if row.provider_id}
        self._campaign_ids = {
            row.provider_id: row.id for row in stored.campaigns if row.provider_id
        }
        self._tenant_id = tenant_id
        self._account_id = account_id
        self._ids = ids
        self._now = now

    def after(self, proposals: Iterable[Proposal]) -> Registrations:
        """Return the rows with all proposals that may send."""
        for proposal in proposals:
            if proposal.may_send:
                self._put(proposal)
        return Registrations(
            tuple(self._brands.values()),
            tuple(self._campaigns.values()),
            tuple(self._senders.values()),
        )

    def _put(self, proposal: Proposal) -> None:
        assert proposal.campaign, "without one a number may not send"
        assert proposal.kind, "of no kind, it may not send"
        campaign = self._campaign(proposal.campaign, self._senders.get(proposal.number))
        self._campaigns[campaign.id] = campaign
        self._campaign_ids[proposal.campaign.provider_id] = campaign.id
        self._senders[proposal.number] = Sender(
            number=proposal.number,
            tenant_id=self._tenant_id,
            campaign_id=campaign.id,
            account_id=self._account_id,
            kind=proposal.kind.value,
        )

    def _campaign(self, proposed: ProposedCampaign, sender: Sender | None) -> StoredCampaign:
        row = self._campaigns.get(self._campaign_ids.get(proposed.provider_id, ""))
        if row is None and sender is not None:
            present = self._campaigns[sender.campaign_id]
            row = present if present.provider_id is None else None
        brand_id = self._brand(proposed.brand, row.brand_id if row else DEFAULT_BRAND)
        return StoredCampaign(
            id=row.id if row else self._ids.new("cmp", self._now),
            tenant_id=self._tenant_id,
            account_id=self._account_id,
            brand_id=brand_id,
            name=proposed.name,
            provider_id=proposed.provider_id,
            rate=proposed.rate,
            att_class=proposed.att_class,
        )

    def _brand(self, proposed: ProposedBrand | None, present_id: str) -> str:
        if proposed is None:
            return present_id
        row = self._brands.get(self._brand_ids.get(proposed.provider_id, ""))
        if row is None:
            present = self._brands.get(present_id)
            row = present if present and present.provider_id is None else None
        if row is None:
            row = StoredBrand(
                self._ids.new("brd", self._now), self._tenant_id, proposed.name, None, None
            )
        cap = row.daily_cap if proposed.daily_cap is None else proposed.daily_cap
        self._brand_ids[proposed.provider_id] = row.id
        self._brands[row.id] = replace(
            row, name=proposed.name, provider_id=proposed.provider_id, daily_cap=cap
        )
        return row.id


def _key(row: StoredBrand | StoredCampaign | Sender) -> str:
    return row.number if isinstance(row, Sender) else row.id


def _changes(kind: str, rows: Sequence[Row], stored: Sequence[Row]) -> Iterator[Change]:
    before = {_key(row): row for row in stored}
    for row in _new(rows, stored):
        old = before.get(_key(row))
        for field in fields(row):
            after = getattr(row, field.name)
            was = getattr(old, field.name) if old else None
            if after is None or field.name in ("id", "number", "tenant_id", "account_id"):
                continue
            if after != was:
                yield Change(kind, _key(row), field.name, _shown(was), _shown(after) or "")


def _shown(value: object) -> str | None:
    if value is None:
        return None
    return f"{value:g}" if isinstance(value, float) else str(value)


def _new(rows: Sequence[Row], stored: Sequence[Row]) -> list[Row]:
    """Return the rows that are not stored as they are."""
    known = set(stored)
    return [row for row in rows if row not in known]


def _audit(plan: SyncPlan, actor: str, ids: Ids, now: datetime) -> Iterator[AuditEntry]:
    """Yield an entry for each row that changes, with its fields before and after."""
    details: dict[tuple[str, str], dict[str, str]] = {}
    for change in plan.changes:
        told = change.after if change.before is None else f"{change.before} → {change.after}"
        details.setdefault((change.kind, change.id), {})[change.field] = told
    for (kind, id_), detail in details.items():
        yield AuditEntry(
            id=ids.new("aud", now),
            tenant_id=plan.tenant_id,
            actor=actor,
            act=f"{kind}.sync",
            object=id_,
            at=now,
            detail=detail,
        )
