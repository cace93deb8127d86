"""Processes that claim from one queue for as long as the clock says: do they keep the rate?

`python -m tests.scenarios.pacing` runs the long ones, each over SQLite and over PostgreSQL.
"""

import asyncio
import heapq
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Protocol
from uuid import uuid4

from sqlalchemy import text, update

from tests.factories import make_message
from tests.postgres import administer, named, running_server
from wirephoto.domain.daily_cap import CapRules
from wirephoto.domain.pacing import HORIZON, LATE_MAX, Demand, Pace, allocate
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
)

HEAD_START = timedelta(milliseconds=30)
TURN_COSTS_S = (0.002, 0.02)
"""What a turn takes on a real machine: from, to."""
DOWN_S = 0.5
"""How long a process is away when it is started again."""
SLACK_S = 0.1
ACCOUNT_RATE = 1000.0
MIDNIGHT = datetime(2026, 3, 4, 8, tzinfo=UTC)
"""Midnight in the zone of the daily caps."""
CLOCKS_CHANGE = datetime(2026, 3, 8, 10, tzinfo=UTC)
"""When clocks there go from 02:00 to 03:00."""


@dataclass(frozen=True, slots=True)
class Run:
    """How many processes send at which rate, from when on, and for how long."""

    rate: float
    seconds: float
    processes: int
    start: datetime = MIDNIGHT
    limit: int = 64

    def __str__(self) -> str:
        """Return its name in a report."""
        return f"{self.rate:g}/s for {self.seconds:g} s by {self.processes}, from {self.start:%d.}"


@dataclass(slots=True)
class Kept:
    """What was given out, and what left: `lost` slots were a process' that was killed."""

    run: Run
    slots: list[datetime] = field(default_factory=list)
    left: list[datetime] = field(default_factory=list)
    lost: int = 0

    @property
    def used(self) -> float:
        """Return the share of the rate that was used while anybody was there to use it."""
        away_s = DOWN_S + HORIZON.total_seconds() if self.run.processes == 1 else 0.0
        span_s = (max(self.slots) - min(self.slots)).total_seconds() - away_s
        return (len(self.slots) - 1 + self.lost) / (self.run.rate * span_s)

    def faults(self) -> list[str]:
        """Return how the rate was broken or wasted (DESIGN, section 6)."""
        interval = 1 / self.run.rate
        slots = sorted(self.slots)
        close = [a for a, b in pairwise(slots) if (b - a).total_seconds() < interval - 1e-9]
        found = [f"slots too close at {close[0]}"] if close else []
        if self.used < 0.99:
            found.append(f"only {self.used:.4f} of the rate used")
        if at := exceeded_at(self.left, self.run.rate):
            found.append(f"too many left from {at} on")
        return found


def exceeded_at(left: Sequence[datetime], rate: float) -> datetime | None:
    """Return from when on more left, in some window w, than rate x (w + 0.1 s) + 1.

    For n that leave within w, n - 1 <= rate x (w + 0.1): with each instant in slots behind the
    start, how far the count runs ahead of it never falls back by more than the slack.
    """
    start, least = min(left), float("inf")
    since = start
    for count, at in enumerate(sorted(left)):
        ahead = count - rate * (at - start).total_seconds()
        if ahead < least:
            least, since = ahead, at
        if ahead - least > rate * SLACK_S + 1e-6:
            return since
    return None


class Claimer(Protocol):
    """Gives out slots: the claim over a database, or the arithmetic alone."""

    async def claim(self, now: datetime, limit: int) -> tuple[list[datetime], float]:
        """Return up to `limit` slots, and how long to rest, in seconds."""
        ...


class Arithmetic:
    """The slots of a queue that never ends, without a database: a day takes a second."""

    def __init__(self, run: Run) -> None:
        self._account = Pace(ACCOUNT_RATE, run.start)
        self._campaign = Pace(run.rate, run.start)

    async def claim(self, now: datetime, limit: int) -> tuple[list[datetime], float]:
        """Give out slots."""
        demand = Demand(self._campaign, [1] * limit)
        given = allocate(self._account, [demand], now=now + HEAD_START, limit=limit)
        self._account, (self._campaign,) = given.account, given.campaigns
        wait_s = (self._campaign.next_slot_at - now - HEAD_START - HORIZON / 2).total_seconds()
        return list(given.slots[0]), max(0.01, wait_s)


