"""What engine tests stand on: rows, time that waits for the database, fakes at the edges."""

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

import structlog
from sqlalchemy import Table, func, insert, select, update

from tests.factories import NOW, SENDER, make_attempt, make_message
from tests.replying import make_replies
from tests.virtual_clock import VirtualClock
from wirephoto.domain.media import Media
from wirephoto.domain.message import Attempt, AttemptState, Message, MessageState, Submission
from wirephoto.domain.outcome import Outcome, Verdict
from wirephoto.engine.dispatcher import Dispatcher, DispatchSettings
from wirephoto.engine.inbound import STATUS, Inbound
from wirephoto.engine.receipts import ReceiptRules, Receipts
from wirephoto.engine.replies import Replies
from wirephoto.engine.senders import SenderDirectory
from wirephoto.errors import StorageUnavailable
from wirephoto.ids import Ids
from wirephoto.storage.batch import GroupCommit
from wirephoto.storage.database import Database
from wirephoto.storage.messages import (
    get_message,
    insert_attempts,
    insert_messages,
    list_attempts,
    list_events,
)
from wirephoto.storage.schema import (
    DEFAULT_ACCOUNT,
    DEFAULT_BRAND,
    DEFAULT_CAMPAIGN,
    DEFAULT_TENANT,
    accounts,
    campaigns,
    senders,
    webhooks,
)
from wirephoto.storage.webhooks import Webhook, store_webhooks

EARLIER = NOW - timedelta(hours=1)
PATIENCE_S = 10.0
"""Real seconds after which a test that waits for something has failed."""
CALM = 12
"""Turns of the loop without any work of the database after which nothing more will come."""


