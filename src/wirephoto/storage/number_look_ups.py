"""What look-ups told of numbers: who asks next, what was told, and what may still be spent."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Table, bindparam, delete, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from wirephoto.domain.number_facts import NumberFacts, NumberKind
from wirephoto.storage.database import Transaction
from wirephoto.storage.schema import accounts
from wirephoto.storage.schema_numbers import look_up_days, number_look_ups
from wirephoto.storage.tenancy import across_tenants

_KEY = (number_look_ups.c.tenant_id, number_look_ups.c.number)


@dataclass(frozen=True, slots=True)
class NumberClaim:
    """One look-up that somebody is about to make: nobody else does before `until`."""

    tenant_id: str
    number: str
    asked_at: datetime
    until: datetime


async def find_number_facts(
    tx: Transaction, tenant_id: str, number: str, *, now: datetime
) -> NumberFacts | None:
    """Return what a look-up told of a number, if that still stands."""
    query = select(number_look_ups.c.kind, number_look_ups.c.network_code).where(
        number_look_ups.c.tenant_id == tenant_id,
        number_look_ups.c.number == number,
        number_look_ups.c.kind.is_not(None),
        number_look_ups.c.good_until > now,
    )
    row = (await tx.execute(query)).one_or_none()
    return NumberFacts(NumberKind(row.kind), row.network_code) if row else None


async def claim_number(tx: Transaction, claim: NumberClaim) -> bool:
    """Take a number to look up; tell whether nobody else has it, and no answer stands."""
    fresh = _insert(tx, number_look_ups).values(
        tenant_id=claim.tenant_id,
        number=claim.number,
        asked_at=claim.asked_at,
        good_until=claim.until,
    )
    claimed = await tx.execute(
        fresh.on_conflict_do_update(
            index_elements=_KEY,
            set_={
                "kind": None,
                "network_code": None,
                "asked_at": fresh.excluded.asked_at,
                "good_until": fresh.excluded.good_until,
            },
            where=number_look_ups.c.good_until <= claim.asked_at,
        ).returning(number_look_ups.c.number)
    )
    return claimed.one_or_none() is not None


@across_tenants("what an account may spend in a day is one for all who send with it")
async def spend_look_up(tx: Transaction, account_id: str, *, day: str, most: int) -> bool:
    """Count one look-up of a day; tell whether it is within the `most` that there may be."""
    if most < 1:
        return False
    counted = select(accounts.c.id, bindparam("day", day), accounts.c.tenant_id, bindparam("n", 1))
    fresh = _insert(tx, look_up_days).from_select(
        ["account_id", "day", "tenant_id", "asked"], counted.where(accounts.c.id == account_id)
    )
    spent = await tx.execute(
        fresh.on_conflict_do_update(
            index_elements=[look_up_days.c.account_id, look_up_days.c.day],
            set_={"asked": look_up_days.c.asked + 1},
            where=look_up_days.c.asked < most,
        ).returning(look_up_days.c.asked)
    )
    return spent.one_or_none() is not None


async def store_number_facts(
    tx: Transaction, claim: NumberClaim, facts: NumberFacts, *, good_until: datetime
) -> None:
    """Store what a look-up told, unless somebody else took it over meanwhile."""
    await tx.execute(
        update(number_look_ups)
        .where(
            number_look_ups.c.tenant_id == claim.tenant_id,
            number_look_ups.c.number == claim.number,
            number_look_ups.c.asked_at == claim.asked_at,
        )
        .values(kind=facts.kind.value, network_code=facts.network_code, good_until=good_until)
    )


@across_tenants("age is the same for all tenants")
async def delete_look_ups(tx: Transaction, *, before: datetime, limit: int) -> int:
    """Forget up to `limit` answers that stood until `before` at most; return how many."""
    is_old = number_look_ups.c.good_until < before
    old = select(*_KEY).where(is_old).limit(limit).subquery()
    # Asked once more of the row as it stands: it may have been claimed anew while we waited for it.
    deleted = await tx.execute(
        delete(number_look_ups).where(
            is_old, tuple_(*_KEY).in_(select(old.c.tenant_id, old.c.number))
        )
    )
    return deleted.rowcount


def _insert(tx: Transaction, table: Table) -> postgresql.Insert:
    # Both kinds of statement have the same methods, and no common class that has them.
    insert_into = postgresql.insert if tx.database.is_postgres else sqlite.insert
    return cast(postgresql.Insert, insert_into(table))