class Rows:
    """The claim, over a database that `fill` prepared."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, now: datetime, limit: int) -> tuple[list[datetime], float]:
        """Claim, as a dispatcher does."""
        async with self._database.transaction() as tx:
            claim = await claim_due(
                tx,
                DEFAULT_ACCOUNT,
                now=now,
                head_start=HEAD_START,
                limit=limit,
                lease=timedelta(seconds=30),
                cap_rules=CapRules(),
            )
        return [message.slot_at for message in claim.messages if message.slot_at], claim.rest_s


async def keep(claimer: Claimer, run: Run, *, random: Random) -> Kept:
    """Have processes claim in turn, each with its own delays; the first is killed half way."""
    kept = Kept(run)
    end, dies_at = run.start + _seconds(run.seconds), run.start + _seconds(run.seconds / 2)
    # Processes do not start together.
    turns = [(run.start + _seconds(random.random() / 10), i) for i in range(run.processes)]
    heapq.heapify(turns)
    while turns[0][0] < end:
        now, process = heapq.heappop(turns)
        slots, rest_s = await claimer.claim(now, run.limit)
        wakes_at = now + _seconds(rest_s + random.uniform(*TURN_COSTS_S))
        if process == 0 and now <= dies_at < max([wakes_at, *slots]):
            kept.lost += sum(slot > dies_at for slot in slots)
            slots = [slot for slot in slots if slot <= dies_at]
            wakes_at = dies_at + _seconds(DOWN_S)
        kept.slots += slots
        kept.left += [slot + random.random() * LATE_MAX for slot in slots]
        heapq.heappush(turns, (wakes_at, process))
    return kept


def _seconds(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


async def fill(database: Database, run: Run) -> None:
    """Queue more messages of two tenants than the time suffices for, at the run's rate."""
    count = int(run.rate * run.seconds * 1.1) + 100
    first = make_message(
        due_at=run.start, created_at=run.start, expires_at=run.start + timedelta(days=9)
    )
    others = [name for name in messages.c.keys() if name not in ("id", "fair_key")]  # noqa: SIM118
    copies = text(
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
        f" INSERT INTO messages (id, fair_key, {', '.join(others)})"
        f" SELECT id || '_' || i, 'k' || (i % 2), {', '.join(others)}"
        " FROM n, messages WHERE id = :id"
    )
    async with database.transaction() as tx:
        await insert_messages(tx, [first])
        await tx.execute(copies, {"id": first.id})
        for table, id_, rate in (
            (accounts, DEFAULT_ACCOUNT, ACCOUNT_RATE),
            (campaigns, DEFAULT_CAMPAIGN, run.rate),
        ):
            values = {"rate": rate, "next_slot_at": run.start}
            await tx.execute(update(table).where(table.c.id == id_).values(values))


LONG = [
    Run(rate, seconds, processes, start)
    for rate, seconds, start in (
        (240.0, 300.0, CLOCKS_CHANGE - timedelta(seconds=100)),
        (15.0, 3600.0, MIDNIGHT - timedelta(minutes=30)),
        (0.25, 86_400.0, CLOCKS_CHANGE - timedelta(hours=12)),
    )
    for processes in (1, 4)
]


async def _keep_all(url: str) -> int:
    failed = 0
    for run in LONG:
        database = open_database(url)
        await upgrade(database)
        async with database.transaction() as tx:
            await tx.execute(messages.delete())
        await fill(database, run)
        kept = await keep(Rows(database), run, random=Random(1))
        await database.close()
        faults = kept.faults()
        failed += bool(faults)
        said = f"{kept.used:.4f} used, {'; '.join(faults) or 'kept'}"
        print(f"{database.dialect.name:10} {run}: {said}", flush=True)  # noqa: T201 - the report
    return failed


def main() -> int:
    """Run the long ones over both databases; return how many broke or wasted the rate."""
    with tempfile.TemporaryDirectory() as folder:
        failed = asyncio.run(_keep_all(f"sqlite:///{Path(folder)}/pacing.db"))
    with running_server() as server:
        name = f"wirephoto_pacing_{uuid4().hex}"
        asyncio.run(administer(server, f"CREATE DATABASE {name}"))
        failed += asyncio.run(_keep_all(named(server, name)))
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
