"""How the invariants stand: all of them at one instant, while the gateway goes on."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import chain

from sqlalchemy import FromClause, func, select, text

from wirephoto.storage.database import Database, Transaction
from wirephoto.storage.invariants import INVARIANTS, Invariant, Rule
from wirephoto.storage.tenancy import across_tenants

IDS_MAX = 20
"""How many of the rows that break an invariant are named."""
SOUND_FILE = Invariant("sound_file", "The file is whole, and each index agrees with its table.")
"""What SQLite finds out by itself; a PostgreSQL server looks after its own files."""


@dataclass(frozen=True, slots=True)
class Finding:
    """How an invariant stands: how many rows break it, and the names of up to `IDS_MAX`."""

    invariant: Invariant
    count: int
    ids: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Tell whether nothing breaks it."""
        return not self.count


@across_tenants("whoever looks after the database looks after all of it")
async def examine(database: Database) -> AsyncIterator[Finding]:
    """Yield how each invariant stands; nothing is written, and nobody waits.

    A SQLite file that is not whole has that for its only finding: what else it says is not to be
    relied on.

    Raises:
        StorageUnavailable: the database cannot be read.
    """
    async with database.read(patiently=True) as tx:
        if database.is_postgres:
            # By default each statement sees what was committed before it began.
            await tx.connection.execute(
                text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            )
        else:
            whole = await _examine_file(tx)
            yield whole
            if not whole.holds:
                return
        counts: dict[Rule, int] = {}
        for invariant in INVARIANTS:
            for rule in invariant.rules:
                if rule not in counts:
                    counts |= await _count(tx, _rules_of(rule.source))
            broken = [rule for rule in invariant.rules if counts[rule]]
            ids = [id_ for rule in broken for id_ in await _broken_ids(tx, rule)]
            yield Finding(invariant, sum(counts[rule] for rule in broken), tuple(ids[:IDS_MAX]))


def _rules_of(source: FromClause) -> list[Rule]:
    rules = chain.from_iterable(invariant.rules for invariant in INVARIANTS)
    return [rule for rule in rules if rule.source is source]


@across_tenants("whoever looks after the database looks after all of it")
async def _examine_file(tx: Transaction) -> Finding:
    said = list((await tx.execute(text(f"PRAGMA integrity_check({IDS_MAX})"))).scalars())
    faults = () if said == ["ok"] else tuple(said)
    return Finding(SOUND_FILE, len(faults), faults)


@across_tenants("whoever looks after the database looks after all of it")
async def _count(tx: Transaction, rules: list[Rule]) -> dict[Rule, int]:
    """Count what breaks each of several rules about the same rows, in one way through them."""
    counts = [func.count().filter(rule.broken) for rule in rules]
    row = (await tx.execute(select(*counts).select_from(rules[0].source))).one()
    return dict(zip(rules, row, strict=True))


@across_tenants("whoever looks after the database looks after all of it")
async def _broken_ids(tx: Transaction, rule: Rule) -> list[str]:
    query = select(rule.id).select_from(rule.source).where(rule.broken)
    return [
        str(id_) for id_ in (await tx.execute(query.order_by(rule.id).limit(IDS_MAX))).scalars()
    ]