class Stage:
    """A database with one sender, and a clock that a test owns."""

    def __init__(
        self, database: Database, commits: GroupCommit, clock: VirtualClock, ids: Ids
    ) -> None:
        self.database = database
        self.commits = commits
        self.clock = clock
        self.ids = ids
        self._told = 0

    async def prepare(self, *, rate: float = 10.0, account_rate: float = 100.0) -> None:
        """Store the one sender, if it is not there, and the rates."""
        await self.set_line(accounts, DEFAULT_ACCOUNT, rate=account_rate, next_slot_at=EARLIER)
        await self.set_line(campaigns, DEFAULT_CAMPAIGN, rate=rate, next_slot_at=EARLIER)
        if not await self.count(senders):
            row = {
                "number": SENDER,
                "tenant_id": DEFAULT_TENANT,
                "campaign_id": DEFAULT_CAMPAIGN,
                "kind": "10dlc",
                "created_at": NOW,
            }
            async with self.database.transaction() as tx:
                await tx.execute(insert(senders).values(row))

    async def add_campaign(self, name: str, *, rate: float) -> str:
        """Store one more campaign of the account; return its id."""
        row = {
            "id": f"cmp_{name}",
            "tenant_id": DEFAULT_TENANT,
            "account_id": DEFAULT_ACCOUNT,
            "brand_id": DEFAULT_BRAND,
            "name": name,
            "rate": rate,
            "next_slot_at": EARLIER,
        }
        async with self.database.transaction() as tx:
            await tx.execute(insert(campaigns).values(row))
        return f"cmp_{name}"

    async def store(self, *rows: Message) -> None:
        """Store messages as they are."""
        async with self.database.transaction() as tx:
            await insert_messages(tx, rows)
            await tx.notify(MessageState.QUEUED.value)

    async def store_attempts(self, *rows: Attempt) -> None:
        """Store attempts as they are."""
        async with self.database.transaction() as tx:
            await insert_attempts(tx, rows)

    async def tell(
        self, body: Mapping[str, Any] | str | None, *, kind: str = STATUS, jti: str | None = None
    ) -> None:
        """Store a webhook as the provider brings it; `jti` is new unless it is given."""
        self._told += 1
        webhook = Webhook(
            tenant_id=DEFAULT_TENANT,
            account_id=DEFAULT_ACCOUNT,
            kind=kind,
            jti=jti or f"webhook-{self._told}",
            body=json.dumps(body) if isinstance(body, Mapping) else body,  # type: ignore[arg-type]
            received_at=self.clock.now(),
        )
        async with self.database.transaction() as tx:
            await store_webhooks(tx, [webhook])

    async def webhooks(self) -> list[Any]:
        """Return the rows of all webhooks in the order in which they came."""
        async with self.database.read() as tx:
            return list((await tx.execute(select(webhooks).order_by(webhooks.c.seq))).all())

    async def message(self, message: Message) -> Message:
        """Return a message as it is stored now."""
        async with self.database.read() as tx:
            stored = await get_message(tx, message.tenant_id, message.id)
        assert stored is not None
        return stored

    async def attempts(self, message: Message) -> list[Attempt]:
        """Return a message's attempts as they are stored now."""
        async with self.database.read() as tx:
            return await list_attempts(tx, message.tenant_id, message.id)

    async def events(self, message: Message) -> list[str]:
        """Return what customers were told of a message, in order, without `message.`."""
        async with self.database.read() as tx:
            found = await list_events(tx, message.tenant_id, message.id, after_seq=0, limit=100)
        return [event.type.removeprefix("message.") for _, event in found]

    async def states(self, messages: Iterable[Message]) -> list[str]:
        """Return the states of messages as they are stored now."""
        return [(await self.message(message)).state.value for message in messages]

    async def account(self) -> Any:
        """Return the row of the account."""
        return await self._row(accounts, DEFAULT_ACCOUNT)

    async def campaign(self, id_: str = DEFAULT_CAMPAIGN) -> Any:
        """Return the row of a campaign."""
        return await self._row(campaigns, id_)

    async def set_line(self, table: Table, id_: str, **values: Any) -> None:
        """Change the row of an account or a campaign."""
        async with self.database.transaction() as tx:
            await tx.execute(update(table).where(table.c.id == id_).values(values))

    async def count(self, table: Table) -> int:
        """Return how many rows a table has."""
        async with self.database.read() as tx:
            return int((await tx.execute(select(func.count()).select_from(table))).scalar_one())

    async def _row(self, table: Table, id_: str) -> Any:
        async with self.database.read() as tx:
            return (await tx.execute(select(table).where(table.c.id == id_))).one()

    async def quiet(self) -> None:
        """Return when everything has run that can run without time passing."""
        calm, until = 0, _deadline()
        while calm < CALM:
            assert asyncio.get_running_loop().time() < until, "the database never rests"
            await asyncio.sleep(0)  # noqa: TID251 - gives way, takes no time
            calm = 0 if self._is_busy() else calm + 1

    def _is_busy(self) -> bool:
        engines = (self.database.writer, self.database._reader)
        pools: list[Any] = [engine.sync_engine.pool for engine in engines]
        return any(pool.checkedout() for pool in pools)

    async def advance(self, seconds: float) -> None:
        """Let time pass; whoever sleeps wakes at its own instant and does its work before the next.

        What the database takes costs no time of this clock.
        """
        until = self.clock.monotonic() + seconds
        await self.quiet()
        while self.clock._sleepers and self.clock._sleepers[0][0] <= until:
            at = self.clock._sleepers[0][0]
            await self.clock.advance(max(0.0, at - self.clock.monotonic()) + 1e-9)
            await self.quiet()
        await self.clock.advance(max(0.0, until - self.clock.monotonic()))
        await self.quiet()

    async def advance_until(
        self, condition: Callable[[], Awaitable[bool]], *, step_s: float, within_s: float
    ) -> None:
        """Let time pass in steps until `condition` holds."""
        until = self.clock.monotonic() + within_s
        while not await condition():
            assert self.clock.monotonic() < until, "it did not happen in time"
            await self.advance(step_s)


def receipt(
    client_ref: str | None, provider_id: str = "uuid-1", status: str = "delivered", **more: Any
) -> dict[str, Any]:
    """Return the body of a status webhook (contract 2.2)."""
    body = {
        "message_uuid": provider_id,
        "client_ref": client_ref,
        "status": status,
        "timestamp": (NOW + timedelta(seconds=1)).isoformat(),
        "channel": "mms",
    }
    return {name: value for name, value in (body | more).items() if value is not None}


async def eventually(condition: Callable[[], Any]) -> None:
    """Return when `condition` (a function, or a coroutine function) holds; no clock moves."""
    until = _deadline()
    while True:
        holds = condition()
        if inspect.isawaitable(holds):
            holds = await holds
        if holds:
            return
        assert asyncio.get_running_loop().time() < until, "it never happened"
        await asyncio.sleep(0)  # noqa: TID251 - gives way, takes no time


def _deadline() -> float:
    return asyncio.get_running_loop().time() + PATIENCE_S


