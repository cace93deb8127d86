"""Accounts, campaigns and senders: their paces, and whether they may send."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Executable,
    Row,
    Table,
    Text,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from wirephoto.domain.daily_cap import DailyCap, cap_day
from wirephoto.domain.line import Proof, Stop
from wirephoto.domain.message import Priority
from wirephoto.domain.pacing import FULL, Pace, Slowing
from wirephoto.storage.daily_caps import CAP_COLUMNS, read_cap, with_cap
from wirephoto.storage.database import Database, Transaction, rows_json
from wirephoto.storage.schema import (
    DEFAULT_ACCOUNT,
    DEFAULT_BRAND,
    DEFAULT_CAMPAIGN,
    UNNAMED_BRAND,
    accounts,
    brands,
    campaigns,
    senders,
)
from wirephoto.storage.tenancy import across_tenants
from wirephoto.storage.turns import has_due
from wirephoto.storage.types import Instant

_JSON = msgspec.json.Encoder()
_SERVED = msgspec.json.Decoder(tuple[str | None, ...])

NOBODY: tuple[str | None, ...] = (None,) * len(Priority)
CANDIDATES_MAX = 100_000
"""Campaigns of an account that a claim may pass over for lack of a due message."""


@dataclass(frozen=True, slots=True)
class Line:
    """An account or a campaign: its full pace, and its stop if it has one.

    `served` names, for each priority, whose messages were served last, `cap` is the brand's for the
    day (campaigns alone have both).
    """

    id: str
    tenant_id: str
    pace: Pace
    stop: Stop | None
    slowing: Slowing = FULL
    served: tuple[str | None, ...] = NOBODY
    cap: DailyCap | None = None

    def pace_at(self, now: datetime) -> Pace:
        """Return the pace that it may go at now."""
        return replace(self.pace, rate=self.pace.rate * self.slowing.share_at(now))


@dataclass(frozen=True, slots=True)
class Sender:
    """One of our numbers and the campaign that it sends under."""

    number: str
    tenant_id: str
    campaign_id: str
    account_id: str
    kind: str
    brand_id: str = DEFAULT_BRAND
    brand: str | None = None
    """The name by which people know its brand, where somebody has said."""
    paused: bool = False
    stopped: bool = False
    """Its campaign does not send."""

    @property
    def available(self) -> bool:
        """Tell whether a message would leave from it now."""
        return not (self.paused or self.stopped)


@across_tenants("a line serves all its account's tenants")
async def lock_line(tx: Transaction, table: Table, id_: str) -> Line:
    """Return an account or a campaign, locked: one claim at a time hands out its slots."""
    query = select(table).where(table.c.id == id_).with_for_update(key_share=True)
    return read_line((await tx.execute(query)).one())


@across_tenants("an account's line serves all its tenants")
async def lock_ready_campaigns(
    tx: Transaction, account_id: str, *, now: datetime, until: datetime, limit: int
) -> list[Line]:
    """Return the campaigns with a slot before `until` and a message due now, locked by id.

    A stopped campaign is ready when its probe is due. Where there are more than `limit`, those
    whose slots have been free for longest are served.
    """
    found = await tx.execute(
        _ready_campaigns,
        {
            "account_id": account_id,
            "now": now,
            "until": until,
            "campaigns_max": limit,
            "today": cap_day(now),
        },
    )
    return [replace(read_line(row), cap=read_cap(row)) for row in found]


def _ready_campaigns(database: Database) -> Executable:
    now = bindparam("now", type_=Instant)
    may_send = or_(campaigns.c.stopped_at.is_(None), campaigns.c.probe_at <= now)
    # Sorted before they are looked at, so that only as many are looked at as are served. The limit
    # keeps both databases from joining the two steps into one; its order outlasts the filter.
    in_order = (
        select(campaigns.c.id)
        .where(
            campaigns.c.account_id == bindparam("account_id"),
            campaigns.c.next_slot_at < bindparam("until", type_=Instant),
            may_send,
        )
        .order_by(campaigns.c.next_slot_at, campaigns.c.id)
        .limit(CANDIDATES_MAX)
        .subquery("in_order")
    )
    ready = (
        select(in_order.c.id)
        .where(has_due(database, in_order, now))
        .limit(bindparam("campaigns_max"))
    )
    return (
        with_cap(select(campaigns, *CAP_COLUMNS), bindparam("today"))
        # Asked again of the locked row: it may have been stopped while we waited for its lock.
        .where(campaigns.c.id.in_(ready), may_send)
        .order_by(campaigns.c.id)
        .with_for_update(key_share=True, of=campaigns)
    )


@across_tenants("the caller holds the locks of these rows")
async def advance_slots(tx: Transaction, table: Table, next_slots: Mapping[str, datetime]) -> None:
    """Store when the next slot of each account or campaign is."""
    instant = tx.database.instant
    rows = [[id_, instant(next_slot_at)] for id_, next_slot_at in next_slots.items()]
    await tx.execute(_ADVANCE[table.name], {"rows": rows_json(rows)})


def _advance(database: Database, table: Table) -> Executable:
    columns = {"id": table.c.id.type, "next_slot_at": table.c.next_slot_at.type}
    incoming = database.json_rows(columns)
    moved = update(table).where(table.c.id == incoming.c.id)
    return moved.values(next_slot_at=incoming.c.next_slot_at)


_ADVANCE = MappingProxyType(
    {table.name: partial(_advance, table=table) for table in (accounts, campaigns)}
)


@across_tenants("the caller holds the locks of these rows")
async def store_served(tx: Transaction, served: Mapping[str, Sequence[str | None]]) -> None:
    """Store whose messages each campaign served last, for each priority."""
    if served:
        rows = [[id_, _JSON.encode(keys).decode()] for id_, keys in served.items()]
        await tx.execute(_store_served, {"rows": rows_json(rows)})


def _store_served(database: Database) -> Executable:
    incoming = database.json_rows({"id": campaigns.c.id.type, "keys": Text()})
    stored = update(campaigns).where(campaigns.c.id == incoming.c.id)
    return stored.values(fair_after=incoming.c["keys"])


@across_tenants("a line serves all its account's tenants")
async def slow_line(tx: Transaction, table: Table, id_: str, slowing: Slowing) -> None:
    """Store which share of its rate an account or a campaign has, and since when."""
    values = {"slow_share": slowing.share, "slowed_at": slowing.since}
    await tx.execute(update(table).where(table.c.id == id_).values(values))


@across_tenants("a fault of the account stops the line for all its tenants")
async def stop_line(tx: Transaction, table: Table, id_: str, stop: Stop) -> None:
    """Store that an account or a campaign does not send, and why."""
    await tx.execute(
        update(table)
        .where(table.c.id == id_)
        .values(
            stopped_at=stop.since,
            stop_reason=stop.reason,
            stop_detail=stop.detail,
            fault_at=stop.fault_at,
            probe_at=stop.probe_at,
            probes=stop.probes,
            stop_proof=stop.proof.value,
        )
    )


@across_tenants("what stopped the line for all its tenants starts it for all of them")
async def resume_line(tx: Transaction, table: Table, id_: str, proof: Proof) -> bool:
    """Store that an account or a campaign sends again; tell whether it had been stopped.

    A stop that needs another proof than `proof` stays; a human's word ends any.
    """
    needed = func.coalesce(table.c.stop_proof, Proof.ANSWER.value)
    is_proven = true() if proof is Proof.HUMAN else needed == proof.value
    resumed = await tx.execute(
        update(table)
        .where(table.c.id == id_, table.c.stopped_at.is_not(None), is_proven)
        .values(
            stopped_at=None,
            stop_reason=None,
            stop_detail=None,
            fault_at=None,
            probe_at=None,
            probes=0,
            stop_proof=None,
        )
    )
    return resumed.rowcount > 0


@across_tenants("the claim that let a probe through served all tenants")
async def give_back_probe(
    tx: Transaction, table: Table, ids: Collection[str], now: datetime
) -> None:
    """Let another message try stopped lines at once: the one that was to do so has not left."""
    await tx.execute(
        update(table)
        .where(table.c.id.in_(ids), _may_probe(table))
        .values(probe_at=now, probes=case((table.c.probes > 0, table.c.probes - 1), else_=0))
    )


@across_tenants("a restart may try every stopped line once")
async def probe_now(tx: Transaction, now: datetime) -> None:
    """Let one message try each stopped account and campaign at once."""
    for table in (accounts, campaigns):
        await tx.execute(update(table).where(_may_probe(table)).values(probe_at=now, probes=0))


def _may_probe(table: Table) -> ColumnElement[bool]:
    needed = func.coalesce(table.c.stop_proof, Proof.ANSWER.value)
    return and_(table.c.stopped_at.is_not(None), needed != Proof.HUMAN.value)


@across_tenants("the state of every line, for the readiness report of the whole process")
async def stopped_lines(tx: Transaction) -> list[tuple[str, Line]]:
    """Return what does not send now: ("account" | "campaign", line)."""
    return [
        (kind, read_line(row))
        for kind, table in (("account", accounts), ("campaign", campaigns))
        for row in await tx.execute(select(table).where(table.c.stopped_at.is_not(None)))
    ]


@across_tenants("the settings of the one default account and campaign")
async def set_default_rates(tx: Transaction, *, account_rate: float, sender_rate: float) -> None:
    """Bring the default account and campaign to the rates that the settings say.

    A campaign that is known by its registration has the rate of that, which knows better.
    """
    account = update(accounts).where(accounts.c.id == DEFAULT_ACCOUNT)
    campaign = update(campaigns).where(
        campaigns.c.id == DEFAULT_CAMPAIGN, campaigns.c.provider_id.is_(None)
    )
    await tx.execute(account.values(rate=account_rate))
    await tx.execute(campaign.values(rate=sender_rate))


@across_tenants("the settings of the one default brand")
async def set_default_brand(tx: Transaction, name: str) -> None:
    """Give the default brand the name that the settings say."""
    await tx.execute(update(brands).where(brands.c.id == DEFAULT_BRAND).values(name=name))


async def add_sender(tx: Transaction, sender: Sender, now: datetime) -> None:
    """Store a sender unless it is there; the row carries its tenant."""
    insert_into = postgresql.insert if tx.database.is_postgres else sqlite.insert
    values = {
        "number": sender.number,
        "tenant_id": sender.tenant_id,
        "campaign_id": sender.campaign_id,
        "kind": sender.kind,
        "created_at": now,
    }
    await tx.execute(insert_into(senders).values(values).on_conflict_do_nothing())


@across_tenants("loaded once for the whole process; each sender carries its tenant")
async def load_senders(tx: Transaction) -> list[Sender]:
    """Return every sender."""
    query = (
        select(
            senders,
            campaigns.c.account_id,
            campaigns.c.brand_id,
            campaigns.c.stopped_at,
            brands.c.name.label("brand"),
        )
        .join(campaigns, campaigns.c.id == senders.c.campaign_id)
        .join(brands, brands.c.id == campaigns.c.brand_id)
    )
    return [
        Sender(
            number=row.number,
            tenant_id=row.tenant_id,
            campaign_id=row.campaign_id,
            account_id=row.account_id,
            kind=row.kind,
            brand_id=row.brand_id,
            brand=None if row.brand == UNNAMED_BRAND else row.brand,
            paused=row.paused_at is not None,
            stopped=row.stopped_at is not None,
        )
        for row in await tx.execute(query.order_by(senders.c.number))
    ]


def read_line(row: Row[Any]) -> Line:
    """Return the line that a row of accounts or campaigns holds."""
    stop = None
    if row.stopped_at is not None:
        # A process of an earlier release stops a line without these two, or leaves old ones.
        ours = row.fault_at is not None and row.fault_at >= row.stopped_at
        stop = Stop(
            reason=row.stop_reason,
            detail=row.stop_detail,
            since=row.stopped_at,
            fault_at=row.fault_at if ours else row.stopped_at,
            probe_at=row.probe_at,
            probes=row.probes,
            proof=Proof(row.stop_proof) if ours else Proof.ANSWER,
        )
    return Line(
        id=row.id,
        tenant_id=row.tenant_id,
        pace=Pace(rate=row.rate, next_slot_at=row.next_slot_at),
        stop=stop,
        slowing=Slowing(row.slow_share, row.slowed_at),
        served=_read_served(getattr(row, "fair_after", None)),
    )


def _read_served(stored: str | None) -> tuple[str | None, ...]:
    return _SERVED.decode(stored) if stored else NOBODY
