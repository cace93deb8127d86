"""What a claim costs: with many messages that wait, with many campaigns, on both databases."""

import asyncio
import contextlib
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import text, update

from benchmarks.processes import scratch
from tests.factories import make_message
from tests.postgres import administer, named, running_server
from wirephoto.domain.daily_cap import CapRules
from wirephoto.engine.claim import claim_due
from wirephoto.storage.database import Database, open_database
from wirephoto.storage.messages import insert_messages
from wirephoto.storage.migrations import upgrade
from wirephoto.storage.schema import (
    DEFAULT_ACCOUNT,
    DEFAULT_CAMPAIGN,
    accounts,
    campaigns,
    messages,
    senders,
)

FEW, MANY = 1_000, 1_000_000
CAMPAIGNS, SENDERS = 1_000, 10_000
CLAIMS = 60
WARM_UP = 15
"""Claims that are not counted: statements are built and planned for the first time."""
LIMIT = 64
RATE = 100_000.0
START = datetime(2026, 3, 4, 15, tzinfo=UTC)


def measure() -> None:
    """Print the median cost of a claim, and how it grows with messages and campaigns."""
    with scratch() as folder:
        asyncio.run(_measure(f"sqlite:///{folder}/claim.db"))
    with postgres("wirephoto_bench_claim") as url:
        asyncio.run(_measure(url))


async def _measure(url: str) -> None:
    database = open_database(url)
    await upgrade(database)
    name = database.dialect.name
    costs = {}
    for what, count, campaigns_count, busy in (
        ("1,000 messages", FEW, 1, 1),
        ("1,000,000 messages", MANY, 1, 1),
        ("1 campaign", SENDERS, 1, 1),
        ("1,000 campaigns", SENDERS, CAMPAIGNS, CAMPAIGNS),
        ("1,000 campaigns, 999 idle", SENDERS, CAMPAIGNS, 1),
    ):
        await _empty(database)
        await fill(database, count, campaigns_count, busy=busy)
        claimed, costs[what] = await _cost_ms(database)
        print(f"claim, {name:10} {what:27} {costs[what]:7.2f} ms for {claimed} messages")
    await database.close()
    for what, beside in (
        ("1,000,000 messages", "1,000 messages"),
        ("1,000 campaigns", "1 campaign"),
        ("1,000 campaigns, 999 idle", "1 campaign"),
    ):
        print(f"claim, {name:10} {what} beside {beside}: {costs[what] / costs[beside]:.2f}")


async def _cost_ms(database: Database) -> tuple[int, float]:
    """Return how many messages a claim brings, and the median of what it takes to commit one."""
    took, counts = [], []
    for turn in range(WARM_UP + CLAIMS):
        now = START + turn * timedelta(seconds=1)
        started = time.perf_counter()
        async with database.transaction() as tx:
            claim = await claim_due(
                tx,
                DEFAULT_ACCOUNT,
                now=now,
                head_start=timedelta(),
                limit=LIMIT,
                lease=timedelta(hours=1),
                cap_rules=CapRules(),
            )
        took.append((time.perf_counter() - started) * 1000)
        counts.append(len(claim.messages))
        # They are queued again, so that each claim finds as many.
        async with database.transaction() as tx:
            here = messages.c.id.in_([message.id for message in claim.messages])
            await tx.execute(update(messages).where(here).values(state="queued"))
    return round(statistics.median(counts)), statistics.median(took[WARM_UP:])


async def _empty(database: Database) -> None:
    async with database.transaction() as tx:
        for table in (messages, senders):
            await tx.execute(table.delete())
        await tx.execute(campaigns.delete().where(campaigns.c.id != DEFAULT_CAMPAIGN))
    await _settle(database)


async def fill(
    database: Database,
    count: int,
    campaigns_count: int,
    *,
    busy: int,
    now: datetime = START,
    rate: float = RATE,
) -> None:
    """Queue messages of three tenants' keys, evenly over the first `busy` campaigns."""
    first = make_message(due_at=now - timedelta(days=1), expires_at=now + timedelta(days=9))
    of_busy = f"'cmp_' || (i % {busy})"
    varied = ("id", "campaign_id", "fair_key")
    same = ", ".join(name for name in messages.columns.keys() if name not in varied)  # noqa: SIM118
    series = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {} - 1)"
    campaign = f"'cmp_' || (i % {campaigns_count})"
    async with database.transaction() as tx:
        await insert_messages(tx, [first])
        for table in (accounts, campaigns):
            await tx.execute(update(table).values(rate=rate, next_slot_at=now))
        names = ", ".join(name for name in campaigns.columns.keys() if name != "id")  # noqa: SIM118
        await tx.execute(
            text(
                f"INSERT INTO campaigns (id, {names}) {series.format(campaigns_count)}"
                f" SELECT 'cmp_' || i, {names} FROM n, campaigns WHERE id = '{DEFAULT_CAMPAIGN}'"
            )
        )
        await tx.execute(
            text(
                "INSERT INTO senders (number, tenant_id, campaign_id, kind, created_at)"
                f" {series.format(SENDERS)} SELECT '+1' || (2000000000 + i), tenant_id, {campaign},"
                " '10dlc', created_at FROM n, messages"
            )
        )
        await tx.execute(
            text(
                f"INSERT INTO messages (id, campaign_id, fair_key, {same}) {series.format(count)}"
                f" SELECT 'msg_' || (1000000000 + i), {of_busy}, 'k' || (i % 3), {same}"
                " FROM n, messages"
            )
        )
        await tx.execute(messages.delete().where(messages.c.id == first.id))
    await _settle(database)


async def _settle(database: Database) -> None:
    """Bring the planner's figures up to date, as the database does by itself before long."""
    if database.is_postgres:
        async with database.writer.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text("VACUUM ANALYZE"))
    else:
        async with database.transaction() as tx:
            await tx.execute(text("ANALYZE"))


@contextlib.contextmanager
def postgres(name: str) -> Iterator[str]:
    """Give the address of an empty PostgreSQL database that is gone when the block ends."""
    with running_server() as server:
        asyncio.run(administer(server, f"DROP DATABASE IF EXISTS {name}"))
        asyncio.run(administer(server, f"CREATE DATABASE {name}"))
        try:
            yield named(server, name)
        finally:
            asyncio.run(administer(server, f"DROP DATABASE {name} WITH (FORCE)"))