class FakeProvider:
    """Gives the scripted outcomes, then accepts everything; remembers what left, and when."""

    def __init__(self, clock: VirtualClock, *outcomes: Outcome) -> None:
        self._clock = clock
        self.outcomes = list(outcomes)
        self.submitted: list[Submission] = []
        self.times: list[datetime] = []
        self.timeouts_s: list[float] = []
        self.before: Callable[[Submission], Awaitable[None]] | None = None
        """What happens before the provider decides on its answer."""
        self.witness: Callable[[Submission], Awaitable[None]] | None = None
        """What happens while the provider has the request."""

    async def submit(self, submission: Submission, *, timeout_s: float) -> Outcome:
        if self.before:
            await self.before(submission)
        self.submitted.append(submission)
        self.times.append(self._clock.now())
        self.timeouts_s.append(timeout_s)
        outcome = self.outcomes.pop(0) if self.outcomes else None
        number = len(self.submitted)
        if self.witness:
            await self.witness(submission)
        return outcome or Outcome(
            Verdict.ACCEPTED, "accepted", "Taken.", f"uuid-{number}", http_status=202
        )


class Halves(Random):
    """Draws a half each time: jitter that a test can reckon with."""

    def random(self) -> float:
        return 0.5


def make_dispatcher(
    stage: Stage, provider: FakeProvider, *, commits: Any = None, **settings: Any
) -> Dispatcher:
    """Return a dispatcher of the stage's account."""
    return Dispatcher(
        database=stage.database,
        commits=commits or stage.commits,
        provider=provider,
        clock=stage.clock,
        ids=stage.ids,
        random=Halves(),
        settings=DispatchSettings(DEFAULT_ACCOUNT, **settings),
    )


async def sent_message(
    stage: Stage, *, state: MessageState = MessageState.SUBMITTED
) -> tuple[Message, Attempt]:
    """Store a message that the provider has; return it and its attempt."""
    message = make_message(state=state, attempts=1)
    attempt = make_attempt(message, state=AttemptState(state.value))
    await stage.store(message)
    await stage.store_attempts(attempt)
    return message, attempt


def make_receipts(stage: Stage, **rules: Any) -> Receipts:
    """Return what applies receipts, under the default rules but for `rules`."""
    return Receipts(ReceiptRules(**rules), clock=stage.clock, ids=stage.ids, random=Halves())


def make_inbound(stage: Stage, **rules: Any) -> Inbound:
    """Return the duty that applies webhooks."""
    return Inbound(
        stage.database,
        clock=stage.clock,
        ids=stage.ids,
        receipts=make_receipts(stage, **rules),
        replies=replies_on(stage),
    )


def replies_on(stage: Stage, **settings: Any) -> Replies:
    """Return what takes the messages of phones, under the default settings but for `settings`."""
    directory = SenderDirectory(stage.database, stage.clock)
    return make_replies(stage.database, stage.commits, directory, stage.ids, **settings)


class FailingCommits:
    """A group commit to which the database is out of reach for the writes in `failing`."""

    def __init__(self, commits: GroupCommit) -> None:
        self._commits = commits
        self.failing: set[Any] = set()
        self.failed = 0

    async def run(self, write: Any, item: Any) -> Any:
        if write in self.failing:
            self.failed += 1
            raise StorageUnavailable("database: gone")
        return await self._commits.run(write, item)


class UnansweredCommits:
    """A group commit whose first answer to `write` is lost: it happened, and nobody heard."""

    def __init__(self, commits: GroupCommit, write: Any) -> None:
        self._commits = commits
        self._lost = write

    async def run(self, write: Any, item: Any) -> Any:
        result = await self._commits.run(write, item)
        if write is self._lost:
            self._lost = None
            raise StorageUnavailable("database: gone")
        return result


class FakeChecker:
    """Raises the scripted errors for an address, one at a time, and passes everything else."""

    def __init__(self) -> None:
        self.faults: dict[str, list[Exception]] = {}
        self.checked: list[str] = []
        self.prepared: tuple[Media, ...] = ()
        self.witness: Callable[[Media], Awaitable[None]] | None = None

    async def __call__(self, message: Message) -> tuple[Media, ...]:
        for media in message.media:
            self.checked.append(media.url)
            if self.witness:
                await self.witness(media)
            if faults := self.faults.get(media.url):
                raise faults.pop(0)
        return self.prepared or message.media


def logged() -> Any:
    """Return a context that collects the log's lines as dictionaries."""
    return structlog.testing.capture_logs()
